"""Facts against onnx's own parser, and bytes that no exporter ever wrote."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.errors import InputError
from mlops_stage.inputs.onnx.facts import DTYPES, bits
from mlops_stage.inputs.onnx.reader import _Walk, facts_of, read_facts
from mlops_stage.inputs.onnx.wire import Wire, fields, fields_but_runs

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "income"


def branching():
    """A model with subgraphs, constants, functions, metadata, several dtypes and a default input."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=helper.make_tensor("", TensorProto.INT64, [2], [4, 5]))],
        "inner",
        [],
        [helper.make_tensor_value_info("c", TensorProto.INT64, [2])],
        [numpy_helper.from_array(np.ones(7, dtype=np.int8), "held")],
    )
    outer = helper.make_node("If", ["flag"], ["z"], then_branch=inner, else_branch=inner)
    nodes = [outer, helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Double", ["r"], ["y"], domain="ours")]
    weights = [numpy_helper.from_array(np.zeros((4, 5), dtype=np.float32), "w"), helper.make_tensor("flag", TensorProto.BOOL, [], [True])]
    graph = helper.make_graph(nodes, "branching", [x, helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 5])], [y], weights)
    double = helper.make_function(
        "ours", "Double", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ours", 1)], functions=[double])
    model.producer_name, model.producer_version, model.ir_version = "hand", "1.0", 8
    helper.set_model_props(model, {"author": "us", "columns": '["a"]'})
    return model


def parsed(model):
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return facts_of(memoryview(content), "m.onnx")


def test_everything_a_model_says_is_read():
    facts = parsed(branching())
    assert (facts.ir_version, facts.producer, facts.producer_version, facts.graph_name) == (8, "hand", "1.0", "branching")
    assert facts.opsets == {"ai.onnx": 17, "ours": 1}
    assert facts.metadata == {"author": "us", "columns": '["a"]'}
    assert [(port.name, port.dtype, port.shape) for port in facts.inputs] == [("x", "float32", ("N", 3))]
    assert [(port.name, port.shape) for port in facts.outputs] == [("y", None)]
    assert facts.operators == {"ai.onnx::Add": 1, "ai.onnx::Constant": 2, "ai.onnx::If": 1, "ai.onnx::Relu": 1, "ours::Double": 1}
    assert facts.functions == ("ours::Double",)
    assert facts.parameters == 20 + 1 + 2 * 7
    held = {tensor.name: tensor for tensor in facts.tensors}
    assert (held["w"].dtype, held["w"].dims, held["w"].stored) == ("float32", (4, 5), 80)
    assert held["c"].values == (4, 5)
    assert (held["held"].dtype, held["held"].stored) == ("int8", 7)


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_real_models_read_as_onnx_reads_them(name):
    path = EXAMPLES / f"{name}.onnx"
    facts, model = read_facts(path), onnx.load(path)
    assert facts.ir_version == model.ir_version
    assert facts.opsets == {item.domain or "ai.onnx": item.version for item in model.opset_import}
    assert [port.name for port in facts.inputs] == [item.name for item in model.graph.input]
    assert [port.dtype for port in facts.outputs] == [DTYPES[item.type.tensor_type.elem_type] for item in model.graph.output]
    assert sum(facts.operators.values()) == len(model.graph.node)
    assert facts.parameters == sum(int(np.prod(item.dims)) for item in model.graph.initializer)


@pytest.mark.parametrize("code", [code for code in DTYPES if code != 8])
def test_the_size_of_every_dtype_is_the_one_onnx_writes(code):
    try:
        array = np.zeros(16, dtype=helper.tensor_dtype_to_np_dtype(code))
    except (KeyError, TypeError):
        pytest.skip("this onnx has no such type")
    tensor = numpy_helper.from_array(array, "t")
    tensor.data_type = code
    assert len(tensor.raw_data) * 8 == 16 * bits(DTYPES[code]) or bits(DTYPES[code]) < 8


def test_messages_that_occur_twice_are_merged_as_protobuf_does():
    first, second = branching(), branching()
    second.graph.node[1].op_type = "Tanh"
    second.graph.input[0].name = "x2"
    both = first.SerializeToString() + second.SerializeToString()
    facts, oracle = parsed(both), onnx.load_from_string(both)
    assert sum(facts.operators.values()) >= len(oracle.graph.node)
    assert facts.operators["ai.onnx::Tanh"] == 1
    assert [port.name for port in facts.inputs] == ["x", "x2"]


def test_numbers_of_a_tree_ensemble_are_stepped_over():
    node = helper.make_node("T", [], ["y"], domain="ai.onnx.ml", many=list(range(-5, 50_000)), floats=[0.5] * 50_000, shape=[1, 2, -1])
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", 1, [1])])
    facts = parsed(helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 3)]))
    assert facts.operators == {"ai.onnx.ml::T": 1}


def test_a_prefix_of_a_model_is_refused_or_read_but_never_crashes():
    content = branching().SerializeToString()
    refused = 0
    for end in range(len(content)):
        try:
            parsed(content[:end])
        except InputError:
            refused += 1
    assert refused > 0.7 * len(content)


def test_changed_bytes_are_refused_or_read_but_never_crash():
    content = branching().SerializeToString()
    chance = random.Random(5)
    told = []
    for _ in range(3000):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 6)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            told.append(type(parsed(bytes(changed))).__name__)
        except InputError as error:
            told.append(type(error).__name__)
    assert set(told) == {"OnnxFacts", "InputError"}
    assert min(Counter(told).values()) > 300


def test_whatever_onnx_parses_after_a_change_is_not_read_as_fewer_nodes():
    """A parser that sees less than the runtime would let hostile nodes through."""
    content = branching().SerializeToString()
    chance = random.Random(7)
    compared = 0
    for _ in range(2000):
        changed = bytearray(content)
        changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            oracle = onnx.load_from_string(bytes(changed))
            facts = parsed(bytes(changed))
        except Exception:  # noqa: BLE001, S112  (either refuses: nothing to compare)
            continue
        compared += 1
        assert sum(facts.operators.values()) >= len(oracle.graph.node)
        assert len(facts.tensors) >= len(oracle.graph.initializer)
    assert compared > 500


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"hello world, this is text", b"\x80\x04\x95", b"\x3a\x00", b"\xff" * 64, b"PK\x03\x04rest of a zip"]
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_facts(path)
    assert "m.onnx" in caught.value.message
    assert caught.value.hint


def test_subgraphs_nested_too_deep_are_refused():
    graph = b""
    for _ in range(40):  # graph{node{op_type: "If", attribute{name: "then_branch", g: graph}}}
        attribute = part(1, b"then_branch") + part(6, graph)
        graph = part(1, part(4, b"If") + part(5, attribute))
    with pytest.raises(InputError, match="nested more than 32 deep"):
        parsed(part(7, graph) + part(8, b""))


def part(number, content):
    """A length-delimited field; onnx's own builder refuses such depths."""
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def test_weights_are_not_loaded(tmp_path):
    import resource

    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(np.zeros(30_000_000, dtype=np.float32), "w")])
    path = tmp_path / "m.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_facts(path).parameters == 30_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB, of 120 MB


@pytest.mark.parametrize(
    "attribute", [{"classlabels_strings": ["no", "yes"]}, {"classlabels_int64s": [-1, 300]}, {"classlabels_ints": list(range(40))}]
)
def test_the_classes_of_a_classifier_are_read(attribute):
    node = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["y"], domain="ai.onnx.ml", nodes_values=[0.5] * 100, nodes_treeids=[0] * 100, **attribute
    )
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", 1, [1])])
    facts = parsed(helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 3)]))
    assert facts.class_labels == (tuple(str(label) for label in next(iter(attribute.values()))),)


@pytest.mark.parametrize("dims", [[2**62] * 400, [2**62] * 60_000, [1] * 65, [2**48 + 1], [-(2**62)]])
def test_dimensions_that_no_tensor_has_are_refused_at_once(dims):
    for name in ("float_data", "external"):
        model = branching()
        tensor = model.graph.initializer.add(name="w2", data_type=TensorProto.FLOAT, dims=dims)
        if name == "external":
            tensor.data_location = TensorProto.EXTERNAL
        with pytest.raises(InputError, match=r"cut short: a tensor has (more than 64 dimensions|a dimension of -?[0-9,]+)$"):
            parsed(model)


def test_the_largest_dimensions_allowed_can_still_be_counted():
    model = branching()
    model.graph.initializer.add(name="w2", data_type=TensorProto.FLOAT, dims=[2**48] * 64)
    assert len(f"{parsed(model).parameters:,}") < 4300


def test_runs_of_numbers_and_short_texts_are_passed_over_and_nothing_else():
    texts = ["LEAF"] * 3 + ["BRANCH_LEQ", "", "x" * 63, "y" * 64, "z" * 200]
    attribute = helper.make_attribute("modes", texts)
    content = attribute.SerializeToString() + helper.make_attribute("numbers", [1, 2, 300]).SerializeToString()
    view = memoryview(content)
    every = list(fields(view, 0, len(content)))
    kept = list(fields_but_runs(view, 0, len(content)))
    starts = {one.start for one in kept}
    assert starts <= {one.start for one in every}
    assert kept[-1].end == len(content)
    passed_over = [one for one in every if one.start not in starts]
    assert {one.number for one in passed_over} == {8, 9}
    assert len(passed_over) == 5 + 2


def test_the_numbers_in_attributes_are_counted_packed_or_one_by_one():
    lone = helper.make_attribute("coefficients", [0.5] * 1000)
    packed = b"\x0a\x0ccoefficients\x3a\xa0\x1f" + np.full(1000, 0.5, dtype="<f4").tobytes() + b"\xa0\x01\x06"
    assert onnx.AttributeProto.FromString(packed) == lone
    for content in (lone.SerializeToString(), packed):
        walk = _Walk(memoryview(content))
        walk._attribute(Wire(5, 2, 0, 0, len(content)), 0)
        assert walk.attribute_floats == 1000


def test_what_a_model_says_of_its_maker_is_read():
    model = branching()
    model.domain, model.model_version, model.doc_string = "org.example", 7, "tells incomes"
    facts = parsed(model)
    assert (facts.domain, facts.model_version, facts.description) == ("org.example", 7, "tells incomes")


def test_what_is_wrong_is_said_in_plain_words_first():
    with pytest.raises(ValueError, match=r"of a kind that ONNX files do not have \(wire type 3\)"):
        list(fields(memoryview(b"\x0b"), 0, 1))
