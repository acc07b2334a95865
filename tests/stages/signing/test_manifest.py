"""The manifest of a model."""

import hashlib

from mlops_stage.evidence.digest import sha256
from mlops_stage.stages.signing import manifest


def test_it_is_the_digest_of_a_folder_with_exactly_these_files(tmp_path):
    (tmp_path / "sub").mkdir()
    files = {}
    for name in ("model.onnx", "sub/weights.bin", "é.txt"):
        (tmp_path / name).write_bytes(name.encode())
        files[name] = hashlib.sha256(name.encode()).hexdigest()
    assert manifest.digest(files) == sha256(tmp_path)


def test_names_are_bound_to_their_digests():
    assert manifest.digest({"a": "1", "b": "2"}) != manifest.digest({"a": "2", "b": "1"})


def test_it_does_not_depend_on_the_order_of_the_files_or_where_the_folder_lies():
    here = manifest.from_folder({"models/m/model.onnx": "1", "models/m/sub/w.bin": "2"})
    there = manifest.from_folder({"sub/w.bin": "2", "model.onnx": "1"})
    assert manifest.digest(here) == manifest.digest(there)
    assert set(here) == {"model.onnx", "sub/w.bin"}


def test_a_single_file_is_named_without_its_folder():
    assert manifest.from_folder({"models/candidate.onnx": "1"}) == {"candidate.onnx": "1"}
    assert manifest.from_folder({}) == {}
