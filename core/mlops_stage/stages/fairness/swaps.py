"""Which other groups must be told less exactly, so that a hidden count could be another one with every total staying as it is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stages.fairness.tallies import Counts
    from mlops_stage.stats.cells import Flags


class Places:
    """The groups of one grouping by the codes of their levels."""

    def __init__(self, grouping: Grouping, levels: Mapping[str, Mapping[str, int]]) -> None:
        self.columns = grouping.columns
        codes = [[levels[column][level] for column, level in zip(grouping.columns, values, strict=True)] for values in grouping.levels]
        self.codes = np.array(codes, dtype=np.int64).reshape(grouping.size, len(grouping.columns))
        """Shape (G, d)."""
        self._lengths = [len(levels[column]) for column in grouping.columns]
        flat = self._flat(self.codes)
        self._order = np.argsort(flat, kind="stable")
        self._sorted = flat[self._order]

    def find(self, codes: NDArray[np.int64]) -> NDArray[np.intp]:
        """The groups with these codes, shape (n, d); -1 where there is none."""
        flat = self._flat(codes)
        if not len(self._sorted):
            return np.full(len(codes), -1, dtype=np.intp)
        place = np.minimum(np.searchsorted(self._sorted, flat), len(self._sorted) - 1)
        return np.where(self._sorted[place] == flat, self._order[place], -1)

    def _flat(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        flat = np.zeros(len(codes), dtype=np.int64)
        for place, length in enumerate(self._lengths):
            flat = flat * length + codes[:, place]
        return flat


@dataclass(frozen=True)
class Swap:
    """Rows that change places: in each grouping the groups whose counts that changes."""

    groups: Mapping[tuple[str, ...], tuple[int, ...]]


class Swaps:
    """Swaps of answers between rows of a group and rows of others that leave all totals as they are.

    Two rows of two groups that exchange their answers change nothing that is told of all rows. Of columns crossed, four rows at the corners of a rectangle
    change nothing that is told of one of the columns either. In groupings by further columns the rows are looked for in one and the same group.
    """

    def __init__(self, groupings: Sequence[Grouping], counts: Mapping[tuple[str, ...], Counts]) -> None:
        levels: dict[str, dict[str, int]] = {}
        for grouping in groupings:
            for column, values in zip(grouping.columns, zip(*grouping.levels, strict=True), strict=False):
                known = levels.setdefault(column, {})
                for value in values:
                    known.setdefault(value, len(known))
        self._places = {grouping.columns: Places(grouping, levels) for grouping in groupings}
        self._counts = counts

    def parents(self, columns: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], NDArray[np.intp]]]:
        """The groupings with one column less, and each group's place in them."""
        own = self._places[columns]
        for place in range(len(columns)):
            fewer = columns[:place] + columns[place + 1 :]
            if not fewer:
                yield (), np.zeros(len(own.codes), dtype=np.intp)
            elif fewer in self._places:
                yield fewer, self._places[fewer].find(np.delete(own.codes, place, axis=1))

    def of(self, columns: tuple[str, ...], group: int, kinds: Flags, used: set[int]) -> Swap:
        """The swap with the largest counts of these kinds; `used` takes the partner, which is not chosen again.

        Where there is no partner (left), what is told of all rows changes.
        """
        if not columns:
            return Swap({(): (0,), **self._affected((), np.empty((1, 0), dtype=np.int64), kinds, narrow=True)})
        places, least = self._places[columns], self._least(columns, kinds)
        own = places.codes[group]
        free = np.ones(len(places.codes), dtype=np.bool_)
        free[[group, *used]] = False
        for narrow, others in ((True, (places.codes != own).all(axis=1)), (False, True)):
            candidates = np.flatnonzero(free & others)
            corners = self._corners(places, own, candidates, whole=narrow)
            worth = np.where((corners >= 0).all(axis=0), least[corners].min(axis=0), -1)
            best = int(worth.argmax()) if len(worth) else -1
            if best >= 0 and worth[best] >= 0:
                used.add(int(candidates[best]))
                return Swap(self._affected(columns, places.codes[corners[:, best]], kinds, narrow=narrow))
        return Swap({(): (0,), **self._affected(columns, own[None, :], kinds, narrow=False)})

    def _least(self, columns: tuple[str, ...], kinds: Flags) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self._counts[columns][:, kinds].min(axis=1)
        return found

    def _corners(self, places: Places, own: NDArray[np.int64], candidates: NDArray[np.intp], *, whole: bool) -> NDArray[np.intp]:
        """Shape (corners, candidates): the groups between which rows are swapped."""
        theirs = places.codes[candidates]
        if not whole:
            return np.stack([places.find(np.broadcast_to(own, theirs.shape)), candidates])
        sides = list(product((False, True), repeat=len(own)))
        return np.stack([places.find(np.where(np.array(side), theirs, own)) for side in sides])

    def _affected(
        self, columns: tuple[str, ...], corners: NDArray[np.int64], kinds: Flags, *, narrow: bool
    ) -> dict[tuple[str, ...], tuple[int, ...]]:
        """The groups of each grouping that the rows are of; of further columns, rows that are alike in those and of the most frequent kind.

        Args:
            columns: by which the corners are different groups.
            corners: shape (corners, columns).
            kinds: what changes.
            narrow: whether in groupings by fewer columns nothing changes.
        """
        found = {}
        for other, places in self._places.items():
            shared = [column for column in columns if column in other]
            if len(shared) < len(columns) and (narrow or not shared):
                continue
            parts = corners[:, [columns.index(column) for column in shared]]
            own = [other.index(column) for column in shared]
            matching = places.codes[(places.codes[:, own] == parts[0]).all(axis=1)]
            spread = np.repeat(matching[None], len(parts), axis=0)
            spread[:, :, own] = parts[:, None, :]
            groups = places.find(spread.reshape(-1, len(other))).reshape(len(parts), -1)
            worth = np.where(groups >= 0, self._least(other, kinds)[groups], -1).min(axis=0)
            found[other] = tuple(place for place in groups[:, int(worth.argmax())].tolist() if place >= 0)
        return found
