"""Rows by the groups of one sensitive column, or of several crossed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.tables.values import Codes
    from mlops_stage.report import Slice

UNKNOWN = "(unknown)"
"""The level of rows whose group is not known."""
BY = "by"
"""The column that figures between all groups of a grouping are reported under: `tpr_difference[by=sex]`."""
CLASS = "class"
"""The column that figures of single classes are reported under, in a multi-class task."""
MOST_GROUPS = 1_000
"""More groups than this are none that anybody would compare; among them are half a million pairs."""
_FEW = 2**20


@dataclass(frozen=True, eq=False)
class Grouping:
    """The rows of one table by group; a combination of levels that no row has is no group."""

    columns: tuple[str, ...]
    codes: NDArray[np.int64]
    """Shape (n,): indices into `levels`, none negative."""
    levels: tuple[tuple[str, ...], ...]
    """For each group its value in each column."""
    outside: frozenset[int]
    """The groups with an `(unknown)` among their values: counted and shown, but compared with nobody and in no gate."""
    absent: int = 0
    """Combinations of known values that no row has."""

    @property
    def size(self) -> int:
        """Number of groups G, those outside as well."""
        return len(self.levels)

    @property
    def name(self) -> str:
        """`sex`, or `sex+race` where columns are crossed."""
        return "+".join(self.columns)

    @property
    def by(self) -> Slice:
        """Where figures between all groups stand: `[by=sex]`."""
        return ((BY, self.name),)

    @cached_property
    def inside(self) -> NDArray[np.intp]:
        """The indices of the groups that are compared."""
        return np.array([group for group in range(self.size) if group not in self.outside], dtype=np.intp)

    def slice(self, group: int) -> Slice:
        """Where figures of one group stand: `[sex=female]`."""
        return tuple(zip(self.columns, self.levels[group], strict=True))

    def label(self, group: int) -> str:
        """For people: `female`, or `female, Black`."""
        return ", ".join(self.levels[group])


def by_column(name: str, column: Codes) -> Grouping:
    """The groups of one column; cells without a value, and those that hold `(unknown)`, are outside.

    Raises:
        UsageError: more groups than can be compared, or a column whose name is taken.
    """
    if name in {BY, CLASS}:
        raise UsageError(f"the sensitive column {name!r} has a name with a meaning of its own", "give the column another name")
    codes, levels = column.codes, column.levels
    missing = codes < 0
    if missing.any():
        place = levels.index(UNKNOWN) if UNKNOWN in levels else len(levels)
        codes = np.where(missing, place, codes)
        levels = levels if UNKNOWN in levels else (*levels, UNKNOWN)
    known = sum(level != UNKNOWN for level in levels)
    if known > MOST_GROUPS:
        hint = f"name a column of at most {MOST_GROUPS:,} values, or group its values first"
        raise UsageError(f"the sensitive column {shown(name)!r} has {known:,} values, which are no groups", hint)
    outside = frozenset(index for index, level in enumerate(levels) if level == UNKNOWN)
    return Grouping((name,), codes.astype(np.int64, copy=False), tuple((level,) for level in levels), outside)


def crossed(groupings: Sequence[Grouping]) -> Grouping:
    """The groups of several columns at once: only those combinations that occur, in the order of their levels.

    Raises:
        UsageError: more groups than can be compared.
    """
    lengths = [grouping.size for grouping in groupings]
    if math.prod(lengths) >= 2**62:
        raise _too_many(groupings, "far too many")
    flat = groupings[0].codes.copy()
    for grouping, length in zip(groupings[1:], lengths[1:], strict=True):
        flat *= length
        flat += grouping.codes
    found, codes = _occurring(flat, math.prod(lengths))
    parts = np.unravel_index(found, lengths)
    unknown = np.logical_or.reduce([np.isin(part, list(grouping.outside)) for part, grouping in zip(parts, groupings, strict=True)])
    known = int((~unknown).sum())
    if known > MOST_GROUPS:
        raise _too_many(groupings, f"{known:,}")
    levels = tuple(
        tuple(value for grouping, index in zip(groupings, place, strict=True) for value in grouping.levels[index])
        for place in zip(*(part.tolist() for part in parts), strict=True)
    )
    outside = frozenset(np.flatnonzero(unknown).tolist())
    absent = math.prod(len(grouping.inside) for grouping in groupings) - known
    columns = tuple(column for grouping in groupings for column in grouping.columns)
    return Grouping(columns, codes, levels, outside, absent)


def groupings(columns: Mapping[str, Codes], deepest: int = 2, left_out: list[UsageError] | None = None) -> Iterator[Grouping]:
    """Each column alone, then all pairs, and so on up to `deepest` columns crossed.

    Args:
        columns: name -> groups.
        deepest: how many columns are crossed at most.
        left_out: takes the errors of crossings that make too many groups, which are then passed over.

    Raises:
        UsageError: as `by_column` and, without `left_out`, `crossed`.
    """
    alone = [by_column(name, column) for name, column in columns.items()]
    yield from alone
    for depth in range(2, deepest + 1):
        for some in combinations(alone, depth):
            try:
                found = crossed(some)
            except UsageError as error:
                if left_out is None:
                    raise
                left_out.append(error)
            else:
                yield found


def _occurring(flat: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The codes that occur, rising, and each row's place among them; of few possible codes without sorting rows."""
    if size > _FEW:
        found, places = np.unique(flat, return_inverse=True)
        return found, places.reshape(-1).astype(np.int64, copy=False)
    there = np.bincount(flat, minlength=size) > 0
    return np.flatnonzero(there).astype(np.int64, copy=False), (np.cumsum(there, dtype=np.int64) - 1)[flat]


def _too_many(groupings: Sequence[Grouping], count: str) -> UsageError:
    names = " and ".join(repr(shown(grouping.name)) for grouping in groupings)
    return UsageError(
        f"crossing {names} makes {count} groups",
        f"at most {MOST_GROUPS:,} can be compared: cross fewer columns, or group their values first",
    )
