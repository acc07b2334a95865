"""Eight-bit files whose sums overflow on some processors: told from their weights, and seen by running them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from mlops_stage.stages.compile.parity.saturation import largest_weight, saturation


def eight_bit(largest, *, inner=64):
    """A product of unsigned activations and signed weights, all of them large: the worst case for sums in sixteen bits."""
    weights = np.full((inner, 8), largest, dtype=np.int8)
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


def test_small_weights_are_safe_everywhere(zoo, tmp_path):
    found = saturation(zoo.written(eight_bit(64), tmp_path / "m.onnx"), FEEDS)
    assert (found.verdict, found.largest_weight, found.difference) == ("safe", 64, 0.0)
    assert found.portable


def test_large_weights_are_not(zoo, tmp_path):
    found = saturation(zoo.written(eight_bit(127), tmp_path / "m.onnx"), FEEDS)
    assert not found.portable
    assert found.largest_weight == 127
    assert found.verdict == ("seen" if cuts_off() else "possible")
    assert (found.difference > 0.1) == cuts_off()


def test_small_weights_do_answer_the_same_with_and_without_the_shortcut(zoo, tmp_path, monkeypatch):
    """Where the rule by weights calls a file safe, running it both ways agrees to the bit."""
    from mlops_stage.stages.compile.parity import saturation as module

    monkeypatch.setattr(module, "SAFE", 0)
    found = saturation(zoo.written(eight_bit(64), tmp_path / "m.onnx"), FEEDS)
    assert (found.verdict, found.difference) == ("possible", 0.0)


@pytest.mark.parametrize("operator", ["MatMulInteger", "QLinearMatMul"])
def test_weights_of_operators_on_whole_numbers(operator):
    place = {"MatMulInteger": 1, "QLinearMatMul": 3}[operator]
    names = [f"i{number}" for number in range(4)]
    node = helper.make_node(operator, [*names[:place], "w", *names], ["y"])
    graph = helper.make_graph([node], "g", [], [], [numpy_helper.from_array(np.array([[3, -128]], dtype=np.int8), "w")])
    assert largest_weight(helper.make_model(graph)) == 128


def test_no_eight_bit_weights_no_danger(specimen, door):
    found = saturation(specimen("convolutional").path, {"x": np.ones((2, 1, 8, 8), dtype=np.float32)})
    assert (found.verdict, found.largest_weight) == ("safe", 0)
    del door
