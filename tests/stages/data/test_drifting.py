"""A table against the profile of earlier data: drift is found, and nothing passes that cannot be told."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlops_stage.gate import Rules, judge
from mlops_stage.report import Bars, Level, Outcome, adapter_of
from mlops_stage.stages.data.criteria import criteria
from mlops_stage.stages.data.measure import measure
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


def test_a_small_profile_says_how_many_rows_would_be_good(tmp_path: Path) -> None:
    table(100, 1).to_parquet(tmp_path / "before.parquet")
    assert (
        "a profile of 50,000 rows or more would find smaller drift"
        in write_profile(ProfileParams(source="before.parquet"), workspace(tmp_path)).text
    )
