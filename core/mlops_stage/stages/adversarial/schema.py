"""What a valid row looks like: learned from reference data, narrowed by what the user knows."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from mlops_stage.errors import UsageError, nearest
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.reading import Frame

Way = Literal["both", "up", "down"]
CONSTANT = "constant in the reference data"
IMMUTABLE = "declared immutable"
UNIT = 1e9
"""The unit of a category that may change freely: one step is a distance of one part in a thousand million."""
_TAIL = 1.0
"""Per cent of the reference on either side that do not widen a range."""
_WIDER = 0.1
"""So much of its length a range is widened on either side, as far as the reference itself reaches."""
_DIGITS = 2
LEAST_ROWS = 30
"""Fewer rows show no pattern: columns that exclude one another there may do so by chance."""
_LEAST_SCALE = 1e-30
_TWO = 2


@dataclass(frozen=True, kw_only=True)
class Number:
    """A column of numbers."""

    column: str
    low: float
    high: float
    """What an attack may reach; a row beyond it keeps its own value, and may come back."""
    scale: float
    """One unit of distance: the standard deviation in the reference data."""
    whole: bool = False
    """Only whole numbers are valid."""
    way: Way = "both"
    fixed: str = ""
    """Why nobody may change it; empty where somebody may."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return (self.column,)


@dataclass(frozen=True, kw_only=True)
class Category:
    """A column of text, held as the place of its level."""

    column: str
    levels: tuple[str, ...]
    """Those of the reference data, then those that only the judged rows have; empty text stands for an empty cell."""
    known: int
    """How many levels the reference data has: an attack changes a row to one of these only."""
    fixed: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return (self.column,)


@dataclass(frozen=True, kw_only=True)
class OneHot:
    """Columns of 0 and 1 of which at most one is 1, held as the place of that one."""

    levels: tuple[str, ...]
    """The columns, as `Category.levels`; empty text stands for none of them."""
    known: int
    fixed: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return tuple(level for level in self.levels if level)

    @property
    def stem(self) -> str:
        """What the names of the columns have in common: `job` of `job_clerk` and `job_smith`; empty where that is nothing."""
        stems = {_stem(column) for column in self.columns}
        return stems.pop() if len(stems) == 1 else ""


Feature: TypeAlias = Number | Category | OneHot


def synthesised(
    reference: Frame,
    data: Frame,
    *,
    immutable: Sequence[str] = (),
    monotone: Mapping[str, str] | None = None,
    others: Sequence[str] = (),
) -> tuple[Feature, ...]:
    """The features of a table, from reference data.

    A number may reach from the 1st to the 99th percentile of the reference, widened by a tenth on either side as far as the reference
    itself reaches, its ends rounded inwards to three digits of its length, so that no end is a person's exact value. It is whole where all
    numbers of both tables are. Columns of 0 and 1 that exclude one another in every row form a group. What does not vary may not change.

    Args:
        reference: rows that are valid.
        data: rows to attack; each stays valid as it is.
        immutable: columns (or stems of groups) that may not change.
        monotone: column -> `up` or `down`, the only direction in which it may change.
        others: columns of the table that the model does not take, and so nobody changes.

    Raises:
        UsageError: a column to which `monotone` cannot apply, or a name in `immutable` that fixes nothing.
    """
    groups = _groups(reference, data)
    grouped = {column: group for group in groups for column in group.columns}
    found: dict[tuple[str, ...], Feature] = {}
    for column in reference.columns:
        feature: Feature
        if column in grouped:
            feature = grouped[column]
        elif column in reference.texts:
            feature = _category(column, reference, data)
        else:
            feature = _number(column, reference.numbers[column], data.numbers[column])
        found.setdefault(feature.columns, feature)
    _check_immutable(immutable, {*others, *(name for feature in found.values() for name in _names(feature))})
    return tuple(_declared(feature, immutable, monotone or {}) for feature in found.values())


def _check_immutable(immutable: Sequence[str], known: set[str]) -> None:
    """Refuse names of nothing: a constraint that is silently none would make attacks look stronger than they are."""
    for name in immutable:
        if name not in known:
            alike = sorted(other for other in known if _stem(other) == name)
            hint = f"name its columns: {', '.join(alike)}" if alike else nearest(name, known)
            raise UsageError(f"immutable: no column and no one-hot group is called {shown(name)!r}", shown(hint, 200))


def _names(feature: Feature) -> set[str]:
    """What a feature may be called: its columns, and of a group what they have in common."""
    return {*feature.columns, *([feature.stem] if isinstance(feature, OneHot) and feature.stem else [])}


def _declared(feature: Feature, immutable: Sequence[str], monotone: Mapping[str, str]) -> Feature:
    names = _names(feature)
    named = names & monotone.keys()
    if named and not isinstance(feature, Number):
        raise UsageError(
            f"monotone: {shown(min(named))!r} is a category, which has no up and down", "name it with immutable, or leave it out"
        )
    if names & set(immutable):
        return replace(feature, fixed=IMMUTABLE)
    if named and isinstance(feature, Number):
        return replace(feature, way="up" if monotone[feature.column] == "up" else "down")
    return feature


def _number(column: str, reference: NDArray[np.float64], data: NDArray[np.float64]) -> Number:
    known = reference[np.isfinite(reference)]
    scale = float(known.std()) if len(known) else 0.0
    if scale < _LEAST_SCALE or known.min() == known.max():
        value = float(known[0]) if len(known) else 0.0
        return Number(column=column, low=value, high=value, scale=1.0, fixed=CONSTANT)
    both = np.concatenate([known, data[np.isfinite(data)]])
    whole = bool((both == np.rint(both)).all())
    low, high = _range(known, whole=whole)
    return Number(column=column, low=low, high=high, scale=scale, whole=whole)


def _range(known: NDArray[np.float64], *, whole: bool) -> tuple[float, float]:
    """Percentiles, widened; the observed ends where rounding would leave nothing."""
    least, most = float(known.min()), float(known.max())
    below, above = (float(one) for one in np.percentile(known, [_TAIL, 100 - _TAIL]))
    wider = _WIDER * (above - below)
    low, high = max(below - wider, least), min(above + wider, most)
    if high <= low:
        return least, most
    grain = 1.0 if whole else 10.0 ** (math.floor(math.log10(high - low)) - _DIGITS)
    low, high = math.ceil(round(low / grain, 6)) * grain, math.floor(round(high / grain, 6)) * grain
    return (_plain(low), _plain(high)) if low < high else (least, most)


def _plain(number: float) -> float:
    """Without the digits that arithmetic leaves: 0.3 for 0.30000000000000004."""
    return float(f"{number:.12g}")


def _category(column: str, reference: Frame, data: Frame) -> Category:
    known, judged = reference.levels(column), data.levels(column)
    own = tuple(level for level in judged if level not in set(known))
    return Category(column=column, levels=(*known, *own), known=len(known), fixed=CONSTANT if len(known) < _TWO else "")


def _groups(reference: Frame, data: Frame) -> list[OneHot]:
    """Columns of 0 and 1 that exclude one another: by a common stem first, then neighbours of which exactly one is 1 in every row."""
    if reference.rows < LEAST_ROWS:
        return []
    flags = [name for name in reference.columns if name in reference.numbers and _is_flag(reference, data, name)]
    by_stem: dict[str, list[str]] = {}
    for name in flags:
        if _stem(name):
            by_stem.setdefault(_stem(name), []).append(name)
    found = [_group(names, reference, data) for names in by_stem.values() if _exclusive(names, reference, data, least=0)]
    taken = {column for group in found for column in group.columns}
    return [*found, *_neighbours([name for name in flags if name not in taken], reference, data)]


def _is_flag(reference: Frame, data: Frame, name: str) -> bool:
    return all(bool(np.isin(frame.numbers[name], (0, 1)).all()) for frame in (reference, data))


def _exclusive(names: Sequence[str], reference: Frame, data: Frame, *, least: int) -> bool:
    """Whether, in every row of both tables, at least `least` and at most one of some columns is 1; and more than one of them ever is."""
    sums = [np.sum([frame.numbers[name] for name in names], axis=0) for frame in (reference, data)]
    used = sum(bool(reference.numbers[name].any()) for name in names)
    return used >= _TWO and all(bool(((one >= least) & (one <= 1)).all()) for one in sums)


def _group(names: Sequence[str], reference: Frame, data: Frame) -> OneHot:
    def seen(frame: Frame) -> list[str]:
        none = not np.any([frame.numbers[name] for name in names], axis=0).all()
        return [*(name for name in names if frame.numbers[name].any()), *([""] if none else [])]

    known = seen(reference)
    rest = [*names, *(level for level in seen(data) if not level)]
    return OneHot(levels=(*known, *(level for level in rest if level not in known)), known=len(known))


def _neighbours(names: Sequence[str], reference: Frame, data: Frame) -> list[OneHot]:
    found: list[OneHot] = []
    start = 0
    while start < len(names):
        total, length = np.zeros(reference.rows), 0
        for end in range(start, len(names)):
            total = total + reference.numbers[names[end]]
            if (total > 1).any():
                break
            if (total == 1).all():
                length = end - start + 1
                break
        some = names[start : start + length]
        if length >= _TWO and _exclusive(some, reference, data, least=1):
            found.append(_group(some, reference, data))
            start += length
        else:
            start += 1
    return found


def _stem(name: str) -> str:
    """`job` of `job_clerk`, `job=clerk` or `job.3`; empty where there is none."""
    found = re.fullmatch(r"(.+?)[_=.:\-/ ].+", name)
    return found[1] if found else ""
