"""What stages observe and what runs report: frozen types, and their JSON form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from mlops_stage import estimates
from mlops_stage.errors import ExitCode, InputError, worst
from mlops_stage.estimates import Estimate

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_VERSION = 1
"""Raised when a reader of the earlier version would misread a report; readers accept all earlier versions."""

Slice = tuple[tuple[str, str], ...]
"""`(("sex", "female"), ("region", "north"))`: the rows on which every column has that value; `()` is all rows."""


class Outcome(StrEnum):
    """What a report says; `passed` and `failed` need evidence."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"
    ERROR = "error"


class Verdict(StrEnum):
    """What one gate says."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Level(StrEnum):
    """SARIF's words for how grave a finding is."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
"""Lower-case words joined by underscores: ids, stages and outputs become file names and variables."""

Direction = Literal["", "higher", "lower"]
"""Which way is better; empty where neither is."""


def _no_verdict(code: ExitCode) -> ExitCode:
    if code in {ExitCode.PASSED, ExitCode.FAILED, ExitCode.INCONCLUSIVE}:
        raise ValueError(f"{code} is the code of a verdict, not of a failure")
    return code


JsonEstimate = Annotated[
    Estimate,
    BeforeValidator(estimates.from_json),
    PlainSerializer(estimates.to_json),
    WithJsonSchema(estimates.JSON_SCHEMA),
]


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

    @property
    def label(self) -> str:
        """`tpr[sex=female]`: the metric as it stands in a gate."""
        return metric_label(self.name, self.slice)


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


@dataclass(frozen=True, kw_only=True)
class Interval:
    """One row of an `Intervals` figure; value and bounds are None when it could not be estimated."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    n: float | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """A forest plot: one value with its 95 % interval per row, a vertical line at the reference."""

    name: str
    title: str
    caption: str
    """One sentence in plain words: what to look for."""
    x_label: str
    rows: tuple[Interval, ...]
    reference: float | None = None
    reference_label: str = ""
    kind: Literal["intervals"] = "intervals"


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One point with the 95 % interval of its y."""

    x: float
    y: float
    low: float
    high: float
    n: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points with intervals against a reference diagonal: calibration, predicted against actual."""

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    points: tuple[CurvePoint, ...]
    diagonal: bool = True
    kind: Literal["curve"] = "curve"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A heat map of counts, such as a confusion matrix: `values[row][column]`; None is a masked cell."""

    name: str
    title: str
    caption: str
    row_label: str
    column_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    kind: Literal["matrix"] = "matrix"


Figure = Annotated[Intervals | Curve | Matrix, Field(discriminator="kind")]


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


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no verdict: the tool's fault or the input's, never the model's; so never the code of a verdict."""

    code: Annotated[ExitCode, AfterValidator(_no_verdict)]
    message: str
    hint: str = ""


Op = Literal[">=", ">", "<=", "<"]


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """`metric[slice] op number`, or `metric[slice] op baseline + number` when `baseline` is set."""

    metric: str
    op: Op
    number: float
    slice: Slice = ()
    baseline: bool = False
    source: str = "default"
    """Where it was declared: `default`, `gates`, a standard, a contract …"""
    family: str = ""
    """Criteria of one declaration share a family; Holm's correction runs within it."""
    kind: Literal["criterion"] = "criterion"


@dataclass(frozen=True, kw_only=True)
class NoFinding:
    """No finding of that level or above, optionally of one rule only."""

    level: Level = Level.ERROR
    rule: str = ""
    source: str = "default"
    kind: Literal["no_finding"] = "no_finding"


AnyCriterion = Annotated[Criterion | NoFinding, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One criterion with its verdict."""

    criterion: str
    """As written in `gates`, in canonical spelling."""
    verdict: Verdict
    sentence: str
    """One plain sentence for a reader who is no developer."""
    source: str
    value: float | None = None
    bound: float | None = None
    """The one-sided 95 % bound that decided, or would have to."""
    needed: int | None = None
    """When inconclusive: how many rows of the metric's own denominator would decide; None when none would."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one report's observations."""

    outcome: Outcome
    summary: str
    gates: tuple[Gate, ...]


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
    failures: tuple[Failure, ...] = ()
    """What went wrong outside the stages, such as a reporter that raised."""
    unreadable: tuple[str, ...] = ()
    """Reports of earlier runs in the output directory that could not be read; they change nothing."""
    schema_version: int = SCHEMA_VERSION

    @property
    def exit_code(self) -> ExitCode:
        """The first present of 130, 4, 3, 2, 1, 5 over this run's reports and failures; otherwise 0."""
        own = (report.exit_code for report in self.reports if report.id in self.ids)
        return worst([*own, *(failure.code for failure in self.failures)])


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def adapter_of(kind: Any) -> TypeAdapter[Any]:
    """The validator and serialiser of one of the types above (building one is dear, so it is kept)."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(value: object) -> str:
    """Canonical JSON of one of the types above: fields in the order of their declaration, one metric, finding or report per line.

    Raises:
        ValueError: a NaN or an infinity, which JSON cannot hold.
    """
    plain = adapter_of(type(value)).dump_python(value, mode="json")
    lines = ",\n".join(f"  {_dumped(key)}: {_by_line(item)}" for key, item in plain.items())
    return f"{{\n{lines}\n}}\n"


def _by_line(item: Any) -> str:
    """A list with one element per line: it reads well, differs well, and the encoder in C is several times faster than indentation."""
    if not isinstance(item, list) or not item:
        return _dumped(item)
    return "[\n" + ",\n".join(f"    {_dumped(one)}" for one in item) + "\n  ]"


def _dumped(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False, allow_nan=False)


def read_report(path: Path) -> Report:
    """The report in a file that may come from anywhere.

    Raises:
        InputError: unreadable, not a report, or of a newer schema version.
    """
    try:
        plain = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read the report {path}: {error}", "run the stage again, or remove the folder") from error
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if not isinstance(version, int):
        raise InputError(f"{path} is not a report of mlops-stage: it has no schema_version", "give the folder that holds report.json")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version}; this mlops-stage reads up to {SCHEMA_VERSION}",
            "upgrade mlops-stage to at least the version that wrote the report",
        )
    try:
        return adapter_of(Report).validate_python(plain)  # type: ignore[no-any-return]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is not a valid report: {where}: {first['msg']}", "run the stage again") from error


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def metric_label(name: str, where: Slice) -> str:
    """`tpr[sex=female,region=north]`; a value is written as a JSON string where a bare one would be ambiguous."""
    if not where:
        return name
    pairs = ",".join(f"{_quoted(column)}={_quoted(value)}" for column, value in where)
    return f"{name}[{pairs}]"


def _quoted(text: str) -> str:
    bare = bool(text) and text == text.strip() and not any(mark in text for mark in ',=[]"\\') and text.isprintable()
    return text if bare else json.dumps(text, ensure_ascii=False)
