"""Estimates that have no formula of their own: bounds at fixed levels, and the ways to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mlops_stage.estimates.counts import Rate
from mlops_stage.estimates.limits import LEVELS, SCORES, Limits, finite, rows, score_of, square_and_add

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mlops_stage.estimates.kinds import Bounded


@dataclass(frozen=True)
class Sampled(Limits):
    """Any other figure: its bounds at `LEVELS`, linear in the normal score between them and beyond.

    `n` is the figure's own denominator (of an AUC: the smaller class).
    """

    value: float
    n: float
    quantiles: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", rows(self.n))
        object.__setattr__(self, "value", finite("value", self.value))
        quantiles = tuple(finite("a quantile", quantile) for quantile in self.quantiles)
        if len(quantiles) != len(LEVELS):
            raise ValueError(f"quantiles must be {len(LEVELS)} numbers, not {len(quantiles)}")
        if any(later < earlier for earlier, later in pairwise(quantiles)):
            raise ValueError("quantiles must not fall")
        object.__setattr__(self, "quantiles", quantiles)

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score."""
        return _line(SCORES, self.quantiles, score)

    def at(self, n: float) -> Sampled:
        """The same value; its spread falls with the square root of `n`."""
        shrink = math.sqrt(self.n / n)
        if shrink == 1:
            return self
        return Sampled(self.value, n, tuple(self.value + (quantile - self.value) * shrink for quantile in self.quantiles))

    @classmethod
    def from_limits(cls, value: float, n: float, limit: Callable[[float], float]) -> Sampled:
        """From a function that gives the bound at a normal score."""
        return cls(value, n, _rising(limit(score) for score in SCORES))

    @classmethod
    def from_normal(cls, value: float, n: float, se: float, *, low: float = -math.inf, high: float = math.inf) -> Sampled:
        """From a standard error; bounds are kept within `low` and `high`, the figure's own range."""
        _standard_error(se)
        return cls.from_limits(value, n, lambda score: min(max(value + score * se, low), high))

    @classmethod
    def from_logit(cls, value: float, n: float, se: float) -> Sampled:
        """A figure between 0 and 1 from its standard error, by the delta method on the logit scale.

        At 0 and 1, and where the standard error is 0, that scale says nothing: Wilson's bounds for `n` rows stand in.
        """
        _standard_error(se)
        if not 0 <= value <= 1:
            raise ValueError(f"value must lie between 0 and 1, not {value!r}")
        spread = value * (1 - value)
        if spread <= 0 or se <= 1e-12:  # noqa: PLR2004  (what rounding leaves of none)
            return cls.from_limits(value, n, Rate(value * n, n).limit)
        centre = math.log(value / (1 - value))
        return cls.from_limits(value, n, lambda score: _logistic(centre + score * se / spread))

    @classmethod
    def from_transform(cls, estimate: Bounded, function: Callable[[float], float]) -> Sampled:
        """A monotone function, rising or falling, of another estimate: its bounds are the function of the other's bounds."""
        images = [function(estimate.limit(score)) for score in SCORES]
        if images[-1] < images[0]:
            images = [function(estimate.limit(-score)) for score in SCORES]
        return cls(function(estimate.value), estimate.n, _rising(images))

    @classmethod
    def from_draws(cls, value: float, n: float, draws: Sequence[float]) -> Sampled:
        """Percentiles of draws, such as a bootstrap's; levels with fewer than five draws beyond them are extrapolated.

        Raises:
            ValueError: fewer than 200 draws, which cannot tell a 95 % interval.
        """
        if len(draws) < 200:  # noqa: PLR2004  (five of them lie beyond .025)
            raise ValueError(f"at least 200 draws are needed, not {len(draws)}")
        ordered = sorted(finite("a draw", draw) for draw in draws)
        count = len(ordered)
        held = [level for level in LEVELS if min(level, 1 - level) * count >= 5]  # noqa: PLR2004  (see above)
        known = [_between(ordered, level * count - 0.5) for level in held]  # draw i, from 0, stands at the level (i + 0.5) / count
        return cls.from_limits(value, n, lambda score: _line([score_of(level) for level in held], known, score))

    @classmethod
    def from_sum(cls, terms: Iterable[tuple[float, Bounded]], n: float | None = None) -> Sampled:
        """A weighted sum of independent estimates: `(weight, estimate)` each; `n` defaults to the smallest denominator.

        Balanced accuracy is the sum of the classes' recalls, each with weight 1 / classes.
        """
        terms = tuple(terms)
        value = math.fsum(weight * term.value for weight, term in terms)
        rows = min(term.n for _, term in terms) if n is None else n
        return cls.from_limits(value, rows, lambda score: square_and_add(terms, score))


def _standard_error(se: float) -> None:
    if finite("se", se) < 0:
        raise ValueError(f"a standard error cannot be negative: {se!r}")


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _rising(numbers: Iterable[float]) -> tuple[float, ...]:
    """The same numbers, without the falls that rounding leaves."""
    risen: list[float] = []
    for number in numbers:
        risen.append(number if not risen or number >= risen[-1] or number != number else risen[-1])  # noqa: PLR0124  (NaN stays, to be refused)
    return tuple(risen)


def _between(numbers: Sequence[float], place: float) -> float:
    """Linear interpolation at a place between 0 and the last index."""
    left = int(place)
    return numbers[left] + (numbers[left + 1] - numbers[left]) * (place - left)


def _line(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Linear interpolation between points, and along the outermost pieces beyond them."""
    right = 1
    while right < len(xs) - 1 and xs[right] < x:
        right += 1
    left = right - 1
    return ys[left] + (ys[right] - ys[left]) * (x - xs[left]) / (xs[right] - xs[left])
