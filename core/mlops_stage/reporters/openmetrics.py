"""metrics.txt: the figures in the OpenMetrics text format 1.0, for GitLab's metrics widget, Prometheus and others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.report import Level, Outcome, Verdict, metric_label
from mlops_stage.reporters.escape import harmless
from mlops_stage.reporters.words import interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_stage.report import Metric, Report, Run

    Sample: TypeAlias = tuple[Mapping[str, str], float]
    Kept: TypeAlias = list[tuple[Report, Metric]]

MOST = 2_000
"""Metrics that the file holds per report, those over all rows first; a sample counts those left out."""


def render(run: Run) -> Mapping[str, str]:
    """Value, 95 % interval and n of every metric, the verdict of every gate, the outcome of every report, findings by level.

    What could not be estimated has no value here; it is never 0.
    """
    kept = [(report, metric) for report in run.reports for metric in _kept(report)]
    families = (
        ("mlops_stage_metric", "gauge", "Value of a metric.", _values(kept)),
        ("mlops_stage_metric_low", "gauge", "Lower end of the 95 % interval.", _bounds(kept, 0)),
        ("mlops_stage_metric_high", "gauge", "Upper end of the 95 % interval.", _bounds(kept, 1)),
        ("mlops_stage_metric_n", "gauge", "The metric's own denominator.", _rows(kept)),
        ("mlops_stage_metrics_left_out", "gauge", "Metrics of the report that stand in report.json only.", _left_out(run)),
        ("mlops_stage_gate", "stateset", "Verdict of a gate.", _gates(run)),
        ("mlops_stage_outcome", "stateset", "Outcome of a report.", _outcomes(run)),
        ("mlops_stage_findings", "gauge", "Findings by level.", _findings(run)),
    )
    lines = [line for family in families for line in _family(*family)]
    return {"metrics.txt": "\n".join([*lines, "# EOF"]) + "\n"}


def _kept(report: Report) -> list[Metric]:
    seen: dict[tuple[str, object], Metric] = {}
    for metric in sorted(report.metrics, key=lambda metric: bool(metric.slice)):
        seen.setdefault((metric.name, metric.slice), metric)  # a sample may stand only once
    return list(seen.values())[:MOST]


def _labels(report: Report, metric: Metric) -> dict[str, str]:
    """Empty labels are the same as absent ones, so they are left out."""
    where = metric_label("", metric.slice)[1:-1] if metric.slice else ""
    labels = {"report": report.id, "stage": report.stage, "metric": metric.name, "slice": where, "unit": metric.unit}
    return {name: value for name, value in labels.items() if value}


def _values(kept: Kept) -> Iterator[Sample]:
    for report, metric in kept:
        if not isinstance(metric.estimate, NotEstimable):
            yield _labels(report, metric), metric.estimate.value


def _bounds(kept: Kept, end: int) -> Iterator[Sample]:
    for report, metric in kept:
        if not isinstance(metric.estimate, NotEstimable | Point):
            yield _labels(report, metric), interval(metric.estimate)[end]


def _rows(kept: Kept) -> Iterator[Sample]:
    for report, metric in kept:
        if metric.estimate.n is not None:
            yield _labels(report, metric), metric.estimate.n


def _left_out(run: Run) -> Iterator[Sample]:
    for report in run.reports:
        if len(report.metrics) > MOST:
            yield {"report": report.id, "stage": report.stage}, len(report.metrics) - len(_kept(report))


def _gates(run: Run) -> Iterator[Sample]:
    for report in run.reports:
        for criterion, verdict in {gate.criterion: gate.verdict for gate in report.gates}.items():
            for state in Verdict:
                yield {"report": report.id, "stage": report.stage, "gate": criterion, "mlops_stage_gate": state}, verdict is state


def _outcomes(run: Run) -> Iterator[Sample]:
    for report in run.reports:
        for state in Outcome:
            yield {"report": report.id, "stage": report.stage, "mlops_stage_outcome": state}, report.outcome is state


def _findings(run: Run) -> Iterator[Sample]:
    for report in run.reports:
        for level in Level:
            count = sum(finding.level is level for finding in report.findings)
            yield {"report": report.id, "stage": report.stage, "level": level}, count


def _family(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    yield f"# HELP {name} {help_}"
    written: set[str] = set()
    for labels, value in samples:
        sample = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        if sample not in written:  # two names may look alike once what is invisible has been made visible
            written.add(sample)
            yield f"{name}{{{sample}}} {_number(value)}"


def _escaped(text: str) -> str:
    return harmless(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))  # noqa: PLR2004  (beyond it floats do not hold every whole number)
