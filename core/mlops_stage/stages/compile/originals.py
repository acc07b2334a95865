"""Where it is written what the model answered in the framework that trained it: in the file that `original` names, or that the record of its export does."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.paths import relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.answers import Question
from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.tables import query
from mlops_stage.inputs.tables.open import Table, open_table
from mlops_stage.report import Finding, Level
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model
    from mlops_stage.stages.compile.params import CompileParams

_WHAT = "original"
_MOST_BYTES = 1 << 20
_MOST_RECORDS = 200
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HINT = "export the model again, with what `mlops-stage init --export` writes, or name the file with original"


@dataclass(frozen=True, kw_only=True)
class Original:
    """A file of the framework's answers."""

    table: Table
    record: str = ""
    """The record of the export that names it; empty where the user does."""


class _UnusedError(Exception):
    """Why a record names nothing that can be compared with."""

    def __init__(self, reason: str, level: Level = Level.WARNING) -> None:
        super().__init__(reason)
        self.level = level


def original_of(
    params: CompileParams, model: Model, root: Path, data: Table | Arrays | None
) -> tuple[Original | None, tuple[Finding, ...]]:
    """The framework's answers on the rows of `data`, and why those that a record names are not used.

    A record is a file `*.meta.json` beside the model that names model (`onnx`), `predictions` and `data` by SHA-256, as the export script writes it. All three
    must be the files that are there: answers of another model, or on other rows, prove nothing.

    Args:
        params: what was asked; `original` comes before any record.
        model: the model as given.
        root: the project.
        data: the rows to compare on.

    Raises:
        UsageError: `original` without data, no such file, or one without the column `y_pred`.
        InputError: a file that is no table.
    """
    if params.original:
        if data is None:
            raise UsageError("original cannot be compared without data", "give data: the rows that it was written for, in that order")
        return Original(table=_opened(params.original, root)), ()
    doubts = []
    for path in sorted(path for path in model.path.parent.glob("*.meta.json") if path.is_file())[:_MOST_RECORDS]:
        name = relative(root, path)
        try:
            table = _named(path, model, root, data)
        except _UnusedError as reason:
            message = f"what the model answered in its own framework is not compared: {shown(name)} {reason}"
            doubts.append(Finding(rule="compile/original-unused", level=reason.level, message=message, location=name, hint=_HINT))
            continue
        if table is not None:
            return Original(table=table, record=name), ()
    return None, tuple(doubts)


def _named(path: Path, model: Model, root: Path, data: Table | Arrays | None) -> Table | None:
    """The table of a record of this model; None where it is no record of it.

    Raises:
        _UnusedError: it is, but one of its files is not there, or no longer what it was.
    """
    record = _read(path)
    if not isinstance(record, dict) or not {"onnx", "predictions"} <= record.keys():
        return None
    (name, sha256), (answers, answered) = _file(record, "onnx"), _file(record, "predictions")
    if sha256 != model.digests[0][1]:
        if name == model.path.name:
            raise _UnusedError(f"is of another {shown(name)} than the one that is there")
        return None
    if not (path.parent / answers).is_file():
        raise _UnusedError(f"names {shown(answers)}, which does not lie beside it")
    table = _opened(relative(root, path.parent / answers) if _lies_in(path, root) else str(path.parent / answers), root)
    if table.subject().sha256 != answered:
        raise _UnusedError(f"is of another {shown(answers)} than the one that is there")
    rows, digest = _file(record, "data")
    if data is None:
        raise _UnusedError(f"tells of answers on {shown(rows)}, and no data was given", Level.NOTE)
    if data.subject().sha256 != digest:
        raise _UnusedError(f"tells of answers on {shown(rows)}, and data is another file", Level.NOTE)
    return table


def _opened(source: str, root: Path) -> Table:
    """The table, whose column of answers is looked for before anything is compiled."""
    table = open_table(source, root, _WHAT)
    table.column(Question().prediction, _WHAT)
    return table


def _lies_in(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            return json.loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise _UnusedError("cannot be read as JSON") from error


def _file(record: Mapping[str, Any], role: str) -> tuple[str, str]:
    """The last name of a file, for they lie beside one another, and its digest."""
    plain = record.get(role)
    name, sha256 = (plain.get("name"), plain.get("sha256")) if isinstance(plain, dict) else (None, None)
    last = PurePosixPath(name.replace("\\", "/")).name if isinstance(name, str) and "\0" not in name else ""
    if not last or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise _UnusedError(f"does not name {role} with a name and a sha256 of 64 hexadecimal digits")
    return last, sha256


def matched(
    original: Table, data: Table | Arrays, places: NDArray[np.intp], total: int, row_id: str | None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which rows of data, and which of the original predictions, are the same: by `row_id` where both have that column, else by their order.

    Args:
        original: the framework's answers.
        data: the rows that the model is asked about, some of a table.
        places: where in the whole table these lie.
        total: rows of the whole table.
        row_id: the column that identifies a row.

    Raises:
        InputError: they are of other rows.
    """
    if row_id and not isinstance(data, Arrays) and row_id in original.columns and row_id in data.columns:
        wanted, keys = (_keys(table, row_id) for table in (data, original))
        order = np.argsort(keys)
        found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        within = np.flatnonzero(keys[found] == wanted)
        if len(np.unique(keys)) < len(keys) or not len(within):
            why = "have identifiers twice" if len(within) else "have no row of data"
            raise InputError(f"the original predictions {why}, by column {shown(row_id)!r}", "write them for the rows of data")
        return within, found[within]
    rows = query.rows(original)
    if rows != total:
        raise InputError(
            f"the original predictions are of {counted(rows, 'row')}, data has {total:,}",
            "write them for the rows of data, in that order, or name a row_id that both have",
        )
    return np.arange(len(places)), places


def _keys(table: Table, row_id: str) -> NDArray[np.uint64]:
    with query.opened(table, [row_id], "row_id") as selection:
        return selection.keys(row_id)
