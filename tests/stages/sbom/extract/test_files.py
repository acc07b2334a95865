"""Every file of a model is found and hashed, none is opened that could run code, and nothing outside is read."""

import hashlib
import os
import shutil

import numpy as np
import onnx
import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.model import open_model


def digests(root, *names):
    return {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in names}


def hub_folder(project, name="hub"):
    """A folder as people download it: weights in four formats, tokenizer, card, code."""
    import safetensors.numpy

    project.network(f"{name}/onnx/model.onnx", external=True)
    project.write(f"{name}/model.safetensors", safetensors.numpy.save({"w": np.ones((3, 5), dtype=np.float16)}, {"format": "pt"}))
    project.explosive(f"{name}/pytorch_model.bin")
    project.explosive(f"{name}/scaler.joblib")
    project.explosive(f"{name}/training_args.bin")
    project.write(f"{name}/tokenizer.json", "{}")
    project.write(f"{name}/config.json", "{}")
    project.write(f"{name}/modeling.py", "raise SystemExit('executed')")
    project.write(f"{name}/README.md", "# A model\n")
    project.write(f"{name}/.git/config", "[core]\n")
    return project.root / name


def test_every_weight_file_of_a_folder_is_hashed_and_no_other_is_called_one(project):
    hub_folder(project)
    (model,) = project.look(model="hub").models
    weights = {file.path: file.sha256 for file in model.files if file.role == "weights"}
    assert weights == digests(
        project.root, "hub/onnx/model.onnx", "hub/onnx/model.onnx.data", "hub/model.safetensors", "hub/pytorch_model.bin"
    )
    assert {file.path: file.role for file in model.files if file.role != "weights"} == {
        "hub/config.json": "config",
        "hub/modeling.py": "code",
        "hub/tokenizer.json": "tokenizer",
        "hub/README.md": "card",
        "hub/scaler.joblib": "preprocessor",
        "hub/training_args.bin": "other",
    }


def test_what_is_no_pickle_is_not_called_one(project):
    hub_folder(project)
    (model,) = project.look(model="hub").models
    formats = {file.path: file.format for file in model.files}
    assert formats["hub/onnx/model.onnx.data"] == "external data of ONNX"
    assert formats["hub/model.safetensors"] == "safetensors"
    assert sorted(path for path, kind in formats.items() if kind in {"pickle", "PyTorch"}) == [
        "hub/pytorch_model.bin",
        "hub/scaler.joblib",
        "hub/training_args.bin",
    ]


@pytest.mark.parametrize("external", [False, True])
def test_the_digest_of_an_onnx_model_is_the_one_that_all_stages_use(project, external):
    path = project.network("models/a.onnx", external=external)
    project.write("models/README.md", "hello")
    known = open_model("models/a.onnx", project.root).sha256
    assert project.look(model="models/a.onnx").models[0].sha256 == known
    assert project.look(model="models").models[0].sha256 == known
    assert path.name == "a.onnx"


def test_each_changed_byte_changes_the_inventory(project):
    folder = hub_folder(project)
    before = project.look(model="hub")
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts]
    for path in paths:
        content = path.read_bytes()
        changed = content + b"\n" if path.suffix in {".md", ".json", ".py"} else content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes(changed)
        assert project.look(model="hub").models != before.models, path
        path.write_bytes(content)
    assert project.look(model="hub") == before


def test_another_folder_and_another_time_give_the_same_inventory(project, tmp_path):
    hub_folder(project)
    project.write("data.csv", "a,b\n1,2\n")
    first = project.look(model="hub", data="data.csv")
    shutil.copytree(project.root, tmp_path / "elsewhere" / "project-2")
    for path in (tmp_path / "elsewhere").rglob("*"):
        os.utime(path, (0, 0))
    project.root = tmp_path / "elsewhere" / "project-2"
    second = project.look(model="hub", data="data.csv")
    assert second == first
    assert str(tmp_path) not in repr(first)


def test_links_that_lead_away_are_left_out_and_told(project, rules, tmp_path):
    project.network("m/model.onnx")
    outside = tmp_path / "secret.json"
    outside.write_text("{}")
    (project.root / "m" / "config.json").symlink_to(outside)
    (project.root / "m" / "loop").symlink_to(project.root / "m")
    (project.root / "m" / "nowhere.json").symlink_to("gone")
    os.mkfifo(project.root / "m" / "pipe.json")
    found = project.look(model="m")
    assert [file.path for file in found.models[0].files] == ["m/model.onnx"]
    assert rules(found) == ["sbom/file-left-out"] * 4
    assert str(tmp_path) not in repr(found.findings)


def test_a_folder_of_the_hub_cache_tells_name_and_commit(project):
    commit = "0123456789abcdef0123456789abcdef01234567"
    base = project.root / "models--acme--credit"
    blob = project.network("models--acme--credit/blobs/x.onnx")
    (base / "snapshots" / commit).mkdir(parents=True)
    (base / "snapshots" / commit / "model.onnx").symlink_to(f"../../blobs/{blob.name}")
    (model,) = project.look(model=f"models--acme--credit/snapshots/{commit}").models
    assert model.purl == f"pkg:huggingface/acme/credit@{commit}"
    assert [file.path for file in model.files] == [f"models--acme--credit/snapshots/{commit}/model.onnx"]


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/passwd", "C:\\x", "a/../../outside.bin", "link.bin"])
def test_weights_outside_the_folder_are_refused(project, location):
    path = project.network("m/model.onnx", external=True)
    project.write("outside.bin", b"\0" * 9600)
    (project.root / "m" / "link.bin").symlink_to(project.root / "outside.bin")
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="the model is not described"):
        project.look(model="m/model.onnx")


def test_paths_that_hold_nothing_are_told(project):
    (project.root / "empty").mkdir()
    with pytest.raises(InputError, match="holds no file"):
        project.look(model="empty")
    with pytest.raises(UsageError, match="does not exist"):
        project.look(model="gone.onnx")
    os.mkfifo(project.root / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        project.look(model="pipe")


@pytest.mark.parametrize("asked", ["m/model.onnx", "m"])
def test_an_empty_file_and_a_pickle_in_disguise_are_called_what_they_are(project, asked):
    project.write("m/model.onnx", b"")
    with pytest.raises(InputError, match=r"^model: model.onnx is empty \(0 bytes\)$"):
        project.look(model=asked)
    project.explosive("m/model.onnx")
    with pytest.raises(InputError, match=r"^model: model.onnx is a Python pickle, not an ONNX model$") as error:
        project.look(model=asked)
    assert "export the model to ONNX" in error.value.hint
    project.write("m/model.pkl", b"")
    with pytest.raises(InputError, match=r"^model: model.pkl is empty \(0 bytes\)$"):
        project.look(model="m/model.pkl")


def test_what_is_not_opened_is_told_with_the_reason(project):
    project.explosive("model.pkl")
    (note,) = project.look(model="model.pkl").findings
    assert (note.rule, note.level, note.location) == ("sbom/not-opened", "note", "model.pkl")
    assert "model.pkl (pickle) was not opened: loading such a file can run code" in note.message
    project.write("w.tflite", b"TFL3")
    (note,) = project.look(model="w.tflite").findings
    assert "w.tflite (TensorFlow Lite) was not opened: there is no reader for this format here" in note.message


def test_a_pickle_is_described_and_never_loaded(project):
    project.explosive("model.joblib")
    (model,) = project.look(model="model.joblib").models
    assert (model.text("format"), model.name, len(model.files)) == ("pickle", "model", 1)
    assert (model.every("framework"), model.fact("format").confidence) == ((), "inferred")
    assert model.files[0].role == "weights"
    assert model.purl.startswith("pkg:generic/model@sha256-")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("model.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer"),
        ("weights.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer"),
        ("weights.pt", b"<!doctype html><html>log in</html>", "a page of HTML"),
        ("model.onnx.dvc", b"outs:\n- md5: 0123456789abcdef\n  path: model.onnx\n", "a DVC pointer"),
    ],
)
def test_a_pointer_is_not_taken_for_weights(project, name, content, why):
    project.write(f"m/{name}", content)
    with pytest.raises(InputError, match=why) as error:
        project.look(model="m")
    assert "pull" in error.value.hint or "address" in error.value.hint


def test_a_name_that_is_no_text_is_refused(project):
    project.network("m/model.onnx")
    (project.root / "m" / os.fsdecode(b"\xff.json")).write_text("{}")
    with pytest.raises(InputError, match="is not UTF-8"):
        project.look(model="m")


def test_odd_names_and_texts_of_files_are_made_harmless(project, unclean):
    path = project.network("m/model.onnx", doc_string="a\x1b[31mb", domain="d\x07")
    model = onnx.load(path)
    model.graph.input[0].name = model.graph.node[0].input[0] = "x\x1b"
    onnx.save(model, path)
    project.write("m/odd.\x1bx", "1")
    found = project.look(model="m")
    assert [text for text in unclean(found) if text not in {file.path for file in found.models[0].files}] == []


def test_what_is_no_model_is_refused_and_an_unknown_kind_is_not(project):
    project.write("mlops.yaml", "version: 1\n")
    project.write("docs/README.md", "hello")
    project.write("model.weird", "1")
    with pytest.raises(InputError, match=r"mlops.yaml holds no file of weights"):
        project.look(model="mlops.yaml")
    with pytest.raises(InputError, match=r"docs holds no file of weights"):
        project.look(model="docs")
    assert project.look(model="model.weird").models[0].files[0].role == "weights"


def test_the_project_itself_may_be_the_model(project):
    project.network("model.onnx")
    (model,) = project.look(model=".").models
    assert model.name
    assert model.purl.startswith("pkg:generic/model@")
