"""Each group beside all rows: the group is a part of them, so what is compared are the group and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlops_stage.estimates import Sampled
from mlops_stage.estimates.limits import SCORES
from mlops_stage.stats.shares import ratio_above, ratio_below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stats.cells import Floats
    from mlops_stage.stats.shares import Shares


class Beside(NamedTuple):
    """A figure of each group, and of all rows that are not of it."""

    group: Shares
    rest: Shares
    part: Floats
    """Shape (G,): each group's part of the denominator of all rows, between 0 and 1, taken as known; NaN where there is none."""


def differences_to_overall(*cases: Beside) -> list[Sampled | None]:
    """`group - all rows`, which is `(1 - part) (group - rest)`, with Newcombe's interval of the latter; None where either has no value.

    Args:
        cases: one, or where groups are known as ranges the lowest, a middle and the highest: bounds are the widest of all.
    """
    return _each(cases, [_differences(*case) for case in cases])


def ratios_to_overall(*cases: Beside) -> list[Sampled | None]:
    """`group / all rows`, which follows from the ratio of the group to the rest; None where either has no value, or both are 0."""
    return _each(cases, [_ratios(*case) for case in cases])


def _differences(groups: Shares, rest: Shares, part: Floats) -> tuple[Floats, list[Floats]]:
    value = (1 - part) * (groups.values - rest.values)
    limits = []
    for score in SCORES:
        if score >= 0:
            reach = np.hypot(groups.high(score) - groups.values, rest.values - rest.low(score))
        else:
            reach = -np.hypot(groups.values - groups.low(-score), rest.high(-score) - rest.values)
        limits.append(value + (1 - part) * reach)
    return value, limits


def _ratios(groups: Shares, rest: Shares, part: Floats) -> tuple[Floats, list[Floats]]:
    value = _of_ratio(np.array(_quotient(groups.values, rest.values)), part)
    limits = []
    for score in SCORES:
        if score >= 0:
            to_rest = ratio_above(groups.values, groups.high(score), rest.values, rest.low(score))
        else:
            to_rest = ratio_below(groups.values, groups.low(-score), rest.values, rest.high(-score))
            if (rest.values <= 0).any():  # then the rest has an upper bound as a part of the group
                inverse = ratio_above(rest.values, rest.high(-score), groups.values, groups.low(-score))
                to_rest = np.where(rest.values <= 0, 1 / inverse, to_rest)
        limits.append(_of_ratio(to_rest, part))
    return value, limits


def _quotient(a: Floats, b: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = a / b
    return quotient


def _of_ratio(to_rest: Floats, part: Floats) -> Floats:
    """From group / rest to group / all rows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isinf(to_rest), 1 / part, to_rest / (part * to_rest + 1 - part))


def _each(cases: Sequence[Beside], found: Sequence[tuple[Floats, list[Floats]]]) -> list[Sampled | None]:
    """One estimate for each group; its denominator is the smaller of the two."""
    value = found[len(found) // 2][0]
    limits = np.array([limits for _, limits in found])
    below = (np.array(SCORES) < 0)[:, None]
    middle = (np.array(SCORES) == 0)[:, None]
    widest = np.where(middle, value, np.where(below, limits.min(axis=0), limits.max(axis=0)))
    risen = np.maximum.accumulate(widest, axis=0)
    whole = np.minimum.reduce([table for case in cases for table in (case.group.whole, case.rest.whole)])
    usable = np.logical_and.reduce([flags for case in cases for flags in (case.group.known, case.rest.known)]) & np.isfinite(risen).all(
        axis=0
    )
    each = zip(usable.tolist(), value.tolist(), whole.tolist(), risen.T.tolist(), strict=True)
    return [Sampled(one, n, tuple(quantiles)) if there else None for there, one, n, quantiles in each]
