"""On what terms groups are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_stage.stages.fairness.hiding import Ranges


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
    least: int = 1
    """Groups with fewer rows of a figure's own denominator are left out of it between groups, as those in `hidden` are of all figures."""
    bootstrap: bool = False
    """Whether to add what Fairlearn's bootstrap would give for the gaps between groups, which informs and must not be judged."""
    hidden: frozenset[int] = frozenset()
    """Groups whose counts must not be told: figures between groups leave them out, say so, and cannot pass."""
    most: int | None = None
    """Of so many groups of a grouping each figure is reported one by one, those that differ from all rows most surely; None is all."""
    kept: frozenset[int] = frozenset()
    """Groups that are always reported one by one, for a gate names them."""
    told: Ranges | None = None
    """What may be told of the groups' counts; None is everything. Figures are made of nothing else."""
    total: Ranges | None = None
    """The same of all rows."""


DEFAULTS = Terms()
