"""A table as users give it: judged, refused in words, and with the same evidence everywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.gate import Rules, judge
from mlops_stage.inputs.tables.rejects import read_all
from mlops_stage.report import Level, Outcome
from mlops_stage.stages.data.checks import check
from mlops_stage.stages.data.contract.loading import load_contract
from mlops_stage.stages.data.criteria import criteria
from mlops_stage.stages.data.evidence import write
from mlops_stage.stages.data.measure import measure
from mlops_stage.stages.data.outcomes import Demands
from mlops_stage.stages.data.params import DataParams, ProfileParams
from mlops_stage.stages.data.profiling import run as write_profile
from mlops_stage.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.report import Judgement, Observations


def workspace(folder: Path) -> Workspace:
    return Workspace(root=folder, run_dir=folder, out=folder / "out", cache=folder / "cache")


def held(folder: Path, **params: Any) -> tuple[Observations, Judgement]:
    asked = DataParams(data=params.pop("data", "now.parquet"), **params)
    seen = measure(asked, workspace(folder))
    return seen, judge(seen, criteria(asked, seen), Rules())


def table(n: int, seed: int, *, shift: float = 0.0, new: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    colours = rng.choice(["red", "green", "blue", "grey"], n, p=[0.5, 0.3, 0.15, 0.05])
    return pd.DataFrame(
        {
            "x": rng.normal(shift, 1, n),
            "y": rng.normal(0, 1, n),
            "colour": np.where(rng.random(n) < new, "violet", colours),
            "gap": np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
        }
    )


def profiled(folder: Path, n: int, seed: int = 0) -> None:
    table(n, seed).to_parquet(folder / "before.parquet")
    write_profile(ProfileParams(source="before.parquet"), workspace(folder))


def test_without_a_contract_records_must_be_readable_and_no_column_empty(tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_text("a,b\n1,\n2,\n")
    seen, judged = held(tmp_path, data="now.csv")
    assert judged.outcome is Outcome.FAILED
    assert [gate.criterion for gate in judged.gates if gate.verdict == "failed"] == ["empty_columns <= 0"]
    assert "data/empty-column" in {finding.rule for finding in seen.findings}


def test_cp1252_is_told_in_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_bytes("name,b\nJosé,1\nAna,2\nChloë,3\n".encode("cp1252"))
    seen, judged = held(tmp_path, data="now.csv")
    assert judged.outcome is Outcome.FAILED
    (told,) = (finding for finding in seen.findings if finding.rule == "data/unreadable-record")
    assert told.message == "2 records of now.csv cannot be read: not UTF-8: it looks like cp1252 (Windows) or Latin-1 (lines 2, 4)"
    assert "iconv" in told.hint


def test_thousands_of_unreadable_records_are_told_by_reason(tmp_path: Path) -> None:
    good, short, stray = "1,x\n", "1\n", '1,"x"y\n'
    (tmp_path / "now.csv").write_text("a,b\n" + good * 5 + short * 2000 + stray * 7 + good)
    seen, _ = held(tmp_path, data="now.csv")
    assert (seen.outputs["rows"], seen.outputs["rejects"]) == ("6", "2007")
    told = [finding.message for finding in seen.findings if finding.rule == "data/unreadable-record"]
    assert told[0].startswith("2,000 records of now.csv cannot be read: 1 cell where the header has 2 (lines 7, 8, ")
    assert told[1].startswith("7 records of ")
    assert len(json.loads((tmp_path / "out/evidence/rejects.json").read_text())["first"]) == 1000


DRIFT = """
apiVersion: v3.1.0
kind: DataContract
id: d
version: 1.0.0
status: active
schema:
- name: t
  properties:
  - name: x
    logicalType: number
    quality:
    - {type: custom, engine: mlops-stage, severity: SEVERITY, implementation: {check: drift, method: METHOD, mustBeLessThan: 0.02}}
  - {name: y, logicalType: number}
"""


def test_a_rule_that_needs_what_was_not_given_is_refused(tmp_path: Path) -> None:
    table(100, 1).to_parquet(tmp_path / "now.parquet")
    (tmp_path / "c.odcs.yaml").write_text(DRIFT.replace("METHOD", "ks").replace("SEVERITY", "error"))
    with pytest.raises(UsageError, match=r"c\.odcs\.yaml:13: the rule .* needs the profile"):
        held(tmp_path, contract="c.odcs.yaml")


SECRETS = ("ada.lovelace@mail.example", "4111111111111111", "hunter2-passphrase", "DE89370400440532013000", "Wolfeschlegelstein")
SECRET_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: s
version: 1.0.0
status: active
schema:
- name: t
  properties:
  - {name: id, logicalType: string, primaryKey: true}
  - {name: mail, logicalType: integer}
  - {name: card, logicalType: integer, logicalTypeOptions: {maximum: 9}}
  - {name: word, logicalType: string, logicalTypeOptions: {maxLength: 3}, quality: [{metric: invalidValues, arguments: {validValues: [a]}, mustBe: 0}]}
  - {name: iban, logicalType: string, logicalTypeOptions: {pattern: '^[a-z]*$'}}
  - {name: name, logicalType: date, unique: true}
  quality:
  - {metric: duplicateValues, arguments: {properties: [name]}, mustBe: 0}
  - {type: sql, query: 'SELECT count(DISTINCT word) FROM {object}', mustBe: 0}
"""


def secret_rows() -> pd.DataFrame:
    """Forty harmless rows, and three that hold what nobody may read."""
    mail, card, word, iban, name = SECRETS
    harmless = [{"id": f"{place}", "mail": "5", "card": "7", "word": "a", "iban": "x", "name": "2024-01-01"} for place in range(40)]
    return pd.DataFrame([*harmless, *[{"id": name, "mail": mail, "card": card, "word": word, "iban": iban, "name": name}] * 3])


def test_the_same_data_give_the_same_bytes_with_one_thread_and_with_eight(tmp_path: Path) -> None:
    big = pd.concat([table(200_000, 1, shift=0.1), pd.DataFrame({"x": [1e9, -3.0, np.inf]})], ignore_index=True)
    big["x"] = big["x"].round(3)
    big.to_parquet(tmp_path / "now.parquet", row_group_size=10_000)
    profiled(tmp_path, 5_000)
    text = DRIFT.replace("METHOD", "psi").replace("SEVERITY", "error")
    more = "{name: y, logicalType: number, unique: true, logicalTypeOptions: {maximum: 1}}\n  - {name: gap, logicalType: integer, required: true}"
    (tmp_path / "c.odcs.yaml").write_text(text.replace("{name: y, logicalType: number}", more))
    contract = load_contract("c.odcs.yaml", tmp_path)
    written = []
    for threads in (1, 8, 8):
        reading = read_all("now.parquet", tmp_path, tmp_path)
        wanted = Demands(contract=contract, profile=None, now=workspace(tmp_path).clock(), spill=tmp_path, threads=threads)
        out = tmp_path / f"out{len(written)}"
        write(out, reading, check(reading, wanted), [], contract)
        written.append({path.name: path.read_bytes() for path in (out / "evidence").iterdir()})
    assert written[0] == written[1] == written[2]
    assert set(written[0]) == {"rules.json", "queries.sql", "failing-rows.json"}


def test_the_evidence_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    secret_rows().to_csv(tmp_path / "now.csv", index=False)
    (tmp_path / "c.odcs.yaml").write_text(SECRET_CONTRACT)
    held(tmp_path, data="now.csv", contract="c.odcs.yaml")
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or str(tmp_path) not in path.read_text()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"data": None}, "no data to judge"),
        ({"data": "absent.csv"}, "does not exist"),
        ({"now": "tomorrow"}, "no time in ISO 8601"),
        ({"row_id": "nobody"}, "no column 'nobody'"),
        ({"train": "now.parquet", "keys": ("nobody",)}, "no column 'nobody'"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, params: dict[str, Any], told: str) -> None:
    table(50, 1).to_parquet(tmp_path / "now.parquet")
    with pytest.raises(UsageError, match=told):
        held(tmp_path, **{"data": "now.parquet", **params})


def test_names_with_quotes_commas_and_line_ends_are_only_names(tmp_path: Path) -> None:
    odd = "a\"b,c\n'; DROP TABLE t; --"
    pd.DataFrame({odd: [1.0, None], "é字": ["x", "y"]}).to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path)
    assert judged.outcome is Outcome.PASSED
    assert {dict(metric.slice).get("column") for metric in seen.metrics} == {None, odd, "é字"}


def test_a_table_without_rows_cannot_be_judged(tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_text("a,b\n")
    with pytest.raises(InputError, match="no rows"):
        held(tmp_path, data="now.csv")


def test_a_named_row_id_that_repeats_or_is_missing_fails_without_a_contract_too(tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_text("id,x\n1,5\n2,6\n2,7\n,8\n")
    seen, judged = held(tmp_path, data="now.csv", row_id="id")
    failed = {gate.criterion: gate for gate in judged.gates if gate.verdict == "failed"}
    assert set(failed) == {"duplicate_keys[rule=row_id.duplicate_keys] <= 0", "nulls[rule=row_id.nulls] <= 0"}
    assert {gate.source for gate in failed.values()} == {"row_id"}
    told = {finding.rule: finding.message for finding in seen.findings if finding.level is Level.ERROR}
    assert told["data/duplicate-key"] == (
        "id, which names rows, never repeats: 1 of 4 rows repeats the key of an earlier one; the first: now.csv, data row 3 (as data row 2)"
    )
    assert told["data/missing-cells"].startswith("id, which names rows, is never missing: 1 of 4 rows")
    assert seen.outputs["rules"] == "2"
    assert seen.metrics[0].name == "nulls"
    (tmp_path / "now.csv").write_text("id,x\n1,5\n2,6\n")
    assert held(tmp_path, data="now.csv", row_id="id")[1].outcome is Outcome.PASSED


def test_a_contract_that_declares_the_row_id_unique_is_not_asked_twice(tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_text("id,x\n1,5\n2,6\n")
    head = SECRET_CONTRACT[: SECRET_CONTRACT.index("  properties:")]
    (tmp_path / "c.odcs.yaml").write_text(f"{head}  properties: [{{name: id, primaryKey: true}}, {{name: x}}]\n")
    _, judged = held(tmp_path, data="now.csv", row_id="id", contract="c.odcs.yaml")
    assert not [gate for gate in judged.gates if gate.source == "row_id"]


def test_a_table_without_a_header_is_told(tmp_path: Path) -> None:
    (tmp_path / "now.csv").write_text("39,State-gov,77516,13.5\n50,Private,83311,12\n38,Private,215646,9\n")
    seen, _ = held(tmp_path, data="now.csv")
    (told,) = (finding for finding in seen.findings if finding.rule == "data/no-header")
    assert told.message == "the first line of now.csv looks like data, and was taken for the names of the columns"
    (tmp_path / "now.csv").write_text("name,2019,2020,2021\na,1,2,3\n")
    assert "data/no-header" not in {finding.rule for finding in held(tmp_path, data="now.csv")[0].findings}


def test_what_failed_comes_first_in_figures_and_pictures(tmp_path: Path) -> None:
    profiled(tmp_path, 20_000)
    now = table(20_000, 1)
    now["colour"] = now["colour"].replace("green", "violet")
    now.to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path, profile="profile.json")
    assert judged.outcome is Outcome.FAILED
    assert [figure.name for figure in seen.figures][:2] == ["distribution_of_colour", "missing"]
    assert {metric.name for metric in seen.metrics[:2]} <= {"linf", "new_category_share"}
    (told,) = (finding for finding in seen.findings if finding.rule == "data/new-category")
    assert told.message.startswith("colour holds values that the profile does not know: 5,966 of 20,000 cells")
    assert told.message.endswith(", at most 0.01 allowed)")
