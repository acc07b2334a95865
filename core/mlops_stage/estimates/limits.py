"""What every estimate with bounds is made of: normal scores, checked numbers, square-and-add."""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.estimates.kinds import Bounded

LEVELS = (0.0005, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.9995)
"""The confidences at which a `Sampled` estimate holds its bounds."""

HUGE = 1e100
"""Squares and sums of anything smaller stay finite."""


@lru_cache(maxsize=256)
def score_of(confidence: float) -> float:
    """The normal score of a confidence between 0 and 1."""
    return NormalDist().inv_cdf(confidence)


SCORES = tuple(score_of(level) for level in LEVELS)
"""`LEVELS` as normal scores."""


def finite(what: str, number: float) -> float:
    """A plain Python number; whole numbers stay whole, so that they are written without a point."""
    if type(number) is not float and type(number) is not int:
        try:
            number = operator.index(number)  # type: ignore[arg-type]  # integers of other libraries
        except TypeError:
            number = float(number)
    if not -HUGE < number < HUGE:
        raise ValueError(f"{what} must be a finite number, not {number!r:.40}")
    return number


def rows(number: float) -> float:
    """A denominator: a plain positive number."""
    number = finite("n", number)
    if number < 1e-6:  # noqa: PLR2004  (with weights, n may be a fraction; zero rows are NotEstimable)
        raise ValueError(f"n must be positive, not {number!r}: without rows an estimate is NotEstimable")
    return number


class Limits:
    """What all bounded estimates share; it holds no field and no property, which a dataclass field could not shadow."""

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score."""
        raise NotImplementedError

    def bound(self, confidence: float) -> float:
        """The truth lies below it with that confidence, between 0 and 1; never less for a higher confidence."""
        return self.limit(score_of(confidence))


def square_and_add(terms: Iterable[tuple[float, Bounded]], score: float) -> float:
    """A bound on a weighted sum of independent estimates (MOVER; Zou and Donner 2008, Stat Med 27:1693)."""
    side = 1.0 if score >= 0 else -1.0
    value = 0.0
    reaches = []
    for weight, term in terms:
        value += weight * term.value
        reach = weight * (term.limit(score if weight > 0 else -score) - term.value)
        reaches.append(max(0.0, side * reach))
    return value + side * math.hypot(*reaches)
