"""The JSON form of reports: written canonically, read without trust."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from numbers import Integral, Real
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from mlops_stage import estimates
from mlops_stage.errors import ExitCode, InputError, InternalError
from mlops_stage.report.judged import Outcome, outcome_of
from mlops_stage.report.record import SCHEMA_VERSION, Report

if TYPE_CHECKING:
    from pathlib import Path

_ERRORS = (ExitCode.USAGE, ExitCode.STAGE, ExitCode.INTERNAL, ExitCode.INTERRUPTED)


@cache
def adapter_of(kind: Any) -> TypeAdapter[Any]:
    """The validator of one of the types above (building one is dear, so it is kept, and nothing that only writes asks for one)."""
    return TypeAdapter(kind)


def plain_of(value: Any) -> Any:
    """The JSON form of a record: dataclasses as objects, tuples as lists, estimates with their bounds.

    Raises:
        InternalError: it holds something JSON has no word for.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, estimates.KINDS):
        return estimates.to_json(value)
    if is_dataclass(value):
        return {name: plain_of(getattr(value, name)) for name in _names(value.__class__)}
    if isinstance(value, Mapping):
        return {str(key): plain_of(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain_of(item) for item in value]
    if isinstance(value, Real):  # NumPy's
        return int(value) if isinstance(value, Integral) else float(value)
    raise InternalError(f"a record holds {type(value).__name__}, which JSON has no word for", "this is a bug of the stage")


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def to_json(value: object) -> str:
    """Canonical JSON of one of the types above: fields in the order of their declaration, one metric, finding or report per line.

    Raises:
        ValueError: a NaN or an infinity, which JSON cannot hold.
    """
    plain = plain_of(value)
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
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the report {path}: {error}", "run the stage again, or remove the folder") from error
    return parse_report(content, path)


def parse_report(content: bytes, path: Path) -> Report:
    """The report that the content of a file is; `path` is for messages.

    Raises:
        InputError: not a report, or of a newer schema version.
    """
    try:
        plain = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
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
        report: Report = adapter_of(Report).validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is not a valid report: {where}: {first['msg']}", "run the stage again") from error
    wrong = _contradiction(report)
    if wrong:
        raise InputError(f"{path} is not a valid report: {wrong}", "run the stage again")
    return report


def _contradiction(report: Report) -> str:
    """What no stage can have said; empty where there is nothing."""
    paths = [normpath(item.path) for item in report.evidence]
    if len(set(paths)) < len(paths):
        return "it names one file of evidence twice"
    if (report.outcome is Outcome.ERROR) != (report.error is not None):
        return f"its outcome is {report.outcome}, and it names {'an' if report.error else 'no'} error"
    if report.error is not None:
        return "" if report.error.code in _ERRORS else f"an error has the exit code {report.error.code}"
    told = outcome_of(report.gates) if report.gates else report.outcome
    return "" if told is report.outcome else f"its outcome is {report.outcome}, and its gates say {told}"


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
