"""Eight-bit files whose sums overflow on some processors: told from their weights, and seen by running them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.stages.compile.act import act
from mlops_stage.stages.compile.params import CompileParams
from mlops_stage.stages.compile.parity.saturation import SAFE, saturation
from mlops_stage.stages.compile.parity.weights import is_quantised, largest_weight
from mlops_stage.workspace import Workspace


def eight_bit(largest, *, inner=64, classes=None):
    """A product of unsigned activations and signed weights, all of them large: the worst case for sums in sixteen bits."""
    weights = np.full((inner, 8), largest, dtype=np.int8)
    weights[:, 1:] = weights[:, 1:] if classes is None else weights[:, 1:] // classes  # decisions that rows can show something of
    constants = {
        "w": weights,
        "scale": np.float32(1 / 255),
        "zero": np.uint8(0),
        "w_scale": np.float32(1 / 127),
        "w_zero": np.int8(0),
        "y_scale": np.float32(inner / 200),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["dw"]),
        helper.make_node("MatMul", ["d", "dw"], ["m"]),
        helper.make_node("QuantizeLinear", ["m", "y_scale", "zero"], ["qm"]),
        helper.make_node("DequantizeLinear", ["qm", "y_scale", "zero"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", inner])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 8])],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def cuts_off():
    """Whether this processor is one that adds up in sixteen bits: x86 with AVX2 and no VNNI."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx2" in flags and "vnni" not in flags


FEEDS = {"x": np.ones((16, 64), dtype=np.float32)}


def found(path, largest=None):
    return saturation(path, largest or largest_weight(onnx.load_model(path)), FEEDS)


def test_small_weights_are_safe_everywhere(zoo, tmp_path):
    told = found(zoo.written(eight_bit(64), tmp_path / "m.onnx"))
    assert (told.verdict, told.largest_weight, told.difference) == ("safe", 64, 0.0)


def test_large_weights_are_not(zoo, tmp_path):
    told = found(zoo.written(eight_bit(127), tmp_path / "m.onnx"))
    assert told.largest_weight == 127
    assert told.verdict == ("seen" if cuts_off() else "possible")
    assert (told.difference > 0.1) == cuts_off()


def test_small_weights_do_answer_the_same_with_and_without_the_shortcut(zoo, tmp_path):
    """What the rule by weights calls safe agrees to the bit when it is run both ways, as if the rule did not know."""
    told = found(zoo.written(eight_bit(64), tmp_path / "m.onnx"), largest=SAFE + 1)
    assert (told.verdict, told.difference) == ("possible", 0.0)


def test_what_is_unknown_and_cannot_be_run_both_ways_is_possible(tmp_path):
    """An artefact of a plugin's, in a format of its own."""
    told = saturation(tmp_path / "m.blob", None, FEEDS)
    assert (told.verdict, told.largest_weight, told.row) == ("possible", None, None)


def model_of(nodes, initializers=(), inputs=()):
    graph = helper.make_graph(nodes, "g", list(inputs), [], [numpy_helper.from_array(np.asarray(one), name) for name, one in initializers])
    return helper.make_model(graph)


@pytest.mark.parametrize("operator", ["MatMulInteger", "QLinearMatMul"])
def test_weights_of_operators_on_whole_numbers(operator):
    place = {"MatMulInteger": 1, "QLinearMatMul": 3}[operator]
    names = [f"i{number}" for number in range(4)]
    node = helper.make_node(operator, [*names[:place], "w", *names], ["y"])
    assert largest_weight(model_of([node], [("w", np.array([[3, -128]], dtype=np.int8))])) == 128
    assert largest_weight(model_of([node], [("w", np.array([[3, 255]], dtype=np.uint8))])) == 0
    assert largest_weight(model_of([node])) is None


HELD = [("w", np.array([[100, -3], [5, 6]], dtype=np.int8)), ("f", np.ones((2, 2), dtype=np.float32)), ("s", np.float32(0.1)),
        ("signed", np.int8(0)), ("plain", np.uint8(0))]  # fmt: skip
QUANTISE = helper.make_node("QuantizeLinear", ["x", "s", "plain"], ["q"])
INTO = helper.make_node("DequantizeLinear", ["q", "s", "plain"], ["d"])
PRODUCT = helper.make_node("MatMul", ["d", "dw"], ["y"])
WAYS = {
    "as an initializer": ([helper.make_node("DequantizeLinear", ["w", "s"], ["dw"])], 100),
    "as the value of a node": (
        [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array([[90, 2], [3, 4]], dtype=np.int8))),
         helper.make_node("DequantizeLinear", ["c", "s"], ["dw"])],
        90,
    ),
    "turned before": ([helper.make_node("Transpose", ["w"], ["t"]), helper.make_node("DequantizeLinear", ["t", "s"], ["dw"])], 100),
    "turned after": ([helper.make_node("DequantizeLinear", ["w", "s"], ["t"]), helper.make_node("Transpose", ["t"], ["dw"])], 100),
    "rounded on loading": (
        [helper.make_node("QuantizeLinear", ["f", "s", "signed"], ["r"]), helper.make_node("DequantizeLinear", ["r", "s", "signed"], ["dw"])],
        None,
    ),
    "without a sign": (
        [helper.make_node("QuantizeLinear", ["f", "s", "plain"], ["r"]), helper.make_node("DequantizeLinear", ["r", "s", "plain"], ["dw"])],
        0,
    ),
    "as an input": ([helper.make_node("DequantizeLinear", ["given", "s"], ["dw"])], None),
    "from an operator that nobody knows": (
        [helper.make_node("Mystery", ["x"], ["m"], domain="far.away"), helper.make_node("DequantizeLinear", ["m", "s"], ["dw"])],
        None,
    ),
    "in no eight bits at all": ([helper.make_node("Identity", ["f"], ["dw"])], 0),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_weights_come_in_many_ways_and_what_is_not_seen_is_unknown(way):
    nodes, expected = WAYS[way]
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 2])]
    inputs += [helper.make_tensor_value_info("given", onnx.TensorProto.INT8, [2, 2])] * (way == "as an input")
    assert largest_weight(model_of([QUANTISE, INTO, *nodes, PRODUCT], HELD, inputs)) == expected


def test_weights_within_a_branch():
    branch = helper.make_graph([helper.make_node("DequantizeLinear", ["w", "s"], ["dw"]), PRODUCT], "b", [], [], [])
    choice = helper.make_node("If", ["yes"], ["z"], then_branch=branch, else_branch=branch)
    assert largest_weight(model_of([QUANTISE, INTO, choice], HELD)) == 100


def test_constants_of_an_operator_that_nobody_knows_are_supposed_to_be_multiplied():
    node = helper.make_node("QAttention", ["x", "w", "s"], ["y"], domain="com.microsoft")
    assert largest_weight(model_of([node], HELD)) == 100


def test_a_function_with_eight_bits_is_unknown():
    inner = [helper.make_node("DequantizeLinear", ["w", "s"], ["dw"]), helper.make_node("MatMul", ["x", "dw"], ["y"])]
    function = helper.make_function("own", "Product", ["x", "w", "s"], ["y"], inner, [helper.make_opsetid("", 18)])
    model = model_of([helper.make_node("Product", ["x", "w", "s"], ["y"], domain="own")], HELD)
    model.functions.append(function)
    assert largest_weight(model) is None


def test_no_eight_bit_weights_no_danger(specimen):
    assert largest_weight(onnx.load_model(specimen("convolutional").path)) == 0


@pytest.mark.parametrize(("largest", "expected"), [(64, 64), (127, 127)])
def test_weights_of_an_openvino_artefact(zoo, tmp_path, largest, expected):
    """Read from what OpenVINO made of the file, whoever rounded it."""
    import openvino

    from mlops_stage.stages.compile.backends.openvino import OpenVinoBackend

    held = openvino.Core().read_model(zoo.written(eight_bit(largest), tmp_path / "m.onnx"))
    openvino.save_model(held, tmp_path / "model.xml", compress_to_fp16=False)
    assert OpenVinoBackend().largest_weight(tmp_path / "model.xml") == expected


def test_weights_that_openvino_rounds_itself_are_unknown(zoo, tmp_path):
    import openvino

    from mlops_stage.stages.compile.backends.openvino import OpenVinoBackend

    nodes = [QUANTISE, INTO, *WAYS["rounded on loading"][0], PRODUCT]
    held = openvino.Core().read_model(zoo.written(zoo.plain(nodes, dict(HELD), width=2), tmp_path / "m.onnx"))
    openvino.save_model(held, tmp_path / "model.xml", compress_to_fp16=False)
    assert OpenVinoBackend().largest_weight(tmp_path / "model.xml") is None


@pytest.mark.parametrize(("largest", "told"), [(64, False), (127, True)])
def test_a_model_that_was_rounded_by_somebody_else_is_looked_at_too(zoo, forking, tmp_path, largest, told):
    """Its artefact answers as it does here, and both may answer otherwise elsewhere."""
    zoo.written(eight_bit(largest, classes=2), tmp_path / "m.onnx")
    place = {"root": tmp_path, "run_dir": tmp_path / "out", "out": tmp_path / "out" / "compile", "cache": tmp_path / "cache", "env": {}}
    params = CompileParams.model_validate({"model": "m.onnx", "effort": "quick", "rows": 20, "precision": ["fp32"]})
    with forking():
        seen = act(params, Workspace(**place))
    (shipped,) = [one.message for one in seen.findings if one.rule == "compile/shipped"]
    assert ("overflow on" in shipped and "as of the model as given" in shipped) == told


def test_what_holds_eight_bits_is_known_from_the_file(zoo, tmp_path, specimen):
    assert is_quantised(read_facts(zoo.written(eight_bit(64), tmp_path / "m.onnx")))
    assert not is_quantised(read_facts(specimen("convolutional").path))
