"""The largest difference and the smallest ratio between any two groups, with bounds that a verdict may rest on.

A bound on the far side, which lets a gate pass, is the worst of the one-sided bounds of all pairs: if the true gap were beyond it, the pair that has it
would be missed by its own bound (an intersection-union test; Berger 1982, Technometrics 24:295). A bound on the near side, which lets a gate fail, holds
for all pairs at once: for a true gap d, the chance that any pair seems wider is largest where half of the groups lie at one end and half at the other
(Anderson 1955, Proc Am Math Soc 6:170), so that at most G²/4 pairs, each in one direction, have to share the error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import LEVELS, Sampled
from mlops_stage.estimates.limits import SCORES, score_of
from mlops_stage.stats.shares import ratio_above, ratio_below

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops_stage.stats.cells import Floats, Places
    from mlops_stage.stats.shares import GroupFigure

_MIDDLE = len(LEVELS) // 2
_BELOW, _ABOVE = np.array(LEVELS[:_MIDDLE]), np.array(SCORES[_MIDDLE + 1 :])
"""Errors of the bounds on one side, and normal scores of the bounds on the other; both sides have the same of both."""
_LEAST = 1e-12  # of an error to share
_AT_ONCE = 2**20  # pairs held in memory
_MANY = 200  # groups whose errors are looked at one by one; of more, those that are alike to a hundredth together
_ALIKE = math.log(1.01)
_FEW = 8  # groups all of whose pairs are compared


@dataclass(frozen=True)
class _Pairs:
    """Ordered pairs (i, j) of the groups of one figure at S scores."""

    bound: Floats
    """Shape (S,): the largest bound of any pair, of the difference or of the logarithm of the ratio."""
    errors: Floats
    """Shape (S, G): the standard error of each group."""


def largest_difference(figures: Sequence[GroupFigure], min_denominator: float) -> Sampled | None:
    """The largest difference between any two groups in any of the figures; None where no figure has two groups.

    Args:
        figures: each of its own groups; errors are shared among all of them.
        min_denominator: groups with a smaller denominator are no evidence of a difference, but of none neither.

    Returns:
        Bounds below the median hold for all pairs at once, those above it for each pair; `n` is the smallest denominator.
    """
    figures = [known for figure in figures if len((known := figure.of(figure.known)).whole) > 1]
    if not figures:
        return None
    value = max(float(np.ptp(figure.values)) for figure in figures)
    firm = [figure.of(figure.whole >= min_denominator) for figure in figures]
    near = np.minimum(_simultaneous(firm, _difference), value)
    far = np.maximum.reduce([_by_piece(figure, _ABOVE, _widest) for figure in figures])
    return _sampled(value, figures, [*near, value, *far])


def smallest_ratio(figures: Sequence[GroupFigure], min_denominator: float) -> Sampled | None:
    """The smallest ratio between any two groups in any of the figures; None where a figure has no two groups, or is 0 in all of them.

    Bounds above the median hold for all pairs at once, those below it for each pair. No constant is added to empty cells: a group without any case has
    the ratio 0, the lower bound 0, and the upper one of Donner and Zou (2012, Stat Methods Med Res 21:347).
    """
    figures = [figure.of(figure.known) for figure in figures]
    if not figures or any(len(figure.whole) < 2 or figure.values.max() <= 0 for figure in figures):  # noqa: PLR2004  (a pair)
        return None
    value = min(float(figure.values.min() / figure.values.max()) for figure in figures)
    firm = [figure.of(figure.whole >= min_denominator) for figure in figures]
    far = np.minimum.reduce([_by_piece(figure, _ABOVE, _narrowest) for figure in figures])[::-1]
    near = np.maximum(np.exp(-_simultaneous(firm, _log_ratio))[::-1], value)
    return _sampled(value, figures, [*np.minimum(far, value), value, *near])


def _sampled(value: float, figures: Sequence[GroupFigure], limits: Sequence[float]) -> Sampled:
    risen = np.maximum.accumulate(limits).tolist()  # without the falls that rounding leaves
    return Sampled(value, min(float(figure.whole.min()) for figure in figures), tuple(risen))


def _by_piece(figure: GroupFigure, scores: Floats, bounds: Callable[[GroupFigure, Floats], Floats]) -> Floats:
    """Bounds at each of the scores, as many at once as memory allows."""
    step = max(1, _AT_ONCE // len(figure.whole) ** 2)
    return np.concatenate([bounds(figure, scores[begin : begin + step, None]) for begin in range(0, len(scores), step)])


def _widest(figure: GroupFigure, scores: Floats) -> Floats:
    """The largest upper bound on the difference of any two groups; Newcombe's for rates (1998, Stat Med 17:873, method 10)."""
    top, bottom = figure.highest, figure.lowest
    high, low = top.high(scores), bottom.low(scores)
    i, j = _worst(top.values, high), _worst(-bottom.values, -low)
    above, below = (high - top.values)[:, i], (bottom.values - low)[:, j]
    bounds = top.values[i][:, None] - bottom.values[j][None, :] + np.hypot(above[:, :, None], below[:, None, :])
    widest: Floats = _apart(bounds, i, j, -math.inf).max(axis=(1, 2))
    return widest


def _narrowest(figure: GroupFigure, scores: Floats) -> Floats:
    """The smallest lower bound on the ratio of any two groups."""
    top, bottom = figure.highest, figure.lowest
    low, high = bottom.low(scores), top.high(scores)
    i, j = _worst(-bottom.values, -low), _worst(top.values, high)
    bounds = ratio_below(bottom.values[i][:, None], low[:, i, None], top.values[j][None, :], high[:, None, j])
    narrowest: Floats = _apart(bounds, i, j, math.inf).min(axis=(1, 2))
    return narrowest


def _worst(values: Floats, bounds: Floats) -> Places:
    """The groups that can be one side of the worst pair, where a larger value and a larger bound are worse.

    Left out are those that two others are at least as bad as in both: one of the two can take their place in any pair.

    Args:
        values: shape (G,).
        bounds: shape (S, G).
    """
    if len(values) <= _FEW:  # all pairs of few groups are sooner compared than chosen among
        return np.arange(len(values))
    kept = np.zeros(len(values), dtype=np.bool_)
    for bound in bounds:
        left = np.lexsort((-bound, -values))
        for _ in range(2):
            so_far = np.maximum.accumulate(bound[left])
            worse = np.concatenate([[True], bound[left][1:] > so_far[:-1]]) if len(left) else np.zeros(0, dtype=np.bool_)
            kept[left[worse]] = True
            left = left[~worse]
    return np.flatnonzero(kept)


def _apart(pairs: Floats, i: Places, j: Places, nothing: float) -> Floats:
    """No group is a pair with itself."""
    pairs[:, i[:, None] == j[None, :]] = nothing
    return pairs


def _difference(figure: GroupFigure, scores: Floats) -> _Pairs:
    """Lower bounds on the difference of each pair."""
    bottom, top = figure.lowest, figure.highest
    low, high = bottom.low(scores), top.high(scores)
    above, below = high - top.values, bottom.values - low
    i, j = _worst(bottom.values, low), _worst(-top.values, -high)
    bounds = bottom.values[i][:, None] - top.values[j][None, :] - np.hypot(below[:, i, None], above[:, None, j])
    errors = np.maximum.reduce([above, below, bottom.high(scores) - bottom.values, top.values - top.low(scores)]) / scores
    return _Pairs(_apart(bounds, i, j, -math.inf).max(axis=(1, 2)), errors)


def _log_ratio(figure: GroupFigure, scores: Floats) -> _Pairs:
    """Lower bounds on log(j / i), which are upper bounds on the ratio i / j."""
    bottom, top = figure.lowest, figure.highest
    low, high = bottom.low(scores), top.high(scores)
    some = np.flatnonzero(top.values > 0)
    none = np.flatnonzero(top.values <= 0)  # their bound is another formula's
    i = np.concatenate([some[_worst(-top.values[some], -high[:, some])], none[_worst(-top.values[none], -high[:, none])]])
    j = _worst(bottom.values, low)
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = -np.log(ratio_above(top.values[i][:, None], high[:, i, None], bottom.values[j][None, :], low[:, None, j]))
        errors = np.maximum.reduce([np.log(high / top.values), np.log(bottom.values / low), np.log(bottom.high(scores) / bottom.values)])
        errors = errors / scores
    errors[~np.isfinite(errors)] = math.inf
    return _Pairs(_apart(bounds, i, j, -math.inf).max(axis=(1, 2)), errors)


def _simultaneous(figures: Sequence[GroupFigure], pairs: Callable[[GroupFigure, Floats], _Pairs]) -> Floats:
    """Bounds on the widest gap that hold for all pairs of all figures at once, one for each error in `_BELOW`; 0 where no pair has one."""
    figures = [figure for figure in figures if len(figure.whole) > 1]
    if not figures:
        return np.zeros(len(_BELOW))
    step = max(1, _AT_ONCE // max(len(figure.whole) for figure in figures) ** 2)
    return np.concatenate([_shared(figures, _BELOW[begin : begin + step], pairs) for begin in range(0, len(_BELOW), step)])


def _shared(figures: Sequence[GroupFigure], errors: Floats, pairs: Callable[[GroupFigure, Floats], _Pairs]) -> Floats:
    """The same for some of the errors."""
    sizes = [len(figure.whole) for figure in figures]
    every, across = sum(size * (size - 1) for size in sizes), sum(size * size // 4 for size in sizes)
    scores = _scores(errors / every)
    found = [pairs(figure, scores) for figure in figures]
    bounds: Floats = np.maximum(np.maximum.reduce([one.bound for one in found]), 0.0)
    if not bounds.any():
        return bounds
    # For a true gap as wide as this bound or wider, a pair can hardly seem as wide the other way round, or without being part of the gap: what is left
    # of the error is shared by the pairs across the gap alone, and a bound that rejects all smaller gaps may be raised.
    least = _scores(errors / across)
    far = sum(_tail(least, bounds, one.errors) for one in found)
    left = np.maximum(np.maximum(errors - far, errors * (across / every)), _LEAST)
    raised = np.maximum.reduce([pairs(figure, _scores(left / across)).bound for figure in figures])
    return np.where(bounds > 0, np.maximum(bounds, raised), 0.0)


def _tail(scores: Floats, bounds: Floats, errors: Floats) -> Floats:
    """At most how likely any pair without a gap seems as wide as the bound."""
    return np.array([_tail_of(score, bound, own) for score, bound, own in zip(scores[:, 0], bounds, errors, strict=True)])


def _tail_of(score: float, bound: float, errors: Floats) -> float:
    counts = np.ones(len(errors))
    if len(errors) > _MANY:
        with np.errstate(divide="ignore"):
            steps, among = np.unique(np.ceil(np.log(errors) / _ALIKE), return_counts=True)
        errors, counts = np.exp(steps * _ALIKE), among.astype(np.float64)
    with np.errstate(divide="ignore"):
        seen = np.exp(-np.square(score + bound / np.hypot(errors[:, None], errors[None, :])) / 2)
    both = counts[:, None] * counts[None, :] - np.diag(counts)  # no group is a pair with itself
    return float((seen * both).sum() / 2)


def _scores(errors: Floats) -> Floats:
    """Normal scores of one-sided bounds with these errors, shape (S, 1)."""
    return np.array([[score_of(1 - error)] for error in errors.tolist()])
