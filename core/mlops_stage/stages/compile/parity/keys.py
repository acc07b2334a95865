"""Numbers as whole numbers in the same order, so that the next number of any type is the next key, and a bisection needs no type of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.int64]

_WIDTHS: dict[str, tuple[str, float]] = {"f2": ("i2", 1e4), "f4": ("i4", 1e30), "f8": ("i8", 1e100)}
"""Floating types: the integer that holds their bits, and a number beyond which no threshold lies."""


def keys_of(values: NDArray[Any]) -> Keys:
    """Keys in the order of the numbers, next to each other where those are; whole numbers are their own. That of NaN means nothing."""
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    bits = np.ascontiguousarray(values).view(_WIDTHS[values.dtype.str[1:]][0])
    wide = bits.astype(np.int64)
    return np.where(wide >= 0, wide, np.iinfo(bits.dtype).min - wide)


def numbers_of(keys: Keys, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of these keys."""
    if dtype.kind != "f":
        return keys.astype(dtype)
    holder = np.dtype(_WIDTHS[dtype.str[1:]][0])
    return np.where(keys >= 0, keys, np.iinfo(holder).min - keys).astype(holder).view(dtype)


def ends_of(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The keys of the smallest and the largest number that a column may be given."""
    if dtype.kind != "f":
        bounds = np.iinfo(dtype)
        return max(int(bounds.min), -(2**31)), min(int(bounds.max), 2**31)
    largest = _WIDTHS[dtype.str[1:]][1]
    low, high = keys_of(np.array([-largest, largest], dtype=dtype)).tolist()
    return low, high


def between(low: Keys, high: Keys) -> Keys:
    """The means, rounded down, without sums that would not fit."""
    return (low & high) + ((low ^ high) >> 1)


def snapped(keys: Keys, below: Keys, above: Keys, generator: np.random.Generator) -> Keys:
    """Keys moved to one end, by chance, of the gap between thresholds in which they lie: no comparison comes out otherwise for that.

    Args:
        keys: to move.
        below: for each threshold the last key below it.
        above: for each the first above it.
        generator: of the chance.
    """
    below, above = np.unique(below), np.unique(above)
    gap = np.searchsorted(above, keys, side="right")  # so many thresholds lie below
    lower = np.where(gap > 0, above[np.maximum(gap - 1, 0)], keys)
    upper = np.where(gap < len(below), below[np.minimum(gap, len(below) - 1)], keys)
    moved = np.where(generator.random(len(keys)) < 0.5, lower, upper)  # noqa: PLR2004  (either end)
    return np.where((lower <= keys) & (keys <= upper), moved, keys)
