"""One figure of many groups at once, each with its own denominator: values and score intervals as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stats.cells import Flags, Floats, Places


@dataclass(frozen=True, eq=False)
class Shares:
    """`part` of `whole` in each of G groups, with Wilson's score interval (Wilson 1927, JASA 22:209).

    With weights both are scaled to the effective number of rows (Kish).
    """

    part: Floats
    """Shape (G,)."""
    whole: Floats
    """Shape (G,): the denominators; where one is 0 the group has no value."""

    @cached_property
    def known(self) -> Flags:
        """Shape (G,): the groups that have a value."""
        return self.whole > 0

    @cached_property
    def values(self) -> Floats:
        """Shape (G,), NaN where a group has none."""
        values = np.full(len(self.whole), np.nan)
        np.divide(self.part, self.whole, out=values, where=self.known)
        return values

    def low(self, score: float | Floats) -> Floats:
        """The lower bounds at this normal score, not negative; NaN where a group has no value. Scores of shape (S, 1) give bounds of shape (S, G)."""
        return _wilson_low(self.values, self.whole, score)

    def high(self, score: float | Floats) -> Floats:
        """The upper bounds."""
        return 1.0 - _wilson_low(1.0 - self.values, self.whole, score)

    def of(self, groups: Flags | Places) -> Shares:
        """The same figure of some groups."""
        return Shares(self.part[groups], self.whole[groups])

    @property
    def lowest(self) -> Shares:
        """What it is at least: itself, for it is known exactly."""
        return self

    middle = highest = lowest


def _wilson_low(values: Floats, whole: Floats, score: float | Floats) -> Floats:
    """Through the product of both bounds: exactly 0 at 0, and free of cancellation near it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.square(score) / whole
        high = (values + spread / 2 + np.sqrt(spread * (np.maximum(values * (1 - values), 0) + spread / 4))) / (1 + spread)
        return np.where(values > 0, np.minimum(values * values / (high * (1 + spread)), 1.0), np.where(values == 0, 0.0, np.nan))


@dataclass(frozen=True, eq=False)
class Ranged:
    """Shares of which only the counts between which they lie are told; bounds reach outwards from the lowest and the highest share that fit."""

    lowest: Shares
    middle: Shares
    highest: Shares

    @cached_property
    def known(self) -> Flags:
        """Shape (G,): the groups that have a value."""
        return self.whole > 0

    @cached_property
    def whole(self) -> Floats:
        """Shape (G,): what the denominators are at least."""
        whole: Floats = np.minimum.reduce([self.lowest.whole, self.middle.whole, self.highest.whole])
        return whole

    @property
    def values(self) -> Floats:
        """Shape (G,), NaN where a group has none: the middle of what it may be."""
        return self.middle.values

    def low(self, score: float | Floats) -> Floats:
        """The lower bounds of the lowest share at this normal score, or at several."""
        return self.lowest.low(score)

    def high(self, score: float | Floats) -> Floats:
        """The upper bounds of the highest share."""
        return self.highest.high(score)

    def of(self, groups: Flags | Places) -> Ranged:
        """The same figure of some groups."""
        return Ranged(self.lowest.of(groups), self.middle.of(groups), self.highest.of(groups))


@dataclass(frozen=True, eq=False)
class Means:
    """The mean of several independent figures in each of G groups, such as of the recalls of all classes; bounds by square-and-add."""

    terms: Sequence[Shares | Ranged]

    @property
    def lowest(self) -> Means:
        """What it is at least."""
        return Means([term.lowest for term in self.terms])

    @property
    def highest(self) -> Means:
        """What it is at most."""
        return Means([term.highest for term in self.terms])

    @cached_property
    def known(self) -> Flags:
        """Shape (G,): the groups in which every term has a value."""
        known: Flags = np.logical_and.reduce([term.known for term in self.terms])
        return known

    @cached_property
    def whole(self) -> Floats:
        """Shape (G,): the smallest denominator of the terms."""
        whole: Floats = np.minimum.reduce([term.whole for term in self.terms])
        return whole

    @cached_property
    def values(self) -> Floats:
        """Shape (G,), NaN where a group has none."""
        values: Floats = np.mean([term.values for term in self.terms], axis=0)
        return values

    def low(self, score: float | Floats) -> Floats:
        """The lower bounds at this normal score, or at several."""
        lowest = [term.lowest for term in self.terms]
        low: Floats = np.mean([term.values for term in lowest], axis=0) - self._reach([term.values - term.low(score) for term in lowest])
        return low

    def high(self, score: float | Floats) -> Floats:
        """The upper bounds."""
        highest = [term.highest for term in self.terms]
        high: Floats = np.mean([term.values for term in highest], axis=0) + self._reach(
            [term.high(score) - term.values for term in highest]
        )
        return high

    def of(self, groups: Flags | Places) -> Means:
        """The same figure of some groups."""
        return Means([term.of(groups) for term in self.terms])

    def _reach(self, reaches: Sequence[Floats]) -> Floats:
        reach: Floats = np.sqrt(np.square(reaches).sum(axis=0)) / len(self.terms)
        return reach


GroupFigure: TypeAlias = Shares | Ranged | Means


def ratio_above(a: Floats, high: Floats, b: Floats, low: Floats) -> Floats:
    """The upper bounds on a / b from a's upper and b's lower bounds, by square-and-add on logarithms; infinite where b may be 0.

    A numerator of 0 needs no constant added: Donner and Zou (2012, Stat Methods Med Res 21:347). All arguments are broadcast.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.hypot(np.maximum(np.log(high / a), 0), np.maximum(np.log(b / low), 0))
        found = np.where(a > 0, a / b * np.exp(reach), high / np.sqrt(low * (2 * b - low)))
    return np.where((b > 0) & (low > 0), found, np.inf)


def ratio_below(a: Floats, low: Floats, b: Floats, high: Floats) -> Floats:
    """The lower bounds on a / b from a's lower and b's upper bounds; 0 where a may be 0, infinite where only b is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.hypot(np.maximum(np.log(a / low), 0), np.maximum(np.log(high / b), 0))
        found = np.where(b > 0, a / b * np.exp(-reach), np.inf)
    return np.where(low > 0, found, 0.0)
