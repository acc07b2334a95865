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

    from mlops_stage.stats.cells import Floats
    from mlops_stage.stats.shares import GroupFigure

_MIDDLE = len(LEVELS) // 2
_LEAST = 1e-12  # of an error to share


@dataclass(frozen=True)
class _Pairs:
    """Ordered pairs (i, j) of the groups of one figure, each of shape (G, G)."""

    bounds: Floats
    """Of the difference, or of the logarithm of the ratio; NaN of a group with itself."""
    spreads: Floats
    """Their standard errors."""


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
    limits = [_simultaneous(firm, level, _difference, 0.0) for level in LEVELS[:_MIDDLE]]
    limits += [value]
    limits += [max(_widest(figure, score) for figure in figures) for score in SCORES[_MIDDLE + 1 :]]
    return _sampled(value, figures, [*(min(limit, value) for limit in limits[:_MIDDLE]), *limits[_MIDDLE:]])


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
    limits = [min(_narrowest(figure, -score) for figure in figures) for score in SCORES[:_MIDDLE]]
    limits += [value]
    limits += [math.exp(-_simultaneous(firm, 1 - level, _log_ratio, 0.0)) for level in LEVELS[_MIDDLE + 1 :]]
    return _sampled(
        value, figures, [*(min(limit, value) for limit in limits[:_MIDDLE]), *(max(limit, value) for limit in limits[_MIDDLE:])]
    )


def _sampled(value: float, figures: Sequence[GroupFigure], limits: Sequence[float]) -> Sampled:
    risen = np.maximum.accumulate(limits).tolist()  # without the falls that rounding leaves
    return Sampled(value, min(float(figure.whole.min()) for figure in figures), tuple(risen))


def _widest(figure: GroupFigure, score: float) -> float:
    """The largest upper bound on the difference of any two groups; Newcombe's for rates (1998, Stat Med 17:873, method 10)."""
    above, below = figure.high(score) - figure.values, figure.values - figure.low(score)
    bounds = figure.values[:, None] - figure.values[None, :] + np.hypot(above[:, None], below[None, :])
    np.fill_diagonal(bounds, -math.inf)
    return float(bounds.max())


def _narrowest(figure: GroupFigure, score: float) -> float:
    """The smallest lower bound on the ratio of any two groups."""
    a, low, b, high = figure.values[:, None], figure.low(score)[:, None], figure.values[None, :], figure.high(score)[None, :]
    bounds = ratio_below(a, low, b, high)
    np.fill_diagonal(bounds, math.inf)
    return float(bounds.min())


def _difference(figure: GroupFigure, score: float) -> _Pairs:
    """Lower bounds on the difference of each pair."""
    above, below = figure.high(score) - figure.values, figure.values - figure.low(score)
    bounds = figure.values[:, None] - figure.values[None, :] - np.hypot(below[:, None], above[None, :])
    reaches = np.maximum(above, below)
    return _Pairs(bounds, np.hypot(reaches[:, None], reaches[None, :]) / score)


def _log_ratio(figure: GroupFigure, score: float) -> _Pairs:
    """Lower bounds on log(j / i), which are upper bounds on the ratio i / j; minus infinity where there is none."""
    values, low, high = figure.values, figure.low(score), figure.high(score)
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = -np.log(ratio_above(values[:, None], high[:, None], values[None, :], low[None, :]))
        reaches = np.maximum(np.log(high / values), np.log(values / low))
        spreads = np.hypot(reaches[:, None], reaches[None, :]) / score
    return _Pairs(bounds, np.where(np.isfinite(spreads), spreads, math.inf))


def _simultaneous(figures: Sequence[GroupFigure], alpha: float, pairs: Callable[[GroupFigure, float], _Pairs], nothing: float) -> float:
    """The bound on the widest gap that holds for all pairs of all figures at once with confidence `1 - alpha`; `nothing` where no pair has one."""
    sizes = [len(figure.whole) for figure in figures]
    every, across = sum(size * (size - 1) for size in sizes), sum(size * size // 4 for size in sizes)
    if not every:
        return nothing
    bound, spreads = _widest_bound(figures, score_of(1 - alpha / every), pairs)
    if bound <= nothing:
        return nothing
    # For a true gap as wide as this bound or wider, a pair can hardly seem as wide the other way round, or without being part of the gap: what is left
    # of the error is shared by the pairs across the gap alone, and a bound that rejects all smaller gaps may be raised.
    least = score_of(1 - alpha / across)
    far = sum(float(np.exp(-np.square(least + bound / spread) / 2).sum()) for spread in spreads) / 2
    left = max(alpha - far, alpha * across / every)
    return max(bound, _widest_bound(figures, score_of(1 - max(left, _LEAST) / across), pairs)[0])


def _widest_bound(
    figures: Sequence[GroupFigure], score: float, pairs: Callable[[GroupFigure, float], _Pairs]
) -> tuple[float, list[Floats]]:
    """The largest bound of any pair, and the standard errors of all ordered pairs of each figure."""
    widest, spreads = -math.inf, []
    for figure in figures:
        if len(figure.whole) < 2:  # noqa: PLR2004  (a pair)
            continue
        found = pairs(figure, score)
        apart = ~np.eye(len(figure.whole), dtype=bool)
        widest = max(widest, float(found.bounds[apart].max()))
        spreads.append(found.spreads[apart])
    return widest, spreads
