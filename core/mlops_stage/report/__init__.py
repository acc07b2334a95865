"""What stages observe and what runs report: frozen types, and their JSON form."""

from __future__ import annotations

from mlops_stage.report.figures import Bar, Bars, Curve, CurvePoint, Figure, Interval, Intervals, Matrix
from mlops_stage.report.judged import AnyCriterion, Criterion, Gate, Judgement, NoFinding, Op, Outcome, Verdict
from mlops_stage.report.observed import (
    COUNT_UNITS,
    Between,
    Direction,
    Evidence,
    Failure,
    Finding,
    Identifier,
    JsonEstimate,
    Level,
    Metric,
    NotApplicable,
    Observations,
    Plan,
    Slice,
    Subject,
    metric_label,
)
from mlops_stage.report.plain import adapter_of, plain_of, read_report, to_json
from mlops_stage.report.record import SCHEMA_VERSION, Cost, Report, Run

__all__ = [
    "COUNT_UNITS",
    "SCHEMA_VERSION",
    "AnyCriterion",
    "Bar",
    "Bars",
    "Between",
    "Cost",
    "Criterion",
    "Curve",
    "CurvePoint",
    "Direction",
    "Evidence",
    "Failure",
    "Figure",
    "Finding",
    "Gate",
    "Identifier",
    "Interval",
    "Intervals",
    "JsonEstimate",
    "Judgement",
    "Level",
    "Matrix",
    "Metric",
    "NoFinding",
    "NotApplicable",
    "Observations",
    "Op",
    "Outcome",
    "Plan",
    "Report",
    "Run",
    "Slice",
    "Subject",
    "Verdict",
    "adapter_of",
    "metric_label",
    "plain_of",
    "read_report",
    "to_json",
]
