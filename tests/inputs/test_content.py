from __future__ import annotations

import os
import pickle

import pytest

from mlops_stage.errors import InputError
from mlops_stage.inputs.content import head_of, sniffed

LFS = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
DVC = b"outs:\n- md5: a304afb96060aad90176268345e10355\n  size: 12345\n  hash: md5\n  path: model.onnx\n"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (LFS, "git-lfs"),
        (DVC, "dvc"),
        (b"# a comment\nwdir: ..\nouts:\r\n- path: x\r\n  md5: 0\r\n", "dvc"),
        (pickle.dumps({"a": 1}), "pickle"),
        (pickle.dumps({"a": 1}, protocol=2), "pickle"),
        (b"PK\x03\x04rest", "zip"),
        (b"\x89HDF\r\n\x1a\n", "hdf5"),
        ("a,b\n".encode("utf-16"), "utf-16"),
        (b"\n<!DOCTYPE html><html>", "html"),
        (b"PAR1", "parquet"),
        (b"\x1f\x8b\x08", "gzip"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(head, kind):
    content = sniffed(head)
    assert content is not None
    assert content.kind == kind


@pytest.mark.parametrize(
    "head", [b"a,b\n1,2\n", b"outs,ins\n1,2\n", b'{"a": 1}\n', b"\x08\x08\x12\x08skl2onnx", b"outs:\n  none", b"versions\n1\n"]
)
def test_other_files_are_not_mistaken_for_something(head):
    assert sniffed(head) is None


def test_pointers_say_what_to_add_to_the_checkout():
    assert "lfs: true" in sniffed(LFS).hint
    assert "git lfs pull" in sniffed(LFS).hint
    assert "dvc pull" in sniffed(DVC).hint


def test_what_is_no_file_has_no_head(tmp_path):
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("empty", "is empty"), ("pipe", "not a regular file"), (".", "is a folder")):
        with pytest.raises(InputError, match=why):
            head_of(tmp_path / name, "data")
    (tmp_path / "full").write_bytes(b"x" * 10_000)
    assert head_of(tmp_path / "full", "data") == b"x" * 4096
