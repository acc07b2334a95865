"""A criterion with what it judges, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Criterion, Metric, Verdict

ALPHA = 0.05
"""A verdict rests on a one-sided bound of 95 % confidence."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How to judge."""

    mode: Literal["evidence", "point"] = "evidence"
    """`point` compares values alone, for those whose regulation asks it; at the threshold its verdicts are chance."""
    min_denominator: int = 30
    """Below this many rows of the metric's own denominator nothing is judged."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One criterion on one metric."""

    criterion: Criterion
    metric: Metric
    estimate: Estimate
    """The metric's own, or its difference to the baseline."""
    alpha: float = ALPHA
    """The level at which a claim of failure is tested; Holm's correction lowers it."""


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What was decided on a case, and on what ground."""

    verdict: Verdict
    ground: Literal["bounds", "value", "few", "part", "none"]
    """Bounds, the value alone, too few rows to look, only a part of what it should cover, or no estimate at all."""
    bound: float | None = None
    needed: int | None = None
