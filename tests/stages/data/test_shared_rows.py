"""A table against the training data: rows and keys that both have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_stage.gate import Rules, judge
from mlops_stage.report import Level, Outcome
from mlops_stage.stages.data.criteria import criteria
from mlops_stage.stages.data.measure import measure
from mlops_stage.stages.data.params import DataParams
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
