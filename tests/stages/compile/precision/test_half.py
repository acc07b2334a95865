"""Half precision: what is written always loads."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.backends.kernels import Ceiling
from mlops_stage.stages.compile.graphs import read_model
from mlops_stage.stages.compile.normalise import normalised
from mlops_stage.stages.compile.precision.half import halved
from mlops_stage.stages.compile.runtime import folded

ROWS = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
SQUARE = {"w": np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)}


def answers(model, rows):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, rows)


def check(model, rows=ROWS, atol=0.02):
    found, notes = halved(normalised(model, Ceiling())[0])
    assert found is not None, notes
    assert [port.type.tensor_type.elem_type for port in found.graph.input] == [
        port.type.tensor_type.elem_type for port in model.graph.input
    ]
    for ours, theirs in zip(answers(found, {"x": rows}), answers(model, {"x": rows}), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol)
        assert ours.dtype == theirs.dtype
    return found, notes


@pytest.mark.parametrize("name", ["perceptron", "convolutional", "residual"])
def test_networks_halve(specimen, name):
    held = specimen(name)
    found, _ = halved(folded(normalised(read_model(held.path), Ceiling())[0]))
    assert found.ByteSize() < 0.6 * held.path.stat().st_size
    ours, theirs = answers(found, held.rows), answers(onnx.load(held.path), held.rows)
    np.testing.assert_allclose(ours[-1], theirs[-1], atol=0.02)


@pytest.mark.parametrize("name", ["forest", "boosted"])
def test_trees_have_nothing_to_halve(specimen, name):
    found, notes = halved(folded(normalised(read_model(specimen(name).path), Ceiling())[0]))
    assert found is None
    assert notes == ("trees keep their precision: a rounded number sends rows another way",)


def test_a_model_without_anything_to_halve_says_so(zoo):
    model = zoo.plain([helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0], scale=[2.0])], ml=1)
    assert halved(normalised(model, Ceiling())[0]) == (None, ("no operator of the model takes half precision",))


def test_operators_that_take_single_precision_only_get_it(zoo):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Normalizer", ["a"], ["b"], domain="ai.onnx.ml", norm="L2"),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Cast", ["c"], ["d"], to=TensorProto.INT64),
        helper.make_node("Cast", ["d"], ["e"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["e", "c"], ["y"]),
    ]
    _, notes = check(zoo.plain(nodes, SQUARE, ml=1), atol=0.6)  # the cast to whole numbers may step
    assert notes == ("1 node stays in single precision: Normalizer",)


def test_an_input_of_its_own_type_keeps_it(zoo):
    """Scales of Resize are of single precision whatever the rest is."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Unsqueeze", ["a", "axes"], ["b"]),
        helper.make_node("Resize", ["b", "", "scales"], ["y"], mode="nearest"),
    ]
    check(zoo.plain(nodes, {**SQUARE, "axes": np.array([1, 2]), "scales": np.array([1, 1, 1, 2], np.float32)}))


def test_a_tensor_that_is_output_and_goes_on(zoo):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Relu", ["y"], ["z"]),
        helper.make_node("Identity", ["x"], ["v"]),
    ]
    check(zoo.plain(nodes, SQUARE, outputs=("y", "z", "v")))


def test_what_cannot_be_halved_is_told(zoo):
    big = zoo.plain([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.full((4, 4), 1e6, np.float32)})
    with pytest.raises(BuildError, match="beyond 65,504"):
        halved(normalised(big, Ceiling())[0])
    odd = zoo.plain(
        [helper.make_node("FusedConv", ["x", "w"], ["a"], domain="com.microsoft"), helper.make_node("Relu", ["a"], ["y"])], SQUARE
    )
    odd.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(BuildError, match="type of 'a' cannot be told"):
        halved(odd)
    scale = {"s": np.array(0.1, np.float32), "z": np.array(0, np.uint8)}
    done = zoo.plain(
        [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"])], scale
    )
    assert halved(normalised(done, Ceiling())[0]) == (None, ("it is quantised already",))
    tiny = zoo.plain([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.array([[1e-9, 1.0]] * 4, np.float32)})
    assert check(tiny)[1] == ("4 weights too small for half precision are zero now",)


def test_loops_and_branches_are_left_alone(zoo):
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["t"])], "b", [], [helper.make_tensor_value_info("t", 1, None)])
    model = zoo.plain([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)], {"c": np.array(True)})  # noqa: FBT003  (a value)
    with pytest.raises(BuildError, match="branches or loops"):
        halved(model)
