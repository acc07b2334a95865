"""Which class a model decides on in each row, and in which rows two classes are as good as equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Outputs = Mapping[str, NDArray[Any]]

_MATRIX = 2
_THRESHOLDS = (0.5, 0.0)
"""Where a lone score may part two classes: a probability, a margin."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """Where the decisions of a model are found."""

    label: str
    """The output with labels; empty where the largest score decides."""
    scores: str
    """The output with scores; empty where there are labels alone."""
    ties: NDArray[np.bool_]
    """Shape (n,): rows in which two classes are nearer than twice what a score may differ by."""
    shared: bool = False
    """Whether scores are known to have one scale: there are labels beside them, or they are shares of 1."""

    def labels(self, outputs: Outputs) -> NDArray[Any]:
        """The decision of each row, shape (n,)."""
        if self.label:
            found = outputs[self.label].reshape(-1)
            return np.asarray(found.astype(np.str_) if found.dtype.kind in "OUS" else found)
        return np.asarray(outputs[self.scores].argmax(axis=1))


def decisions_of(reference: Outputs, allowed: Callable[[NDArray[Any], bool], NDArray[np.float64]]) -> Decisions | None:
    """How a model decides; None where it gives quantities.

    Labels are the output of whole numbers or text with one value per row; scores the matrix of numbers with one column per class, or a lone column
    which a threshold of 0.5 or 0 parts as the labels are parted. Without labels, the largest of several scores decides.

    Args:
        reference: outputs of the source.
        allowed: by how much each number of a matrix may differ, which may have columns of one scale.
    """
    rows = len(next(iter(reference.values())))
    label = next((name for name, values in reference.items() if values.dtype.kind in "OUSiub" and values.size == rows), "")
    matrices = {name: values for name, values in reference.items() if values.dtype.kind == "f" and values.ndim <= _MATRIX and values.size}
    scores = next((name for name, values in matrices.items() if values.size > rows), "") or (next(iter(matrices), "") if label else "")
    if not label and not scores:
        return None
    if not scores:
        return Decisions(label, "", np.zeros(rows, dtype=bool))
    values = matrices[scores].reshape(rows, -1).astype(np.float64)
    shared = bool(label) or _shares(values)
    near = allowed(values, shared)
    if values.shape[1] > 1:
        return Decisions(label, scores, _near_two(values, near), shared)
    return Decisions(label, scores, _near_threshold(values[:, 0], near[:, 0], reference[label].reshape(-1)), shared)


def _shares(values: NDArray[np.float64]) -> bool:
    """Whether every row that is a row of numbers sums to 1, with nothing below 0."""
    rows = values[np.isfinite(values).all(axis=1)]
    return bool(len(rows) and (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3))


def _near_two(values: NDArray[np.float64], near: NDArray[np.float64]) -> NDArray[np.bool_]:
    best = np.partition(np.where(np.isnan(values), -np.inf, values), -2, axis=1)[:, -2:]
    with np.errstate(invalid="ignore"):
        return np.asarray(best[:, 1] - best[:, 0] <= 2 * near.max(axis=1))


def _near_threshold(values: NDArray[np.float64], near: NDArray[np.float64], labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows whose lone score lies next to the threshold that parts the labels; none where no threshold does."""
    distinct = np.unique(labels.astype(np.str_))
    if len(distinct) != 2:  # noqa: PLR2004  (two classes share a lone score)
        return np.zeros(len(values), dtype=bool)
    first = labels.astype(np.str_) == distinct[0]
    for threshold in _THRESHOLDS:
        clear = np.abs(values - threshold) > 2 * near
        above = values > threshold
        if np.array_equal(above[clear], first[clear]) or np.array_equal(above[clear], ~first[clear]):
            return ~clear
    return np.zeros(len(values), dtype=bool)
