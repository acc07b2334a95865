"""Figures with their uncertainty (pure Python): value, interval, p-value, and the rows that a verdict would need."""

from __future__ import annotations

from mlops_stage.estimates.counts import Paired, Rate
from mlops_stage.estimates.decide import Op, holds, p_value, rows_needed
from mlops_stage.estimates.kinds import Bounded, Difference, Estimate, NotEstimable, Point, Ratio
from mlops_stage.estimates.limits import LEVELS
from mlops_stage.estimates.plain import JSON_SCHEMA, KINDS, from_json, to_json
from mlops_stage.estimates.sampled import Sampled

__all__ = [
    "JSON_SCHEMA",
    "KINDS",
    "LEVELS",
    "Bounded",
    "Difference",
    "Estimate",
    "NotEstimable",
    "Op",
    "Paired",
    "Point",
    "Rate",
    "Ratio",
    "Sampled",
    "from_json",
    "holds",
    "p_value",
    "rows_needed",
    "to_json",
]
