"""The one place that maps columns of a table to inputs of a model, by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, UsageError, alike
from mlops_stage.evidence.redact import shown
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.inputs.onnx.facts import Port

COLUMNS_KEY = "mlops_stage.columns"
"""Key of the model's metadata that lists, as JSON, the columns of its input matrix."""
NUMBERS = ("float16", "float32", "float64")
WHOLE_NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_KINDS = (*NUMBERS, *WHOLE_NUMBERS, "bool", "string")
_VECTOR, _MATRIX = 1, 2
_MOST = 2000
"""Marks of a line that is to be copied."""


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What one input of the model is given."""

    input: str
    dtype: str
    """As the model declares it: `float32`, `int64`, `bool`, `string` …"""
    columns: tuple[str, ...]
    """Columns of the table, in the order of the input's second dimension."""
    rank: int
    """2 for a tensor of shape (n, columns), 1 for (n,)."""


def map_columns(
    inputs: Sequence[Port],
    table_columns: Mapping[str, str],
    mapping: Mapping[str, str],
    metadata: Mapping[str, str] | None = None,
    *,
    label: str = "",
) -> tuple[Feed, ...]:
    """One feed for each input of the model.

    An input of one value per row, shape (n, 1) or (n,), takes the column of its own name, or the one that `mapping` names for it. A matrix (n, F) takes
    the columns that `mapping` lists for it, separated by `|` or as a JSON list; else those that the model's metadata lists under
    `mlops_stage.columns`. Nothing is ever taken by position.

    Args:
        inputs: what the model must be given.
        table_columns: name -> DuckDB type.
        mapping: the param `columns`: model input -> column or columns.
        metadata: the model's metadata.
        label: the column of the truth, which no hint names.

    Raises:
        UsageError: a column or input that does not exist, or a matrix whose columns nobody declares.
        InputError: an input of a type or shape that a table cannot fill.
    """
    names = [port.name for port in inputs]
    for name in mapping:
        if name not in names:
            near = alike(name, names)
            raise UsageError(
                f"columns: the model has no input {shown(name)!r}",
                f"did you mean {shown(near)!r}?" if near else f"its inputs are {shown(', '.join(names), 160)}",
            )
    listed = _listed_in_metadata(metadata or {}, inputs)
    return tuple(_feed(port, table_columns, mapping, listed, label) for port in inputs)


def _feed(
    port: Port, table_columns: Mapping[str, str], mapping: Mapping[str, str], listed: Mapping[str, tuple[str, ...]], label: str
) -> Feed:
    where = f"model input {shown(port.name)!r}"
    if port.dtype not in _KINDS:
        raise InputError(f"{where} is of type {shown(port.dtype)}, which no column can fill", "give predictions instead of a model")
    shape = port.shape
    if shape is None or len(shape) not in (_VECTOR, _MATRIX):
        told = "has no declared shape" if shape is None else f"has {counted(len(shape), 'dimension')}"
        raise InputError(
            f"{where} {told}: a table fills inputs of shape (rows, columns)",
            "export the model with that shape, or give predictions instead",
        )
    if isinstance(shape[0], int) and shape[0] > 0:
        raise InputError(f"{where} takes exactly {counted(shape[0], 'row')} at a time", "export the model with a dynamic first dimension")
    width = 1 if len(shape) == _VECTOR else shape[1]
    declared = _split(mapping[port.name], port.name) if port.name in mapping else listed.get(port.name)
    columns = declared or ((port.name,) if width == 1 else None)
    if columns is None:
        raise UsageError(
            f"{where} is a matrix of {width if isinstance(width, int) else 'some'} columns, and nobody says which",
            _undeclared(port.name, width, [name for name in table_columns if name != label], mapping),
        )
    if isinstance(width, int) and width > 0 and len(columns) != width:
        raise UsageError(
            f"{where} takes {counted(width, 'column')}, but {counted(len(columns), 'is', 'are')} declared",
            f"list exactly the {counted(width, 'column')} that the model was trained on, in that order",
        )
    for column in columns:
        if column not in table_columns:
            near = alike(column, [name for name in table_columns if name != label])
            meant = [near if one == column else one for one in columns]
            fix = f"did you mean {_line(mapping, port.name, meant)}" if near else f"name its column with columns: {port.name}=…"
            raise UsageError(f"{where} needs a column {shown(column)!r}, which the table does not have", f"{fix}?" if near else fix)
        _check_type(column, port, table_columns[column].split("(")[0], where)
    return Feed(input=port.name, dtype=port.dtype, columns=columns, rank=len(shape))


def matrices(inputs: Sequence[Port]) -> list[Port]:
    """The inputs of shape (rows, columns) with other than one column: they do not name their columns."""
    return [port for port in inputs if port.shape is not None and len(port.shape) == _MATRIX and port.shape[1] != 1]


def joined(columns: Sequence[str]) -> str:
    """Columns as `columns` takes them: `a|b`, or a JSON list where a name would be misread."""
    odd = any("|" in name or name != name.strip() or name.startswith("[") for name in columns)
    return json.dumps(list(columns), ensure_ascii=False) if odd else "|".join(columns)


def _line(mapping: Mapping[str, str], name: str, columns: Sequence[str]) -> str:
    """The whole param, as a line of mlops.yaml that may be copied."""
    return shown("columns: " + json.dumps({**mapping, name: joined(columns)}, ensure_ascii=False), _MOST)


def _undeclared(name: str, width: int | str, free: Sequence[str], mapping: Mapping[str, str]) -> str:
    """What to write for a matrix: its very columns where the table has no others."""
    known = len(free) == width
    line = _line(mapping, name, free if known else ["first", "second", *(() if width == 2 else ("…",))])  # noqa: PLR2004  (those two)
    among = "" if known else f" (of {shown(', '.join(free), 160)})"
    return f"write at the top of mlops.yaml, in the order of training{among}: {line}; or put them into the model's metadata as {COLUMNS_KEY}, a JSON list"


def _check_type(column: str, port: Port, kind: str, where: str) -> None:
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "BLOB"))
    typed_as_text = kind in ("DATE", "TIME", "INTERVAL", "UUID", "ENUM") or kind.startswith("TIMESTAMP")
    if nested or (typed_as_text and port.dtype != "string"):
        raise InputError(
            f"{where} is {port.dtype}, but column {shown(column)!r} holds {shown(kind)}", "write the column as the model was trained on it"
        )


def _split(text: str, name: str) -> tuple[str, ...]:
    """`a|b|c`, or a JSON list of names."""
    if not text.lstrip().startswith("["):
        return tuple(part.strip() for part in text.split("|"))
    return _names(text, f"columns: {shown(name)}")


def _listed_in_metadata(metadata: Mapping[str, str], inputs: Sequence[Port]) -> dict[str, tuple[str, ...]]:
    """The metadata's list belongs to the only matrix; where there are several, none is meant."""
    found = matrices(inputs)
    if COLUMNS_KEY not in metadata or len(found) != 1:
        return {}
    return {found[0].name: _names(metadata[COLUMNS_KEY], f"the model's metadata {COLUMNS_KEY}")}


def _names(text: str, where: str) -> tuple[str, ...]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"{where} is no JSON list of names: {shown(text)}", 'write ["age", "income", …]')
    return tuple(names)
