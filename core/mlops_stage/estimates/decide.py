"""What an estimate says about a threshold: p-value, and the rows that would decide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

from mlops_stage.estimates.limits import score_of

if TYPE_CHECKING:
    from mlops_stage.estimates.kinds import Bounded

Op: TypeAlias = Literal[">=", ">", "<=", "<"]

_MOST_ROWS = 10**9  # more rows than this are no advice
_FARTHEST = 8.0  # normal score beyond which confidence is 1 for every purpose


def p_value(estimate: Bounded, threshold: float, op: Op) -> float:
    """How well the data agree with `truth op threshold`: one-sided, small when they refute it.

    It is at most `alpha` where the bound at confidence `1 - alpha` (for `>=`) or `alpha` (for `<=`) lies beyond the threshold.
    """
    sign = 1.0 if op in {">=", ">"} else -1.0
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(60):
        middle = (low + high) / 2
        if sign * estimate.limit(sign * middle) < sign * threshold:
            low = middle
        else:
            high = middle
    return math.erfc(low / math.sqrt(2)) / 2


def holds(value: float, op: Op, threshold: float) -> bool:
    """Whether `value op threshold`."""
    if op == ">=":
        return value >= threshold
    if op == ">":
        return value > threshold
    return value <= threshold if op == "<=" else value < threshold


def rows_needed(estimate: Bounded, threshold: float, op: Op, *, confidence: float = 0.95) -> int | None:
    """The smallest denominator at which the same value would decide `truth op threshold`, either way.

    None when no denominator up to a thousand million would: the value sits on the threshold.
    """
    score = score_of(confidence)
    kept = holds(estimate.value, op, threshold)
    side = -1.0 if kept == (op in {">=", ">"}) else 1.0

    def decided(n: int) -> bool:
        return holds(estimate.at(n).limit(side * score), op, threshold) == kept

    high = max(1, math.ceil(estimate.n))
    if estimate.value == threshold:
        return None
    while not decided(high):
        if high >= _MOST_ROWS:
            return None
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high
