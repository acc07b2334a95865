"""Differences and ratios of independent estimates, figures without bounds, and the unions of all kinds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from mlops_stage.estimates.counts import Paired, Rate
from mlops_stage.estimates.limits import HUGE, Limits, finite, rows, square_and_add
from mlops_stage.estimates.sampled import Sampled


@dataclass(frozen=True)
class Difference(Limits):
    """`a - b` of two independent estimates, by square-and-add; for rates Newcombe's interval (1998, Stat Med 17:873, method 10)."""

    a: Bounded
    b: Bounded

    def __post_init__(self) -> None:
        _refuse_unbounded(self.a, self.b)

    @property
    def value(self) -> float:
        """The difference of the values."""
        return self.a.value - self.b.value

    @property
    def n(self) -> float:
        """The smaller of the two denominators."""
        return min(self.a.n, self.b.n)

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score."""
        return square_and_add(((1.0, self.a), (-1.0, self.b)), score)

    def at(self, n: float) -> Difference:
        """Both denominators scaled alike, the smaller to `n`."""
        factor = n / self.n
        return Difference(self.a.at(self.a.n * factor), self.b.at(self.b.n * factor))


@dataclass(frozen=True)
class Ratio(Limits):
    """`a / b` of two independent estimates that cannot be negative, by square-and-add on their logarithms.

    With Wilson's bounds no cell needs a constant added: a numerator of 0 has the lower bound 0, and the
    upper one of Donner and Zou (2012, Stat Methods Med Res 21:347), which needs no logarithm of it.
    """

    a: Bounded
    b: Bounded

    def __post_init__(self) -> None:
        _refuse_unbounded(self.a, self.b)
        if self.a.value < 0 or self.b.value <= 0 or not self.a.value / self.b.value < HUGE:
            raise ValueError(f"a ratio needs a numerator >= 0 and a denominator > 0, not {self.a.value!r} / {self.b.value!r}")

    @property
    def value(self) -> float:
        """The ratio of the values."""
        return self.a.value / self.b.value

    @property
    def n(self) -> float:
        """The smaller of the two denominators."""
        return min(self.a.n, self.b.n)

    def limit(self, score: float) -> float:
        """The bound whose confidence has this normal score; infinite where the denominator may be 0."""
        a, b = self.a.value, self.b.value
        near, far = self.a.limit(score), self.b.limit(-score)
        if score < 0:
            if near <= 0:
                return 0.0
            return self.value * math.exp(-math.hypot(math.log(max(a / near, 1.0)), math.log(max(far / b, 1.0))))
        if far <= 0:
            return math.inf
        far = min(far, b)
        if a <= 0:
            return near / math.sqrt(far * (2 * b - far))
        return self.value * math.exp(math.hypot(math.log(max(near / a, 1.0)), math.log(b / far)))

    def at(self, n: float) -> Ratio:
        """Both denominators scaled alike, the smaller to `n`."""
        factor = n / self.n
        return Ratio(self.a.at(self.a.n * factor), self.b.at(self.b.n * factor))


@dataclass(frozen=True)
class Point:
    """A figure computed elsewhere: nothing is known of its uncertainty."""

    value: float
    n: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", finite("value", self.value))
        if self.n is not None:
            object.__setattr__(self, "n", rows(self.n))


@dataclass(frozen=True)
class NotEstimable:
    """No figure, and why: "no negatives in this group"; `n` is the denominator that did not suffice, None where it is withheld."""

    n: float | None
    reason: str

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("a reason is needed")
        if self.n is None:
            return
        n = finite("n", self.n)
        if n < 0:
            raise ValueError(f"n must not be negative: {n!r}")
        object.__setattr__(self, "n", n)


Bounded: TypeAlias = Rate | Difference | Ratio | Paired | Sampled
Estimate: TypeAlias = Rate | Difference | Ratio | Paired | Sampled | Point | NotEstimable


def _refuse_unbounded(*terms: Bounded) -> None:
    for term in terms:
        if not isinstance(term, Limits):
            raise ValueError(f"{type(term).__name__} has no bounds to combine")  # noqa: TRY004  (one type of error for all that is refused)
