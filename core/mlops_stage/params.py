"""What a stage is asked: the base of every Params class, and the parameters that stages share."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from mlops_stage.errors import StageError
from mlops_stage.fields import NAMES_VARIABLE, PATH

CHOOSE = "CHOOSE"
"""What `init` writes where only a person can decide; a stage that meets it exits 2."""

EMPTY = "it is empty; leave it out, or see whether the variable that it comes from is set"
"""What is said of a value that says nothing, such as `--model ""`."""

WITHHELD = "(withheld)"
"""What stands in reports and on terminals in the place of a value that is to stay private."""


class Examples(dict[str, str]):
    """Values that a stage's `init` gives only to be written as comments: what a person may want to say, and how it could look."""


@dataclass(frozen=True)
class Ask:
    """A value that a stage's `init` leaves to a person (`CHOOSE`), or guesses and wants checked; what several stages ask alike is asked once, at the top."""

    value: Any
    note: str
    """Beside it, on one line: what it could be, or what to check."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One of the ways to use a stage that its `init` gives only as comments, for a person has to choose: without the marks of the comment it works as it stands."""

    when: tuple[str, ...]
    """Lines that say when to choose it, and what it takes besides."""
    values: Mapping[str, Any]


JUDGES = ("(every stage that judges)",)
"""A value of a `Way` in whose place `init` writes the names of the stages beside it that judge rather than make something."""


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SPANS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def _listed(value: Any) -> Any:
    """`a,b` or, for names with commas, a JSON list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _json(value)
    found = [part.strip() for part in value.split(",") if part.strip()]
    if not found:
        raise ValueError(EMPTY)
    return found


def _demanded(value: Any) -> Any:
    """The same of what is demanded: an item that says nothing, as of a variable that is not set, would demand less than was meant."""
    parts = value.split(",") if isinstance(value, str) and not value.lstrip().startswith("[") else _listed(value)
    if isinstance(parts, list | tuple) and len(parts) > 1 and any(isinstance(part, str) and not part.strip() for part in parts):
        raise ValueError(f"one of its items is empty; {EMPTY.partition('; ')[2]}")
    return _listed(value)


def _each_listed(value: Any) -> Any:
    """The same, also where the option is repeated: `--target a,b --target c`."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return [part for item in value for part in _listed(item)]
    return _listed(value)


def _lines(value: Any) -> Any:
    """One per line, or a JSON list; never split at commas, which a gate may hold."""
    if not isinstance(value, str):
        return value
    return _json(value) if value.lstrip().startswith("[") else [line.strip() for line in value.splitlines() if line.strip()]


def _mapped(value: Any) -> Any:
    """`a=b,c=d` or a JSON object."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return _json(value)
    pairs = [part.split("=", 1) for part in value.split(",") if part.strip()]
    if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004  (a pair has two halves)
        raise ValueError("write it as a=b,c=d or as a JSON object")
    return {key.strip(): item.strip() for key, item in pairs}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"not valid JSON: {error}") from error


def _bytes(value: Any) -> Any:
    """`4GiB`, `500 MB`, or a number of bytes."""
    return _measured(value, re.compile(r"([\d.]+)\s*([kmgt]?i?)b?", re.IGNORECASE), _UNITS, "a size such as 4GiB")


def _seconds(value: Any) -> Any:
    """`90s`, `10m`, `1h`, or a number of seconds."""
    return _measured(value, re.compile(r"([\d.]+)\s*(s|min|m|h|)", re.IGNORECASE), _SPANS, "a time such as 10m")


def _measured(value: Any, pattern: re.Pattern[str], units: Mapping[str, int], what: str) -> Any:
    if not isinstance(value, str):
        return value
    found = pattern.fullmatch(value.strip())
    try:
        return int(float(found[1]) * units[found[2].lower()]) if found else _refuse(what)
    except (KeyError, ValueError) as error:
        raise ValueError(f"write {what}") from error


def _refuse(what: str) -> int:
    raise ValueError(f"write {what}")


TextList = Annotated[tuple[str, ...], BeforeValidator(_listed)]
DemandList = Annotated[tuple[str, ...], BeforeValidator(_demanded)]
"""A list of demands, in which a comma at the end is no matter of style."""
TextMapping = Annotated[Mapping[str, str], BeforeValidator(_mapped)]
Size = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
"""A number of bytes, or text such as 4MB."""

Model = Annotated[
    str | None,
    Field(
        description="ONNX file, the folder that holds it, or the URL of a served model (Open Inference Protocol)", json_schema_extra=PATH
    ),
]
ModelTokenEnv = Annotated[
    str | None,
    Field(
        description="environment variable with the bearer token of a served model",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        json_schema_extra=NAMES_VARIABLE,
    ),
]
Data = Annotated[
    str | None, Field(description="table to judge on: a CSV, JSONL or Parquet file, a folder or a glob", json_schema_extra=PATH)
]
Train = Annotated[str | None, Field(description="table that the model was trained on", json_schema_extra=PATH)]
Reference = Annotated[
    str | None, Field(description="table of the same kind, to learn from what its rows look like", json_schema_extra=PATH)
]
PredictionsFile = Annotated[
    str | None, Field(description="file of predictions from any language: y_true, y_pred, y_score, …", json_schema_extra=PATH)
]
Label = Annotated[str, Field(description="column with the truth")]
Prediction = Annotated[str, Field(description="column with the model's decision")]
Score = Annotated[str, Field(description="column with the model's score, or the stem of one column per class: y_score_<class>")]
Task = Annotated[
    Literal["auto", "binary", "multiclass", "regression"], Field(description="what the model does; auto decides by the values of the label")
]
Threshold = Annotated[
    float | None,
    Field(description="scores above it are positive decisions, where there is no column of decisions", allow_inf_nan=False),
]
RowId = Annotated[str | None, Field(description="column that identifies a row")]
Weight = Annotated[str | None, Field(description="column with the weight (exposure) of a row")]
Columns = Annotated[TextMapping, Field(description="model input=column of the table, only where the names differ")]
Slices = Annotated[TextList, Field(description="columns to report by")]
Sensitive = Annotated[TextList, Field(description="columns that name groups of people; unset: looked for by their names")]
SensitiveData = Annotated[
    str | None,
    Field(description="table that holds the sensitive columns, where the data must not; joined by row_id", json_schema_extra=PATH),
]
Contract = Annotated[
    str | None, Field(description="what is declared of the data: an Open Data Contract Standard file (.odcs.yaml)", json_schema_extra=PATH)
]
Profile = Annotated[
    str | None, Field(description="statistics of earlier data, kept as a file; drift is measured from it", json_schema_extra=PATH)
]
Standard = Annotated[DemandList, Field(description="sets of criteria taken from a law or norm, such as equalized-odds or four-fifths")]
Targets = Annotated[
    tuple[str, ...],
    BeforeValidator(_each_listed),
    Field(
        description="hardware to compile for: names such as host or x86-64-v3, or files that describe one",
        json_schema_extra={"option": "target"},
    ),
]
Baseline = Annotated[
    str | None,
    Field(description="report folder, predictions or model to compare with, or git:<ref>:<path>", json_schema_extra=PATH),
]
MetricsFile = Annotated[
    str | None, Field(description="flat JSON of figures computed elsewhere; they are judged as points", json_schema_extra=PATH)
]


class Limits(BaseModel):
    """What a stage's child process may use; unset means the default of the runner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory: Annotated[Size, Field(description="bytes, or 4GiB")] | None = None
    cpu: Annotated[int, BeforeValidator(_seconds), Field(gt=0, description="seconds of processor time, or 10m")] | None = None
    wall: Annotated[int, BeforeValidator(_seconds), Field(gt=0, description="seconds, or 10m")] | None = None


_STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True, defer_build=True)


class Asked(BaseModel):
    """What a stage or one of its commands may be asked."""

    model_config = _STRICT

    @field_validator("*", mode="before")
    @classmethod
    def _says_something(cls, value: Any) -> Any:
        """Refuse what is empty: most often a variable is not set, and passing it over would ask less than was meant."""
        texts = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(text, str) and not text.strip() for text in texts):
            raise ValueError(EMPTY)
        return value

    def spared(self) -> frozenset[str]:
        """Of the stage's `needs` those that it can do without when it is asked this: it is then given nothing for them."""
        return frozenset()


class Verb(Asked):
    """What a further command of a stage may be asked; its own class adds the fields."""


class Params(Asked):
    """What every stage may be asked; a stage's own Params class adds its fields.

    Values come as Python values from YAML or as strings from a CI system. Keep the module of a Params class light:
    the parent process imports it.
    """

    gates: Annotated[
        tuple[str, ...],
        BeforeValidator(_lines),
        Field(
            description="criterion such as 'accuracy >= 0.8' or 'tpr[sex=female] >= 0.7'",
            json_schema_extra={"option": "gate", "lines": True},
        ),
    ] = ()
    effort: Annotated[Literal["quick", "standard", "deep"], Field(description="how much budget (draws, queries, rows) to use")] = "standard"
    seed: Annotated[int, Field(ge=0, lt=2**63, description="seed of everything random")] = 0
    mode: Annotated[
        Literal["evidence", "point"], Field(description="judge by the 95 % bound, or by the bare value where a regulation asks for it")
    ] = "evidence"
    min_denominator: Annotated[int, Field(ge=1, description="below this denominator a gate is inconclusive")] = 30
    limits: Annotated[Limits, BeforeValidator(_mapped), Field(description="memory=4GiB,cpu=10m,wall=20m of the stage's process")] = Limits()
    on_inconclusive: Annotated[
        Literal["pass", "fail"] | None, Field(description="map the exit code 5 of an inconclusive report to 0 (pass) or 1 (fail)")
    ] = None

    def as_recorded(self) -> dict[str, Any]:
        """Plain values as a report and a terminal may show them; a class with values that are to stay private puts `WITHHELD` in their place."""
        return self.model_dump(mode="json")


class AnsweredParams(Params):
    """What every stage may be asked that compares a model's answers with the truth: a model and its data, or predictions, and which columns mean what."""

    model: Model = None
    model_token_env: ModelTokenEnv = None
    data: Data = None
    predictions: PredictionsFile = None
    label: Label = "y_true"
    prediction: Prediction = "y_pred"
    score: Score = "y_score"
    row_id: RowId = None
    weight: Weight = None
    columns: Columns = Field(default_factory=dict)
    task: Task = "auto"
    positive: Annotated[str | None, Field(description="the label that counts as positive, in a binary task")] = None
    threshold: Threshold = None


class RunWide(Params):
    """What mlops.yaml and `mlops-stage run` may set for all stages at once; a stage takes those of them that it has."""

    model: Model = None
    model_token_env: ModelTokenEnv = None
    data: Data = None
    train: Train = None
    reference: Reference = None
    predictions: PredictionsFile = None
    label: Label = "y_true"
    prediction: Prediction = "y_pred"
    score: Score = "y_score"
    row_id: RowId = None
    weight: Weight = None
    columns: Columns = {}
    slices: Slices = ()
    sensitive: Sensitive = ()
    sensitive_data: SensitiveData = None
    contract: Contract = None
    profile: Profile = None
    standard: Standard = ()
    target: Targets = ()
    baseline: Baseline = None
    metrics: MetricsFile = None


RUN_WIDE = tuple(name for name in RunWide.model_fields if name != "gates")
"""The keys that may stand at the top of mlops.yaml; gates belong to one stage."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One entry of a run."""

    id: str
    stage: str
    params: Params
    sources: Mapping[str, str]
    """Where each value came from: `mlops.yaml:7`, `--label`, `MLOPS_INPUT_LABEL`, `default`."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An entry of a run whose stage cannot even be asked, such as one of a broken plugin; it costs itself only."""

    id: str
    stage: str
    error: StageError
