"""Planted faults: each is found at its rule, in its column, counted, and at its rows; the clean twin raises no alarm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from mlops_stage.estimates import Point
from mlops_stage.gate import Rules, judge
from mlops_stage.report import Level, Outcome
from mlops_stage.stages.data.criteria import criteria
from mlops_stage.stages.data.measure import measure
from mlops_stage.stages.data.params import DataParams
from mlops_stage.stages.data.rules import Bound
from mlops_stage.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_stage.report import Observations

N = 60
Row = dict[str, Any]

CONTRACT = r"""
apiVersion: v3.1.0
kind: DataContract
id: faults
version: 1.0.0
status: active
schema:
- name: people
  properties:
  - {name: id, logicalType: integer, required: true, primaryKey: true}
  - {name: age, logicalType: integer, required: true, logicalTypeOptions: {minimum: 18, maximum: 120}}
  - name: income
    logicalType: number
    logicalTypeOptions: {minimum: 0, exclusiveMaximum: 1000000}
    quality:
    - {metric: nullValues, mustBeLessOrEqualTo: 5, unit: percent}
    - {type: custom, engine: mlops-stage, implementation: {check: nan, mustBe: 0}}
    - {type: custom, engine: mlops-stage, implementation: {check: infinite, mustBe: 0}}
    - {type: custom, engine: mlops-stage, implementation: {check: sentinels, values: [-999], mustBe: 0}}
  - {name: mail, logicalType: string, logicalTypeOptions: {pattern: '^[^@ ]+@[^@ ]+$'}}
  - name: country
    logicalType: string
    quality:
    - {metric: invalidValues, arguments: {validValues: [AT, DE, FR]}, mustBe: 0}
  - name: word
    logicalType: string
    logicalTypeOptions: {minLength: 2, maxLength: 8}
    quality:
    - {type: custom, engine: mlops-stage, implementation: {check: empty, mustBe: 0}}
    - {metric: missingValues, arguments: {missingValues: ['N/A', none]}, mustBe: 0}
  - {name: price, logicalType: number, logicalTypeOptions: {multipleOf: 0.05}}
  - {name: born, logicalType: date, logicalTypeOptions: {minimum: '1900-01-01'}}
  - {name: seen, logicalType: timestamp}
  - {name: flag, logicalType: boolean}
  - {name: tags, logicalType: array, logicalTypeOptions: {maxItems: 3, uniqueItems: true}}
  - {name: extra, logicalType: object}
  - name: label
    logicalType: integer
    quality:
    - {type: custom, engine: mlops-stage, implementation: {check: class_share, value: 1, mustBeBetween: [0.2, 0.8]}}
  - {name: day, logicalType: string}
  - {name: site, logicalType: string}
  quality:
  - {metric: rowCount, mustBeBetween: [50, 70]}
  - {metric: duplicateValues, arguments: {properties: [day, site]}, mustBe: 0}
  - {type: sql, query: 'SELECT count(*) FROM {object} WHERE year(seen) < year(born)', mustBe: 0}
  - {type: custom, engine: mlops-stage, implementation: {check: no_other_columns}}
"""


def rows() -> list[Row]:
    return [
        {
            "id": place + 1,
            "age": 20 + place,
            "income": 1000.5 + place,
            "mail": f"person{place}@example.org",
            "country": ("AT", "DE", "FR")[place % 3],
            "word": ("apple", "pear", "fig")[place % 3],
            "price": round(0.05 * place, 2),
            "born": f"19{60 + place % 30}-0{1 + place % 9}-11",
            "seen": f"2024-03-{1 + place % 28:02d}T10:00:00Z",
            "flag": ("true", "false")[place % 2],
            "tags": '["a", "b"]',
            "extra": '{"k": 1}',
            "label": place % 2,
            "day": f"d{place // 4}",
            "site": f"s{place % 4}",
        }
        for place in range(N)
    ]


@dataclass(frozen=True)
class Fault:
    """What is planted in cells, and the rule that has to find it."""

    rule: str
    column: str
    cells: dict[int, Any]
    """Row, from 1 -> what is written there."""
    hint: str = ""


CELLS: dict[str, Fault] = {
    "text in an integer": Fault("age.type", "age", {7: "young"}),
    "placeholder in an integer": Fault("age.type", "age", {9: "n/a"}, "1 looks like `N/A`"),
    "fraction in an integer": Fault("age.type", "age", {5: "30.5"}, "1 looks like `1.5`"),
    "separators of thousands": Fault("income.type", "income", {3: "1,234", 4: "9,000", 60: "1,000,000.5"}, "3 look like `1,234`"),
    "decimal comma": Fault("income.type", "income", {8: "12,5"}, "1 looks like `12,5`"),
    "underscores": Fault("income.type", "income", {9: "1_000"}, "1 looks like `1_000`"),
    "currency": Fault("income.type", "income", {7: "$12"}, "1 looks like `$12`"),
    "missing where required": Fault("age.required", "age", {1: "", 60: ""}),
    "missing too often": Fault("income.nullValues", "income", {1: "", 2: "", 5: "", 6: ""}),
    "NaN": Fault("income.nan", "income", {10: "nan", 11: "NaN"}),
    "infinity": Fault("income.infinite", "income", {12: "inf", 13: "-inf"}),
    "sentinel number": Fault("income.sentinels", "income", {20: "-999", 30: "-999.0"}),
    "sentinel word": Fault("word.missingValues", "word", {2: "N/A", 3: "none"}),
    "empty text": Fault("word.empty", "word", {6: "  "}),
    "too young": Fault("age.minimum", "age", {4: "17"}),
    "too old": Fault("age.maximum", "age", {14: "121", 15: "430", 16: "1e3"}),
    "at the open end": Fault("income.exclusiveMaximum", "income", {14: "1000000"}),
    "negative": Fault("income.minimum", "income", {15: "-0.01"}),
    "born too early": Fault("born.minimum", "born", {9: "1899-12-31"}),
    "no mail": Fault("mail.pattern", "mail", {13: "nobody", 14: "a b@c"}),
    "unknown country": Fault("country.invalidValues", "country", {15: "XX"}),
    "country in small letters": Fault("country.invalidValues", "country", {16: "at"}, "1 looks like an allowed one but for case"),
    "too short": Fault("word.minLength", "word", {17: "a"}),
    "too long": Fault("word.maxLength", "word", {18: "äöüäöüäöü"}),
    "no multiple": Fault("price.multipleOf", "price", {19: "0.07"}),
    "date of unknown order": Fault("born.type", "born", {20: "01/02/1970", 21: "31.12.1970"}, "2 look like `31/12/2024`"),
    "no such day": Fault("born.type", "born", {22: "1970-02-30"}),
    "no timestamp": Fault("seen.type", "seen", {23: "yesterday"}),
    "yes": Fault("flag.type", "flag", {24: "yes", 25: "No"}, "2 look like `yes`"),
    "no list": Fault("tags.type", "tags", {26: "a b"}),
    "list too long": Fault("tags.maxItems", "tags", {27: "[1, 2, 3, 4]"}),
    "item twice": Fault("tags.uniqueItems", "tags", {28: '["a", "a"]'}),
    "no object": Fault("extra.type", "extra", {29: "[1]"}),
    "id twice": Fault("primary-key", "id", {31: 5, 40: "5.0"}),
    "composite key twice": Fault("duplicateValues", "day", {33: "d0"}),
    "seen before born": Fault("sql", "seen", {35: "1901-01-01T00:00:00Z", 36: "1901-01-01T00:00:00Z"}),
}
ALSO: dict[str, set[int]] = {
    "income.minimum": {13, 20, 30},
    "income.exclusiveMaximum": {12},
    "word.missingValues": set(),
}
"""Rows that break a rule because of a fault planted for another: the infinities and the sentinels lie outside the range."""


def drop(table: list[Row]) -> None:
    for row in table:
        del row["country"]


def add(table: list[Row]) -> None:
    for row in table:
        row["shoe"] = 1


def shorten(table: list[Row]) -> None:
    del table[40:]


def tilt(table: list[Row]) -> None:
    for place, row in enumerate(table):
        row["label"] = int(place < 6)


TABLES: dict[str, tuple[Callable[[list[Row]], None], str, float]] = {
    "column absent": (drop, "absent[rule=country.present]", 1),
    "column too many": (add, "undeclared_columns[rule=no_other_columns]", 1),
    "too few rows": (shorten, "row_count[rule=rowCount]", 40),
    "classes out of balance": (tilt, "class_share[rule=label.class_share]", 6 / N),
}


def held(folder: Path, table: list[Row], contract: str = CONTRACT, **params: Any) -> tuple[Observations, Outcome, list[Any]]:
    (folder / "contract.odcs.yaml").write_text(contract)
    name = params.pop("data", "people.csv")
    frame = pd.DataFrame(table)
    if name.endswith(".csv"):
        frame.to_csv(folder / name, index=False)
    elif name.endswith(".jsonl"):
        frame.to_json(folder / name, orient="records", lines=True)
    else:
        frame.to_parquet(folder / name)
    asked = DataParams(data=name, contract="contract.odcs.yaml", **params)
    seen = measure(asked, Workspace(root=folder, run_dir=folder, out=folder / "out", cache=folder / "cache"))
    declared = list(criteria(asked, seen))
    verdict = judge(seen, declared, Rules())
    return seen, verdict.outcome, [gate for gate in verdict.gates if gate.verdict != "passed"]


@pytest.mark.parametrize("name", ["people.csv", "people.jsonl", "people.parquet"])
def test_the_clean_twin_raises_no_alarm(tmp_path: Path, name: str) -> None:
    table = rows()
    if name.endswith("parquet"):
        table = [
            {**row, "born": pd.Timestamp(row["born"]).date(), "seen": pd.Timestamp(row["seen"]), "flag": row["flag"] == "true"}
            for row in table
        ]
    seen, outcome, gates = held(tmp_path, table, data=name)
    assert outcome is Outcome.PASSED, gates
    assert [finding for finding in seen.findings if finding.level is not Level.NOTE] == []
    assert seen.outputs["broken"] == "0"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Observations, list[Any], Path]:
    folder = tmp_path_factory.mktemp("planted")
    table = rows()
    for fault in CELLS.values():
        for row, cell in fault.cells.items():
            table[row - 1][fault.column] = cell
    assert len({(fault.column, row) for fault in CELLS.values() for row in fault.cells}) == sum(
        len(fault.cells) for fault in CELLS.values()
    )
    table[32]["site"] = "s1"  # with the day d0 it is the key of row 2
    seen, outcome, gates = held(folder, table)
    assert outcome is Outcome.FAILED
    return seen, gates, folder / "out"


@pytest.mark.parametrize("name", CELLS)
def test_a_planted_fault_is_found_with_its_column_count_and_rows(planted: tuple[Observations, list[Any], Path], name: str) -> None:
    fault, (seen, gates, out) = CELLS[name], planted
    expected = {row for other in CELLS.values() if other.rule == fault.rule for row in other.cells} | ALSO.get(fault.rule, set())
    (told,) = (one for one in json.loads((out / "evidence/rules.json").read_text())["rules"] if one["id"] == fault.rule)
    assert told["figure"] == len(expected)
    assert fault.column in told["columns"] or fault.rule == "sql"
    assert any(gate.source == told["where"] and gate.verdict == "failed" for gate in gates)
    (finding,) = (one for one in seen.findings if one.location == told["where"] and told["sentence"] in one.message)
    assert finding.level is Level.ERROR
    assert fault.hint in finding.hint
    failing = json.loads((out / "evidence/failing-rows.json").read_text())["rows"]
    if fault.rule != "sql":
        assert {one["row"] for one in failing if one["rule"] == fault.rule} == expected


def test_no_rule_but_those_planted_for_is_broken(planted: tuple[Observations, list[Any], Path]) -> None:
    _, _, out = planted
    broken = {one["id"] for one in json.loads((out / "evidence/rules.json").read_text())["rules"] if one["id"] and _breaks(one)}
    assert broken == {fault.rule for fault in CELLS.values()}


def _breaks(told: dict[str, Any]) -> bool:
    bound, figure = told["bound"], told["figure"]
    if bound["unit"] == "percent":
        figure = 100 * figure / told["of"]
    return not Bound(**bound).holds(figure)


@pytest.mark.parametrize("name", TABLES)
def test_a_planted_fault_of_the_whole_table_is_found(tmp_path: Path, name: str) -> None:
    change, label, figure = TABLES[name]
    table = rows()
    change(table)
    seen, outcome, gates = held(tmp_path, table)
    assert outcome is Outcome.FAILED
    (metric,) = (metric for metric in seen.metrics if metric.label == label)
    assert isinstance(metric.estimate, Point)
    assert metric.estimate.value == pytest.approx(figure)
    assert [gate.verdict for gate in gates if gate.criterion.startswith(label)] == ["failed"]


def test_other_rules_keep_their_figures_beside_a_bad_cell(tmp_path: Path) -> None:
    clean, _, _ = held(tmp_path, rows())
    table = rows()
    table[6]["age"] = "seventeen and a half"
    seen, _, gates = held(tmp_path, table)
    before = {metric.label: metric.estimate for metric in clean.metrics}
    after = {metric.label: metric.estimate for metric in seen.metrics}
    assert [label for label in before if before[label] != after[label]] == ["wrongly_typed[rule=age.type]"]
    assert [gate.verdict for gate in gates] == ["failed"]


def test_an_absent_column_costs_its_own_rules_only(tmp_path: Path) -> None:
    table = rows()
    for row in table:
        del row["income"]
        row["country"] = "XX"
    seen, outcome, _ = held(tmp_path, table)
    assert outcome is Outcome.FAILED
    assert {"data/column-absent", "data/outside-set", "data/not-evaluated"} <= {finding.rule for finding in seen.findings}


def test_a_warning_warns_and_never_fails(tmp_path: Path) -> None:
    contract = CONTRACT.replace("mustBe: 0}\n  - name: word", "mustBe: 0, severity: warning}\n  - name: word")
    table = rows()
    table[3]["country"] = "XX"
    seen, outcome, _ = held(tmp_path, table, contract)
    assert outcome is Outcome.PASSED
    assert [finding.rule for finding in seen.findings if finding.level is Level.WARNING] == ["data/outside-set"]


@pytest.mark.parametrize(
    ("bound", "outcome"),
    [
        ("mustBe: 60", Outcome.PASSED),
        ("mustBe: 61", Outcome.FAILED),
        ("mustNotBe: 60", Outcome.FAILED),
        ("mustBeGreaterThan: 60", Outcome.FAILED),
        ("mustBeGreaterOrEqualTo: 60", Outcome.PASSED),
        ("mustBeLessThan: 60", Outcome.FAILED),
        ("mustBeBetween: [60, 61]", Outcome.PASSED),
        ("mustBeBetween: [61, 62]", Outcome.FAILED),
        ("mustNotBeBetween: [60, 61]", Outcome.FAILED),
        ("mustNotBeBetween: [61, 70]", Outcome.PASSED),
    ],
)
def test_every_operator_of_the_standard(tmp_path: Path, bound: str, outcome: Outcome) -> None:
    head = CONTRACT[: CONTRACT.index("  properties:")]
    seen, found, _ = held(tmp_path, rows(), f"{head}  quality: [{{metric: rowCount, {bound}}}]\n")
    assert found is outcome
    assert ("data/row-count" in {finding.rule for finding in seen.findings}) is (outcome is Outcome.FAILED)


def test_rows_after_a_reject_keep_their_own_numbers(tmp_path: Path) -> None:
    (tmp_path / "contract.odcs.yaml").write_text(CONTRACT)
    table = rows()
    table[9]["age"] = 3
    lines = pd.DataFrame(table).to_csv(index=False).splitlines()
    lines[5] = "only,three,cells"
    (tmp_path / "people.csv").write_text("\n".join(lines))
    asked = DataParams(data="people.csv", contract="contract.odcs.yaml")
    seen = measure(asked, Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path / "out", cache=tmp_path / "cache"))
    failing = json.loads((tmp_path / "out/evidence/failing-rows.json").read_text())["rows"]
    assert [one["row"] for one in failing] == [10]
    assert (seen.outputs["rows"], seen.outputs["rejects"]) == ("59", "1")
    (told,) = (finding for finding in seen.findings if finding.rule == "data/unreadable-record")
    assert told.location == "people.csv:6"
    assert judge(seen, criteria(asked, seen), Rules()).outcome is Outcome.FAILED
