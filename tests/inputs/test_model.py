from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from mlops_stage.errors import ExitCode, InputError, UsageError
from mlops_stage.evidence.digest import of_json
from mlops_stage.inputs.model import open_model

INCOME = Path(__file__).parents[2] / "docs" / "examples" / "income"


def small():
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in "xy")
    weight = numpy_helper.from_array(np.array([1, 2], dtype=np.float32), "w")
    model = helper.make_model(
        helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weight]),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    model.ir_version = 8
    return model


def test_a_file_and_its_folder_are_the_same_model(tmp_path):
    (tmp_path / "model").mkdir()
    content = (INCOME / "baseline.onnx").read_bytes()
    (tmp_path / "model" / "m.onnx").write_bytes(content)
    (tmp_path / "model" / "README.md").write_text("x")
    for source in ("model/m.onnx", "model"):
        model = open_model(source, tmp_path)
        assert (model.name, model.sha256) == ("model/m.onnx", hashlib.sha256(content).hexdigest())
        assert [(subject.role, subject.name, subject.sha256) for subject in model.subjects("baseline")] == [
            ("baseline", model.name, model.sha256)
        ]
        assert model.facts.inputs[0].name == "age"
        assert model.session().digests == model.digests


def test_weights_in_other_files_belong_to_the_digest(tmp_path):
    save(small(), tmp_path / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    model = open_model("m.onnx", tmp_path)
    assert [name for name, _ in model.digests] == ["m.onnx", "m.bin"]
    assert model.sha256 == of_json(model.digests)
    assert [(subject.role, subject.name) for subject in model.subjects()] == [("model", "m.onnx"), ("model", "m.bin")]
    assert model.subjects()[1].sha256 == hashlib.sha256((tmp_path / "m.bin").read_bytes()).hexdigest()
    (made,) = model.session().run({"x": np.zeros((1, 2), dtype=np.float32)}, ["y"])
    assert made.tolist() == [[1, 2]]
    (tmp_path / "m.bin").write_bytes(np.array([3, 4], dtype=np.float32).tobytes())
    assert open_model("m.onnx", tmp_path).sha256 != model.sha256
    with pytest.raises(InputError, match=r"m.onnx was changed while it was read"):
        model.session()


def test_a_model_that_changes_between_screen_and_session_is_not_opened(tmp_path):
    (tmp_path / "m.onnx").write_bytes(small().SerializeToString())
    model = open_model("m.onnx", tmp_path)
    other = small()
    other.producer_name = "another"
    (tmp_path / "m.onnx").write_bytes(other.SerializeToString())
    with pytest.raises(InputError, match=r"m.onnx was changed while it was read"):
        model.session()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
BAD = {
    "m.onnx": (b"", "m.onnx is empty", "step that wrote it"),
    "lfs.onnx": (LFS, "is a Git LFS pointer", "lfs: true"),
    "lfs.pkl": (LFS, "is a Git LFS pointer", "lfs: true"),
    "m.onnx.dvc": (b"outs:\n- md5: 00\n  path: m.onnx\n", "is a DVC pointer", "dvc pull"),
    "model.pkl": (
        pickle.dumps([1]),
        "a Python pickle (often of scikit-learn), which can run code when it is loaded: it is not opened",
        "skl2onnx",
    ),
    "MODEL.PICKLE": (b"\x80\x04", "a Python pickle (often of scikit-learn)", "predictions"),
    "model.joblib": (b"\x80\x04", "a Python pickle (often of scikit-learn)", "skl2onnx"),
    "model.pt": (b"PK\x03\x04", "a model file of PyTorch", "torch.onnx.export"),
    "model.pth": (b"PK\x03\x04", "a model file of PyTorch", "torch.onnx.export"),
    "model.h5": (b"\x89HDF\r\n\x1a\n", "a model file of Keras", "model.export"),
    "model.keras": (b"PK\x03\x04", "a model file of Keras", "model.export"),
    "model.pb": (b"\x08\x01", "a model file of TensorFlow", "tf2onnx"),
    "model.safetensors": (b"\x00\x01", "a model file of transformers", "optimum"),
    "model.ubj": (b"{L", "a model file of XGBoost", "onnxmltools"),
    "pickle.onnx": (pickle.dumps({"a": [1, 2]}), "is a Python pickle, not an ONNX model", "export"),
    "zip.onnx": (b"PK\x03\x04rest", "is a ZIP archive", "export"),
    "page.onnx": (b"<!DOCTYPE html><html>", "is a page of HTML", "address"),
    "text.onnx": (b"hello world\n", "is no ONNX model", "export"),
    "cut.onnx": ((INCOME / "baseline.onnx").read_bytes()[:-300], "is no ONNX model, or it was cut short", "again"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_onnx_model_is_refused_with_the_way_out(tmp_path, name):
    content, message, hint = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_model(name, tmp_path)
    assert message in caught.value.message
    assert name in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.code is ExitCode.STAGE


def test_nothing_in_a_pickle_runs(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    for name in ("m.pkl", "m.onnx"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(InputError):
            open_model(name, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_hostile_model_is_refused_before_any_session(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret").write_bytes(bytes(8))
    save(small(), tmp_path / "folder" / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    (tmp_path / "folder" / "m.bin").unlink()
    (tmp_path / "folder" / "m.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="the model is not opened"):
        open_model("folder", tmp_path)


def test_folders_that_do_not_hold_exactly_one_model(tmp_path):
    for name, files in {"two": ["a.onnx", "b.onnx"], "torch": ["pytorch_model.pt"], "none": ["x.txt"], "dvc": ["m.onnx.dvc"]}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_bytes(b"outs:\n- md5: 0\n" if file.endswith(".dvc") else b"x")
    for name, message in (
        ("two", "holds 2 ONNX files: a.onnx, b.onnx"),
        ("torch", "a model file of PyTorch"),
        ("none", "holds no .onnx file"),
        ("dvc", "is a DVC pointer"),
    ):
        with pytest.raises(InputError, match=message):
            open_model(name, tmp_path)


@pytest.mark.parametrize("source", ["absent.onnx", "https://example.com/models/m", ""])
def test_what_is_not_there_is_wrong_usage(tmp_path, source):
    with pytest.raises(UsageError) as caught:
        open_model(source, tmp_path, what="baseline")
    assert caught.value.message.startswith("baseline")
    assert caught.value.code is ExitCode.USAGE
