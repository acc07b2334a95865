from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mlops_stage.errors import UsageError
from mlops_stage.inputs.tables.profile import Categories, Omitted, read_profile
from mlops_stage.stages.data.params import ProfileParams
from mlops_stage.stages.data.profiling import run
from mlops_stage.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    frame = pd.DataFrame({"sex": ["f", "m"] * 40, "code": ["a", "b", "c", "d"] * 20, "pay": list(range(20)) * 4})
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


def workspace(root: Path) -> Workspace:
    return Workspace(root=root, run_dir=root, out=root / "out", cache=root / "cache")


def test_columns_that_name_groups_of_people_are_kept_as_digests(root: Path) -> None:
    reply = run(ProfileParams(source="t.csv", output="deep/p.json"), workspace(root))
    column = read_profile("deep/p.json", root).column("sex")
    assert isinstance(column, Categories)
    assert column.hidden
    assert not {"f", "m"} & set(column.levels)
    assert reply.text.startswith(
        "deep/p.json: 80 rows, the distributions of 3 of 3 columns\n  kept as digests, for they say something about people: sex\n"
    )


def test_further_columns_can_be_named_and_a_contract_declares_some(root: Path) -> None:
    (root / "c.odcs.yaml").write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: c\nversion: 1.0.0\nstatus: active\nschema:\n- name: t\n  properties:\n"
        "  - {name: pay, logicalType: integer, classification: restricted}\n"
    )
    run(ProfileParams(source="t.csv", sensitive=("code",), contract="c.odcs.yaml"), workspace(root))
    profile = read_profile("profile.json", root)
    code = profile.column("code")
    assert isinstance(code, Categories)
    assert code.hidden
    assert isinstance(profile.column("pay"), Omitted)


def test_records_that_cannot_be_read_are_told(root: Path) -> None:
    with (root / "t.csv").open("a") as stream:
        stream.write("one,two\n")
    assert "not in it, for they could not be read: 1 record\n" in run(ProfileParams(source="t.csv"), workspace(root)).text


@pytest.mark.parametrize(("params", "told"), [({}, "no table is named"), ({"source": "t.csv", "sensitive": ("race",)}, "no column 'race'")])
def test_wrong_use_is_told(root: Path, params: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        run(ProfileParams(**params), workspace(root))
