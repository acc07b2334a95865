import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.errors import InputError
from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.backends.kernels import Ceiling
from mlops_stage.stages.compile.graphs import read_model, weight_bytes, write_model
from mlops_stage.stages.compile.normalise import normalised

RELU = helper.make_node("Relu", ["x"], ["y"])


def test_what_is_said_twice_is_said_once(zoo):
    model = zoo.plain([RELU])
    model.opset_import.extend([helper.make_opsetid("ai.onnx", zoo.OPSET), helper.make_opsetid("com.unused", 1)])
    found, notes = normalised(model, Ceiling())
    assert [(entry.domain, entry.version) for entry in found.opset_import] == [("", zoo.OPSET)]
    assert notes == ("the operator set ai.onnx was named twice",)


def test_weights_among_the_inputs_are_weights(zoo):
    model = zoo.plain([helper.make_node("Add", ["x", "w"], ["y"])], {"w": np.ones(4, np.float32)})
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4]))
    found, notes = normalised(model, Ceiling())
    assert [port.name for port in found.graph.input] == ["x"]
    assert notes == ("1 weight no longer listed among the inputs",)


def test_functions_are_written_out(zoo):
    sets = [helper.make_opsetid("", zoo.OPSET)]
    function = helper.make_function("own", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], sets)
    model = zoo.plain([helper.make_node("Twice", ["x"], ["y"], domain="own")])
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    found, notes = normalised(model, Ceiling())
    assert [node.op_type for node in found.graph.node] == ["Add"]
    assert notes == ("its 1 function written out where called",)


def test_newer_operators_are_put_into_what_the_runtime_has(zoo):
    model = zoo.plain([RELU], opset=24, ir=12)
    model.metadata_props.add(key="who", value="me")
    found, notes = normalised(model, Ceiling(opset=21, ir=10))
    assert (found.opset_import[0].version, found.ir_version) == (21, 10)
    assert {entry.key: entry.value for entry in found.metadata_props} == {"who": "me"}
    assert notes[0] == "operator set 24 put into 21"


def test_what_an_old_runtime_cannot_have_is_refused(zoo):
    new = zoo.plain([helper.make_node("RMSNormalization", ["x", "w"], ["y"])], {"w": np.ones(4, np.float32)}, opset=23, ir=11)
    with pytest.raises(BuildError, match="asks for operator set 23, the target's runtime has 21"):
        normalised(new, Ceiling(opset=21, ir=10))
    with pytest.raises(BuildError, match="needs file format 10"):
        normalised(zoo.plain([RELU], opset=21, ir=10), Ceiling(ir=9))
    with pytest.raises(BuildError, match="version 5 of ai.onnx.ml"):
        normalised(zoo.plain([helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml")], ml=5), Ceiling(ml=3))


def test_weights_in_other_files_are_taken_in_and_large_models_put_theirs_apart(zoo, tmp_path):
    values = np.arange(4000, dtype=np.float32).reshape(4, 1000)
    model = zoo.plain([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": values})
    (tmp_path / "given").mkdir()
    source = tmp_path / "given" / "m.onnx"
    onnx.save_model(model, source, save_as_external_data=True, location="m.bin", size_threshold=0)
    assert sorted(file.name for file in source.parent.iterdir()) == ["m.bin", "m.onnx"]
    write_model(normalised(read_model(source), Ceiling())[0], tmp_path / "one.onnx")
    assert np.array_equal(numpy_helper.to_array(onnx.load(tmp_path / "one.onnx").graph.initializer[0]), values)
    (tmp_path / "made").mkdir()
    write_model(read_model(source), tmp_path / "made" / "model.onnx", whole_bytes=1000)
    assert sorted(file.name for file in (tmp_path / "made").iterdir()) == ["model.onnx", "model.onnx.data"]
    again = read_model(tmp_path / "made" / "model.onnx")
    assert np.array_equal(numpy_helper.to_array(again.graph.initializer[0]), values)
    assert weight_bytes(again) > values.nbytes


def test_files_that_are_cut_short_or_lead_elsewhere(zoo, tmp_path):
    model = zoo.plain([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((4, 300), np.float32)})
    path = tmp_path / "m.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="m.bin", size_threshold=0)
    (tmp_path / "m.bin").write_bytes(b"short")
    with pytest.raises(InputError, match="beyond the end"):
        read_model(path)
    held = onnx.load(path, load_external_data=False)
    held.graph.initializer[0].external_data[0].value = "../m.bin"
    with pytest.raises(InputError, match="inside"):
        read_model(zoo.written(held, path))
    with pytest.raises(InputError, match="no ONNX model"):
        read_model(zoo.written(b"\xff" * 40, path))
