import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.inputs.onnx.nodes import graph_of
from mlops_stage.inputs.onnx.wire import MalformedError


def model(*nodes, tensors=()):
    graph = helper.make_graph(list(nodes), "g", [], [], list(tensors))
    return helper.make_model(graph).SerializeToString()


def read(content):
    return graph_of(memoryview(content))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("raw", [True, False])
def test_plain_tensors_are_read_packed_or_raw(kind, raw):
    values = np.array([[1, -2, 3], [4, 5, -6]], dtype=kind)
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    tensor = numpy_helper.from_array(values, "t") if raw else helper.make_tensor("t", number, [2, 3], values.ravel().tolist())
    found = read(model(tensors=[tensor])).tensors["t"]
    assert np.array_equal(found, values)
    assert found.dtype == kind


def test_what_the_file_does_not_hold_as_plain_numbers_is_left_out():
    half = numpy_helper.from_array(np.ones(2, dtype=np.float16), "half")
    short = TensorProto(name="short", data_type=TensorProto.FLOAT, dims=[3], raw_data=b"\0" * 8)
    outside = TensorProto(name="outside", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    assert read(model(tensors=[half, short, outside])).tensors == {}


def test_nodes_come_in_order_with_their_attributes():
    value = numpy_helper.from_array(np.arange(3.0), "inner")
    nodes = [
        helper.make_node(
            "A", ["x", "w"], ["y"], domain="d", alpha=0.5, axis=-1, mode="up", shape=[1, -2], rates=[0.25, 4.0], names=["a", "b"]
        ),
        helper.make_node("Constant", [], ["c"], value=value),
    ]
    first, second = read(model(*nodes)).nodes
    assert (first.operator, first.inputs, first.outputs) == ("d::A", ("x", "w"), ("y",))
    assert {key: value for key, value in first.attributes.items() if key not in {"shape", "rates"}} == {
        "alpha": 0.5,
        "axis": -1,
        "mode": "up",
        "names": ("a", "b"),
    }
    assert first.attributes["shape"].tolist() == [1, -2]
    assert first.attributes["rates"].tolist() == [0.25, 4.0]
    assert second.attributes["value"].tolist() == [0, 1, 2]


def test_a_file_cut_short_is_refused():
    content = model(tensors=[numpy_helper.from_array(np.ones(9, dtype=np.float32), "t")])
    with pytest.raises(MalformedError):
        read(content[:-3])
    odd = TensorProto(name="odd", data_type=TensorProto.FLOAT, dims=[1], raw_data=b"\0" * 5)
    with pytest.raises(MalformedError):
        read(model(tensors=[odd]))


def test_it_reads_what_onnx_reads_from_a_real_export():
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    exported = to_onnx(LogisticRegression().fit(rng.normal(size=(30, 4)), np.arange(30) % 3), np.zeros((1, 4), dtype=np.float32))
    found = read(exported.SerializeToString())
    for mine, theirs in zip(found.nodes, exported.graph.node, strict=True):
        assert mine.operator.endswith(theirs.op_type)
        for attribute in theirs.attribute:
            if attribute.type == onnx.AttributeProto.FLOATS:
                assert mine.attributes[attribute.name].tolist() == list(attribute.floats)
