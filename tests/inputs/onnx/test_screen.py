"""Hostile model files: each is refused with its own reason before any session, and no real model is."""

import os
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.errors import InputError
from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.inputs.onnx.screen import refuse_unsafe, screen
from mlops_stage.inputs.onnx.session import Session, chunks

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "income"


def write(path, nodes=(), tensors=(), opsets=(("", 17),), functions=(), inputs=None):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    nodes = list(nodes) or [helper.make_node("Relu", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", [x] if inputs is None else inputs, [y], list(tensors))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*pair) for pair in opsets], functions=list(functions))
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())
    return path


def outside(name="w", location="w.bin", dims=(2,), **extra):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=list(dims), data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **extra}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


ADD = [helper.make_node("Add", ["x", "w"], ["y"])]


def rules(path):
    return [finding.rule for finding in screen(read_facts(path), path)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret.txt").write_bytes(bytes(64))
    inner = tmp_path / "model"
    inner.mkdir()
    (inner / "w.bin").write_bytes(np.array([1, 2], dtype=np.float32).tobytes())
    return inner


@pytest.mark.parametrize(
    "location",
    ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "", "..", "C:\\secret.txt", "..\\secret.txt", "\\\\host\\share", "w.bin\0"],
)
def test_external_data_outside_the_folder(folder, location):
    path = write(folder / "m.onnx", ADD, [outside(location=location)])
    assert rules(path) == ["scan/external-data-path"]


def test_external_data_behind_a_link(folder):
    (folder / "link.bin").symlink_to(folder.parent / "secret.txt")
    assert rules(write(folder / "m.onnx", ADD, [outside(location="link.bin")])) == ["scan/external-data-link"]
    (folder / "sub").symlink_to(folder.parent)
    assert rules(write(folder / "m.onnx", ADD, [outside(location="sub/secret.txt")])) == ["scan/external-data-link"]
    os.link(folder.parent / "secret.txt", folder / "hard.bin")
    assert rules(write(folder / "m.onnx", ADD, [outside(location="hard.bin")])) == ["scan/external-data-link"]
    os.mkfifo(folder / "pipe.bin")
    assert rules(write(folder / "m.onnx", ADD, [outside(location="pipe.bin")])) == ["scan/external-data-link"]


def test_external_data_that_is_absent_or_too_short(folder):
    assert rules(write(folder / "m.onnx", ADD, [outside(location="no.bin")])) == ["scan/external-data-missing"]
    for extra in ({"offset": -4}, {"offset": 4}, {"length": 10**12}, {"length": 4}, {"length": -1}):
        assert rules(write(folder / "m.onnx", ADD, [outside(**extra)])) == ["scan/external-data-range"], extra
    assert rules(write(folder / "m.onnx", ADD, [outside(dims=(3,))])) == ["scan/external-data-range"]


def test_external_data_in_an_attribute_of_a_subgraph_is_seen(folder):
    constant = helper.make_node("Constant", [], ["w"], value=outside("", "../secret.txt"))
    inner = helper.make_graph([constant], "inner", [], [helper.make_tensor_value_info("w", 1, [2])])
    nodes = [helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)]
    assert rules(write(folder / "m.onnx", nodes)) == ["scan/external-data-path"]


def test_operators_of_a_foreign_domain(folder):
    node = helper.make_node("Shell", ["x"], ["y"], domain="evil")
    assert rules(write(folder / "m.onnx", [node], opsets=(("", 17), ("evil", 1)))) == ["scan/custom-operator"]


def test_functions_of_the_models_own_are_no_foreign_operators(folder):
    double = helper.make_function(
        "ours", "Double", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    path = write(
        folder / "m.onnx", [helper.make_node("Double", ["x"], ["y"], domain="ours")], opsets=(("", 17), ("ours", 1)), functions=[double]
    )
    assert rules(path) == []


@pytest.mark.parametrize(
    ("node", "values"),
    [
        (helper.make_node("ConstantOfShape", ["s"], ["y"]), [2**33]),
        (helper.make_node("ConstantOfShape", ["s"], ["y"]), [2**11, 2**11, 2**11]),
        (helper.make_node("Expand", ["x", "s"], ["y"]), [2**17, 2**17]),
        (helper.make_node("Tile", ["x", "s"], ["y"]), [2**30, 2]),
        (helper.make_node("RandomNormal", [], ["y"], shape=[2**20, 2**12]), [1]),
        (helper.make_node("Range", ["z", "s", "o"], ["y"]), [2**40]),
    ],
)
def test_a_tensor_made_out_of_nothing(folder, node, values):
    tensors = [
        numpy_helper.from_array(np.array(values if node.op_type != "Range" else values[0], dtype=np.int64), "s"),
        numpy_helper.from_array(np.array(0, dtype=np.int64), "z"),
        numpy_helper.from_array(np.array(1, dtype=np.int64), "o"),
    ]
    assert rules(write(folder / "m.onnx", [node], tensors)) == ["scan/allocation-bomb"]


def test_a_shape_that_a_constant_node_gives_is_seen(folder):
    shape = helper.make_node("Constant", [], ["s"], value=numpy_helper.from_array(np.array([2**33], dtype=np.int64)))
    assert rules(write(folder / "m.onnx", [shape, helper.make_node("ConstantOfShape", ["s"], ["y"])])) == ["scan/allocation-bomb"]
    ints = helper.make_node("Constant", [], ["s"], value_ints=[2**20, 2**20])
    assert rules(write(folder / "m.onnx", [ints, helper.make_node("ConstantOfShape", ["s"], ["y"])])) == ["scan/allocation-bomb"]


def test_a_modest_constant_is_fine(folder):
    shape = numpy_helper.from_array(np.array([1000, 10], dtype=np.int64), "s")
    assert rules(write(folder / "m.onnx", [helper.make_node("ConstantOfShape", ["s"], ["y"])], [shape])) == []


def test_a_tensor_that_declares_more_than_it_holds(folder):
    forged = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**20, 2**12], raw_data=b"abcd")
    assert rules(write(folder / "m.onnx", ADD, [forged])) == ["scan/tensor-size"]
    negative = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-2], raw_data=b"abcd")
    assert rules(write(folder / "m.onnx", ADD, [negative])) == ["scan/tensor-size"]


def test_typed_data_counts_as_data(folder):
    small = helper.make_tensor("w", TensorProto.INT64, [3], [1, 2, 3])
    words = helper.make_tensor("t", TensorProto.STRING, [2], [b"a", b"b"])
    half = helper.make_tensor("h", TensorProto.FLOAT16, [2], [1.0, 2.0])
    assert rules(write(folder / "m.onnx", ADD, [small, words, half])) == []


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_real_models_raise_no_alarm_and_run(name):
    path = EXAMPLES / f"{name}.onnx"
    assert rules(path) == []
    assert Session(path).digests[0][0] == path.name


def test_a_refusal_is_one_line_with_the_first_reason(folder):
    path = write(folder / "m.onnx", ADD, [outside(location="../secret.txt"), outside("v", "/etc/passwd")])
    with pytest.raises(
        InputError, match=r"the model is not opened: m.onnx: tensor w reads .*outside the model's folder \(and 1 more\)"
    ) as caught:
        refuse_unsafe(read_facts(path), path)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_session_is_refused_what_the_screen_refuses(folder):
    with pytest.raises(InputError, match="not opened"):
        Session(write(folder / "m.onnx", ADD, [outside(location="../secret.txt")]))


def test_contained_external_data_is_used(folder):
    session = Session(write(folder / "m.onnx", ADD, [outside()]))
    (found,) = session.run({"x": np.zeros((3, 2), dtype=np.float32)}, ["y"])
    assert found.tolist() == [[1.0, 2.0]] * 3


def test_an_older_runtime_is_told_from_a_broken_model(folder, monkeypatch):
    monkeypatch.delattr("onnxruntime.SessionOptions.add_external_initializers_from_files_in_memory")
    with pytest.raises(InputError, match="cannot take as they were screened") as caught:
        Session(write(folder / "m.onnx", ADD, [outside()]))
    assert "onnxruntime>=1.24" in caught.value.hint


def test_a_model_that_the_runtime_refuses_is_told_in_one_line(folder):
    with pytest.raises(InputError, match=r"ONNX Runtime .* cannot load m.onnx") as caught:
        Session(write(folder / "m.onnx", [helper.make_node("NoSuchOperator", ["x"], ["y"])]))
    assert "\n" not in caught.value.message
    assert "operator sets ai.onnx 17" in caught.value.hint


def test_inputs_that_the_model_refuses_are_told_in_one_line(folder):
    session = Session(write(folder / "m.onnx"))
    with pytest.raises(InputError, match=r"m.onnx refuses the data") as caught:
        session.run({"x": np.zeros((3, 5), dtype=np.float32)}, ["y"])
    assert "\n" not in caught.value.message


def test_few_rows_are_scored_as_many_are():
    session = Session(EXAMPLES / "baseline.onnx")
    rows = 20
    inputs = {}
    for port in session.facts.inputs:
        inputs[port.name] = (
            np.full((rows, 1), "Private", dtype=object) if port.dtype == "string" else np.linspace(20, 60, rows, dtype=np.float32)[:, None]
        )
    (whole,) = session.run(inputs, ["probabilities"])
    single = np.concatenate(
        [session.run({name: values[at : at + 1] for name, values in inputs.items()}, ["probabilities"])[0] for at in range(rows)]
    )
    assert single.tobytes() == whole.tobytes()


def test_chunks_cover_all_rows_once():
    covered = [at for piece in chunks(20_000) for at in range(piece.start, piece.stop)]
    assert covered == list(range(20_000))
