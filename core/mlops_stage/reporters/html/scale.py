"""Linear scales with round tick marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.reporters.words import number

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class Scale:
    """From numbers between `low` and `high` to coordinates between `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> str:
        """The coordinate, written for SVG; values outside are drawn at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return coordinate(self.start + share * (self.end - self.start))

    def ticks(self, about: int = 4) -> tuple[tuple[float, str], ...]:
        """Round numbers inside the scale with their spelling; at least two where the scale holds them."""
        step = _round_step((self.high - self.low) / about)
        digits = min(max(-math.floor(math.log10(step)), 0), 12)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple((place * step, number(place * step, digits)) for place in range(first, last + 1))


def spanning(
    values: Iterable[float], *, start: float, end: float, pad: float = 0.06, within: tuple[float, float] | None = None
) -> Scale | None:
    """A scale around all finite values, a little wider; None where they span nothing that can be drawn."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    if not 1e-300 < high - low < 1e300:  # noqa: PLR2004  (near the ends of floats sums are infinite and shares are 0)
        width = max(abs(low), 1.0) * 0.1
        low, high = low - width, high + width
    room = (high - low) * pad
    low, high = low - room, high + room
    if within is not None and min(finite) >= within[0] and max(finite) <= within[1]:
        low, high = max(low, within[0]), min(high, within[1])
    return Scale(low=low, high=high, start=start, end=end) if 0 < high - low < math.inf else None


def coordinate(value: float) -> str:
    """One decimal, without a trailing zero."""
    return f"{value:.1f}".removesuffix(".0")


def _round_step(rough: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= rough * 0.999), 10 * power)
