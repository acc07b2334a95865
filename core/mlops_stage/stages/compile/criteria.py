"""What the stage asks of every target: the same answers, not slower, within the target's budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.estimates import Point
from mlops_stage.report import Criterion, Level, NoFinding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.report import Metric, Observations
    from mlops_stage.stages.compile.params import CompileParams

PARITY = "parity"
"""1 where what ships answers as the model does, within its tier; 0 where nothing does."""
LATENCY = "latency_ratio"
ARTEFACT = "artifact_bytes"
RAM = "ram_bytes"
BUDGETS = {f"{name}_budget": name for name in (LATENCY, ARTEFACT, RAM)}
"""The metric that says what a target allows -> the metric that it bounds."""


def criteria(params: CompileParams, observations: Observations) -> tuple[Criterion | NoFinding, ...]:
    """Parity on every target, and no finding of level error, whatever other gates there are; latency and budgets as each target says.

    Gates of the user's own replace the one on latency, which is a default; budgets of size and memory are declared in the target's file and stay.
    """
    del params
    found: list[Criterion | NoFinding] = [NoFinding(level=Level.ERROR, source="compile")]
    for metric in observations.metrics:
        if metric.name == PARITY:
            found.append(_parity(metric))
        elif metric.name in BUDGETS:
            found += _budget(metric)
    return tuple(found)


def _parity(metric: Metric) -> Criterion:
    target = dict(metric.slice).get("target", "")
    claim = f"{target}: what ships answers as the model does" if target else ""
    return Criterion(metric=PARITY, op=">=", number=1.0, slice=metric.slice, source="compile", claim=claim)


def _budget(metric: Metric) -> Iterator[Criterion]:
    name = BUDGETS[metric.name]
    if isinstance(metric.estimate, Point):
        yield Criterion(
            metric=name, op="<=", number=metric.estimate.value, slice=metric.slice, source="default" if name == LATENCY else "target"
        )
