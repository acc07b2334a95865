"""Rows on the edges of decision trees: on a node's threshold and beyond it, where one wrong comparison shows and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx

from mlops_stage.inputs.columns import NUMBERS, WHOLE_NUMBERS
from mlops_stage.stages.compile.parity.trees import LEAF, OPERATORS, Forest, Places, forests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model

    Feeds = Mapping[str, NDArray[Any]]

_BASES = 8
"""Rows in which columns are changed one by one to see which feature follows which column."""
_MOST_CHANGED = 50_000
"""Rows that this may take; models with more columns get no such probes."""
_BATCHES = 20
"""Rows are chosen in so many turns: each leaves out the thresholds that those before it happen to meet."""
_TRIES = 6
"""Rows that are tried for a node until one is found for which it matters where it goes on."""
_SOME = 1_024
_CLEAR = 4
"""Units in the last place that a probe keeps from a threshold where the feature is computed: rounding may differ there, and rightly so."""


def edges(model: Model, pool: Feeds, wanted: int, generator: np.random.Generator) -> tuple[dict[str, NDArray[Any]], str]:
    """Rows on both sides of thresholds: for a node a real row that reaches it, with the column that it compares moved to its threshold, then just beyond.

    All other columns are moved to an end of the gap between thresholds in which they lie: every comparison comes out as before, so that the row goes the
    same way through all trees, and meets as many thresholds as it has columns. Where a tree compares a column as it is given, rows lie on the threshold
    and on the next number; where the column is scaled first, they keep a few units in the last place away, so that a backend which rounds the scaling
    otherwise is not blamed.

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
    bases = generator.permutation(_length(pool))[: max(1, min(_BASES, _MOST_CHANGED // len(columns)))]
    others = generator.permutation(_length(pool))[: len(bases)]
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
        reached = self._bases(pool, generator)
        nodes = np.array(
            [node for node in forest.inner if reached[node] >= 0 and int(forest.features[node]) in self.columns], dtype=np.intp
        )
        below, above, known = self._sides(pool, nodes)
        nodes, sides = nodes[known], np.stack([below[known], above[known]])
        met = np.zeros((2, len(nodes)), dtype=bool)
        made: list[dict[str, NDArray[Any]]] = []
        left = wanted
        while left > 0 and not met.all():
            side, place = np.divmod(generator.permutation(np.flatnonzero(~met)), len(nodes))
            side, place = side[: min(left, -(-wanted // _BATCHES))], place[: min(left, -(-wanted // _BATCHES))]
            bases = {name: values[reached[nodes[place]]] for name, values in pool.items()}
            some = self._moved(bases, nodes, sides, side, place, generator)
            met |= self._met(some, nodes, sides)
            met[side, place] = True
            made.append(some)
            left -= len(side)
        return {name: np.concatenate([some[name] for some in made]) for name in pool} if made else {}

    def _bases(self, pool: Feeds, generator: np.random.Generator) -> Places:
        """For each node a row that reaches it, if possible one for which it matters where it goes on; -1 where no row does."""
        forest = self.features.forest
        features = self.features.of(pool)
        found = np.full(len(forest.features), -1, dtype=np.intp)
        settled = forest.modes == LEAF
        for turn in range(_TRIES):
            order = generator.permutation(len(features))[: _SOME if turn else None]
            reached = forest.reached(features[order])
            nodes = np.flatnonzero((reached >= 0) & ~settled)
            found[nodes] = order[reached[nodes]]
            settled[nodes] = forest.decides(nodes, self._at(features[found[nodes]], nodes))
        return found

    def _at(self, features: NDArray[Any], nodes: Places) -> NDArray[Any]:
        """Features of rows, each with that of its node at its threshold."""
        forest = self.features.forest
        moved = features.copy()
        moved[np.arange(len(nodes)), forest.features[nodes]] = forest.values[nodes]
        return moved

    def _moved(  # noqa: PLR0913, PLR0917  (what is moved, where to, and by whose chance)
        self,
        bases: dict[str, NDArray[Any]],
        nodes: Places,
        sides: NDArray[np.int64],
        side: Places,
        place: Places,
        generator: np.random.Generator,
    ) -> dict[str, NDArray[Any]]:
        """The bases, each with the column of its node at that side of the threshold and the others at ends of their gaps."""
        column_of = [self.columns[int(feature)] for feature in self.features.forest.features[nodes]]
        for column in dict.fromkeys(column_of):
            mine = np.array([one == column for one in column_of])
            numbers = bases[column.input].reshape(len(side), -1)
            given = numbers[:, column.place]
            snapped = _snapped(_keys(given), sides[0, mine], sides[1, mine], generator)
            keys = np.where(mine[place], sides[side, place], snapped)
            numbers[:, column.place] = np.where(np.isnan(given) & ~mine[place], given, _numbers(keys, numbers.dtype))
        return bases

    def _met(self, rows: Feeds, nodes: Places, sides: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which nodes any of the rows reaches right at their threshold, from below and from above: shape (2, nodes)."""
        forest = self.features.forest
        found = np.zeros((2, len(forest.features)), dtype=bool)
        at = np.zeros((2, len(forest.features)), dtype=np.int64)
        at[:, nodes] = sides
        known = np.zeros(len(forest.features), dtype=bool)
        known[nodes] = True
        keys = {}
        for feature, column in self.columns.items():
            values = rows[column.input]
            keys[feature] = _keys(values.reshape(len(values), -1)[:, column.place])
        table = np.zeros((_length(rows), int(forest.features.max()) + 1), dtype=np.int64)
        for feature, values in keys.items():
            if feature < table.shape[1]:
                table[:, feature] = values
        features = self.features.of(rows)
        for visited, row in forest.visits(features):
            for side in (0, 1):
                hit = np.flatnonzero(known[visited] & (table[row, forest.features[visited]] == at[side, visited]))
                hit = hit[forest.decides(visited[hit], features[row[hit]])]
                found[side, visited[hit]] = True
        return found[:, nodes]

    def _sides(self, pool: Feeds, nodes: Places) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """For each node the key of a number just below its threshold, of one just above, and whether there are such."""
        below, above, known = np.zeros(len(nodes), dtype=np.int64), np.zeros(len(nodes), dtype=np.int64), np.zeros(len(nodes), dtype=bool)
        forest = self.features.forest
        for start in range(0, len(nodes), _MOST_CHANGED):
            piece = slice(start, start + _MOST_CHANGED)
            some = nodes[piece]
            computed = np.array([int(feature) not in self.copied for feature in forest.features[some]], dtype=bool)
            limits = forest.values[some]
            away = np.where(computed, _CLEAR * np.spacing(np.abs(limits).astype(np.float32)).astype(np.float64), 0.0)
            first, falling = self._bisected(pool, some, limits - away), self._bisected(pool, some, limits + away)
            below[piece] = np.minimum(first[0], falling[0]) - _CLEAR * computed
            above[piece] = np.maximum(first[1], falling[1]) + _CLEAR * computed
            known[piece] = first[2] & falling[2]
        return below, above, known

    def _bisected(
        self, pool: Feeds, nodes: Places, limits: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Two keys next to each other between which the comparison of each node changes, along its column; and whether it does at all."""
        forest = self.features.forest
        columns = [self.columns[int(feature)] for feature in forest.features[nodes]]
        base = {name: np.repeat(values[:1], len(nodes), axis=0) for name, values in pool.items()}
        ends = np.array([_ends(base[column.input].dtype) for column in columns]).reshape(-1, 2)
        low, high = ends[:, 0], ends[:, 1]

        def holds(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
            found = self.features.of(_with(base, columns, keys))[np.arange(len(nodes)), forest.features[nodes]]
            return forest.holds(nodes, found, limits)

        first = holds(low)
        known = first != holds(high)
        while (high - low > 1).any():
            middle = (low & high) + ((low ^ high) >> 1)  # the mean, without a sum that would not fit
            same = holds(middle) == first
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return low, high, known


def _with(base: Feeds, columns: Sequence[Column], keys: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Rows, each with the number of its key in its column."""
    made = {name: values.copy() for name, values in base.items()}
    for name, values in made.items():
        mine = np.array([place for place, column in enumerate(columns) if column.input == name], dtype=np.intp)
        if len(mine):
            values.reshape(len(values), -1)[mine, [columns[place].place for place in mine]] = _numbers(keys[mine], values.dtype)
    return made


def _snapped(
    keys: NDArray[np.int64], below: NDArray[np.int64], above: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Numbers moved to one end, by chance, of the gap between thresholds in which they lie: no comparison comes out otherwise for that."""
    below, above = np.unique(below), np.unique(above)
    gap = np.searchsorted(above, keys, side="right")  # so many thresholds lie below
    lower = np.where(gap > 0, above[np.maximum(gap - 1, 0)], keys)
    upper = np.where(gap < len(below), below[np.minimum(gap, len(below) - 1)], keys)
    moved = np.where(generator.random(len(keys)) < 0.5, lower, upper)  # noqa: PLR2004  (either end)
    return np.where((lower <= upper) & (lower <= keys) & (keys <= upper), moved, keys)


def _length(feeds: Feeds) -> int:
    return len(next(iter(feeds.values())))


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
    """Whole numbers in the order of the floating ones, next to each other where those are; whole numbers are their own."""
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    values = np.ascontiguousarray(values)
    bits = values.view(_WIDTHS[values.dtype.str[1:]][0]).astype(np.int64)
    lowest = np.iinfo(values.view(_WIDTHS[values.dtype.str[1:]][0]).dtype).min
    return np.where(bits >= 0, bits, lowest - bits)


def _numbers(keys: NDArray[np.int64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of these keys."""
    if dtype.kind != "f":
        return keys.astype(dtype)
    holder = np.dtype(_WIDTHS[dtype.str[1:]][0])
    return np.where(keys >= 0, keys, int(np.iinfo(holder).min) - keys).astype(holder).view(dtype)
