"""The corpus of crafted files, and the stage as a function of a folder."""

import importlib.util
import sys
from pathlib import Path

import pytest

from mlops_stage.stages.scan.measure import measure
from mlops_stage.stages.scan.params import ScanParams
from mlops_stage.workspace import Workspace


@pytest.fixture(scope="session")
def corpus():
    """The modules beside this one."""
    _beside("corpus_onnx")
    return _beside("corpus")


def _beside(name):
    spec = importlib.util.spec_from_file_location(f"scan_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def scan(tmp_path):
    """Observations on a file or folder below the test's own folder."""

    def run(model="model", **params):
        out = tmp_path / "mlops-out"
        workspace = Workspace(root=tmp_path, run_dir=out, out=out / "scan", cache=tmp_path / ".cache")
        return measure(ScanParams(model=None if model is None else str(model), **params), workspace)

    return run


@pytest.fixture
def folder(tmp_path):
    """An empty folder for a model."""
    made = tmp_path / "model"
    made.mkdir()
    return made
