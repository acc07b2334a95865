"""Rules on odd columns: wholly missing, wholly text, blank; long whole numbers; queries that fail; dates that are none or lie ahead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mlops_stage.inputs.tables.rejects import read_all
from mlops_stage.stages.data import checks
from mlops_stage.stages.data.checks import check
from mlops_stage.stages.data.contract.loading import load_contract
from mlops_stage.stages.data.outcomes import Demands

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.stages.data.outcomes import Outcome

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: c\nversion: 1.0.0\nstatus: active\nschema:\n- name: t\n  properties:\n"
OURS = "type: custom, engine: mlops-stage, implementation"
MANY = """\
  - name: x
    logicalType: KIND
    unique: true
    required: trueOPTIONS
    quality:
    - {metric: nullValues, mustBe: 0}
    - {metric: missingValues, arguments: {missingValues: [null, -9, 'N/A']}, mustBe: 0}
    - {metric: invalidValues, arguments: {validValues: [1, a]}, mustBe: 0}
    - {OURS: {check: nan}}
    - {OURS: {check: infinite}}
    - {OURS: {check: empty}}
    - {OURS: {check: sentinels, values: [-9, true, a]}}
    - {OURS: {check: class_share, value: 1, mustBeLessThan: 0.5}}
""".replace("OURS", OURS)
OPTIONS = {
    "integer": "{minimum: 0, exclusiveMaximum: 9, multipleOf: 3}",
    "number": "{minimum: 0, exclusiveMaximum: 9, multipleOf: 0.3}",
    "string": "{minLength: 1, maxLength: 3, pattern: a}",
    "date": "{minimum: '2024-01-01'}",
    "timestamp": "{maximum: '2024-01-01T00:00:00'}",
    "time": "{maximum: '12:00:00'}",
    "array": "{minItems: 1, uniqueItems: true}",
    "boolean": "",
    "object": "",
}
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def outcomes(folder: Path, properties: str, text: str, data: str = "t.csv") -> dict[str, Outcome]:
    """What each rule comes to, by its id."""
    (folder / data).write_text(text)
    (folder / "c.odcs.yaml").write_text(HEAD + properties)
    reading = read_all(data, folder, folder)
    demands = Demands(contract=load_contract("c.odcs.yaml", folder), profile=None, now=NOW, spill=folder)
    return {one.rule.id: one for one in check(reading, demands).outcomes}


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("cell", ["", "no such thing", "' '"])
def test_a_column_of_one_odd_cell_over_and_over_has_a_figure_for_every_rule(tmp_path: Path, kind: str, cell: str) -> None:
    options = f"\n    logicalTypeOptions: {OPTIONS[kind]}" if OPTIONS[kind] else ""
    found = outcomes(tmp_path, MANY.replace("KIND", kind).replace("OPTIONS", options), "id,x\n" + f"1,{cell}\n".replace("' '", " ") * 30)
    assert len(found) >= 11
    silent = {name for name, one in found.items() if one.figure is None}
    assert silent <= ({"x.class_share"} if not cell else set())
    blank, missing = cell == "' '", not cell or (cell == "' '" and kind != "string")
    assert found["x.type"].figure == (30 if cell and kind != "string" else 0)
    assert found["x.required"].figure == (30 if missing else 0)
    assert found["x.empty"].figure == (30 if blank else 0)
    assert found["x.unique"].figure == (29 if not missing else 0)


LONG = [9007199254740993 + place for place in range(40)]


@pytest.mark.parametrize("kind", ["integer", "number", "string"])
def test_long_numbers_that_differ_are_no_duplicates(tmp_path: Path, kind: str) -> None:
    properties = f"  - {{name: x, logicalType: {kind}, unique: true}}\n"
    assert outcomes(tmp_path, properties, "x\n" + "\n".join(map(str, LONG)))["x.unique"].figure == 0


@pytest.mark.parametrize(
    ("cells", "repeats"),
    [
        (["12345678901234567890123"] * 40, 39),
        (["12345678901234567890123", "12345678901234567890124"], 0),
        (["1" * 60, "1" * 60, "1" * 59 + "2"], 1),
        (["1.5", "1.50", "01.5", "+1.5", "15e-1", "1.51"], 4),
        (["1", "1.0", "1.", "001", "1e0", "-1"], 4),
        (["0", "-0", "0.0", "-0.00", "+0", ".0"], 5),
        (["9007199254740993.5", "9007199254740993.25"], 0),
        (["1e300", "1E300", "1e301"], 1),
        (["banana", "banana", "1"], 1),
        (["100", "10", "1"], 0),
        (["nan", "NaN", "inf"], 1),
    ],
)
def test_keys_are_compared_by_the_number_they_write(tmp_path: Path, cells: list[str], repeats: int) -> None:
    properties = "  - {name: x, logicalType: number, unique: true}\n"
    assert outcomes(tmp_path, properties, "x\n" + "\n".join(cells))["x.unique"].figure == repeats


def test_a_width_and_a_set_are_exact_beyond_53_bits(tmp_path: Path) -> None:
    properties = """\
  - {name: x, logicalType: integer, logicalTypeOptions: {format: i64, multipleOf: 2}}
  - name: y
    logicalType: integer
    logicalTypeOptions: {minimum: 9007199254740994}
    quality: [{metric: invalidValues, arguments: {validValues: [9007199254740994]}, mustBe: 0}]
  - {name: z, logicalType: integer, logicalTypeOptions: {format: i128}}
  - {name: u, logicalType: integer, logicalTypeOptions: {format: u64}}
"""
    table = (
        "x,y,z,u\n"
        "9223372036854775807,9007199254740993,170141183460469231731687303715884105727,18446744073709551615\n"
        "9223372036854775808,9007199254740994,170141183460469231731687303715884105728,18446744073709551616\n"
        "-9223372036854775809,9007199254740994.0,-170141183460469231731687303715884105728,-1\n"
    )
    found = {name: one.figure for name, one in outcomes(tmp_path, properties, table).items()}
    assert (found["x.format"], found["x.multipleOf"]) == (2, 2)
    assert (found["y.minimum"], found["y.invalidValues"]) == (1, 1)
    assert found["u.format"] == 2
    assert found["z.format"] == 1
    assert {found[f"{name}.type"] for name in "xyzu"} == {0}


def test_a_query_sees_long_whole_numbers_unrounded(tmp_path: Path) -> None:
    properties = (
        "  - {name: x, logicalType: integer}\n  quality: [{type: sql, query: 'SELECT count(DISTINCT x) FROM {table}', mustBe: 40}]\n"
    )
    assert outcomes(tmp_path, properties, "x\n" + "\n".join(map(str, LONG)))["sql"].figure == 40


def test_a_query_that_would_never_end_is_stopped_and_costs_its_own_rule_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_QUERY_SECONDS", 0.2)
    query = "SELECT count(*) FROM {table} a, {table} b, {table} c, {table} d, {table} e WHERE a.x + b.x + c.x + d.x <> e.x"
    properties = """  - {name: x, logicalType: integer}
  quality:
  - {type: sql, id: endless, query: 'ENDLESS', mustBe: 0}
  - {type: sql, id: rows, query: 'SELECT count(*) FROM {table}', mustBe: 2000}
""".replace("ENDLESS", query)
    found = outcomes(tmp_path, properties, "x\n" + "\n".join(map(str, range(2000))))
    assert found["endless"].figure is None
    assert found["endless"].reason == "the query did not end within 0.2 seconds"
    assert found["rows"].figure == 2000


def test_a_query_that_one_cell_breaks_costs_its_own_rule_only(tmp_path: Path) -> None:
    properties = """\
  - {name: x, logicalType: string, required: true}
  quality:
  - {type: sql, id: total, query: 'SELECT sum(x::DOUBLE) FROM {table}', mustBe: 3}
  - {type: sql, id: rows, query: 'SELECT count(*) FROM {table}', mustBe: 3}
"""
    found = outcomes(tmp_path, properties, "x\n1\n12;5\n2\n")
    assert found["total"].figure is None
    assert found["total"].reason == "the query fails on a cell of this table (conversion error)"
    assert (found["rows"].figure, found["x.required"].figure) == (3, 0)


def test_cells_of_the_future_do_not_make_a_table_fresh(tmp_path: Path) -> None:
    properties = (
        "  - {name: x, logicalType: timestamp}\nslaProperties: [{property: freshness, value: 2, unit: d, element: t.x, id: fresh}]\n"
    )
    old = outcomes(tmp_path, properties, "x\n2024-05-01T00:00:00Z\n2999-01-01T00:00:00Z\n")["fresh"]
    assert (old.figure, old.later, old.broken) == (31 * 86_400, 1, True)
    only = outcomes(tmp_path, properties, "x\n2999-01-01T00:00:00Z\n")["fresh"]
    assert (only.figure, only.reason) == (None, "every date lies in the future")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("date", ["2024-01-05", "2024-01-05T00:00:00Z"], ["2024/01/05", "2024-1-5", "epoch", "infinity", "-infinity", "0044-03-15 (BC)", "2024-01-05T01:00:00"]),
        ("timestamp", ["2024-01-05", "2024-01-05T10:00", "2024-01-05 10:00:00.5+02:00", "2024-01-05T10:00:00Z"], ["2024/01/05 10:00", "infinity", "epoch"]),
        ("time", ["10:00", "10:00:00.25", "10:00:00+02:00"], ["10", "10:0:0", "1:00"]),
    ],
)  # fmt: skip
def test_dates_are_iso_8601(tmp_path: Path, kind: str, good: list[str], bad: list[str]) -> None:
    found = outcomes(tmp_path, f"  - {{name: x, logicalType: {kind}}}\n", "x\n" + "\n".join([*good, *bad]))
    assert found["x.type"].figure == len(bad)
    assert {one.row for one in found["x.type"].examples} == {len(good) + 1 + place for place in range(len(bad))}


def test_a_sum_of_floats_is_the_same_with_one_thread_and_with_eight(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.lognormal(0, 8, 400_000)})
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=5_000)
    (tmp_path / "c.odcs.yaml").write_text(
        HEAD + "  - {name: x, logicalType: number}\n  quality: [{type: sql, query: 'SELECT sum(x) + stddev(x) FROM {table}', mustBe: 0}]\n"  # noqa: S608  (a contract)
    )
    reading, contract, figures = read_all("t.parquet", tmp_path, tmp_path), load_contract("c.odcs.yaml", tmp_path), set()
    for threads in (1, 8, 8, 8):
        demands = Demands(contract=contract, profile=None, now=NOW, spill=tmp_path, threads=threads)
        figures |= {one.figure for one in check(reading, demands).outcomes if one.rule.id == "sql"}
    assert len(figures) == 1
    assert None not in figures
