"""Gaps between groups that chance alone would make: a permutation test of "any gap at all"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.stats.cells import Floats
    from mlops_stage.stats.shares import Ranged, Shares

_MOST_ROWS = 10**9  # that the sampler takes
_AT_ONCE = 2**18  # counts held in memory
_MOST_DEALT = 2**20  # counts drawn in all, for hundreds of groups make each draw dear
_FEWEST = 1_000
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


def chance(figure: Shares | Ranged, draws: int, seed: int) -> Chance:
    """Permute the rows among the groups; what was counted of each group is then hypergeometric, so no row is touched.

    The statistic is the largest standardised deviation of any group from all rows (max-T; Westfall and Young 1993, Resampling-Based Multiple Testing).
    With weights, effective rows are permuted, rounded. Of shares that are told as ranges, those that deviate least.

    Args:
        figure: groups without a value are left out.
        draws: number of permutations; of more than 500 groups about a thousand suffice.
        seed: the same seed, the same result.
    """
    known = figure.of(figure.known)
    draws = min(draws, max(_FEWEST, _MOST_DEALT // max(len(known.whole), 1)))
    middle = known.middle
    whole = np.maximum(np.rint(middle.whole), 1)
    likely = middle.whole * (middle.part.sum() / max(middle.whole.sum(), 1e-300))
    part = np.minimum(np.rint(np.clip(likely, known.lowest.part, known.highest.part)), whole)
    rows, cases = whole.sum(), part.sum()
    if len(whole) < 2 or cases <= 0 or cases >= rows:  # noqa: PLR2004  (a pair)
        return Chance(1.0, reached=True, difference=0.0, ratio=1.0)
    expected = whole * (cases / rows)
    scale = np.sqrt(expected * (1 - cases / rows) * (1 - whole / rows))
    observed = (np.abs(part - expected) / scale).max() - _ROUNDING
    reached, differences, ratios = 0, [], []
    for dealt in _dealt(whole, cases, draws, np.random.Generator(np.random.PCG64(seed))):
        reached += int(((np.abs(dealt - expected) / scale).max(axis=1) >= observed).sum())
        shares = dealt / whole
        highest, lowest = shares.max(axis=1), shares.min(axis=1)
        differences.append(highest - lowest)
        ratios.append(np.divide(lowest, highest, out=np.zeros(len(dealt)), where=highest > 0))
    difference, ratio = np.quantile(np.concatenate(differences), _COMMON), np.quantile(np.concatenate(ratios), 1 - _COMMON)
    return Chance((1 + reached) / (1 + draws), reached > 0, float(difference), float(ratio))


def _dealt(whole: Floats, cases: float, draws: int, generator: np.random.Generator) -> Iterator[Floats]:
    """Cases by group, a few draws at a time: shape (d, G); of more rows than the sampler takes, by the normal distribution with the same moments."""
    rows = whole.sum()
    share = cases / rows
    while draws > 0:
        count = min(draws, max(1, _AT_ONCE // len(whole)))
        draws -= count
        if rows < _MOST_ROWS:
            colours = whole.astype(np.int64)
            yield generator.multivariate_hypergeometric(colours, int(cases), size=count, method="marginals").astype(np.float64)
            continue
        noise = generator.standard_normal((count, len(whole))) * np.sqrt(whole)
        noise -= noise.sum(axis=1, keepdims=True) * (whole / rows)
        yield np.clip(whole * share + noise * np.sqrt(share * (1 - share)), 0, whole)
