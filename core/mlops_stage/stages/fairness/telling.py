"""Every rate of the groups of a grouping, as it may be told; and which of them the report tells one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import NotEstimable, Sampled
from mlops_stage.estimates import Rate as RateEstimate
from mlops_stage.evidence.redact import HIDDEN
from mlops_stage.stages.fairness.rates import rates_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stages.fairness.rates import Rate
    from mlops_stage.stages.fairness.terms import Terms
    from mlops_stage.stats.cells import Cells, Flags, Floats
    from mlops_stage.stats.shares import Shares

DIGITS = 6
STEPS = 1e6
"""Decimals of shares that are told as ranges, which are so wide that more mean nothing."""
_SCORE = 1.959963984540054
"""Of a 95 % interval."""


@dataclass(frozen=True, eq=False)
class Telling:
    """The rates of a grouping's groups."""

    grouping: Grouping
    rates: tuple[Rate, ...]
    hidden: frozenset[int]
    """Groups of which nothing is told."""
    most: int | None
    """Of so many groups each rate is reported one by one; None is all."""
    kept: frozenset[int]
    """Groups that are always reported one by one."""

    @cached_property
    def outside(self) -> Flags:
        """Shape (G,): the groups that are compared with nobody."""
        outside = np.zeros(self.grouping.size, dtype=np.bool_)
        outside[list(self.grouping.outside)] = True
        return outside

    def find(self, name: str, label: str = "") -> Rate | None:
        """The rate of that name, and of that class."""
        return next((rate for rate in self.rates if rate.name == name and rate.label == label), None)

    def masked(self, rate: Rate) -> Flags:
        """Shape (G,): the groups of which this rate is not told."""
        masked = np.zeros(self.grouping.size, dtype=np.bool_) if rate.withheld is None else rate.withheld.copy()
        masked[list(self.hidden)] = True
        return masked

    def estimates(self, rate: Rate, groups: Iterable[int]) -> Iterator[RateEstimate | Sampled | NotEstimable]:
        """The plain shares of some groups, or the bounds of what they may be, or why there is none."""
        masked = self.masked(rate)
        return (HIDDEN if masked[group] else share_of(rate, group) for group in groups)

    def reported(self, rate: Rate) -> list[int]:
        """The groups of which a rate is reported one by one: of many those that differ from all rows most surely, those at its ends, and those to be kept."""
        if self.most is None or self.grouping.size <= self.most:
            return list(range(self.grouping.size))
        shares, there = rate.shares, rate.shares.known & ~self.masked(rate)
        everything = shares.middle.part[there].sum() / max(shares.middle.whole[there].sum(), 1)
        with np.errstate(invalid="ignore"):
            apart = np.where(there, np.maximum(shares.low(_SCORE) - everything, everything - shares.high(_SCORE)), -np.inf)
        ranked = np.lexsort((np.arange(len(apart)), -apart))
        ends = extremes(np.where(there & ~self.outside, shares.values, np.nan), 2)
        return sorted({*ranked[: self.most].tolist(), *ends, *self.kept, *self.grouping.outside})

    def table(self, rate: Rate) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Each group, and of it the denominator, the share and the ends of its 95 % interval; empty where there is none to be told."""
        shares, there = rate.shares, rate.shares.known & ~self.masked(rate)
        low, high = np.floor(shares.low(_SCORE) * STEPS) / STEPS, np.ceil(shares.high(_SCORE) * STEPS) / STEPS
        columns = (there.tolist(), shares.whole.tolist(), shares.values.tolist(), low.tolist(), high.tolist())
        for group, (told, *numbers) in enumerate(zip(*columns, strict=True)):
            yield group, tuple(f"{number:.10g}" if told else "" for number in (numbers[0], *(round(one, DIGITS) for one in numbers[1:])))


def telling_of(cells: Cells, grouping: Grouping, classes: Sequence[str], terms: Terms) -> Telling:
    """The rates of groups with these cells, shape (G, K, K), on these terms."""
    rates = tuple(rates_of(cells, classes, terms.told, terms.total))
    kept = terms.kept if terms.reference is None else terms.kept | {terms.reference}
    return Telling(grouping, rates, terms.hidden, terms.most, kept)


def extremes(values: Floats, most: int) -> list[int]:
    """The places of the lowest and the highest values, half each, at most so many; NaN is none."""
    known = np.flatnonzero(~np.isnan(values))
    ranked = known[np.argsort(values[known], kind="stable")].tolist()
    return ranked if len(ranked) <= most else [*ranked[: most // 2], *ranked[-(most - most // 2) :]]


def share_of(rate: Rate, group: int) -> RateEstimate | Sampled | NotEstimable:
    """A group's share: the plain one, the bounds of what it may be, or why there is none."""
    if rate.shares.middle.whole[group] <= 0:
        return NotEstimable(0, f"no {rate.of} in this group")
    return bare(rate.shares.middle, group) if rate.is_told(group) else _outwards(rate, group)


def bare(shares: Shares, group: int) -> RateEstimate:
    """A group's share; whole counts are integers."""
    part, whole = float(shares.part[group]), float(shares.whole[group])
    return RateEstimate(int(part), int(whole)) if part.is_integer() and whole.is_integer() else RateEstimate(part, whole)


def _outwards(rate: Rate, group: int) -> Sampled:
    """A share whose counts are told as ranges: the lower bounds of the lowest that it may be, the upper ones of the highest."""
    lowest, middle, highest = (bare(one, group) for one in (rate.shares.lowest, rate.shares.middle, rate.shares.highest))
    value = round(middle.value, DIGITS)

    def limit(score: float) -> float:
        if score < 0:
            return min(math.floor(lowest.limit(score) * STEPS) / STEPS, value)
        return max(math.ceil(highest.limit(score) * STEPS) / STEPS, value) if score > 0 else value

    return Sampled.from_limits(value, float(rate.shares.whole[group]), limit)
