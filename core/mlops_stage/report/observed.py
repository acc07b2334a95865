"""What a stage observes, and what it would do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

from mlops_stage import estimates
from mlops_stage.errors import ExitCode
from mlops_stage.estimates import Estimate
from mlops_stage.report.figures import Figure
from mlops_stage.stage import NAME

Slice = tuple[tuple[str, str], ...]
"""`(("sex", "female"), ("region", "north"))`: the rows on which every column has that value; `()` is all rows."""


class Level(StrEnum):
    """SARIF's words for how grave a finding is."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def gravity(self) -> int:
        """Higher is graver."""
        return list(Level).index(self)


Identifier = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
"""Lower-case words joined by underscores: ids, stages and outputs become file names and variables."""

Direction = Literal["", "higher", "lower"]
"""Which way is better; empty where neither is."""

JsonEstimate = Annotated[
    Estimate,
    BeforeValidator(estimates.from_json),
    PlainSerializer(estimates.to_json),
    WithJsonSchema(estimates.JSON_SCHEMA),
]


COUNT_UNITS = frozenset({"bytes", "rows", "cells", "columns", "records", "statements"})
"""Units of metrics that count things."""


@dataclass(frozen=True, kw_only=True)
class Between:
    """The two groups that a gap lies between: those that are farthest apart."""

    figure: str
    """What of them is compared: `tpr`."""
    low: Slice
    """The group in which it is lowest: `sex=female`."""
    high: Slice
    label: str = ""
    """In a multi-class task, the class that the figure is of; empty where it is of all classes."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure with its uncertainty."""

    name: str
    """scikit-learn's name where it has one."""
    estimate: JsonEstimate
    unit: str = ""
    """Empty for a plain number; otherwise a unit of measure, such as `s` or `bytes`."""
    slice: Slice = ()
    direction: Direction = ""
    versus: JsonEstimate | None = None
    """The difference to the baseline (this minus baseline); a gate `baseline ± x` judges it."""
    incomplete: str = ""
    """What the figure should cover and does not, such as `group x has no positives`: it may fail a gate on the evidence there is, but pass none."""
    between: Between | None = None
    """Of a figure between groups: which of them are that far apart."""
    exact: bool = False
    """Whether it was counted over all there is, so that no interval is missing."""

    @property
    def label(self) -> str:
        """`tpr[sex=female]`: the metric as it stands in a gate."""
        return metric_label(self.name, self.slice)

    def unit_for(self, number: float | None) -> str:
        """The unit as it stands behind a number: `row` behind 1, else `rows`."""
        return self.unit.removesuffix("s") if number == 1 and self.unit in COUNT_UNITS else self.unit


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One observation. The rule leads to an anchor in the documentation.

    Rules that begin with `validity/` put the figures of their report in doubt; they lead every page.
    """

    rule: str
    """`<stage>/<rule>`, or `validity/<rule>`."""
    level: Level
    message: str
    location: str = ""
    """`path`, `path:line` or `path:line:column`, relative to the root."""
    hint: str = ""

    @property
    def doubts_figures(self) -> bool:
        """Whether figures of the same report may be wrong because of this."""
        return self.rule.startswith("validity/")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The model or data being judged, by digest."""

    role: str
    """`model`, `data`, `predictions`, `train`, `baseline` …"""
    name: str
    """Path relative to the root, or URL."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A file that backs a report."""

    path: str
    """Relative to the report's own folder."""
    sha256: str
    predicate_type: str = ""
    """When the file is itself a statement's content: its in-toto predicate type."""


def _no_verdict(code: ExitCode) -> ExitCode:
    if code in {ExitCode.PASSED, ExitCode.FAILED, ExitCode.INCONCLUSIVE}:
        raise ValueError(f"{code} is the code of a verdict, not of a failure")
    return code


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no verdict: the tool's fault or the input's, never the model's; so never the code of a verdict."""

    code: Annotated[ExitCode, AfterValidator(_no_verdict)]
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Observations:
    """What a stage found; it does not judge."""

    metrics: tuple[Metric, ...] = ()
    findings: tuple[Finding, ...] = ()
    subjects: tuple[Subject, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    figures: tuple[Figure, ...] = ()
    outputs: Mapping[Identifier, str] = field(default_factory=dict)
    """Values of the outputs that the stage declares."""
    failure: Failure | None = None
    """Why a part of the work could not be done: there is no verdict then, and what was found of the rest is reported all the same."""
    kind: Literal["observations"] = "observations"


@dataclass(frozen=True)
class NotApplicable:
    """The stage has nothing to say here, and why."""

    reason: str
    kind: Literal["not_applicable"] = "not_applicable"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stage would do, before it does anything."""

    rows: int | None
    """Rows that it would judge on; None where that has no meaning."""
    cost: str
    """In a few words: `about 2 s, 200 MB`."""
    notes: tuple[str, ...] = ()
    """One line each: gates that the data cannot decide with the rows they would need, and what else is worth knowing."""


def metric_label(name: str, where: Slice) -> str:
    """`tpr[sex=female,region=north]`; a value is written as a JSON string where a bare one would be ambiguous."""
    if not where:
        return name
    pairs = ",".join(f"{_quoted(column)}={_quoted(value)}" for column, value in where)
    return f"{name}[{pairs}]"


def _quoted(text: str) -> str:
    bare = bool(text) and text == text.strip() and not any(mark in text for mark in ',=[]"\\') and text.isprintable()
    return text if bare else json.dumps(text, ensure_ascii=False)
