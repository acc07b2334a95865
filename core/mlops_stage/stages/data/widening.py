"""Bounds that later rows of the same source will keep, from the rows that are there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ENOUGH = 30
"""Rows below which nothing is said about how far values reach."""
_NEAR = 9
"""The tenth-largest value: its distance to the largest tells the scale of the tail."""
_FAR = 99
_TIMES = 4.0
"""Between samples of one size the largest value changes by a logistic variable on that scale (exponential tail): more than this in about 1 of 1,000."""
_HEAVY = 1.2
_MOST = 20.0
"""Where the bound would lie this many times beyond the largest value, it would bound nothing."""


def upper(largest: Sequence[float], smallest: Sequence[float]) -> float | None:
    """A bound that a later sample will hardly exceed; None where the tail is so heavy that any bound would be a guess.

    The tail is carried on by four times the distance between the largest value and the tenth-largest, on the scale of logarithms where the tail looks
    heavier than exponential.

    Args:
        largest: up to a hundred of the largest values, the largest first.
        smallest: likewise from the other end.
    """
    top = largest[0]
    near, far = largest[min(_NEAR, len(largest) - 1)], largest[min(_FAR, len(largest) // 2)]
    span = top - smallest[0]
    if near == 0 < top and smallest[0] >= 0:  # all but a few are zero, and a few tell nothing about a tail
        return None
    bound = top + max(_TIMES * (top - near), top - far, span / 20)
    if near > 0 and (smallest[0] >= 0 or top - near > _HEAVY * (near - far)):
        factor = (top / near) ** _TIMES
        if factor > _MOST:
            return None
        bound = max(bound, top * factor)
    return bound if math.isfinite(bound) else None


def lower(largest: Sequence[float], smallest: Sequence[float]) -> float | None:
    """The same at the other end; never below 0 where no value is."""
    bound = upper([-value for value in smallest], [-value for value in largest])
    if bound is None:
        return None
    return max(-bound, 0.0) if smallest[0] >= 0 else -bound


def outward(value: float, span: float, *, up: bool) -> float:
    """The next round number away from the data: two digits of the span."""
    if not span or not math.isfinite(span):
        return value
    step = 10.0 ** (math.floor(math.log10(span)) - 1)
    if not step:
        return value
    places = max(0, -math.floor(math.log10(step) + 0.5))
    rounded = (math.ceil if up else math.floor)(round(value / step, 6)) * step
    return round(rounded, places)


def most(count: int, rows: int) -> float:
    """Percent of the rows below which a share stays in later samples of at least a quarter of the size: four standard errors of the difference, at least 1."""
    share = (count + 1) / (rows + 2)
    error = math.sqrt(share * (1 - share) * (1 / rows + 1 / max(rows / 4, ENOUGH)))
    percent = 100 * (share + 4 * error)
    return float(min(100, max(1, math.ceil(percent))))


def around(count: int, rows: int) -> tuple[float, float]:
    """Shares, from 0 to 1, between which a class stays in later samples: four standard errors of the difference, or a fifth of the share."""
    share = count / rows
    error = math.sqrt(share * (1 - share) * (1 / rows + 1 / max(rows / 4, ENOUGH)))
    reach = max(4 * error, share / 5)
    low = math.floor(100 * max(0.0, share - reach)) / 100
    high = math.ceil(100 * min(1.0, share + reach)) / 100
    return low, high
