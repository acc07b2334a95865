"""How the values of a column become groups of people."""

from __future__ import annotations

import math
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import MINIMUM_COUNT, shown
from mlops_stage.inputs.answers import MISSING
from mlops_stage.inputs.tables.values import FEW_LEVELS, Codes, number_of
from mlops_stage.stages.fairness.names import is_age

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LEVELS = 1_000
"""More values of a column are no groups that anybody would compare."""
AGES = (0, 25, 40, 55, 65)
"""Where bands of age begin. From 40 the American act on age discrimination protects."""
_MOST_LONE = 20
"""Up to so many values are groups, however few rows each has."""
_PARTS = 4
_FEWEST_DIGITS, _MOST_DIGITS = 6, 17  # 17 tell any two numbers apart
_OLDEST = 125
_FEWEST_AGES = 13
_NO_AGES = 0.05
_BLANK = frozenset({"", "?", "n/a", "null", "nan", "unknown", "(unknown)"})


class Attribute(NamedTuple):
    """A column as groups."""

    codes: Codes
    """Indices of levels, of shape (n,); none is negative. Rows of no known group have the level `(unknown)`, which is the last."""
    notes: tuple[str, ...]
    """How values became groups, one sentence each, where they are not the values themselves."""


def as_attribute(name: str, column: Codes) -> Attribute:
    """The groups of a column: its values; bands of age; or, of other quantities, four parts of about equal size.

    Cells that are empty, or hold `?`, `n/a`, `null` or `unknown`, are of the group `(unknown)`.

    Raises:
        UsageError: more than 1,000 values that are no quantities; or more than 20 of which most rows share theirs with so few others that nothing may be
            told of them, as names and addresses are. The values themselves are not told.
    """
    codes, notes = _with_unknown(name, column)
    known = [level for level in codes.levels if level != MISSING]
    numbers = [number_of(level) for level in known]
    quantities = [number for number in numbers if number is not None and math.isfinite(number)]
    if quantities and len(quantities) == len(known):
        banded = _banded(name, codes, np.array(quantities))
        if banded is not None:
            return Attribute(banded.codes, (*notes, *banded.notes))
    _refuse_no_groups(name, codes, len(known))
    return Attribute(codes, notes)


def _refuse_no_groups(name: str, codes: Codes, known: int) -> None:
    rows = np.bincount(codes.codes, minlength=len(codes.levels))[:known]
    if known > _MOST_LONE and 2 * rows[rows < MINIMUM_COUNT].sum() > rows.sum():
        raise UsageError(
            f"sensitive: column {shown(name)!r} looks like an identifier, not a group: {known:,} different values, and most rows share theirs "
            f"with fewer than {MINIMUM_COUNT - 1} others",
            "name a column that says to which group of people a row belongs",
        )
    if known > MOST_LEVELS:
        raise UsageError(
            f"sensitive: column {shown(name)!r} has {known:,} different values, which are no groups",
            f"name a column of at most {MOST_LEVELS:,} values, or write them into fewer groups first",
        )


def spellings(levels: Sequence[str]) -> list[tuple[str, ...]]:
    """Levels that are the same but for capitals, spaces and ways to write a letter, such as `Female` and `female`; each set in the order of the levels."""
    alike: dict[str, list[str]] = {}
    for level in levels:
        alike.setdefault(" ".join(unicodedata.normalize("NFKC", level).casefold().split()), []).append(level)
    return [tuple(some) for some in alike.values() if len(some) > 1]


def _with_unknown(name: str, column: Codes) -> tuple[Codes, tuple[str, ...]]:
    """The column with every mark of an absent value as one level, the last."""
    blank = [level for level in column.levels if level.strip().lower() in _BLANK]
    if not blank and (column.codes >= 0).all():
        return column, ()
    known = [level for level in column.levels if level not in blank]
    place = {level: index for index, level in enumerate(known)}
    lookup = np.array([*(place.get(level, len(known)) for level in column.levels), len(known)], dtype=np.int64)  # the last is for -1
    marks = [repr(shown(level)) for level in blank if level != MISSING]
    told = f"cells of {shown(name)!r} that hold {', '.join(marks)} count as {MISSING}"
    return Codes(lookup[column.codes], (*known, MISSING)), ((told,) if marks else ())


def _banded(name: str, codes: Codes, numbers: np.ndarray) -> Attribute | None:
    """Bands of a quantity; None where numbers are names of groups, such as 1 and 2."""
    rows = np.bincount(codes.codes, minlength=len(numbers))[: len(numbers)]
    whole = bool((numbers == np.trunc(numbers)).all())
    if is_age(name) and len(numbers) >= _FEWEST_AGES and numbers.max() >= _FEWEST_AGES:
        impossible = (numbers < 0) | (numbers > _OLDEST)
        if rows[impossible].sum() <= _NO_AGES * rows.sum():
            return _by_age(name, codes, numbers, impossible)
    if (whole and len(numbers) <= FEW_LEVELS) or len(numbers) <= _PARTS:
        return None
    if whole and len(numbers) > MOST_LEVELS:
        return None  # identifiers rather than quantities: refused as too many values
    return _by_parts(name, codes, numbers, rows)


def _by_age(name: str, codes: Codes, numbers: np.ndarray, impossible: np.ndarray) -> Attribute:
    labels = [f"under {AGES[1]}", *(f"{low}-{high - 1}" for low, high in pairwise(AGES[1:])), f"{AGES[-1]} and over"]
    bands = np.searchsorted(AGES, numbers, side="right") - 1
    bands[impossible] = len(labels)
    notes = [f"{shown(name)!r} is compared in bands of age: {', '.join(labels)}"]
    if impossible[codes.codes[codes.codes < len(numbers)]].any():  # how many there are is told with the groups, as far as it may be
        notes.append(f"cells of {shown(name)!r} that are no ages (below 0, or above {_OLDEST}) count as {MISSING}")
    return Attribute(_grouped(codes, bands, labels), tuple(notes))


def _by_parts(name: str, codes: Codes, numbers: np.ndarray, rows: np.ndarray) -> Attribute:
    order = np.argsort(numbers, kind="stable")
    reached = np.cumsum(rows[order])
    ends = [numbers[order][np.searchsorted(reached, reached[-1] * part / _PARTS)] for part in range(1, _PARTS)]
    cuts = sorted({float(end) for end in ends if end < numbers.max()})
    told = _spelt(cuts)
    labels = [f"up to {told[0]}", *(f"over {low} to {high}" for low, high in pairwise(told)), f"over {told[-1]}"]
    bands = np.searchsorted(cuts, numbers, side="left")
    note = f"{shown(name)!r} holds quantities and is compared in {len(labels)} parts of about equal size: {', '.join(labels)}"
    return Attribute(_grouped(codes, bands, labels), (note,))


def _spelt(cuts: Sequence[float]) -> list[str]:
    """Different numbers as different texts, as short as that allows, without an exponent."""
    told: list[str] = []
    for digits in range(_FEWEST_DIGITS, _MOST_DIGITS + 1):
        told = [np.format_float_positional(cut, precision=digits, unique=False, fractional=False, trim="-") for cut in cuts]
        if len(set(told)) == len(cuts):
            break
    return told


def _grouped(codes: Codes, bands: np.ndarray, labels: Sequence[str]) -> Codes:
    """Levels replaced by bands; bands that no row has are left out."""
    lookup = np.append(bands, len(labels)).astype(np.int64)  # the last is for (unknown)
    found = lookup[codes.codes]
    used = np.bincount(found, minlength=len(labels) + 1) > 0
    place = np.cumsum(used) - 1
    return Codes(place[found], tuple(label for label, there in zip((*labels, MISSING), used.tolist(), strict=True) if there))
