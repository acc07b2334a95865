"""The model as an attack sees it: rows in, labels or scores out, every query counted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mlops_stage.errors import InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.space import Rows

CHUNK_ROWS = 1024
"""Rows per call: with more, no model is faster, and one with much to compute is a third slower, its tensors no longer in the cache."""
WHOLE_ROWS = 16
"""Calls are padded to a multiple of this: kernels treat the last few numbers of a tensor otherwise, and answers would depend on a row's neighbours."""
EVEN = 0.5
"""A single score at or above this says class 1."""
_MATRIX = 2


class Asked(Protocol):
    """A session over a model file or a served model."""

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: list[str]) -> list[Any]:
        """The named outputs; every input has the same first dimension."""
        ...


@dataclass(frozen=True)
class Spent:
    """What asking has cost so far."""

    queries: int = 0
    """Rows that an attack wanted to know about."""
    calls: int = 0
    rows: int = 0
    """Rows given to the model: queries and padding."""
    seconds: float = 0.0
    """Wall time inside the model; never in a report."""


class OutOfQueriesError(LimitError):
    """An attack wants to ask more than the budget allows."""


class Oracle:
    """A model that answers by label or by scores.

    Args:
        session: asked with `run`.
        feeds: makes the model's inputs of rows (n, width).
        label: output with one label per row: text, or whole numbers that are places among the scores; or None: the largest score decides, of a single score whether it is at least .5.
        scores: output with one score per class (or one for two classes), or None.
        classes: names of the classes in the order of the scores; needed where labels are text.
        budget: largest number of queries, or None.
        rows_per_call: largest number of rows in a call; for a server more than for a file.
    """

    def __init__(  # noqa: PLR0913  (each is one thing to know about the model)
        self,
        session: Asked,
        feeds: Callable[[Rows], Mapping[str, NDArray[Any]]],
        *,
        label: str | None = None,
        scores: str | None = None,
        classes: tuple[str, ...] = (),
        budget: int | None = None,
        rows_per_call: int = CHUNK_ROWS,
    ) -> None:
        if label is None and scores is None:
            raise InputError("the model has neither an output with labels nor one with scores", "export one of them")
        self._session = session
        self.feeds = feeds
        self._label = label
        self._scores = scores
        self._chunk = rows_per_call
        self._codes = {name: code for code, name in enumerate(classes)}
        self.budget = budget
        self.spent = Spent()

    @property
    def has_scores(self) -> bool:
        """Whether the model gives scores, without which there is no attack by scores."""
        return self._scores is not None

    def labels(self, rows: Rows) -> NDArray[np.int64]:
        """The model's decision for rows (n, width): (n,); equal numbers are equal labels.

        Raises:
            OutOfQueriesError: the budget does not allow n more queries.
            InputError: the model refuses the rows.
        """
        if self._label is None:
            return _decided(self._asked(rows, self._scores or "")[0])
        return self._coded(self._asked(rows, self._label)[0])

    def scores(self, rows: Rows) -> NDArray[np.float64] | None:
        """The model's scores for rows (n, width): (n, K), K at least 2; None where it has none. Errors as for `labels`."""
        return None if self._scores is None else _two_or_more(self._asked(rows, self._scores)[0])

    def answers(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Labels and scores for one query a row; of a model that `has_scores`. Errors as for `labels`."""
        if self._label is None:
            scores = self._asked(rows, self._scores or "")[0]
            return _decided(scores), _two_or_more(scores)
        label, scores = self._asked(rows, self._label, self._scores or "")
        return self._coded(label), _two_or_more(scores)

    def _asked(self, rows: Rows, *outputs: str) -> list[NDArray[Any]]:
        """Outputs for rows: each a tensor of as many rows."""
        if self.budget is not None and self.spent.queries + len(rows) > self.budget:
            raise OutOfQueriesError(f"the attack needs more than its {self.budget:,} queries", "raise effort, or judge fewer rows")
        if not len(rows):
            return [np.empty((0, 2) if output == self._scores else 0, dtype=np.float64) for output in outputs]
        begun = time.perf_counter()
        found, given = [], 0
        for start in range(0, len(rows), self._chunk):
            piece = rows[start : start + self._chunk]
            whole = _whole(piece)
            made = self._session.run(self.feeds(whole), list(outputs))
            found.append([_tensor(one)[: len(piece)] for one in made])
            given += len(whole)
        self.spent = Spent(
            queries=self.spent.queries + len(rows),
            calls=self.spent.calls + len(found),
            rows=self.spent.rows + given,
            seconds=self.spent.seconds + time.perf_counter() - begun,
        )
        return found[0] if len(found) == 1 else [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def _coded(self, made: NDArray[Any]) -> NDArray[np.int64]:
        """Labels as numbers: whole numbers as they are, text by its place among the classes."""
        array = made.reshape(-1)
        if array.dtype.kind in "iub":
            return array.astype(np.int64, copy=False)
        return np.array([self._codes.setdefault(str(text), len(self._codes)) for text in array.tolist()], dtype=np.int64)


def _tensor(made: Any) -> NDArray[Any]:
    """An output as an array: a tensor, or a list of one mapping of scores per row (ZipMap)."""
    if isinstance(made, list) and made and isinstance(made[0], dict):
        return np.array([list(row.values()) for row in made], dtype=np.float64)
    return np.asarray(made)


def _two_or_more(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Scores as (n, K) in double precision; a single one is that of the second of two classes."""
    if scores.ndim not in {1, _MATRIX}:
        raise InputError(f"the model gives scores of {scores.ndim} dimensions", "export scores of shape (rows, classes)")
    found = (scores[:, None] if scores.ndim == 1 else scores).astype(np.float64)
    return np.concatenate([1 - found, found], axis=1) if found.shape[1] == 1 else found


def _decided(scores: NDArray[Any]) -> NDArray[np.int64]:
    found = _two_or_more(scores)
    if scores.size == len(scores):
        return (found[:, 1] >= EVEN).astype(np.int64)
    best: NDArray[np.int64] = found.argmax(axis=1)
    return best


def _whole(rows: Rows) -> Rows:
    """The rows, the last one repeated up to a multiple of `WHOLE_ROWS`."""
    missing = -len(rows) % WHOLE_ROWS
    return rows if not missing else np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
