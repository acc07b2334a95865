"""Figures of groups, and of the gaps between them, from their cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.report import Metric
    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stats.cells import Cells


def overall(cells: Cells, classes: Sequence[str]) -> list[Metric]:
    """Figures of all rows; `cells` of any grouping of them, shape (G, K, K)."""
    raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How groups are compared."""

    min_denominator: int = 30
    """Groups with less of a figure's own denominator are no evidence of a gap, and without them nothing passes."""
    draws: int = 2_000
    """Permutations for the p-values."""
    seed: int = 0
    """Of the permutations."""
    reference: int | None = None
    """Index of the group that others are compared with."""
    hidden: frozenset[int] = frozenset()
    """Groups whose counts must not be told: figures between groups leave them out, say so, and cannot pass."""


DEFAULTS = Terms()


def metrics_of(cells: Cells, grouping: Grouping, classes: Sequence[str], terms: Terms = DEFAULTS) -> list[Metric]:
    """Figures of each group, and of the gaps between groups.

    Names and slices, for each of `selection_rate`, `tpr`, `fpr`, `fnr`, `tnr`, `precision`, `accuracy`:

    - `tpr[sex=female]`: of one group; also of groups outside.
    - `tpr_difference_to_overall[sex=female]`, `tpr_ratio_to_overall[sex=female]`: to all rows.
    - `tpr_difference_to_reference[sex=female]`, `tpr_ratio_to_reference[sex=female]`: to the reference group, if there is one.
    - `tpr_difference[by=sex]`, `tpr_ratio[by=sex]`: the largest difference, the smallest ratio between any two groups.

    And by grouping: `demographic_parity_difference` and `_ratio` (of selection rates), `equal_opportunity_difference` and `_ratio` (of TPR),
    `equalized_odds_difference` and `_ratio` (the worse of TPR and FPR), all `[by=sex]` and with Fairlearn's values; `demographic_parity_p_value`,
    `equal_opportunity_p_value` and `equalized_odds_p_value`: how likely so large a gap is where all groups are the same (permutation, max-T).

    In a multi-class task rates are those of one class against all others, `tpr[sex=female,class=b]`, figures between groups also exist by class,
    `tpr_difference[by=sex,class=b]`, and `tpr_difference[by=sex]` is the largest over classes.

    Args:
        cells: from `count`, shape (G, K, K).
        grouping: of the same rows.
        classes: names of the K classes; (negative, positive) in a binary task.
        terms: how groups are compared.
    """
    raise NotImplementedError
