"""Which column of a row each feature of a forest follows from, found by changing one column at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.columns import NUMBERS, WHOLE_NUMBERS
from mlops_stage.stages.compile.runtime import loaded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model
    from mlops_stage.stages.compile.backends.backend import Runnable
    from mlops_stage.stages.compile.parity.trees import Forest, Places

    Feeds = Mapping[str, NDArray[Any]]

_BASES = 8
"""Rows in which columns are changed one by one."""
_MOST_CHANGED = 100_000
"""Rows that this may take; for models with more columns nothing is found out."""


class Column(NamedTuple):
    """One number of a row."""

    input: str
    place: int
    """In the row, flattened."""

    def of(self, feeds: Feeds) -> NDArray[Any]:
        """The column itself, shape (n,): what is written to it is written to the feeds."""
        values = feeds[self.input]
        column: NDArray[Any] = values.reshape(len(values), -1)[:, self.place]
        return column


@dataclass(frozen=True, eq=False)
class Followed:
    """A forest with the columns that its features follow from."""

    forest: Forest
    model: Runnable
    """The whole model."""
    before: Runnable | None
    """The part before the forest; None where that takes an input as it is."""
    columns: tuple[Column, ...]
    """Those that some feature follows from, and no other column beside it."""
    column_of: Places
    """By feature the place among `columns`, or -1."""
    copied: NDArray[np.bool_]
    """By feature whether it is that column unchanged."""

    def features(self, feeds: Feeds) -> NDArray[Any]:
        """What the forest is given for these rows, shape (n, features)."""
        return _features(self.before, self.forest, feeds)


def screened(model: Model) -> onnx.ModelProto:
    """The model's file as it was screened.

    Raises:
        InputError: it was changed meanwhile.
    """
    content = model.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != model.digests[0][1]:
        raise InputError(f"{shown(model.name)} was changed while it was read", "let no other step write the model while this one runs")
    return onnx.load_model_from_string(content)


def followed(model: Model, proto: onnx.ModelProto, forest: Forest, pool: Feeds, generator: np.random.Generator) -> Followed | None:
    """Find out what each feature follows from; None where no feature follows from one column alone.

    Args:
        model: whose inputs the rows are for.
        proto: the same in memory.
        forest: one of its forests.
        pool: rows to change columns of.
        generator: of the choice of rows.
    """
    before = None if forest.tensor in {port.name for port in model.inputs} else _until(proto, forest.tensor)
    columns = tuple(_numeric(model, pool))
    rows = len(next(iter(pool.values())))
    if not columns or len(columns) * 2 > _MOST_CHANGED:
        return None
    bases, others = (generator.permutation(rows)[: max(2, min(_BASES, _MOST_CHANGED // len(columns)))] for _ in range(2))
    first = _features(before, forest, {name: values[bases] for name, values in pool.items()})
    if forest.features.min() < 0 or forest.features.max() >= first.shape[1]:
        return None
    column_of, seen = np.full(first.shape[1], -1), np.zeros(first.shape[1], dtype=int)
    copied = np.zeros(first.shape[1], dtype=bool)
    for number, column in enumerate(columns):
        changed, given = _swapped(pool, bases, others, column)
        after = _features(before, forest, changed)
        moved = ((after != first) & ~(np.isnan(after) & np.isnan(first))).any(axis=0)
        seen += moved
        column_of[moved] = number
        copied[moved] = (after[:, moved] == given[:, None]).all(axis=0)
    column_of[seen != 1] = -1
    return Followed(forest, loaded(proto.SerializeToString()), before, columns, column_of, copied) if (column_of >= 0).any() else None


def _features(before: Runnable | None, forest: Forest, feeds: Feeds) -> NDArray[Any]:
    found = feeds[forest.tensor] if before is None else before.run(feeds)[forest.tensor]
    return np.asarray(found).reshape(len(found), -1)


def _until(proto: onnx.ModelProto, tensor: str) -> Runnable:
    """All that comes before a tensor."""
    part = onnx.ModelProto()
    part.CopyFrom(proto)
    del part.graph.output[:]
    part.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return loaded(part.SerializeToString())


def _numeric(model: Model, pool: Feeds) -> Iterator[Column]:
    for port in model.inputs:
        if port.dtype in (*NUMBERS, *WHOLE_NUMBERS):
            values = pool[port.name]
            yield from (Column(port.name, place) for place in range(values.reshape(len(values), -1).shape[1]))


def _swapped(pool: Feeds, bases: Places, others: Places, column: Column) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Rows in which one column was changed, to that of another row or, where that is the same, to one more; and what it was changed to."""
    changed = {name: values[bases].copy() for name, values in pool.items()}
    values = column.of(pool)
    given = np.where(values[others] == values[bases], values[bases] + 1, values[others]).astype(values.dtype)
    given = np.where(np.isfinite(given), given, values.dtype.type(1))
    column.of(changed)[:] = given
    return changed, given
