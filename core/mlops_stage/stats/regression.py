"""Figures of numeric predictions, under scikit-learn's names and by group."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import NotEstimable, Sampled
from mlops_stage.stats.cells import effective
from mlops_stage.stats.linear import Groups, Linear, average, ratio, whole

if TYPE_CHECKING:
    from mlops_stage.stats.cells import Floats

_TINY = float(np.finfo(np.float64).eps)


def error_figures(groups: Groups, label: Floats, prediction: Floats, *, influence: bool = False) -> dict[str, Linear]:
    """Every figure of the errors but their median, by group.

    Args:
        groups: of the rows.
        label: shape (rows,), finite.
        prediction: shape (rows,), finite.
        influence: whether that of each row is asked for, for paired comparison.

    Returns:
        `bias` is the mean of prediction - label; `mean_absolute_percentage_error` is a share, not a percentage.
    """
    error = prediction - label
    distance = np.abs(error)
    relative = distance / np.maximum(np.abs(label), _TINY)
    return {
        "bias": average(groups, error, "plain", influence=influence),
        "mean_absolute_error": average(groups, distance, "loss", influence=influence),
        "mean_absolute_percentage_error": average(groups, relative, "loss", influence=influence),
        **_squared_figures(groups, label, error**2),
    }


def _squared_figures(groups: Groups, label: Floats, squared: Floats) -> dict[str, Linear]:
    """Mean squared error, its root and R², the latter two by the delta method.

    R² is one less the ratio of the mean squared error to the variance of the labels, which is itself estimated. Where no row shows how
    far others could move it, it is taken that their errors are no larger than the largest distance of a label from the mean.
    """
    mean = groups.mean(squared)
    error = squared - groups.spread(mean)
    root = np.sqrt(mean)
    centre = groups.mean(label)
    distance = (label - groups.spread(centre)) ** 2
    variance = groups.mean(distance)
    constant = variance <= (4 * _TINY * np.abs(centre)) ** 2
    variance[constant] = 0.0
    explained = ratio(groups.spread(ratio(mean, variance)) * (distance - groups.spread(variance)) - error, groups.spread(variance))
    by_root = ratio(error, 2 * groups.spread(root))
    n = groups.effective
    reasons = tuple("no rows" if empty else "all labels are the same" for empty in n == 0)
    unseen = ratio(groups.largest(distance), variance)
    r2 = np.where(constant, 0.0, 1 - ratio(mean, variance))
    return {
        "mean_squared_error": Linear(mean, n, *groups.spreading(error), "loss", influence=error),
        "root_mean_squared_error": Linear(root, n, *groups.spreading(by_root), "root", influence=by_root),
        "r2": Linear(r2, np.where(constant, 0, n), *groups.spreading(explained), "determination", reasons, explained, unseen),
    }


def median_absolute_error(groups: Groups, label: Floats, prediction: Floats) -> list[Sampled | NotEstimable]:
    """The median distance by group, with bounds that are distances of rows themselves: no assumption on the distribution.

    The bound with normal score z is the distance below which a share of 1/2 + z / (2 √n) of the rows lies.
    """
    distance = np.abs(prediction - label)
    order, bounds = groups.arrange(np.argsort(distance))
    found: list[Sampled | NotEstimable] = []
    for begin, end in pairwise(bounds):
        rows = order[begin:end]
        found.append(_median(distance[rows], None if groups.weight is None else groups.weight[rows]))
    return found


def _median(rising: Floats, weight: Floats | None) -> Sampled | NotEstimable:
    if weight is not None:
        rising, weight = rising[weight > 0], weight[weight > 0]
    if not len(rising):
        return NotEstimable(0, "no rows")
    reached = np.arange(1.0, len(rising) + 1) if weight is None else np.cumsum(weight)
    total = reached[-1].item()
    n = len(rising) if weight is None else effective(total, np.sum(weight**2).item())
    last = len(rising) - 1

    def limit(score: float) -> float:
        share = 0.5 + score / (2 * n**0.5)
        place = int(np.searchsorted(reached, share * total)) + (1 if score > 0 else -1)
        return float(rising[min(max(place, 0), last)])

    place = min(int(np.searchsorted(reached, total / 2)), last)
    beside = min(place + 1, last) if reached[place] == total / 2 else place
    value = float(rising[place] + rising[beside]) / 2
    return Sampled.from_limits(value, whole(n), lambda score: value if score == 0 else limit(score))
