from __future__ import annotations

import hashlib
import json
import os

import pytest

from mlops_stage.errors import ExitCode, InputError
from mlops_stage.evidence import digest
from mlops_stage.evidence.digest import of_json, sha256, sha256_many


def test_a_file_has_the_digest_that_sha256sum_prints(tmp_path):
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, the example of one block


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 8000, 12_345])
def test_blocks_that_are_read_ahead_are_all_hashed_once_and_in_order(tmp_path, monkeypatch, size):
    monkeypatch.setattr(digest, "_BLOCK", 1000)
    monkeypatch.setattr(digest, "_LARGE", 0)
    content = bytes(place % 251 for place in range(size))
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_folder_has_the_digest_of_its_sorted_manifest(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two").write_bytes(b"2")
    (tmp_path / "a.txt").write_bytes(b"1")
    manifest = [["a.txt", hashlib.sha256(b"1").hexdigest()], ["b/two", hashlib.sha256(b"2").hexdigest()]]
    assert sha256(tmp_path) == hashlib.sha256(json.dumps(manifest, separators=(",", ":")).encode()).hexdigest()


def test_a_folder_digest_changes_with_content_and_with_names(tmp_path):
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "x").write_bytes(b"1")
    (tmp_path / "two" / "x").write_bytes(b"2")
    (tmp_path / "three" / "y").write_bytes(b"1")
    assert len({sha256(tmp_path / name) for name in ("one", "two", "three")}) == 3


def test_a_link_inside_a_folder_counts_as_its_file(tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "copied").mkdir()
    for folder in ("linked", "copied"):
        (tmp_path / folder / "a").write_bytes(b"1")
    (tmp_path / "linked" / "b").symlink_to("a")
    (tmp_path / "copied" / "b").write_bytes(b"1")
    assert sha256(tmp_path / "linked") == sha256(tmp_path / "copied")


@pytest.mark.parametrize("target", ["../outside", "nowhere", ".", "loop"])
def test_a_link_that_leads_out_is_refused(tmp_path, target):
    (tmp_path / "outside").write_bytes(b"secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "loop").symlink_to(target)
    with pytest.raises(InputError, match="link that leads"):
        sha256(folder)


def test_what_cannot_be_read_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot read") as caught:
        sha256(tmp_path / "absent")
    assert caught.value.code is ExitCode.STAGE
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        sha256(tmp_path / "pipe")


def test_many_keep_the_order_given(tmp_path):
    paths = [tmp_path / name for name in ("c", "a", "b")]
    for path in paths:
        path.write_text(path.name)
    assert list(sha256_many([*paths, paths[0]]).items()) == [(path, hashlib.sha256(path.name.encode()).hexdigest()) for path in paths]
    assert sha256_many([]) == {}


def test_json_digests_do_not_depend_on_key_order():
    assert of_json({"b": 1, "a": ["é", None]}) == of_json({"a": ["é", None], "b": 1})
    assert of_json({"a": 1}) != of_json({"a": "1"})
    with pytest.raises(ValueError, match="Out of range"):
        of_json(float("nan"))
