"""What the report does not tell exactly, because it would tell of few people; the counts themselves are private evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.evidence.redact import MINIMUM_COUNT, window
from mlops_stage.stages.fairness.swaps import Swaps
from mlops_stage.stages.fairness.tallies import NEGATIVE, POSITIVE, ROWS, Tallies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stages.fairness.tallies import Counts
    from mlops_stage.stats.cells import Cells, Flags

_LEAST_WIDTH = 4
"""A hidden count may be one of five numbers at least."""
_MOST_ROUNDS = 6
_MOST_PASSES = 40  # of bounds through all sums; each pass is true, so any may be the last


@dataclass(frozen=True)
class Counted:
    """A grouping with its cells, shape (G, K, K)."""

    grouping: Grouping
    cells: Cells


@dataclass(frozen=True, eq=False)
class Ranges:
    """Between which numbers the counts of each group are told to lie; all arrays have the shape (G, C)."""

    hidden: Flags
    """Small counts, and what lies within one."""
    unknown: Flags
    """Those, and what they could be worked out from."""
    low: Counts
    high: Counts

    def of(self, group: int, kind: int) -> int | tuple[int, int]:
        """A count as it may be told: exactly, or between which numbers it lies."""
        low, high = int(self.low[group, kind]), int(self.high[group, kind])
        return low if low == high else (low, high)

    @property
    def unsure_labels(self) -> Flags:
        """Shape (G,): the groups of which it is not told exactly how many rows have which label."""
        tallies = Tallies.of_size(self.low.shape[1])
        unsure: Flags = np.logical_or.reduce(self.unknown[:, [ROWS, *tallies.every(POSITIVE, NEGATIVE)]], axis=1)
        return unsure

    def exact(self, group: int) -> bool:
        """Whether every count of a group is told."""
        return not self.unknown[group].any()


@dataclass(frozen=True)
class Secrets:
    """Which of the counts that are published together must not be told, and what is told instead.

    Whatever the report says of groups is made of what is told here, so that there is nothing more to be worked out from it.
    """

    classes: tuple[str, ...]
    tallies: Tallies
    ranges: Mapping[tuple[str, ...], Ranges]
    """By the columns of a grouping; of all rows by none."""

    def of(self, grouping: Grouping) -> Ranges:
        """What is told of a grouping's groups."""
        return self.ranges[grouping.columns]

    @property
    def total(self) -> Ranges:
        """What is told of all rows."""
        return self.ranges[()]

    def groups(self, grouping: Grouping) -> frozenset[int]:
        """The groups of so few rows that nothing is told of them."""
        return frozenset(np.flatnonzero(self.of(grouping).hidden[:, ROWS]).tolist())


def secrets(counted: Sequence[Counted], classes: Sequence[str]) -> Secrets:
    """What must not be told of some groupings that are published together, and with all rows.

    Hidden is every count from 1 to 9; a zero names nobody, but within a hidden count it is hidden too. For each group with a hidden count rows are found
    that could have had each other's answers (`Swaps`): the counts that this would change are told as ranges, so that the hidden one can be another.
    Where all sums together still leave it fewer than five values, more is given up.
    """
    tallies = Tallies(len(classes))
    counts = {one.grouping.columns: tallies.count(one.cells.rows) for one in counted}
    counts[()] = tallies.count(counted[0].cells.rows.sum(axis=0, keepdims=True))
    hidden = {columns: _hidden(table, tallies) for columns, table in counts.items()}
    unknown = {columns: some.copy() for columns, some in hidden.items()}
    swaps = Swaps([one.grouping for one in counted], counts)
    exposed, used = {columns: some.any(axis=1) for columns, some in hidden.items()}, dict[tuple[tuple[str, ...], int, int], set[int]]()
    ranges: dict[tuple[str, ...], Ranges] = {}
    for depth in range(_MOST_ROUNDS):
        for columns, groups in exposed.items():
            own = tallies.unknown_with(hidden[columns], counts[columns], depth)
            for group in np.flatnonzero(groups).tolist():
                unknown[columns][group] |= own[group]
                swap = swaps.of(columns, group, own[group], used.setdefault((columns, group, min(depth, 2)), set()))
                for others, places in swap.groups.items():
                    unknown[others][list(places)] |= own[group]
        ranges = _deduced(counts, hidden, unknown, tallies, swaps)
        exposed = {columns: _narrow(told) for columns, told in ranges.items()}
        if not any(groups.any() for groups in exposed.values()):
            break
    return Secrets(tuple(classes), tallies, ranges)


def _hidden(counts: Counts, tallies: Tallies) -> Flags:
    """Small counts, and zeros that lie within one, unless they lie within a zero that is told."""
    hidden = (counts > 0) & (counts < MINIMUM_COUNT)
    for kind, wider in tallies.inside():
        around = list(wider)
        told_zero = ((counts[:, around] == 0) & ~hidden[:, around]).any(axis=1)
        hidden[:, kind] |= hidden[:, around].any(axis=1) & ~told_zero
    return hidden


def _narrow(told: Ranges) -> Flags:
    """The groups with a hidden count that may be too few numbers; a zero that follows from another zero is none."""
    narrow: Flags = np.logical_or.reduce(told.hidden & (told.high - told.low < _LEAST_WIDTH) & (told.high > 0), axis=1)
    return narrow


def _deduced(
    counts: Mapping[tuple[str, ...], Counts],
    hidden: Mapping[tuple[str, ...], Flags],
    unknown: Mapping[tuple[str, ...], Flags],
    tallies: Tallies,
    swaps: Swaps,
) -> dict[tuple[str, ...], Ranges]:
    """What is told of each count, and what follows from all sums about it: bounds are tightened until nothing changes."""
    told = {}
    for columns, table in counts.items():
        low, high = window(table)
        within = np.zeros_like(hidden[columns])
        for kind, wider in tallies.inside():
            within[:, kind] = hidden[columns][:, list(wider)].any(axis=1)
        low = np.where(hidden[columns], np.where(within, 0, 1), np.where(unknown[columns], low, table))
        high = np.where(hidden[columns], MINIMUM_COUNT - 1, np.where(unknown[columns], high, table))
        told[columns] = Ranges(hidden[columns], unknown[columns], low, high)
    parents = [
        (told[columns], told[fewer], place)
        for columns in counts
        if columns
        for fewer, place in swaps.parents(columns)
        if (place >= 0).all()
    ]
    for _ in range(_MOST_PASSES):
        before = sum(int(one.high.sum() - one.low.sum()) for one in told.values())
        for one in told.values():
            for total, parts in tallies.sums:
                _tighten_kinds(one, total, list(parts))
        for parts_of, whole, place in parents:
            _tighten_groups(parts_of, whole, place)
        if sum(int(one.high.sum() - one.low.sum()) for one in told.values()) == before:
            break
    return told


def _tighten_kinds(told: Ranges, total: int, parts: list[int]) -> None:
    """One sum of kinds, in all groups at once."""
    low, high = told.low, told.high
    lowest, highest = low[:, parts].sum(axis=1), high[:, parts].sum(axis=1)
    low[:, total] = np.maximum(low[:, total], lowest)
    high[:, total] = np.minimum(high[:, total], highest)
    others_low, others_high = lowest[:, None] - low[:, parts], highest[:, None] - high[:, parts]
    tighter_low, tighter_high = low[:, total, None] - others_high, high[:, total, None] - others_low
    low[:, parts] = np.maximum(low[:, parts], tighter_low)
    high[:, parts] = np.minimum(high[:, parts], tighter_high)


def _tighten_groups(parts: Ranges, whole: Ranges, place: np.ndarray) -> None:
    """The groups of more columns, of which each adds up to one of fewer, in all kinds at once."""
    lowest, highest = np.zeros_like(whole.low), np.zeros_like(whole.high)
    np.add.at(lowest, place, parts.low)
    np.add.at(highest, place, parts.high)
    np.maximum(whole.low, lowest, out=whole.low)
    np.minimum(whole.high, highest, out=whole.high)
    tighter_low = whole.low[place] - (highest[place] - parts.high)
    tighter_high = whole.high[place] - (lowest[place] - parts.low)
    np.maximum(parts.low, tighter_low, out=parts.low)
    np.minimum(parts.high, tighter_high, out=parts.high)
