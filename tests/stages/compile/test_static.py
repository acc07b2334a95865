"""What is told of artefacts that another ONNX Runtime will not take; row 11."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from onnx import helper
from onnxruntime.capi import _pybind_state as state

from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.stages.compile.backends.kernels import oldest, releases
from mlops_stage.stages.compile.graphs import read_model
from mlops_stage.stages.compile.runtime import LEVELS, optimise
from mlops_stage.stages.compile.static import faults
from mlops_stage.stages.compile.targets import load_targets

HERE = onnxruntime.__version__


@pytest.fixture
def old(tmp_path):
    return load_targets(["x86-64-v2"], tmp_path)[0]


def facts(zoo, tmp_path, model):
    return read_facts(zoo.written(model, tmp_path / "m.onnx"))


def test_layouts_of_one_processor(specimen, host, tmp_path):
    made = tmp_path / "model.onnx"
    optimise(read_model(specimen("convolutional").path), made, LEVELS.ORT_ENABLE_ALL)
    told = faults(read_facts(made), host, HERE)
    assert any("laid out for the processor" in line for line in told) == ("com.microsoft.nchwc" in made.read_bytes().decode("latin1"))
    optimise(read_model(specimen("convolutional").path), made, LEVELS.ORT_ENABLE_EXTENDED)
    assert faults(read_facts(made), host, HERE) == ()


def test_a_layout_is_refused_unless_the_target_is_this_machine(zoo, tmp_path, host):
    model = zoo.plain([helper.make_node("ReorderInput", ["x"], ["y"], domain="com.microsoft.nchwc")])
    model.opset_import.append(helper.make_opsetid("com.microsoft.nchwc", 1))
    found = facts(zoo, tmp_path, model)
    assert "ReorderInput is laid out for the processor" in faults(found, host, HERE)[0]
    assert faults(found, replace(host, native=True), HERE) == ()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"opset": 22}, "operator set 22, and the target's runtime reads up to 21"),
        ({"ir": 11}, "file format (IR) 11"),
        ({"ml": 6}, "ai.onnx.ml 6"),
    ],
)
def test_newer_than_the_runtime(zoo, tmp_path, old, asked, told):
    (line,) = faults(facts(zoo, tmp_path, zoo.plain([helper.make_node("Relu", ["x"], ["y"])], **asked)), old, HERE)
    assert told in line


def test_operators_that_came_later(zoo, tmp_path, old, host):
    model = zoo.plain([helper.make_node("LinearAttention", ["x"], ["y"], domain="com.microsoft")])
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    found = facts(zoo, tmp_path, model)
    assert faults(found, old, HERE) == ("ONNX Runtime 1.20 has no kernel for com.microsoft::LinearAttention 1",)
    assert faults(found, replace(host, version=">=1.26"), HERE) == ()


def test_operators_that_unfold_into_others_need_no_kernel(zoo, tmp_path, old):
    model = zoo.plain([helper.make_node("LayerNormalization", ["x", "w"], ["y"])], {"w": np.ones(4, np.float32)})
    assert faults(facts(zoo, tmp_path, model), old, HERE) == ()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (">=1.20", "1.20"),
        (">=1.25,<1.28", "1.24"),  # nothing is known of 1.25 but that it has what 1.24 had
        ("==1.26.*", "1.26"),
        ("~=1.22", "1.22"),
        ("<1.24", "1.20"),
        (">=1.10", "1.20"),
    ],
)
def test_the_oldest_release_that_a_target_may_have(asked, found):
    assert oldest(asked, "1.31.1").version == found
    assert oldest("", "1.23.2").version == "1.23"


def test_the_table_is_what_the_installed_runtime_says():
    """How kernels.json was made, and from which call."""
    known = {release.version: release for release in releases()}.get(".".join(HERE.split(".")[:2]))
    if known is None:
        pytest.skip(f"kernels.json knows nothing of {HERE}")
    every = [one for one in state.get_all_opkernel_def() if one.provider == "CPUExecutionProvider" and "Memcpy" not in one.op_name]
    said = {(f"{one.domain or 'ai.onnx'}::{one.op_name}", one.version_range[0]) for one in every}
    assert {operator for operator, _ in said} == set(known.kernels)
    assert all(known.runs(operator, version) for operator, version in said)
