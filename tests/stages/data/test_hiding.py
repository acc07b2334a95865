"""No value of a sensitive column is told, whoever says that it is sensitive: contract, profile or user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from mlops_stage.report import Observations, adapter_of
from mlops_stage.stages.data.measure import measure
from mlops_stage.stages.data.params import DataParams, ProfileParams
from mlops_stage.stages.data.profiling import run as write_profile
from mlops_stage.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ("hivplanted", "fluplanted", "coldplanted", "4711")
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: c
version: 1.0.0
status: active
schema:
- name: t
  properties:
  - {name: id, logicalType: integer, primaryKey: true}
  - name: finding
    logicalType: stringCLASS
    quality:
    - {metric: invalidValues, arguments: {validValues: [fluplanted, HIVPLANTED]}, mustBe: 0}
    - {metric: missingValues, arguments: {missingValues: [hivplanted, null]}, mustBe: 0}
    - {type: custom, engine: mlops-stage, implementation: {check: class_share, value: hivplanted, mustBeLessThan: 0.1}}
    - {type: custom, engine: mlops-stage, implementation: {check: sentinels, values: [hivplanted]}}
    - {type: custom, engine: mlops-stage, implementation: {check: new_categories}}
    - {type: custom, engine: mlops-stage, implementation: {check: drift}}
    - {type: sql, query: "SELECT count(*) FROM {table} WHERE finding = 'hivplanted'", mustBe: 0}
  - name: pin
    logicalType: integerCLASS
    logicalTypeOptions: {maximum: 9}
    quality: [{type: custom, engine: mlops-stage, implementation: {check: sentinels, values: [4711]}}]
"""


def workspace(folder: Path) -> Workspace:
    return Workspace(root=folder, run_dir=folder, out=folder / "out", cache=folder / "cache")


def prepared(folder: Path, **asked: Any) -> None:
    """Earlier data, their profile, and later data in which everything is wrong."""
    earlier = pd.DataFrame({"id": range(4000), "finding": ["fluplanted", "coldplanted"] * 2000, "pin": [4711, 4711, 4711, 8] * 1000})
    earlier.to_csv(folder / "earlier.csv", index=False)
    write_profile(ProfileParams(source="earlier.csv", **asked), workspace(folder))
    later = earlier.assign(finding=["hivplanted", "coldplanted", "coldplanted", None] * 1000)
    later.loc[[0, 1], "id"] = 7
    later.to_csv(folder / "now.csv", index=False)


def told(folder: Path, **params: Any) -> str:
    """All that a run writes and says."""
    seen: Observations = measure(DataParams(data="now.csv", profile="profile.json", **params), workspace(folder))
    files = [path.read_text() for path in sorted((folder / "out").rglob("*")) if path.is_file()]
    assert len(files) >= 2
    return "\n".join([*files, json.dumps(adapter_of(type(seen)).dump_python(seen, mode="json"))])


@pytest.mark.parametrize("by", ["classification", "sensitive", "profile"])
def test_values_of_a_sensitive_column_stand_nowhere(tmp_path: Path, by: str) -> None:
    prepared(tmp_path, **({"sensitive": ("finding", "pin")} if by == "profile" else {}))
    (tmp_path / "c.odcs.yaml").write_text(CONTRACT.replace("CLASS", "\n    classification: restricted" if by == "classification" else ""))
    named = ("finding", "pin") if by == "sensitive" else ()
    text = told(tmp_path, contract="c.odcs.yaml", sensitive=named)
    words = WORDS if by != "profile" else ()
    assert [word for word in words if word in text.lower()] == []
    files = {path.name: path.read_text() for path in (tmp_path / "out/evidence").iterdir()}
    assert all("coldplanted" not in one and "salt" not in one for one in files.values())


def test_without_such_a_word_they_are_told(tmp_path: Path) -> None:
    prepared(tmp_path)
    (tmp_path / "c.odcs.yaml").write_text(CONTRACT.replace("CLASS", ""))
    text = told(tmp_path, contract="c.odcs.yaml")
    assert [word for word in WORDS if word in text] == list(WORDS)


def test_a_column_that_no_contract_knows_is_hidden_where_it_is_named(tmp_path: Path) -> None:
    prepared(tmp_path)
    assert "coldplanted" in told(tmp_path)
    assert [word for word in WORDS if word in told(tmp_path, sensitive=("finding", "pin", "nobody"))] == []
