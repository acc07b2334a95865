"""What is said before anything is compiled."""

import onnx
import pytest
from onnx import TensorProto, helper

from mlops_stage.errors import UsageError
from mlops_stage.params import CHOOSE, Ask
from mlops_stage.stages.compile import offers, targets
from mlops_stage.stages.compile.init import init
from mlops_stage.stages.compile.params import CompileParams
from mlops_stage.stages.compile.plan import plan
from mlops_stage.workspace import Workspace


@pytest.fixture
def place(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
    )
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    for name in ("test", "train"):
        (tmp_path / f"{name}.csv").write_text(f"x,label\n1,{name}\n")
    return Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path / "out", cache=tmp_path / "cache")


def planned(place, **params):
    return plan(CompileParams.model_validate({"model": "model.onnx", **params}), place)


def test_each_target_is_told_with_what_is_tried_for_it(place):
    foreign = "x86-64-v3" if targets.machine() == "aarch64" else "aarch64"
    found = planned(place, target=["host", foreign], data="test.csv", train="train.csv", label="label", effort="deep")
    assert found.rows == 20_000
    assert found.notes[0] == "host: fp32, fp16 and int8 with the backend ort"
    assert found.notes[1].startswith(f"{foreign}: fp32 with the backend ort; it is not emulated and stays inconclusive: ")
    assert len(found.notes) == 2
    assert found.cost.startswith("4 variants, ")


def test_what_is_missing_for_a_proof_is_told(place):
    notes = planned(place).notes
    assert any("made-up rows" in note for note in notes)
    assert any("int8 will not be tried" in note for note in notes)
    assert not any("int8" in note for note in planned(place, precision=["fp32"]).notes)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "int8 will not be tried: it takes rows to learn the ranges of numbers from, which nothing is judged on, and rows with labels to show what it costs; give train, data and label"),
        ({"train": "train.csv", "data": "test.csv"}, "int8 will not be tried: it takes rows with labels to show what it costs; give label (the column of data that holds them)"),
        ({"data": "test.csv", "label": "label"}, "int8 will not be tried: it takes rows to learn the ranges of numbers from, which nothing is judged on; give train"),
    ],
)  # fmt: skip
def test_only_what_is_missing_for_eight_bits_is_named(place, given, told):
    assert told in planned(place, **given).notes


def test_what_cannot_be_judged_or_run_is_told_before(place, monkeypatch):
    (place.root / "old.yaml").write_text('target: old\nbackend: ort\nruntime: {version: "<1.0"}\n')
    (note, *_) = planned(place, target=["old.yaml"]).notes
    assert note.startswith("old: fp32 with the backend ort; it is not emulated and stays inconclusive: it is for onnxruntime <1.0, and")
    (place.root / "tvm.yaml").write_text("target: tvm\nbackend: tvm\n")
    with pytest.raises(UsageError, match="there is no backend 'tvm'"):
        planned(place, target=["tvm.yaml"])
    monkeypatch.setitem(offers._RUNTIMES, "ort", "a-runtime-that-is-not-installed")
    found = planned(place)
    assert found.notes[0] == "host: left out, for a-runtime-that-is-not-installed is not installed"
    assert found.cost.startswith("0 variants")


def test_a_served_model_is_not_applicable(place):
    assert "served" in planned(place, model="https://localhost/v2/models/m").notes[0]


@pytest.mark.parametrize("params", [{"model": None}, {"precision": ["fp8"]}, {"target": ["toaster"]}, {"data": "absent.csv"}])
def test_what_cannot_be_is_refused(place, params):
    with pytest.raises(UsageError):
        planned(place, **params)


def test_init_names_what_lies_there(place, tmp_path):
    known = {"model": "model.onnx", "target": ["host"], "data": "test.csv", "train": "train.csv"}
    assert init(place.root) == {**known, "label": Ask(CHOOSE, "one of: x, label")}
    (place.root / "test.csv").write_text("x,y_true\n1,0\n")
    assert init(place.root) == {**known, "label": "y_true"}
    empty = tmp_path / "empty"
    empty.mkdir()
    assert init(empty) is None
