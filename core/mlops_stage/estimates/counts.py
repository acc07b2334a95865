"""Estimates from counts, with score intervals: a rate, and a difference on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlops_stage.estimates.limits import Limits, finite, rows

_CLOSE = 1e-12  # a share has no more digits that matter


@dataclass(frozen=True)
class Rate(Limits):
    """`k` of `n`, with Wilson's score interval (Wilson 1927, JASA 22:209). With weights both are Kish-scaled."""

    k: float
    n: float

    def __post_init__(self) -> None:
        n = rows(self.n)
        k = finite("k", self.k)
        if not -1e-9 * n <= k <= n * (1 + 1e-9):
            raise ValueError(f"k must lie between 0 and n, not {k!r} of {n!r}")
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "k", min(max(k, 0), n))  # weighted sums may be off by a rounding

    @property
    def value(self) -> float:
        """The share, between 0 and 1."""
        return self.k / self.n

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score, between 0 and 1."""
        if score < 0:
            return _wilson_low(self.k / self.n, self.n, score)
        return 1.0 - _wilson_low((self.n - self.k) / self.n, self.n, score)

    def at(self, n: float) -> Rate:
        """The same share of `n` rows."""
        return Rate(self.k * (n / self.n), n)


def _wilson_low(share: float, n: float, score: float) -> float:
    """Wilson's lower bound, through the product of both bounds: exactly 0 at 0, and free of cancellation near it."""
    if share <= 0:
        return 0.0
    spread = score * score / n
    high = (share + spread / 2 + math.sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread)
    return min(share * share / (high * (1 + spread)), 1.0)


@dataclass(frozen=True)
class Paired(Limits):
    """`(gained - lost) / n` on the same rows, with Tango's score interval (1998, Stat Med 17:891).

    `gained` counts the rows that only this model gets right, `lost` those that only the baseline does.
    """

    gained: float
    lost: float
    n: float

    def __post_init__(self) -> None:
        n = rows(self.n)
        gained, lost = finite("gained", self.gained), finite("lost", self.lost)
        if gained < 0 or lost < 0 or gained + lost > n * (1 + 1e-9):
            raise ValueError(f"gained and lost must be counts within n, not {gained!r} and {lost!r} of {n!r}")
        for name, number in (("gained", gained), ("lost", lost), ("n", n)):
            object.__setattr__(self, name, number)

    @property
    def value(self) -> float:
        """The difference of the two shares, between -1 and 1."""
        return (self.gained - self.lost) / self.n

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score, between -1 and 1."""
        if score < 0:
            return -_tango_high(self.lost / self.n, self.gained / self.n, self.n, -score)
        return _tango_high(self.gained / self.n, self.lost / self.n, self.n, score)

    def at(self, n: float) -> Paired:
        """The same shares of `n` rows."""
        factor = n / self.n
        return Paired(self.gained * factor, self.lost * factor, n)


def _tango_high(gained: float, lost: float, n: float, score: float) -> float:
    """The difference of shares at which the score statistic is `-score`: the secant method, kept between the estimate and 1."""
    value = gained - lost
    if score <= 0 or value >= 1:
        return value
    square = score * score
    if gained + lost <= value * value:  # no row differs, or every row is lost: no variance to start the secant from, but linear
        return (square + n * value) / (square + n)

    low, high = value, 1.0
    last, last_excess = value, score * math.sqrt((gained + lost - value * value) / n)
    guess = min(value + last_excess, 1.0)
    for _ in range(100):
        half = gained + lost - (2 - value) * guess
        free = lost * guess * (1 - guess)
        root = math.sqrt(max(half * half + 8 * free, 0.0))
        share = (half + root) / 4 if half > 0 else 2 * free / (root - half) if root > half else 0.0  # neither form cancels
        excess = value - guess + score * math.sqrt(max(2 * share + guess * (1 - guess), 0.0) / n)
        low, high = (guess, high) if excess > 0 else (low, guess)
        if -_CLOSE < excess < _CLOSE or high - low < _CLOSE:
            break
        slope = (excess - last_excess) / (guess - last) if guess != last else 0.0
        last, last_excess = guess, excess
        guess = guess - excess / slope if slope < 0 else low
        if not low < guess < high:
            guess = (low + high) / 2
    return guess
