"""The records of a stage and of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mlops_stage.errors import ExitCode, worst
from mlops_stage.report.figures import Figure
from mlops_stage.report.judged import Gate, Outcome
from mlops_stage.report.observed import Evidence, Failure, Finding, Identifier, Metric, Subject

SCHEMA_VERSION = 1
"""Raised when a reader of the earlier version would misread a report; readers accept all earlier versions."""


def stamp(moment: datetime) -> str:
    """A moment in UTC, to the second, as ISO 8601."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one run of a stage says; the same inputs, params and seed give the same bytes."""

    stage: Identifier
    id: Identifier
    outcome: Outcome
    summary: str
    subjects: tuple[Subject, ...] = ()
    gates: tuple[Gate, ...] = ()
    metrics: tuple[Metric, ...] = ()
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    figures: tuple[Figure, ...] = ()
    outputs: Mapping[Identifier, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    plugin: Mapping[str, str] = field(default_factory=dict)
    """`name` and `version` of the distribution that holds the stage."""
    error: Failure | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def told(self) -> Mapping[str, str]:
        """Its outputs for later steps of a pipeline, its outcome among them."""
        return {"outcome": str(self.outcome), **self.outputs}

    @property
    def exit_code(self) -> ExitCode:
        """This report's own exit code; `on_inconclusive` of its params maps `inconclusive`."""
        if self.error is not None:
            return self.error.code
        if self.outcome is Outcome.INCONCLUSIVE:
            mapped = {"pass": ExitCode.PASSED, "fail": ExitCode.FAILED}
            return mapped.get(str(self.params.get("on_inconclusive", "")), ExitCode.INCONCLUSIVE)
        return ExitCode.FAILED if self.outcome is Outcome.FAILED else ExitCode.PASSED


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one stage took."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """One invocation and its record; what depends on the moment or the machine stands here only."""

    reports: tuple[Report, ...]
    """Those of this run in the order of the run, then those of earlier runs in the output directory, by id."""
    ids: tuple[str, ...]
    """The ids that this run ran; the exit code is theirs alone."""
    started: str
    """ISO 8601, UTC."""
    seconds: float
    cost: Mapping[str, Cost] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    reused: Mapping[str, str] = field(default_factory=dict)
    """Of the ids those that did not run, for nothing has changed that their reports were made from: id -> where the report was taken from."""
    configs: Mapping[str, str] = field(default_factory=dict)
    """Of the reports whose mlops.yaml does not stand at the top of the repository: id -> where it does, as `ml/mlops.yaml`. Their paths begin there."""
    failures: tuple[Failure, ...] = ()
    """What went wrong outside the stages, such as a reporter that raised."""
    unreadable: tuple[str, ...] = ()
    """Reports of earlier runs in the output directory that could not be read; they change nothing."""
    schema_version: int = SCHEMA_VERSION

    @property
    def ended(self) -> str:
        """ISO 8601, UTC."""
        return stamp(datetime.fromisoformat(self.started) + timedelta(seconds=self.seconds))

    @property
    def own(self) -> tuple[Report, ...]:
        """The reports of this run, without those of earlier ones."""
        return tuple(report for report in self.reports if report.id in self.ids)

    @property
    def exit_code(self) -> ExitCode:
        """The first present of 130, 4, 3, 2, 1, 5 over this run's reports and failures; otherwise 0."""
        return worst([*(report.exit_code for report in self.own), *(failure.code for failure in self.failures)])
