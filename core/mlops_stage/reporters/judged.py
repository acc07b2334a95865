"""Which metric a gate judged, against which threshold: what a page needs to draw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage import gate as gates
from mlops_stage.errors import StageError

if TYPE_CHECKING:
    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Criterion, Gate, Metric, Op, Report, Slice


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A gate with the estimate that it judged; for a gate on the baseline that is the difference to it."""

    gate: Gate
    metric: Metric
    estimate: Estimate
    op: Op
    threshold: float
    baseline: bool


def judged(report: Report) -> dict[int, Judged]:
    """By the place of the gate in the report; gates on findings, and gates whose metric is not there, are left out."""
    metrics = {(metric.name, metric.slice): metric for metric in report.metrics}
    found = {}
    for place, gate in enumerate(report.gates):
        criterion = _parsed(gate)
        metric = None if criterion is None else metrics.get((criterion.metric, criterion.slice))
        if criterion is None or metric is None:
            continue
        estimate = metric.versus if criterion.baseline else metric.estimate
        if estimate is not None:
            found[place] = Judged(
                gate=gate, metric=metric, estimate=estimate, op=criterion.op, threshold=criterion.number, baseline=criterion.baseline
            )
    return found


def named(report: Report) -> set[tuple[str, Slice]]:
    """The metrics, by name and slice, that a gate of the report names."""
    criteria = (_parsed(gate) for gate in report.gates)
    return {(criterion.metric, criterion.slice) for criterion in criteria if criterion is not None}


def _parsed(gate: Gate) -> Criterion | None:
    """The criterion; None for one on findings, and for text that is none (a report may come from anywhere)."""
    try:
        return gates.parse(gate.criterion)
    except StageError:
        return None
