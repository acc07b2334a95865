"""Whole numbers of eight bits."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.stages.compile import arrays
from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.backends.kernels import Ceiling
from mlops_stage.stages.compile.graphs import read_model
from mlops_stage.stages.compile.normalise import normalised
from mlops_stage.stages.compile.precision.integer import quantised
from mlops_stage.stages.compile.runtime import folded


def made(held, tmp_path):
    arrays.save(tmp_path / "rows.npz", {name: values[:64] for name, values in held.train.items()})
    return quantised(folded(normalised(read_model(held.path), Ceiling())[0]), tmp_path / "rows.npz")


@pytest.mark.parametrize("name", ["perceptron", "convolutional"])
def test_weights_keep_to_seven_bits_and_activations_have_no_sign(specimen, tmp_path, name):
    found, notes = made(specimen(name), tmp_path)
    assert notes == ("ranges learned from 64 rows",)
    weights = [numpy_helper.to_array(one) for one in found.graph.initializer if one.data_type == TensorProto.INT8 and len(one.dims) > 1]
    assert weights
    assert max(int(np.abs(values.astype(int)).max()) for values in weights) <= 64
    points = {one.name: one for one in found.graph.initializer}
    kinds = {points[node.input[2]].data_type for node in found.graph.node if node.op_type == "QuantizeLinear"}
    assert kinds == {TensorProto.UINT8}
    assert sum(values.size for values in weights) > 1000


def test_what_scales_raw_columns_keeps_its_precision(zoo, tmp_path):
    """Columns of very different sizes share no range of 256 steps."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Mul", ["x", "size"], ["a"]),
        helper.make_node("Concat", ["a", "a"], ["b"], axis=1),
        helper.make_node("MatMul", ["b", "w"], ["y"]),
    ]
    size = np.array([1e-4, 1, 100, 1e4], np.float32)
    model = zoo.plain(nodes, {"size": size, "w": rng.normal(size=(8, 3)).astype(np.float32)})
    arrays.save(tmp_path / "rows.npz", {"x": (rng.normal(size=(64, 4)) / size).astype(np.float32)})
    found, _ = quantised(normalised(model, Ceiling())[0], tmp_path / "rows.npz")
    takers = [node.op_type for node in found.graph.node if node.op_type in {"Mul", "Concat"} and "x" in node.input]
    assert takers == ["Mul"]
    made_by = {name: node for node in found.graph.node for name in node.output}
    assert [made_by[name].op_type for name in made_by["b"].input] == ["Mul", "Mul"]


@pytest.mark.parametrize("name", ["forest", "boosted"])
def test_trees_have_nothing_to_quantise(specimen, tmp_path, name):
    assert made(specimen(name), tmp_path) == (None, ("no operator of the model takes whole numbers",))


def test_models_that_are_quantised_already_and_rows_that_are_missing(specimen, tmp_path):
    found, _ = made(specimen("convolutional"), tmp_path)
    assert quantised(found, tmp_path / "rows.npz") == (None, ("it is quantised already",))
    with pytest.raises(BuildError, match="needs rows"):
        quantised(onnx.load(specimen("convolutional").path), None)
    held = specimen("convolutional")
    exact = onnx.load(held.path)
    exact.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 16
    exact.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 16
    few = replace(held, train={"x": held.train["x"][:8]}, path=tmp_path / "exact.onnx")
    few.path.write_bytes(exact.SerializeToString())
    with pytest.raises(BuildError, match="takes 16 rows at a time, and there are 8"):
        made(few, tmp_path)


def test_an_old_operator_set_is_brought_up(zoo, tmp_path):
    model = zoo.plain([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.eye(4, dtype=np.float32)}, opset=9, ir=4)
    arrays.save(tmp_path / "rows.npz", {"x": np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)})
    found, _ = quantised(normalised(model, Ceiling())[0], tmp_path / "rows.npz")
    assert max(entry.version for entry in found.opset_import if not entry.domain) == 13
