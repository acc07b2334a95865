"""Rows on the edges of decision trees: on a node's threshold and beyond it, where one wrong comparison shows and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.stages.compile.parity.followed import followed, screened
from mlops_stage.stages.compile.parity.keys import between, ends_of, keys_of, numbers_of, snapped
from mlops_stage.stages.compile.parity.near import differs
from mlops_stage.stages.compile.parity.trees import OPERATORS, forests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model
    from mlops_stage.stages.compile.parity.followed import Followed
    from mlops_stage.stages.compile.parity.trees import Places

    Feeds = Mapping[str, NDArray[Any]]
    Keys = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_MOST_NODES = 20_000
"""Nodes of a forest whose thresholds are looked for."""
_BATCHES = 20
"""Rows are chosen in so many turns: each leaves out the thresholds that those before it happen to meet."""
_ROUNDS = 4
"""Each threshold is met by so many rows, as far as they suffice: several nodes may share it, and what one of them adds shows beside the others in some rows only."""
_TRIES = 16
"""Rows that are tried for a node until one is found whose answer tells where it goes on."""
_SOME = 1_024
"""Rows of the pool that are led through the trees at each try but the first."""
_CLEAR = 4
"""Units in the last place that a probe keeps from a threshold where the feature is computed: rounding may differ there, and rightly so."""


def edges(model: Model, pool: Feeds, wanted: int, generator: np.random.Generator) -> tuple[dict[str, NDArray[Any]], str]:
    """Rows on both sides of thresholds: for a node a row that reaches it, with the column that it compares moved to its threshold, or just beyond.

    Of the rows that reach a node one is sought whose answer tells which way it goes there: where all other trees are sure, a probability is so near to 0 or 1
    that no single node moves it by more than rounding. All other columns are moved to an end of the gap between thresholds in which they lie: every
    comparison comes out as before, so that the row goes the same way through all trees, and meets as many thresholds as it has columns. Where a tree
    compares a column as it is given, rows lie on the threshold and on the next number; where the column is scaled first, they keep a few units in the last
    place away, so that a backend which rounds the scaling otherwise is not blamed.

    Args:
        model: whose trees.
        pool: rows to start from.
        wanted: at most so many rows; fewer where they meet every threshold that can be met, several times.
        generator: of the choice.

    Returns:
        Rows by input, empty where there are none; and why there are none although the model has trees.

    Raises:
        InputError: the model's file was changed meanwhile.
    """
    if not OPERATORS & model.facts.operators.keys():
        return {}, ""
    if any(tensor.external is not None for tensor in model.facts.tensors):
        return {}, "no rows lie on the edges of its trees: its weights lie in other files"
    proto = screened(model)
    parts = [found for forest in forests(proto) if (found := followed(model, proto, forest, pool, generator)) is not None]
    if not parts:
        return {}, "no rows lie on the edges of its trees: no feature of theirs follows from one column alone"
    share = -(-wanted // len(parts))
    made = [rows for part in parts[:wanted] if (rows := _rows(part, pool, share, generator))]
    return {name: np.concatenate([rows[name] for rows in made])[:wanted] for name in (made[0] if made else ())}, ""


@dataclass(frozen=True, eq=False)
class _Nodes:
    """Nodes whose thresholds can be met."""

    nodes: Places
    columns: Places
    """Which of the followed columns each compares."""
    bases: Places
    """A row of the pool that reaches it."""
    sides: NDArray[np.int64]
    """Shape (2, nodes): the key of the number just below the threshold, and that of the one just above."""


def _rows(part: Followed, pool: Feeds, wanted: int, generator: np.random.Generator) -> dict[str, NDArray[Any]]:
    """At most so many rows; see `edges`."""
    nodes = _comparing(part, pool, min(wanted, _MOST_NODES), generator)
    made: list[dict[str, NDArray[Any]]] = []
    left = wanted
    for _ in range(_ROUNDS):
        for rows in _round(part, _based(part, nodes, pool, generator), pool, left, generator) if left else ():
            made.append(rows)
            left -= len(next(iter(rows.values())))
    return {name: np.concatenate([rows[name] for rows in made]) for name in pool} if made else {}


def _round(part: Followed, found: _Nodes, pool: Feeds, wanted: int, generator: np.random.Generator) -> Iterator[dict[str, NDArray[Any]]]:
    """Rows until each threshold was met once from both sides, at most so many."""
    met = np.zeros(found.sides.shape, dtype=bool)
    left, step = wanted, -(-wanted // _BATCHES)
    while left > 0 and not met.all():
        side, place = np.divmod(generator.permutation(np.flatnonzero(~met))[: min(left, step)], len(found.nodes))
        rows = _taken(pool, found.bases[place])
        _move(rows, part, found, side, place, generator)
        met |= _met(rows, part, found, met)
        met[side, place] = True
        yield rows
        left -= len(side)


def _taken(feeds: Feeds, places: Places) -> dict[str, NDArray[Any]]:
    return {name: np.ascontiguousarray(values[places]) for name, values in feeds.items()}


def _comparing(part: Followed, pool: Feeds, most: int, generator: np.random.Generator) -> _Nodes:
    """The nodes whose thresholds lie somewhere along a column; of more, so many by chance."""
    forest = part.forest
    nodes = forest.inner[part.column_of[forest.features[forest.inner]] >= 0]
    nodes = np.sort(generator.permutation(nodes)[:most])
    computed = ~part.copied[forest.features[nodes]]
    limits = forest.values[nodes]
    away = np.where(computed, _CLEAR * np.spacing(np.abs(limits).astype(np.float32)).astype(np.float64), 0.0)
    one, other = (_turning(part, pool, nodes, limits + shift) for shift in (-away, away))
    sides = np.stack([np.minimum(one[0], other[0]) - _CLEAR * computed, np.maximum(one[1], other[1]) + _CLEAR * computed])
    known = one[2] & other[2]
    return _Nodes(nodes[known], part.column_of[forest.features[nodes[known]]], np.full(int(known.sum()), -1), sides[:, known])


def _based(part: Followed, found: _Nodes, pool: Feeds, generator: np.random.Generator) -> _Nodes:
    """The nodes that some row reaches, each with such a row: if possible one whose answer tells which way it goes on.

    Where many trees agree, an answer near 0 or 1 moves by less than rounding does: a fault of one node shows in other rows alone.
    """
    features = part.features(pool)
    bases, settled = found.bases.copy(), np.zeros(len(found.nodes), dtype=bool)
    for turn in range(_TRIES):
        order = generator.permutation(len(features))[: _SOME if turn else None]
        reached = part.forest.reached(features[order])[found.nodes]
        tried = np.flatnonzero((reached >= 0) & ~settled)
        if not len(tried):
            break
        bases[tried] = order[reached[tried]]
        settled[tried] = _tells(part, found, tried, _taken(pool, bases[tried]))
    kept = bases >= 0
    return _Nodes(found.nodes[kept], found.columns[kept], bases[kept], found.sides[:, kept])


def _tells(part: Followed, found: _Nodes, place: Places, rows: Feeds) -> Flags:
    """Whether it shows in the answer to each row which way it goes at its node.

    It then ends in leaves that add something else, and the answers on both sides of the threshold, all else the same, differ by more than rounding. The first
    is asked as well, for several nodes may share a threshold.
    """
    answers = []
    for keys in found.sides[:, place]:
        moved = {name: values.copy() for name, values in rows.items()}
        for number, column in enumerate(part.columns):
            mine = found.columns[place] == number
            if mine.any():
                values = column.of(moved)
                values[mine] = numbers_of(keys[mine], values.dtype)
        answers.append(part.model.run(moved))
    decides = part.forest.decides(found.nodes[place], part.features(moved))
    return decides & differs(*answers)


def _turning(part: Followed, pool: Feeds, nodes: Places, limits: NDArray[np.float64]) -> tuple[Keys, Keys, Flags]:
    """Two keys next to each other between which the comparison of each node changes, along its column; and whether it does at all."""
    forest, base = part.forest, {name: np.repeat(values[:1], len(nodes), axis=0) for name, values in pool.items()}
    features = forest.features[nodes]
    columns = [(one, np.flatnonzero(part.column_of[features] == number)) for number, one in enumerate(part.columns)]
    low, high = np.zeros(len(nodes), dtype=np.int64), np.zeros(len(nodes), dtype=np.int64)
    for column, mine in columns:
        low[mine], high[mine] = ends_of(column.of(base).dtype)

    def holds(keys: Keys) -> Flags:
        for column, mine in columns:
            values = column.of(base)
            values[mine] = numbers_of(keys[mine], values.dtype)
        return forest.holds(nodes, part.features(base)[np.arange(len(nodes)), features], limits)

    first = holds(low)
    known = first != holds(high)
    while True:
        middle = between(low, high)
        if (middle == low).all():
            return low, high, known
        same = holds(middle) == first
        low, high = np.where(same, middle, low), np.where(same, high, middle)


def _move(rows: Feeds, part: Followed, found: _Nodes, side: Places, place: Places, generator: np.random.Generator) -> None:  # noqa: PLR0913, PLR0917  (what is moved, where to, and by whose chance)
    """Move the column of each row's node to that side of its threshold, and the other columns to ends of their gaps."""
    for number, column in enumerate(part.columns):
        mine = found.columns == number
        if mine.any():
            values = column.of(rows)
            keys = np.where(
                mine[place], found.sides[side, place], snapped(keys_of(values), found.sides[0, mine], found.sides[1, mine], generator)
            )
            values[:] = np.where(np.isnan(values) & ~mine[place], values, numbers_of(keys, values.dtype))


def _met(rows: Feeds, part: Followed, found: _Nodes, already: Flags) -> Flags:
    """Which thresholds, of those not met already, a row reaches so that its answer tells a wrong comparison: from below, and above; shape (2, nodes)."""
    forest, features = part.forest, part.features(rows)
    keys = np.stack([keys_of(column.of(rows)) for column in part.columns], axis=1)
    place = np.full(len(forest.features), -1)
    place[found.nodes] = np.arange(len(found.nodes))
    who = np.full(already.shape, -1)
    for nodes, row in forest.visits(features):
        known = place[nodes] >= 0
        at, reaching = place[nodes[known]], row[known]
        for side in (0, 1):
            hit = (keys[reaching, found.columns[at]] == found.sides[side, at]) & ~already[side, at]
            who[side, at[hit]] = reaching[hit]
    met = np.zeros(already.shape, dtype=bool)
    for side in (0, 1):
        at = np.flatnonzero(who[side] >= 0)
        if len(at):
            met[side, at] = _tells(part, found, at, _taken(rows, who[side, at]))
    return met
