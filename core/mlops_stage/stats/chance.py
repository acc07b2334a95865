"""Gaps between groups that chance alone would make: a permutation test of "any gap at all"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mlops_stage.stats.cells import Floats
    from mlops_stage.stats.shares import Shares

_MOST_ROWS = 10**9  # that the sampler takes
_ROUNDING = 1e-9
_COMMON = 0.95


@dataclass(frozen=True)
class Chance:
    """What a figure's groups would show if rows had been dealt to them at random."""

    p_value: float
    """How often so large a deviation of any group would be seen; never 0, for the rows as they are count as one of the draws."""
    reached: bool
    """Whether any draw reached it: otherwise the p-value is only as small as so few draws allow."""
    difference: float
    """The largest difference between two groups stays below this in 95 % of the draws."""
    ratio: float
    """The smallest ratio of two groups stays above this in 95 % of the draws."""


def chance(figure: Shares, draws: int, seed: int) -> Chance:
    """Permute the rows among the groups; what was counted of each group is then hypergeometric, so no row is touched.

    The statistic is the largest standardised deviation of any group from all rows (max-T; Westfall and Young 1993, Resampling-Based Multiple Testing).
    With weights, effective rows are permuted, rounded.

    Args:
        figure: groups without a value are left out.
        draws: number of permutations.
        seed: the same seed, the same result.
    """
    known = figure.of(figure.known)
    whole = np.maximum(np.rint(known.whole), 1)
    part = np.minimum(np.rint(known.part), whole)
    rows, cases = whole.sum(), part.sum()
    if len(whole) < 2 or cases <= 0 or cases >= rows:  # noqa: PLR2004  (a pair)
        return Chance(1.0, reached=True, difference=0.0, ratio=1.0)
    found = _dealt(whole, cases, draws, np.random.Generator(np.random.PCG64(seed)))
    expected = whole * (cases / rows)
    scale = np.sqrt(expected * (1 - cases / rows) * (1 - whole / rows))
    observed = (np.abs(part - expected) / scale).max()
    reached = int(((np.abs(found - expected) / scale).max(axis=1) >= observed - _ROUNDING).sum())
    rates = found / whole
    highest, lowest = rates.max(axis=1), rates.min(axis=1)
    ratios = np.divide(lowest, highest, out=np.zeros(draws), where=highest > 0)
    difference, ratio = np.quantile(highest - lowest, _COMMON), np.quantile(ratios, 1 - _COMMON)
    return Chance((1 + reached) / (1 + draws), reached > 0, float(difference), float(max(ratio, 0.0)))


def _dealt(whole: Floats, cases: float, draws: int, generator: np.random.Generator) -> Floats:
    """Cases by group, shape (draws, G); of more rows than the sampler takes, by the normal distribution with the same moments."""
    rows = whole.sum()
    if rows < _MOST_ROWS:
        return generator.multivariate_hypergeometric(whole.astype(np.int64), int(cases), size=draws, method="marginals").astype(np.float64)
    share = cases / rows
    noise = generator.standard_normal((draws, len(whole))) * np.sqrt(whole)
    noise -= noise.sum(axis=1, keepdims=True) * (whole / rows)
    found: Floats = np.clip(whole * share + noise * np.sqrt(share * (1 - share)), 0, whole)
    return found
