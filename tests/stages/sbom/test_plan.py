from pathlib import Path

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.stages.sbom.params import SbomParams
from mlops_stage.stages.sbom.plan import plan
from mlops_stage.workspace import Workspace


def planned(root, **params):
    return plan(SbomParams(**params), Workspace(root=root, run_dir=root, out=root / "out", cache=root))


def test_it_says_how_much_is_declared_and_opens_nothing(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model at all")
    found = planned(tmp_path, model="m.onnx", declare={"model_license": "MIT"})
    assert found.rows is None
    assert found.notes[0].startswith("1 element declared of ")
    assert "no creator" in found.notes[1]
    assert planned(tmp_path, model="m.onnx", creator="a@example.org").notes[1:] == ()


def test_cost_grows_with_the_files(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    with Path(folder, "weights.safetensors").open("wb") as stream:
        stream.truncate(6 * 10**9)
    assert planned(tmp_path, model="model").cost.startswith("about 12 s")


@pytest.mark.parametrize("params", [{}, {"model": "absent.onnx"}, {"model": "m.onnx", "data": "absent.csv"}])
def test_what_is_not_there_is_told(tmp_path, params):
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(UsageError):
        planned(tmp_path, **params)
