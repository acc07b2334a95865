"""What counts as broken, for every check and for cells of every stored type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from mlops_stage.inputs.tables.connection import connect
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.stages.data import rules as r
from mlops_stage.stages.data.compiled import Compiler

if TYPE_CHECKING:
    from pathlib import Path

NAN, INF = "'nan'::DOUBLE", "'inf'::DOUBLE"

# check, declared kind, the cells as SQL, which of them (from 0) are broken
CASES: dict[str, tuple[Any, r.Kind | None, list[str], set[int]]] = {
    "nulls of text": (r.Nulls(), None, ["'a'", "NULL", "' '"], {1}),
    "nulls are not NaN": (r.Nulls(), None, ["1.0::DOUBLE", NAN, "NULL"], {2}),
    "NaN of floats": (r.NotNumber(), None, ["1.0::DOUBLE", NAN, INF, "NULL"], {1}),
    "NaN of float32": (r.NotNumber(), None, ["1.0::FLOAT", "'nan'::FLOAT"], {1}),
    "NaN of text": (r.NotNumber(), None, ["'1'", "'nan'", "'NaN'", "'banana'"], {1, 2}),
    "NaN of integers": (r.NotNumber(), None, ["1", "2"], set()),
    "NaN of decimals": (r.NotNumber(), None, ["1.5::DECIMAL(9,2)", "2.5"], set()),
    "infinity of floats": (r.Infinite(), None, ["1.0::DOUBLE", NAN, INF, "-" + INF], {2, 3}),
    "infinity of booleans": (r.Infinite(), None, ["true", "false"], set()),
    "blank text": (r.Empty(), None, ["'a'", "''", "' '", "E'\\t\\n'", "NULL"], {1, 2, 3}),
    "blank numbers": (r.Empty(), None, ["1", "2"], set()),
    "sentinels by value": (r.Sentinels(values=(-999, "N/A")), None, ["'-999'", "'-999.0'", "'N/A'", "'n/a'", "'1'", "NULL"], {0, 1, 2}),
    "sentinels with nulls": (r.Sentinels(values=("?",), nulls=True), None, ["'?'", "NULL", "'a'"], {0, 1}),
    "sentinels of integers": (r.Sentinels(values=(-1,)), None, ["-1", "1"], {0}),
    "range of integers": (r.Range(low=0, high=9), "integer", ["-1", "0", "9", "10", "NULL"], {0, 3}),
    "range of huge integers": (r.Range(low=0, high=9), "integer", ["12345678901234567890123::HUGEINT", "1"], {0}),
    "range of floats": (r.Range(low=0.0, high=1.0), "number", ["-0.1::DOUBLE", "1.0", NAN, INF, "-" + INF], {0, 3, 4}),
    "range with open ends": (r.Range(low=0, high=1, low_open=True, high_open=True), "number", ["0.0::DOUBLE", "0.5", "1.0"], {0, 2}),
    "range of text": (r.Range(high=9), "integer", ["'9'", "'10'", "'many'", "'nan'", "'inf'", "'1_000'"], {1, 4}),
    "range of decimals": (r.Range(high=1.5), "number", ["1.5::DECIMAL(9,2)", "1.51"], {1}),
    "range of dates": (r.Range(low="2024-01-01"), "date", ["DATE '2023-12-31'", "DATE '2024-01-01'", "NULL"], {0}),
    "range of dates in text": (r.Range(low="2024-01-01"), "date", ["'2023-12-31'", "'2024-01-01'", "'soon'"], {0}),
    "range of timestamps": (r.Range(high="2024-01-01T00:00:00"), "timestamp", ["TIMESTAMP '2024-01-01'", "TIMESTAMP '2024-01-01 00:00:01'"], {1}),
    "range of times with a zone": (r.Range(high="2024-01-01T00:00:00"), "timestamp", ["'2024-01-01T01:00:00+02:00'", "'2024-01-01T00:00:01Z'"], {1}),
    "multiples": (r.MultipleOf(step=0.1), "number", ["0.3::DOUBLE", "0.35", "1e9", NAN, INF], {1}),
    "multiples of integers": (r.MultipleOf(step=5), "integer", ["5", "7", "0"], {1}),
    "one of texts": (r.OneOf(values=("a", "b")), None, ["'a'", "'c'", "'A'", "NULL"], {1, 2}),
    "one of numbers": (r.OneOf(values=(1, 2)), None, ["'1'", "'1.0'", "'3'", "'x'"], {2, 3}),
    "one of numbers in floats": (r.OneOf(values=(1, 2)), None, ["1.0::DOUBLE", "3.0", NAN], {1, 2}),
    "one of booleans": (r.OneOf(values=(True,)), None, ["true", "false"], {1}),
    "one of booleans in text": (r.OneOf(values=(True,)), None, ["'True'", "'false'", "'1'"], {1}),
    "pattern found anywhere": (r.Pattern(text="b+"), None, ["'abc'", "'ac'", "''", "NULL"], {1, 2}),
    "pattern with a quote": (r.Pattern(text="it's"), None, ["'it''s'", "'its'"], {1}),
    "pattern of numbers": (r.Pattern(text="^[0-9]$"), None, ["1", "12"], {1}),
    "length in characters": (r.Length(low=1, high=2), "string", ["''", "'äö'", "'abc'", "NULL"], {0, 2}),
    "length of lists": (r.Length(high=1), "array", ["[1]", "[1, 2]", "NULL"], {1}),
    "length of lists in text": (r.Length(high=1), "array", ["'[1]'", "'[1, 2]'", "'no list'"], {1}),
    "items": (r.DistinctItems(), "array", ["[1, 1]", "[1, 2]", "[]"], {0}),
    "string": (r.Typed(kind="string"), "string", ["'1'", "''"], set()),
    "string in integers": (r.Typed(kind="string"), "string", ["1", "NULL"], {0}),
    "integer": (r.Typed(kind="integer"), "integer", ["'1'", "'-3.0'", "'1e3'", "'1.5'", "'x'", "''", "NULL", "'nan'"], {3, 4, 5, 7}),
    "integer of a long fraction": (r.Typed(kind="integer"), "integer", ["'9007199254740993.5'", "'12345678901234567890123'", "'1.000'"], {0}),
    "blank cells are missing": (r.Nulls(), "integer", ["'1'", "''", "' '", "NULL"], {1, 2, 3}),
    "endless dates": (r.Typed(kind="date"), "date", ["DATE '2024-01-01'", "DATE 'infinity'", "NULL"], {1}),
    "endless timestamps": (r.Typed(kind="timestamp"), "timestamp", ["TIMESTAMP '2024-01-01'", "TIMESTAMP '-infinity'"], {1}),
    "long multiples of integers": (r.MultipleOf(step=2), "integer", ["9007199254740993", "9007199254740992"], {0}),
    "range of floats by a huge end": (r.Range(low=-0.5, high=0.5), "integer", ["12345678901234567890123::HUGEINT", "0"], {0}),
    "one of huge numbers": (r.OneOf(values=(10**40, 5)), "integer", ["5", "6"], {1}),
    "integer in floats": (r.Typed(kind="integer"), "integer", ["1.0::DOUBLE", "1.5", NAN, INF, "NULL"], {1, 2, 3}),
    "integer in booleans": (r.Typed(kind="integer"), "integer", ["true", "NULL"], {0}),
    "number": (r.Typed(kind="number"), "number", ["'1'", "'1e-3'", "'nan'", "'inf'", "'1,5'", "'0x1F'", "'\u0661'"], {4, 5, 6}),
    "number in integers": (r.Typed(kind="number"), "number", ["1", "2"], set()),
    "boolean": (r.Typed(kind="boolean"), "boolean", ["'true'", "'False'", "'1'", "'yes'", "'t'"], {3, 4}),
    "boolean in integers": (r.Typed(kind="boolean"), "boolean", ["0", "1", "2"], {2}),
    "date": (r.Typed(kind="date"), "date", ["'2024-02-29'", "'2023-02-29'", "'01/02/2024'", "'2024'"], {1, 2, 3}),
    "date of a format": (r.Typed(kind="date", format="%d.%m.%Y"), "date", ["'29.02.2024'", "'2024-02-29'"], {1}),
    "date in timestamps": (r.Typed(kind="date"), "date", ["TIMESTAMP '2024-01-01'", "TIMESTAMP '2024-01-01 12:00:00'"], {1}),
    "timestamp": (r.Typed(kind="timestamp"), "timestamp", ["'2024-01-01T10:00:00Z'", "'2024-01-01 10:00:00'", "'2024-01-01T10:00:00+02:00'", "'noon'"], {3}),
    "timestamp in dates": (r.Typed(kind="timestamp"), "timestamp", ["DATE '2024-01-01'"], set()),
    "time": (r.Typed(kind="time"), "time", ["'10:00:00'", "'25:00:00'"], {1}),
    "object": (r.Typed(kind="object"), "object", ["'{\"a\": 1}'", "'[1]'", "'{'"], {1, 2}),
    "object in structures": (r.Typed(kind="object"), "object", ["{'a': 1}"], set()),
    "array": (r.Typed(kind="array"), "array", ["'[1]'", "'{}'", "'x'"], {1, 2}),
    "array in lists": (r.Typed(kind="array"), "array", ["[1]"], set()),
}  # fmt: skip


def contract(kind: r.Kind | None, format_: str = "") -> r.Contract:
    column = r.Column(name="x", kind=kind, where="c.odcs.yaml:1", format=format_)
    return r.Contract(source="c.odcs.yaml", sha256="", id="c", version="1", table="t", columns=(column,))


@pytest.mark.parametrize("name", CASES)
def test_broken_cells(tmp_path: Path, name: str) -> None:
    check, kind, cells, expected = CASES[name]
    rows = " UNION ALL ".join(f"SELECT {place} AS place, {cell} AS x" for place, cell in enumerate(cells))
    duckdb.sql(f"SELECT x FROM ({rows}) ORDER BY place").write_parquet(str(tmp_path / "t.parquet"))  # noqa: S608  (the cells above)
    table = open_table("t.parquet", tmp_path)
    compiler = Compiler(table, contract(kind, getattr(check, "format", "")), None)
    rule = r.Rule(id="x", check=check, bound=None, severity="error", where="", sentence="", columns=("x",))
    condition = compiler.broken(rule)
    sql = f"SELECT r FROM (SELECT row_number() OVER () - 1 AS r, c0 FROM {table.scan}) WHERE {condition} ORDER BY r"  # noqa: S608  (the same)
    assert {row for (row,) in connect(table.paths).execute(sql).fetchall()} == expected


VIEW: dict[r.Kind, tuple[str, str, Any]] = {
    "integer": ("'12.0'", "BIGINT", 12),
    "number": ("'1.5'", "DOUBLE", 1.5),
    "boolean": ("'True'", "BOOLEAN", True),
    "string": ("'a'", "VARCHAR", "a"),
    "date": ("'2024-01-31'", "DATE", None),
    "timestamp": ("'2024-01-31T10:00:00Z'", "TIMESTAMP", None),
    "time": ("'10:00:00'", "TIME", None),
    "array": ("'[1]'", "JSON", "[1]"),
    "object": ("'{}'", "JSON", "{}"),
}


@pytest.mark.parametrize("kind", VIEW)
def test_a_contracts_query_sees_cells_in_their_declared_types(tmp_path: Path, kind: r.Kind) -> None:
    cell, stored, value = VIEW[kind]
    duckdb.sql(f"SELECT unnest([{cell}, 'not of this type']) AS x").write_parquet(str(tmp_path / "t.parquet"))
    table = open_table("t.parquet", tmp_path)
    connection = connect(table.paths)
    connection.execute(Compiler(table, contract(kind), None).view("the table"))
    found = connection.execute('SELECT typeof(x), x FROM "the table"').fetchall()
    assert found[0][0] == stored
    if value is not None:
        assert found[0][1] == value
    if kind != "string":
        assert found[1][1] is None
