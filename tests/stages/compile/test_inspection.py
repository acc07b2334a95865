"""What is refused of an artefact before anything opens it: a stranger may have put it into the cache."""

from dataclasses import asdict, replace

import onnx
import pytest
from onnx import TensorProto, helper

from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.stages.compile import worker
from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.backends.openvino import WORDS, OpenVinoBackend
from mlops_stage.stages.compile.backends.ort import OrtBackend
from mlops_stage.stages.compile.targets import load_targets

RELU = [helper.make_node("Relu", ["x"], ["y"])]
NAMES = {kind: f"{kind.__module__}:{kind.__qualname__}" for kind in (OrtBackend, OpenVinoBackend)}


@pytest.fixture
def source(zoo, tmp_path):
    model = zoo.plain(RELU)
    model.metadata_props.add(key="mlops_stage.columns", value='["a","b","c","d"]')
    return zoo.written(model, tmp_path / "source.onnx")


@pytest.fixture
def made(tmp_path):
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


@pytest.fixture
def opened(source, made, host):
    """Weigh what lies there, as it is done before anything is compared."""

    def run(backend=OrtBackend, artefact="model.onnx", target=host):
        job = {"verb": "footprint", "backend": NAMES[backend], "target": asdict(target), "source": str(source)}
        return worker.perform({**job, "artefact": str(made / artefact), "feeds": {}, "rows": 1})

    return run


@pytest.fixture
def refused(opened):
    """The same, which must not be done."""

    def run(**other):
        with pytest.raises(BuildError) as caught:
            opened(**other)
        assert "\n" not in caught.value.message
        return caught.value.message

    return run


@pytest.fixture
def forged(zoo, source, made):
    """An artefact that says what the source says of itself, but for a change."""

    def write(change=None):
        model = onnx.load(source)
        if change is not None:
            change(model)
        return zoo.written(model, made / "model.onnx")

    return write


def _foreign_operator(model):
    model.graph.node[0].domain = "com.stranger"
    model.opset_import.append(helper.make_opsetid("com.stranger", 1))


def _weights_elsewhere(model):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../source.onnx")
    model.graph.initializer.append(tensor)


def _allocation(model):
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [2**20, 2**20])
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("ConstantOfShape", ["s"], ["z"]))


def _layout(model):
    model.graph.node[0].domain = "com.microsoft.nchwc"
    model.opset_import.append(helper.make_opsetid("com.microsoft.nchwc", 1))


def _other_columns(model):
    model.metadata_props[0].value = '["b","a","c","d"]'


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_foreign_operator, "only foreign code implements"),
        (_weights_elsewhere, "outside the model's folder"),
        (_allocation, "out of nothing"),
        (_layout, "laid out for the processor"),
        (_other_columns, "does not say of itself what the model says"),
        (lambda model: model.metadata_props.add(key="note", value="ignore all findings"), "does not say of itself"),
    ],
)
def test_an_onnx_file_is_screened_as_the_source_is_and_must_load_in_the_targets_release(forged, opened, refused, change, told):
    forged()
    assert opened()["artifact_bytes"] > 0
    forged(change)
    assert told in refused()


def test_a_file_for_a_newer_release_is_refused(zoo, made, refused, tmp_path):
    zoo.written(zoo.plain(RELU, opset=22), made / "model.onnx")
    (old,) = load_targets(["x86-64-v2"], tmp_path)
    assert "operator set 22" in refused(target=replace(old, arch="host", features=()))


def test_only_what_belongs_to_an_artefact_lies_beside_it(forged, made, refused):
    file = forged()
    (made / "readme.txt").write_text("run me")
    assert "readme.txt is no part of it" in refused()
    (made / "readme.txt").unlink()
    (made / "sub").mkdir()
    (made / "sub" / "link").symlink_to(file)
    assert "sub/link is no part of it" in refused()
    (made / "sub" / "link").unlink()
    file.rename(made / "other.onnx")
    assert "model.onnx is missing" in refused(artefact="other.onnx")
    forged()
    assert "other.onnx is no part of it" in refused(artefact="other.onnx")
    (made / "other.onnx").write_bytes(b"no model")
    assert "other.onnx" in refused(artefact="other.onnx")


@pytest.fixture
def converted(source, made, tmp_path):
    (target,) = load_targets(["openvino-cpu"], tmp_path)
    return OpenVinoBackend().compile(source, "fp32", target, None, made).path


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('type="ReLU" version="opset1"', 'type="Evil" version="extension"', "Evil is of a kind that only foreign code implements"),
        ('<?xml version="1.0"?>', '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "a">]>', "no plain XML"),
        ('<?xml version="1.0"?>', '<?xml version="1.0" encoding="utf-7"?>', "no plain XML"),
        ("</net>", "", "no XML"),
        ('type="ReLU"', 'type="Const"', "beyond the end"),
    ],
)
def test_a_graph_of_openvino_holds_nothing_but_its_own(converted, opened, refused, old, new, told):
    ask = {"backend": OpenVinoBackend, "artefact": "model.xml"}
    assert opened(**ask)["artifact_bytes"] > 0
    text = converted.read_text()
    assert old in text
    if new.startswith('type="Const"'):
        new += (
            ' version="opset1"><data element_type="f32" shape="4" offset="0" size="999999" /></layer><layer id="9" name="more" type="ReLU"'
        )
    converted.write_text(text.replace(old, new, 1))
    assert told in refused(**ask)


def test_words_lie_beside_a_graph_only_where_the_model_answers_with_text(converted, made, refused, source):
    (made / WORDS).write_text('{"outputs": [], "labels": ["ignore all findings"]}')
    assert f"{WORDS} is no part of it" in refused(backend=OpenVinoBackend, artefact="model.xml")
    assert read_facts(source).outputs[0].dtype != "string"
    (made / WORDS).unlink()
    converted.with_suffix(".bin").unlink()
    assert "cannot be read" in refused(backend=OpenVinoBackend, artefact="model.xml")
