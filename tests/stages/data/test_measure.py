from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlops_stage.errors import InputError, StageError, UsageError
from mlops_stage.gate import Rules, judge
from mlops_stage.inputs.tables.rejects import read_all
from mlops_stage.report import Bars, Level, Outcome, adapter_of
from mlops_stage.stages.data.checks import check
from mlops_stage.stages.data.contract.loading import load_contract
from mlops_stage.stages.data.criteria import criteria
from mlops_stage.stages.data.evidence import write
from mlops_stage.stages.data.measure import measure
from mlops_stage.stages.data.outcomes import Demands
from mlops_stage.stages.data.params import DataParams, ProfileParams
from mlops_stage.stages.data.plan import plan
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


def test_no_drift_passes_and_says_so(tmp_path: Path) -> None:
    profiled(tmp_path, 20_000)
    table(10_000, 1).to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path, profile="profile.json")
    assert judged.outcome is Outcome.PASSED, [gate for gate in judged.gates if gate.verdict != "passed"]
    assert seen.outputs["drifted"] == "false"


def test_a_shift_of_three_tenths_of_sigma_and_a_new_category_are_found(tmp_path: Path) -> None:
    profiled(tmp_path, 50_000)
    table(5_000, 1, shift=0.3, new=0.02).to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path, profile="profile.json")
    failed = {gate.criterion for gate in judged.gates if gate.verdict == "failed"}
    assert failed == {"ks[column=x] <= 0.08", "new_category_share[column=colour] <= 0.01"}
    assert seen.outputs["drifted"] == "true"
    drifted = [finding for finding in seen.findings if finding.rule in {"data/drift", "data/new-category"}]
    assert [finding.level for finding in drifted] == [Level.ERROR, Level.ERROR]
    assert "violet" not in json.dumps(adapter_of(type(seen)).dump_python(seen, mode="json"))


def test_too_few_rows_to_tell_drift_are_inconclusive_and_never_green(tmp_path: Path) -> None:
    profiled(tmp_path, 20_000)
    table(60, 1).to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path, profile="profile.json")
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert seen.outputs["drifted"] == "unclear"
    assert "rows show it; there are 60" in " ".join(plan(DataParams(data="now.parquet", profile="profile.json"), workspace(tmp_path)).notes)


def test_a_column_that_vanished_since_the_profile_is_no_silent_pass(tmp_path: Path) -> None:
    profiled(tmp_path, 20_000)
    table(10_000, 1).drop(columns="colour").to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path, profile="profile.json")
    assert [gate.criterion for gate in judged.gates if gate.verdict == "failed"] == ["vanished_columns <= 0"]
    assert any("lacks: colour" in finding.message and finding.level is Level.ERROR for finding in seen.findings)


def test_missing_cells_that_increase_are_drift_too(tmp_path: Path) -> None:
    profiled(tmp_path, 20_000)
    now = table(10_000, 1)
    now.loc[:4000, "gap"] = np.nan
    now.to_parquet(tmp_path / "now.parquet")
    _, judged = held(tmp_path, profile="profile.json")
    assert [gate.criterion for gate in judged.gates if gate.verdict == "failed"] == ["missing_shift[column=gap] <= 0.08"]


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


@pytest.mark.parametrize("cell", ["unknown", "nan", "inf"])
def test_cells_that_are_no_longer_numbers_are_drift(tmp_path: Path, cell: str) -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(50, 10, 5000)
    pd.DataFrame({"inc": numbers, "x": rng.normal(size=5000)}).to_csv(tmp_path / "before.csv", index=False)
    write_profile(ProfileParams(source="before.csv"), workspace(tmp_path))
    odd = [cell if place % 5 else str(number) for place, number in enumerate(rng.normal(50, 10, 5000))]
    pd.DataFrame({"inc": odd, "x": rng.normal(size=5000)}).to_csv(tmp_path / "now.csv", index=False)
    seen, judged = held(tmp_path, data="now.csv", profile="profile.json")
    assert "odd_shift[column=inc] <= 0.08" in [gate.criterion for gate in judged.gates if gate.verdict == "failed"]
    assert seen.outputs["drifted"] == "true"
    assert any("80.0% of its cells are text, NaN or infinite, and 0.0% were" in finding.message for finding in seen.findings)
    contract = DRIFT.replace("METHOD", "ks").replace("SEVERITY", "error").replace("name: x", "name: inc").replace("name: y", "name: x")
    (tmp_path / "c.odcs.yaml").write_text(contract.replace("mustBeLessThan: 0.02", "mustBeLessThan: 0.2"))
    _, judged = held(tmp_path, data="now.csv", profile="profile.json", contract="c.odcs.yaml")
    assert {(gate.criterion, str(gate.verdict)) for gate in judged.gates if gate.source == "c.odcs.yaml:13"} == {
        ("ks[column=inc] < 0.2", "passed"),
        ("odd_shift[column=inc] <= 0.08", "failed"),
    }


def test_a_column_of_numbers_that_became_all_missing_or_all_text_is_judged_and_not_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pd.DataFrame({"a": rng.normal(size=500), "b": rng.normal(size=500), "c": ["u", "v"] * 250}).to_csv(tmp_path / "before.csv", index=False)
    write_profile(ProfileParams(source="before.csv"), workspace(tmp_path))
    pd.DataFrame({"a": [None] * 500, "b": ["word"] * 500, "c": [None] * 500}).to_csv(tmp_path / "now.csv", index=False)
    _, judged = held(tmp_path, data="now.csv", profile="profile.json")
    failed = {gate.criterion for gate in judged.gates if gate.verdict == "failed"}
    assert {"missing_shift[column=a] <= 0.08", "odd_shift[column=b] <= 0.08", "missing_shift[column=c] <= 0.08"} <= failed


def test_values_beside_the_values_of_the_profile_are_drift(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pd.DataFrame({"flag": rng.integers(0, 2, 5000)}).to_parquet(tmp_path / "before.parquet")
    write_profile(ProfileParams(source="before.parquet"), workspace(tmp_path))
    pd.DataFrame({"flag": rng.choice([-1, 0.5], 5000)}).to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path, profile="profile.json")
    assert [gate.criterion for gate in judged.gates if gate.verdict == "failed"] == ["ks[column=flag] <= 0.08"]
    assert any(re.search(r"of its cells lie below [01]; in the profile [0-9.]+% did", finding.message) for finding in seen.findings)


OMITTED = """
apiVersion: v3.1.0
kind: DataContract
id: d
version: 1.0.0
status: active
schema:
- name: t
  properties:
  - {name: id, quality: [{type: custom, engine: mlops-stage, implementation: {check: drift}}]}
  - {name: x, quality: [{type: custom, engine: mlops-stage, implementation: {check: drift}}]}
  - {name: mail, quality: [{type: custom, engine: mlops-stage, implementation: {check: drift, method: linf, mustBeLessThan: 0.05}}]}
  - {name: colour, quality: [{type: custom, engine: mlops-stage, implementation: {check: drift, method: ks}}]}
  - {name: late, quality: [{type: custom, engine: mlops-stage, implementation: {check: drift}}]}
"""


def test_every_declared_rule_on_drift_has_a_gate_and_none_that_cannot_be_told_passes(tmp_path: Path) -> None:
    for name, seed in (("before", 0), ("now", 1)):
        frame = table(5000, seed)[["x", "colour"]]
        frame["id"], frame["mail"] = range(5000), [f"p{place}@example.org" for place in range(5000)]
        if name == "now":
            frame["late"] = 1.0
        frame.to_parquet(tmp_path / f"{name}.parquet")
    write_profile(ProfileParams(source="before.parquet"), workspace(tmp_path))
    (tmp_path / "c.odcs.yaml").write_text(OMITTED)
    seen, judged = held(tmp_path, profile="profile.json", contract="c.odcs.yaml")
    verdicts = {gate.source: str(gate.verdict) for gate in judged.gates if gate.source.startswith("c.odcs.yaml:")}
    passed = {"c.odcs.yaml:11": "passed"}
    assert verdicts == {f"c.odcs.yaml:{line}": "inconclusive" for line in (10, 12, 13, 14)} | passed
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert seen.outputs["drifted"] == "unclear"
    told = {finding.location: finding.message for finding in seen.findings if finding.rule == "data/not-evaluated"}
    assert "it identifies rows" in told["c.odcs.yaml:10"]
    assert "more than 1,000 different values" in told["c.odcs.yaml:12"] or "it identifies rows" in told["c.odcs.yaml:12"]
    assert "holds categories" in told["c.odcs.yaml:13"]
    assert "does not know this column" in told["c.odcs.yaml:14"]


@pytest.mark.parametrize("method", ["js", "cramers_v", "wasserstein"])
def test_distances_with_rough_bounds_inform_and_never_pass_or_fail(tmp_path: Path, method: str) -> None:
    profiled(tmp_path, 20_000)
    table(10_000, 1, shift=0.5).to_parquet(tmp_path / "now.parquet")
    (tmp_path / "c.odcs.yaml").write_text(DRIFT.replace("METHOD", method).replace("SEVERITY", "error"))
    seen, judged = held(tmp_path, profile="profile.json", contract="c.odcs.yaml")
    drifting = [gate for gate in judged.gates if gate.source == "c.odcs.yaml:13"]
    assert [(gate.criterion, gate.verdict) for gate in drifting] == [(f"{method}_gate[column=x] < 0.02", "inconclusive")]
    assert method in {metric.name for metric in seen.metrics}
    assert any("informs only" in finding.message for finding in seen.findings if finding.location == "c.odcs.yaml:13")


@pytest.mark.parametrize("method", ["ks", "psi", "linf"])
def test_a_contracts_rule_on_drift_takes_the_place_of_the_default_ones(tmp_path: Path, method: str) -> None:
    profiled(tmp_path, 20_000)
    table(10_000, 1, shift=0.5, new=0.2).to_parquet(tmp_path / "now.parquet")
    (tmp_path / "c.odcs.yaml").write_text(DRIFT.replace("METHOD", method).replace("SEVERITY", "error"))
    seen, judged = held(tmp_path, profile="profile.json", contract="c.odcs.yaml")
    drifting = [gate for gate in judged.gates if gate.source == "c.odcs.yaml:13"]
    assert [(gate.criterion, gate.verdict) for gate in drifting] == [(f"{method}[column=x] < 0.02", "failed")]
    assert not any("colour" in gate.criterion for gate in judged.gates)
    assert seen.outputs["drifted"] == "true"


def test_a_warning_on_drift_warns(tmp_path: Path) -> None:
    profiled(tmp_path, 20_000)
    table(10_000, 1, shift=0.5).to_parquet(tmp_path / "now.parquet")
    (tmp_path / "c.odcs.yaml").write_text(DRIFT.replace("METHOD", "ks").replace("SEVERITY", "warning"))
    seen, judged = held(tmp_path, profile="profile.json", contract="c.odcs.yaml")
    assert judged.outcome is Outcome.PASSED
    (told,) = (finding for finding in seen.findings if finding.rule == "data/drift")
    assert (told.level, told.location) == (Level.WARNING, "c.odcs.yaml:13")


def test_a_rule_that_needs_what_was_not_given_is_refused(tmp_path: Path) -> None:
    table(100, 1).to_parquet(tmp_path / "now.parquet")
    (tmp_path / "c.odcs.yaml").write_text(DRIFT.replace("METHOD", "ks").replace("SEVERITY", "error"))
    with pytest.raises(UsageError, match=r"c\.odcs\.yaml:13: the rule .* needs the profile"):
        held(tmp_path, contract="c.odcs.yaml")


def test_figures_show_the_band_and_no_small_counts(tmp_path: Path) -> None:
    profiled(tmp_path, 20_000)
    now = table(10_000, 1, shift=0.3)
    now.loc[:3, "colour"] = "blue "
    now.to_parquet(tmp_path / "now.parquet")
    seen, _ = held(tmp_path, profile="profile.json")
    bars = {figure.name: figure for figure in seen.figures if isinstance(figure, Bars)}
    assert set(bars) == {"missing", "distribution_of_x", "distribution_of_y", "distribution_of_gap", "distribution_of_colour"}
    shifted = bars["distribution_of_x"].bars
    assert (
        sum(
            bar.value is not None and not bar.low <= bar.value <= bar.high
            for bar in shifted
            if bar.low is not None and bar.high is not None
        )
        >= 8
    )
    values = {bar.label: bar.value for bar in bars["distribution_of_colour"].bars}
    assert values["other values"] is None
    assert list(values.values()).count(None) == 2


def test_rows_and_keys_shared_with_the_training_data_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"patient": [f"p{place}" for place in range(1000)], "x": rng.normal(size=1000), "row": range(1000)})
    now = pd.DataFrame({"patient": [f"q{place}" for place in range(400)], "x": rng.normal(size=400), "row": range(2000, 2400)})
    now.loc[10:29, ["patient", "x"]] = train.loc[500:519, ["patient", "x"]].to_numpy()  # the same rows
    now.loc[50, "patient"] = "p7"  # the same patient, seen again
    now.loc[60, "patient"] = None
    train.loc[60, "patient"] = None
    train.to_parquet(tmp_path / "train.parquet")
    now.to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path, train="train.parquet", keys=("patient",), row_id="row")
    failed = {gate.criterion for gate in judged.gates if gate.verdict == "failed"}
    assert failed == {"shared_rows_share <= 0.01", "shared_keys_share[columns=patient] <= 0"}
    told = {finding.rule: finding.message for finding in seen.findings}
    assert told["data/shared-rows"] == "20 of 400 rows (5.00%) also stand in the training data: the first are data rows 11, 12, 13, 14, 15"
    assert told["data/shared-keys"].startswith(
        "21 of 400 rows have a 'patient' that also stands in the training data: the first are data rows 11, 12"
    )


def test_tables_that_share_nothing_pass(tmp_path: Path) -> None:
    table(500, 1).to_parquet(tmp_path / "now.parquet")
    table(500, 2).to_parquet(tmp_path / "train.parquet")
    _, judged = held(tmp_path, train="train.parquet")
    assert judged.outcome is Outcome.PASSED


def coarse(rng: np.random.Generator, n: int, levels: int) -> pd.DataFrame:
    return pd.DataFrame({"a": rng.integers(0, levels, n), "b": rng.integers(0, levels, n), "c": rng.integers(0, levels, n)})


def test_a_test_table_that_is_the_training_table_never_passes_however_often_its_rows_repeat(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=1000).round(6), "y": rng.normal(size=1000).round(6)})
    train = pd.concat([rows, rows.head(70)])
    for name in ("train", "now"):
        train.to_parquet(tmp_path / f"{name}.parquet")
    seen, judged = held(tmp_path, train="train.parquet")
    assert [gate.criterion for gate in judged.gates if gate.verdict == "failed"] == ["shared_rows_share <= 0.01"]
    assert any(finding.rule == "data/shared-rows" and finding.level is Level.ERROR for finding in seen.findings)


def test_a_training_table_that_was_doubled_explains_no_leak(tmp_path: Path) -> None:
    rows = pd.DataFrame({"x": np.random.default_rng(0).normal(size=1000)})
    pd.concat([rows, rows]).to_parquet(tmp_path / "train.parquet")
    rows.head(300).to_parquet(tmp_path / "now.parquet")
    _, judged = held(tmp_path, train="train.parquet")
    assert {gate.criterion: str(gate.verdict) for gate in judged.gates}["shared_rows_share <= 0.01"] == "inconclusive"


def test_coarse_rows_without_a_leak_are_unclear_and_a_leak_among_them_fails(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    train, now = coarse(rng, 5000, 12), coarse(rng, 2000, 12)
    train.to_parquet(tmp_path / "train.parquet")
    now.to_parquet(tmp_path / "now.parquet")
    seen, judged = held(tmp_path, train="train.parquet")
    assert {gate.criterion: str(gate.verdict) for gate in judged.gates}["shared_rows_share <= 0.01"] == "inconclusive"
    assert any(finding.rule == "data/coarse-rows" for finding in seen.findings)
    rare_train, rare_now = coarse(rng, 5000, 60), coarse(rng, 2000, 60)
    rare_train = pd.concat([rare_train, rare_train.head(400)])
    rare_train.to_parquet(tmp_path / "train.parquet")
    pd.concat([rare_now, rare_train.head(1000)]).to_parquet(tmp_path / "now.parquet")
    _, judged = held(tmp_path, train="train.parquet")
    assert judged.outcome is Outcome.FAILED


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


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_planted_secrets_stand_in_no_artefact(tmp_path: Path, suffix: str) -> None:
    frame = secret_rows()
    if suffix == "csv":
        frame.to_csv(tmp_path / "now.csv", index=False)
        with (tmp_path / "now.csv").open("a") as stream:
            stream.write(f"{SECRETS[0]},{SECRETS[2]}\n")
    elif suffix == "jsonl":
        frame.to_json(tmp_path / "now.jsonl", orient="records", lines=True)
        with (tmp_path / "now.jsonl").open("a") as stream:
            stream.write(f'{{"mail": "{SECRETS[0]}", "word": {SECRETS[2]}}}\n')
    else:
        frame.to_parquet(tmp_path / "now.parquet")
    (tmp_path / "c.odcs.yaml").write_text(SECRET_CONTRACT)
    write_profile(ProfileParams(source=f"now.{suffix}"), workspace(tmp_path))
    seen, judged = held(tmp_path, data=f"now.{suffix}", contract="c.odcs.yaml", profile="profile.json")
    assert judged.outcome is Outcome.FAILED
    artefacts = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    artefacts += [json.dumps(adapter_of(type(seen)).dump_python(seen, mode="json")), repr(judged), (tmp_path / "profile.json").read_text()]
    assert len(artefacts) >= 6
    assert sum(artefact.count(secret) for artefact in artefacts for secret in SECRETS) == 0


def test_values_are_revealed_only_when_asked_and_only_in_private(tmp_path: Path) -> None:
    secret_rows().to_csv(tmp_path / "now.csv", index=False)
    (tmp_path / "c.odcs.yaml").write_text(SECRET_CONTRACT)
    held(tmp_path, data="now.csv", contract="c.odcs.yaml", reveal=True)
    shown = {
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file() and SECRETS[2] in path.read_text()
    }
    assert shown == {"evidence/private/failing-rows.json"}


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


HOSTILE = {
    "read a file": "SELECT count(*) FROM read_text('/etc/passwd')",
    "read a csv": "SELECT count(*) FROM read_csv('/etc/passwd')",
    "a path for a table": "SELECT count(*) FROM '/etc/passwd'",
    "the network": "SELECT count(*) FROM 'https://example.org/x.parquet'",
    "list files": "SELECT count(*) FROM glob('/etc/*')",
    "copy": "COPY (SELECT 1) TO 'stolen.csv'",
    "attach": "ATTACH 'other.db'",
    "two statements": "SELECT 1; DROP TABLE t",
    "install": "INSTALL httpfs",
    "settings": "SET enable_external_access = true",
    "pragma": "PRAGMA database_list",
    "in a subquery": "SELECT (SELECT count(*) FROM read_text('/etc/passwd')) FROM {object}",
    "in a condition": "SELECT count(*) FROM {object} WHERE EXISTS (SELECT 1 FROM read_blob('/etc/passwd'))",
    "behind a name": "WITH a AS (SELECT * FROM read_text('/etc/passwd')) SELECT count(*) FROM a",
    "of the catalogue": "SELECT count(*) FROM duckdb_settings()",
    "another table": "SELECT count(*) FROM information_schema.tables",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_queries_are_refused(tmp_path: Path, name: str) -> None:
    table(50, 1).to_parquet(tmp_path / "now.parquet")
    head = SECRET_CONTRACT[: SECRET_CONTRACT.index("  properties:")]
    query = json.dumps(HOSTILE[name])
    (tmp_path / "c.odcs.yaml").write_text(
        f"{head}  properties: [{{name: x, logicalType: number}}]\n  quality: [{{type: sql, query: {query}, mustBe: 0}}]\n"
    )
    with pytest.raises(StageError) as caught:
        held(tmp_path, contract="c.odcs.yaml")
    assert caught.value.code == 2
    assert caught.value.message.startswith("c.odcs.yaml:")
    assert not (tmp_path / "stolen.csv").exists()


def test_a_query_that_fails_does_not_quote_cells(tmp_path: Path) -> None:
    pd.DataFrame({"word": ["hunter2-passphrase"] * 30}).to_csv(tmp_path / "now.csv", index=False)
    head = SECRET_CONTRACT[: SECRET_CONTRACT.index("  properties:")]
    query = "SELECT sum(CAST(word AS INTEGER)) FROM {object}"
    (tmp_path / "c.odcs.yaml").write_text(
        f"{head}  properties: [{{name: word, logicalType: string}}]\n  quality: [{{type: sql, query: '{query}', mustBe: 0}}]\n"
    )
    seen, judged = held(tmp_path, data="now.csv", contract="c.odcs.yaml")
    assert judged.outcome is Outcome.INCONCLUSIVE
    (told,) = (finding for finding in seen.findings if finding.rule == "data/not-evaluated")
    assert "the query fails on a cell of this table (conversion error)" in told.message
    assert "hunter2" not in json.dumps(adapter_of(type(seen)).dump_python(seen, mode="json"))


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


def test_a_small_profile_says_how_many_rows_would_be_good(tmp_path: Path) -> None:
    table(100, 1).to_parquet(tmp_path / "before.parquet")
    assert (
        "a profile of 50,000 rows or more would find smaller drift"
        in write_profile(ProfileParams(source="before.parquet"), workspace(tmp_path)).text
    )
