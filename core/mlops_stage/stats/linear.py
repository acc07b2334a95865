"""Figures that are nearly averages over rows: a value by group, and each row's influence on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from mlops_stage.estimates import NotEstimable, Sampled
from mlops_stage.stats.cells import pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlops_stage.stats.cells import Codes, Floats, Places

Scale: TypeAlias = Literal["plain", "loss", "root", "share", "determination"]
"""A mean; one that cannot be negative; the root of such a one; a figure between 0 and 1; R²."""
_FEWEST = 2
_NOTHING = 1e-12
"""A standard error that is this small beside its figure is what rounding leaves of none."""


@dataclass(frozen=True)
class Groups:
    """Which group each row is in, and its weight."""

    rows: int
    codes: Codes | None = None
    """Shape (rows,); None puts every row into one group."""
    size: int = 1
    """The number of groups."""
    weight: Floats | None = None
    """Shape (rows,), non-negative; None weighs each row 1."""

    def sum(self, values: Floats) -> Floats:
        """The sum of `values` by group, in the order of rows."""
        return sum((self._added(values[piece], piece) for piece in pieces(self.rows)), np.zeros(self.size))

    def _added(self, values: Floats, piece: slice) -> Floats:
        if self.codes is None:
            return np.array([np.sum(values, dtype=np.float64)])
        return np.bincount(self.codes[piece], weights=values, minlength=self.size).astype(np.float64, copy=False)

    @cached_property
    def mass(self) -> Floats:
        """The number of rows, or the sum of weights, by group."""
        if self.weight is not None:
            return self.sum(self.weight)
        if self.codes is None:
            return np.array([float(self.rows)])
        return np.bincount(self.codes, minlength=self.size).astype(np.float64)

    @cached_property
    def effective(self) -> Floats:
        """Kish's effective number of rows by group."""
        return self.mass if self.weight is None else ratio(self.mass**2, self.sum(self.weight**2))

    def arrange(self, order: Places) -> tuple[Places, Places]:
        """Rows that are in some order, group by group and in that order within each.

        Returns:
            The row at each place, of the shape of `order`; the place at which each group begins and the number of places, shape (size + 1,).
        """
        if self.codes is None:
            return order, np.array([0, len(order)])
        codes = self.codes.astype(np.min_scalar_type(max(self.size - 1, 0)))[order]  # numpy sorts small integers by radix
        bounds = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=self.size))])
        return order[np.argsort(codes, kind="stable")], bounds

    def mean(self, values: Floats) -> Floats:
        """The (weighted) mean by group; 0 where a group is empty."""
        return ratio(self.sum(values if self.weight is None else self.weight * values), self.mass)

    def largest(self, values: Floats) -> Floats:
        """The largest of non-negative `values` by group; 0 where a group is empty."""
        found = np.zeros(self.size)
        if self.weight is not None:
            values = np.where(self.weight > 0, values, 0.0)
        np.maximum.at(found, 0 if self.codes is None else self.codes, values.max(initial=0) if self.codes is None else values)
        return found

    def spread(self, by_group: Floats) -> Floats:
        """Each row's group's number; shape (rows,), or (1,) where all rows are one group."""
        return by_group if self.codes is None else by_group[self.codes]

    def spreading(self, values: Floats, centre: Floats | None = None) -> tuple[Floats, Floats]:
        """How a figure varies, by group, from its rows' influence ψ, which is `values` less the `centre` of their group.

        Returns:
            The standard error √(Σ (w ψ)²) / Σ w, with n / (n - 1) for the centre that was estimated; and the figure's skewness,
            which is that of the rows over the root of their number.
        """
        second, third = np.zeros(self.size), np.zeros(self.size)
        for piece in pieces(self.rows):
            part = values[piece]
            if centre is not None:
                part = part - (centre if self.codes is None else centre[self.codes[piece]])
            if self.weight is not None:
                part = part * self.weight[piece]
            powers = part * part
            second += self._added(powers, piece)
            powers *= part
            third += self._added(powers, piece)
        n = self.effective
        return ratio(np.sqrt(second * ratio(n, n - 1)), self.mass), ratio(third, second**1.5)

    def correlation(self, a: Floats, b: Floats) -> Floats:
        """Of two figures by group, from the influence of each row on them; 0 where no row has any on one of the two."""
        squares = np.zeros((3, self.size))
        for piece in pieces(self.rows):
            parts = (a[piece], b[piece]) if self.weight is None else (a[piece] * self.weight[piece], b[piece] * self.weight[piece])
            squares += [self._added(x * y, piece) for x, y in (parts, (parts[0], parts[0]), (parts[1], parts[1]))]
        return np.clip(ratio(squares[0], np.sqrt(squares[1] * squares[2])), -1, 1)


@dataclass(frozen=True)
class Linear:
    """A figure by group, with its standard error. Arrays have the shape (groups,)."""

    value: Floats
    n: Floats
    """The figure's own denominator; 0 where it is not estimable."""
    se: Floats
    skew: Floats
    """Of the figure, not of one row; 0 where its scale has no use for it."""
    scale: Scale = "plain"
    reasons: tuple[str, ...] = ()
    """Why the figure is not estimable, one for each group; none where that can only be because the group is empty."""
    influence: Floats | None = None
    """Each row's part: the estimate is off by about the mean influence of the rows drawn. Shape (rows,)."""
    unseen: Floats | None = None
    """How far rows unlike those at hand could move the figure, were there no others; None where the figure has no limit."""

    def estimate(self, group: int) -> Sampled | NotEstimable:
        """The figure of one group with its interval.

        Rows that are all alike show no spread, which is not certainty: a share of `_unseen` of the others may be unlike them. How far
        these would move a mean nobody knows, so that it gets no interval; R² they move as far as the most distant label allows.
        """
        value, n, se = self.value[group].item(), whole(self.n[group]), self.se[group].item()
        reason = _missing(self, group)
        if reason:
            return NotEstimable(n, reason)
        if self.scale != "share" and se <= _NOTHING * abs(value):
            if self.unseen is None:
                return NotEstimable(n, f"all rows have the same value, {value:.6g}, and so show no spread")
            reach = self.unseen[group].item()
            return Sampled.from_limits(value, n, lambda score: min(value + reach * _unseen(score, n), max(value, 1.0)))
        return _SCALES[self.scale](value, n, se, self.skew[group].item())


def average(groups: Groups, values: Floats, scale: Scale, *, influence: bool = False) -> Linear:
    """The mean of one value per row; `influence` asks for that of each row, for paired comparison."""
    mean = groups.mean(values)
    se, skew = groups.spreading(values, mean)
    return Linear(mean, groups.effective, se, skew, scale, influence=values - groups.spread(mean) if influence else None)


def mean_of(groups: Groups, parts: Iterable[Linear]) -> Linear:
    """The mean of several figures of the same rows, such as the areas of all classes; not estimable where one of them is not.

    Its denominator is the smallest of theirs. The parts are taken one at a time: only one influence is in memory beside the mean's.
    """
    size = 0
    value, fewest, influence = np.zeros(groups.size), np.full(groups.size, np.inf), np.zeros(groups.rows)
    reasons = [""] * groups.size
    scale: Scale = "plain"
    for part in parts:
        size += 1
        scale = part.scale
        value += part.value
        influence += _influence(part)
        fewest = np.minimum(fewest, part.n)
        reasons = [known or _missing(part, group) for group, known in enumerate(reasons)]
    n = np.where([not reason for reason in reasons], fewest, 0)
    se, skew = groups.spreading(influence / size)
    return Linear(value / size, n, se, skew, scale, tuple(reasons), influence / size)


def _missing(figure: Linear, group: int) -> str:
    """Why the figure cannot be estimated; empty where it can."""
    n = figure.n[group]
    if n >= _FEWEST:
        return ""
    return (figure.reasons[group] if figure.reasons else "") or ("no rows" if n == 0 else "one row has no spread")


def _influence(figure: Linear) -> Floats:
    if figure.influence is None:
        raise ValueError("the figure was computed without its influence")
    return figure.influence


@dataclass(frozen=True)
class Change:
    """A figure of one model less that of another on the same rows. Arrays have the shape (groups,)."""

    new: Linear
    old: Linear
    difference: Linear
    """By normal theory alone."""
    correlation: Floats
    unseen: Floats
    """How far rows on which the models differ could move the difference where none was seen that does; 0 where nobody knows."""

    def estimate(self, group: int) -> Sampled | NotEstimable:
        """The difference in one group with its interval, the widest of up to three.

        Normal theory, corrected for skewness, knows that few rows may decide. For figures between 0 and 1 it is blind near 1, so
        there the models' own intervals are joined by their correlation as well (MOVER; Zou 2007, Psychol Methods 12:399). Models that do
        not differ on any row are not known to be equal: they may on a share of `_unseen` of the others.
        """
        n = whole(self.difference.n[group])
        reason = _missing(self.new, group)
        if not reason and (other := _missing(self.old, group)):
            reason = f"in what it is compared with: {other}"
        if reason:
            return NotEstimable(n, reason)
        value, se, skew = (array[group].item() for array in (self.difference.value, self.difference.se, self.difference.skew))
        alike = se <= _NOTHING * (1 if self.new.scale == "share" else max(self.new.se[group].item(), self.old.se[group].item()))
        unseen = self.unseen[group].item() if alike else 0.0
        if alike and unseen <= 0:
            return NotEstimable(n, f"all rows have the same difference, {value:.6g}, and so show no spread")
        joined = self._joined(group)

        def limit(score: float) -> float:
            bounds = (_hall(value, se, skew, score), value + unseen * _unseen(score, n), *joined(score))
            found: float = min(bounds) if score < 0 else max(bounds)
            return min(max(found, -1.0), 1.0) if self.new.scale == "share" else found

        return Sampled.from_limits(value, n, limit)

    def _joined(self, group: int) -> Callable[[float], tuple[float, ...]]:
        """The bound that MOVER gives at a normal score; nothing for figures without a limit."""
        new, old = self.new.estimate(group), self.old.estimate(group)
        if self.new.scale != "share" or isinstance(new, NotEstimable) or isinstance(old, NotEstimable):
            return lambda _: ()
        shared = 2 * self.correlation[group].item()

        def limit(score: float) -> tuple[float, ...]:
            a, b = new.limit(score) - new.value, old.limit(-score) - old.value
            reach = math.sqrt(max(a * a + b * b + shared * a * b, 0.0))
            return (new.value - old.value + math.copysign(reach, score),)

        return limit


def paired_difference(groups: Groups, new: Linear, old: Linear) -> Change:
    """`new - old` on the same rows: what both have in common cancels row by row."""
    influences = _influence(new), _influence(old)
    n = np.minimum(new.n, old.n)
    apart = Linear(new.value - old.value, n, *groups.spreading(influences[0] - influences[1]), "plain")
    if new.scale == "share":
        spread = np.minimum(new.se, old.se) > _NOTHING
        return Change(new, old, apart, np.where(spread, groups.correlation(*influences), 0.0), np.ones(groups.size))
    unseen = np.zeros(groups.size)
    if (apart.se <= _NOTHING * np.maximum(new.se, old.se)).any():
        limits = [groups.largest(np.abs(_influence(part))) if part.unseen is None else part.unseen for part in (new, old)]
        unseen = np.maximum(*limits)
    return Change(new, old, apart, np.zeros(groups.size), unseen)


def whole(n: float) -> float:
    """A whole number of rows as an integer."""
    return int(n) if float(n).is_integer() else float(n)


def ratio(part: Floats, whole: Floats) -> Floats:
    """Elementwise, 0 where the whole is not positive."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def _unseen(score: float, n: float) -> float:
    """Wilson's bound, with the sign of the score, on the share of something that none of `n` rows shows: about three in n."""
    return math.copysign(score * score / (n + score * score), score)


def _hall(value: float, se: float, skew: float, score: float) -> float:
    """A bound on a mean that knows how skewed it is (Hall 1992, JRSS B 54:221): a few large errors may be missing from the rows at hand."""
    if abs(skew) < 1e-6:  # noqa: PLR2004  (below it both forms are equal to ten digits)
        return value + score * se
    return value - se * (3 / skew) * (math.cbrt(1 - skew * score - skew * skew / 6) - 1)


def _plain(value: float, n: float, se: float, skew: float) -> Sampled:
    return Sampled.from_limits(value, n, lambda score: _hall(value, se, skew, score))


def _loss(value: float, n: float, se: float, skew: float) -> Sampled:
    return Sampled.from_limits(value, n, lambda score: max(_hall(value, se, skew, score), 0.0))


def _root(value: float, n: float, se: float, skew: float) -> Sampled:
    """The roots of the bounds on the mean itself, whose standard error is 2 value se."""
    return Sampled.from_limits(value, n, lambda score: math.sqrt(max(_hall(value * value, 2 * value * se, skew, score), 0.0)))


def _share(value: float, n: float, se: float, _skew: float) -> Sampled:
    return Sampled.from_logit(value, n, se)


def _determination(value: float, n: float, se: float, _skew: float) -> Sampled:
    """Of the plain bounds and those on the scale of the logarithm of 1 - R² the wider: simulation finds either too narrow on one side."""
    rest = 1 - value

    def limit(score: float) -> float:
        if score >= 0:
            return min(value + score * se, 1.0)
        return 1 - rest * math.exp(-score * se / rest) if rest > 0 else value + score * se

    return Sampled.from_limits(value, n, limit)


_SCALES = {"plain": _plain, "loss": _loss, "root": _root, "share": _share, "determination": _determination}
