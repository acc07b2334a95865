"""Rows on the edges of decision trees: on a node's threshold and beyond it, where one wrong comparison shows and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx

from mlops_stage.inputs.columns import NUMBERS, WHOLE_NUMBERS
from mlops_stage.stages.compile.parity.trees import OPERATORS, Forest, Places, forests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model

    Feeds = Mapping[str, NDArray[Any]]

_BASES = 8
"""Rows in which columns are changed one by one to see which feature follows which column."""
_MOST_CHANGED = 50_000
"""Rows that this may take; models with more columns get no such probes."""
_CLEAR = 4
"""Units in the last place that a probe keeps from a threshold where the feature is computed: rounding may differ there, and rightly so."""
_NOTHING: dict[str, Any] = {}


def edges(model: Model, pool: Feeds, wanted: int, generator: np.random.Generator) -> tuple[dict[str, NDArray[Any]], str]:
    """Rows on both sides of thresholds: real rows that reach a node, with the one column changed that it compares.

    Where a tree compares a column as it is given, rows lie on the threshold and on the next number; where the column is scaled first, they lie a
    few units in the last place away, so that a backend which rounds the scaling otherwise is not blamed.

    Args:
        model: whose trees.
        pool: rows to start from.
        wanted: at most so many rows.
        generator: of the choice.

    Returns:
        Rows by input, empty where there are none; and why there are none although the model has trees.
    """
    if not OPERATORS & model.facts.operators.keys():
        return {}, ""
    if any(tensor.external is not None for tensor in model.facts.tensors):
        return {}, "no rows lie on the edges of its trees: its weights lie in other files"
    proto = _screened(model)
    parts = [part for forest in forests(proto) if (part := _part(model, proto, forest, pool, generator)) is not None]
    if not parts:
        return {}, "no rows lie on the edges of its trees: no feature of theirs follows from one column alone"
    found = [made for part in parts if (made := part.rows(pool, wanted // len(parts), generator))]
    return {name: np.concatenate([made[name] for made in found]) for name in (found[0] if found else ())}, ""


def _screened(model: Model) -> onnx.ModelProto:
    content = model.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != model.digests[0][1]:
        raise ValueError(f"{model.name} was changed while it was read")
    return onnx.load_model_from_string(content)


class Column(NamedTuple):
    """One number of a row."""

    input: str
    place: int
    """In the row, flattened."""


@dataclass(frozen=True, eq=False)
class _Features:
    """What a forest is given for some rows."""

    forest: Forest
    session: Any
    """Of the part of the model before the forest; None where it takes an input as it is."""

    def of(self, feeds: Feeds) -> NDArray[Any]:
        """Shape (n, features)."""
        if self.session is None:
            return feeds[self.forest.tensor].reshape(len(feeds[self.forest.tensor]), -1)
        (found,) = self.session.run(None, dict(feeds))
        return np.asarray(found).reshape(len(found), -1)


def _part(model: Model, proto: onnx.ModelProto, forest: Forest, pool: Feeds, generator: np.random.Generator) -> _Part | None:
    """A forest with the column that each of its features follows from."""
    features = _Features(forest, None if forest.tensor in {port.name for port in model.inputs} else _before(proto, forest.tensor))
    columns = list(_numeric(model, pool))
    if not columns or len(columns) * 2 > _MOST_CHANGED:
        return None
    bases = generator.permutation(len(next(iter(pool.values()))))[: max(1, min(_BASES, _MOST_CHANGED // len(columns)))]
    others = generator.permutation(len(next(iter(pool.values()))))[: len(bases)]
    before = features.of({name: values[bases] for name, values in pool.items()})
    followers: dict[int, list[int]] = {}
    copied: dict[int, bool] = {}
    for number, column in enumerate(columns):
        changed, given = _swapped(pool, bases, others, column)
        after = features.of(changed)
        for feature in np.flatnonzero(((after != before) & ~(np.isnan(after) & np.isnan(before))).any(axis=0)).tolist():
            followers.setdefault(feature, []).append(number)
            copied[feature] = bool(np.array_equal(after[:, feature], given, equal_nan=True))
    alone = {feature: columns[numbers[0]] for feature, numbers in followers.items() if len(numbers) == 1}
    return _Part(features, alone, frozenset(feature for feature in alone if copied[feature])) if alone else None


def _before(proto: onnx.ModelProto, tensor: str) -> Any:
    """A session of all that comes before a tensor."""
    import onnxruntime

    part = onnx.ModelProto()
    part.CopyFrom(proto)
    del part.graph.output[:]
    part.graph.output.append(onnx.ValueInfoProto(name=tensor))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _numeric(model: Model, pool: Feeds) -> Iterator[Column]:
    for port in model.inputs:
        if port.dtype in (*NUMBERS, *WHOLE_NUMBERS):
            values = pool[port.name]
            yield from (Column(port.name, place) for place in range(values.reshape(len(values), -1).shape[1]))


def _swapped(pool: Feeds, bases: Places, others: Places, column: Column) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Rows in which one column was changed, by that of another row or, where that is the same, by one more; and what it was changed to."""
    changed = {name: values[bases].copy() for name, values in pool.items()}
    values = pool[column.input].reshape(len(pool[column.input]), -1)[:, column.place]
    given = np.where(values[others] == values[bases], values[bases] + 1, values[others]).astype(values.dtype)
    given = np.where(np.isfinite(given), given, values.dtype.type(1))
    changed[column.input].reshape(len(bases), -1)[:, column.place] = given
    return changed, given


@dataclass(frozen=True, eq=False)
class _Part:
    """A forest, and the columns that its features follow from."""

    features: _Features
    columns: Mapping[int, Column]
    """Feature -> the only column that it depends on."""
    copied: frozenset[int]
    """The features that are that column, unchanged."""

    def rows(self, pool: Feeds, wanted: int, generator: np.random.Generator) -> dict[str, NDArray[Any]]:
        """At most so many rows; see `edges`."""
        forest = self.features.forest
        order = generator.permutation(len(next(iter(pool.values()))))
        reached = forest.reached(self.features.of({name: values[order] for name, values in pool.items()}))
        usable = np.array(
            [node for node in forest.inner if reached[node] >= 0 and int(forest.features[node]) in self.columns], dtype=np.intp
        )
        nodes = np.repeat(generator.permutation(usable)[: wanted // 2], 2)
        if not len(nodes):
            return {}
        return self._placed({name: values[order[reached[nodes]]] for name, values in pool.items()}, nodes)

    def _placed(self, bases: Feeds, nodes: Places) -> dict[str, NDArray[Any]]:
        """The bases, changed so that they lie on the edge of their node: even ones on its lower side, odd ones on its upper."""
        forest, upper = self.features.forest, np.arange(len(nodes)) % 2 == 1
        computed = np.array([int(feature) not in self.copied for feature in forest.features[nodes]])
        limits = forest.values[nodes]
        away = np.where(computed, _CLEAR * np.spacing(np.abs(limits).astype(np.float32)).astype(np.float64), 0.0)
        edge = _Edge(self, bases, nodes, limits + np.where(upper, away, -away))
        low, high = edge.found()
        held = edge.known
        keys = np.where(upper, high + _CLEAR * computed, low - _CLEAR * computed)
        rows = edge.rows(keys)
        return {name: values[held] for name, values in rows.items()} if held.any() else {}


class _Edge:
    """Where, along the one column that matters, the comparison of each row's node changes its answer."""

    def __init__(self, part: _Part, bases: Feeds, nodes: Places, limits: NDArray[np.float64]) -> None:
        self._part, self._bases, self._nodes, self._limits = part, bases, nodes, limits
        self._columns = [part.columns[int(feature)] for feature in part.features.forest.features[nodes]]
        self.known = np.zeros(len(nodes), dtype=bool)
        """Which rows have such a place, once `found` was called."""

    def found(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The keys of the last number on the lower side and of the first on the upper one, by bisection."""
        low, high = np.empty(len(self._nodes), dtype=np.int64), np.empty(len(self._nodes), dtype=np.int64)
        for place, column in enumerate(self._columns):
            low[place], high[place] = _ends(self._bases[column.input].dtype)
        first = self._holds(low)
        self.known = first != self._holds(high)
        for _ in range(64):
            middle = (low & high) + ((low ^ high) >> 1)  # the mean, without a sum that would not fit
            if (middle == low).all():
                break
            same = self._holds(middle) == first
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return low, high

    def rows(self, keys: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The bases, each with the number of its key in its column."""
        made = {name: values.copy() for name, values in self._bases.items()}
        for name, values in made.items():
            mine = np.array([place for place, column in enumerate(self._columns) if column.input == name], dtype=np.intp)
            if len(mine):
                flat = values.reshape(len(values), -1)
                flat[mine, [self._columns[place].place for place in mine]] = _numbers(keys[mine], values.dtype)
        return made

    def _holds(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        forest = self._part.features.forest
        found = self._part.features.of(self.rows(keys))[np.arange(len(keys)), forest.features[self._nodes]]
        return forest.holds(self._nodes, found, self._limits)


_WIDTHS = {"f2": ("i2", 1e4), "f4": ("i4", 1e30), "f8": ("i8", 1e100)}
"""Floating types: the integer that holds their bits, and numbers beyond which no threshold lies."""


def _ends(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The keys of the smallest and the largest number that a column may be given."""
    if dtype.kind != "f":
        bounds = np.iinfo(dtype)
        return max(int(bounds.min), -(2**31)), min(int(bounds.max), 2**31)
    _, largest = _WIDTHS[dtype.str[1:]]
    return tuple(int(_keys(np.array([end], dtype=dtype))[0]) for end in (-largest, largest))  # type: ignore[return-value]  # two ends


def _keys(values: NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers in the order of the floating ones, next to each other where those are."""
    bits = values.view(_WIDTHS[values.dtype.str[1:]][0]).astype(np.int64)
    lowest = np.iinfo(values.view(_WIDTHS[values.dtype.str[1:]][0]).dtype).min
    return np.where(bits >= 0, bits, lowest - bits)


def _numbers(keys: NDArray[np.int64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of these keys."""
    if dtype.kind != "f":
        return keys.astype(dtype)
    holder = np.dtype(_WIDTHS[dtype.str[1:]][0])
    return np.where(keys >= 0, keys, int(np.iinfo(holder).min) - keys).astype(holder).view(dtype)
