"""Stages that say so give the same bytes for the same inputs, params and seed: in another folder, with another hash seed, at another time."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.stages import mlops_stages

SIGNED = Path(__file__).parents[1] / "fixtures" / "signed"
COLUMNS = ("age", "income", "debt", "years")
JUDGED = {"model": "model.onnx", "data": "test.csv", "label": "truth"}
GIVEN = {
    "adversarial": JUDGED | {"train": "train.csv", "effort": "quick"},
    "data": {"data": "test.csv", "train": "train.csv"},
    "fairness": JUDGED | {"sensitive": "group"},
    "quality": JUDGED | {"slices": "group"},
    "sbom": {"model": "model.onnx", "data": "test.csv", "train": "train.csv"},
    "scan": {"model": "model.onnx"},
    "verify": {"model": "model", "bundles": "ours-key.sigstore.json", "key": "signing.pub"},
}
"""What each of them is asked; a stage that is missing here is no stage whose word was tested."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A linear model, tables for it, and a model folder that was signed."""
    root = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(4, 2)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["scores"], axis=1)]
    nodes.append(helper.make_node("ArgMax", ["z"], ["label"], axis=1, keepdims=0))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "linear", [x], [label, scores], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"mlops_stage.columns": json.dumps(COLUMNS), "mlops_stage.classes": '["0", "1"]'})
    onnx.save_model(model, root / "model.onnx")
    for name in ("test.csv", "train.csv"):
        values = rng.normal(size=(300, 4)).astype(np.float32)
        truth = (values @ weights + rng.normal(size=(300, 2))).argmax(axis=1)
        with (root / name).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(
                [[*COLUMNS, "group", "truth"], *([*row, "ab"[row[0] > 0], one] for row, one in zip(values.tolist(), truth, strict=True))]
            )
    shutil.copytree(SIGNED / "model", root / "model")
    for name in ("ours-key.sigstore.json", "signing.pub"):
        shutil.copy(SIGNED / name, root)
    return root


def prepared(project, root):
    """The project in another folder, with one run of each stage."""
    shutil.copytree(project, root)
    runs = [{"id": stage, "stage": stage, "with": given} for stage, given in GIVEN.items()]
    (root / "mlops.yaml").write_text(json.dumps({"version": 1, "runs": runs}))
    return root


def said(root, done):
    """Of each stage every file of the report's folder."""
    found = {}
    for stage in GIVEN:
        out = root / "mlops-out" / stage
        assert (out / "report.json").is_file(), done.stderr
        assert json.loads((out / "report.json").read_text())["error"] is None, done.stdout
        found[stage] = {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    return found


def test_every_stage_that_gives_the_same_bytes_is_tried():
    assert {stage.name for stage in mlops_stages() if stage.reproducible} == set(GIVEN)


def test_the_same_inputs_give_the_same_bytes(project, mlops, tmp_path):
    """Once in the process that runs the commands of tests, once in interpreters of its own."""
    here, elsewhere = prepared(project, tmp_path / "a" / "project"), prepared(project, tmp_path / "elsewhere" / "deep" / "project")
    first = said(here, replace(mlops, cwd=here)("run"))
    second = said(elsewhere, replace(mlops, cwd=elsewhere).anew("run", PYTHONHASHSEED="7", TZ="UTC-7"))
    for stage in GIVEN:
        assert first[stage] == second[stage], stage
