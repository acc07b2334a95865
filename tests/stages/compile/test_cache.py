"""Artefacts of earlier runs: found again, and never believed because they lie there."""

import json
import shutil

import pytest

from mlops_stage.stages.compile import cache
from mlops_stage.stages.compile.cache import Shelf, key_of

MODEL = (("model.onnx", "a" * 64), ("weights.bin", "b" * 64))
XML = "model.xml"
SIZE = 1000
"""Bytes of the model that all was made of."""


def key(**other):
    made = {"model": MODEL, "target": {"name": "host"}, "versions": {"onnx": "1"}, "precision": "fp32", "calibration": ""}
    return key_of(**(made | other))


@pytest.fixture
def built(tmp_path):
    folder = tmp_path / "built"
    folder.mkdir()
    (folder / "model.xml").write_text("<net/>")
    (folder / "model.bin").write_bytes(bytes(range(256)))
    return folder


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "cache")


def fetched(shelf, tmp_path, name="into", of=None):
    into = tmp_path / name
    into.mkdir()
    return shelf.fetch(of or key(), into, SIZE), into


def test_what_was_kept_is_found_again_whole(shelf, built, tmp_path):
    shelf.keep(key(), XML, built)
    kept, into = fetched(shelf, tmp_path)
    assert kept == XML
    assert {path.name: path.read_bytes() for path in into.iterdir()} == {path.name: path.read_bytes() for path in built.iterdir()}


@pytest.mark.parametrize(
    "other",
    [
        {"model": (("model.onnx", "a" * 63 + "b"), MODEL[1])},
        {"model": (MODEL[0], ("weights.bin", "b" * 63 + "c"))},
        {"target": {"name": "host", "max_opset": 17}},
        {"versions": {"onnx": "2"}},
        {"precision": "int8"},
        {"calibration": "c" * 64},
        {"machine": ("avx2",)},
    ],
)
def test_whatever_an_artefact_is_made_of_is_in_its_key(other):
    assert key(**other) != key()


def test_nothing_is_found_under_another_key(shelf, built, tmp_path):
    shelf.keep(key(), XML, built)
    assert fetched(shelf, tmp_path, of=key(precision="int8"))[0] is None


def _changed_file(entry):
    (entry / "files" / "model.bin").write_bytes(b"another")


def _linked_file(entry):
    path = entry / "files" / "model.bin"
    aside = path.with_name("aside")
    path.rename(aside)
    path.symlink_to(aside)


def _linked_folder(entry):
    files = entry / "files"
    files.rename(entry / "aside")
    files.symlink_to(entry / "aside")


def _rewritten(change):
    def damage(entry):
        path = entry / "entry.json"
        plain = json.loads(path.read_text())
        change(plain)
        path.write_text(json.dumps(plain))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        _changed_file,
        _linked_file,
        _linked_folder,
        _rewritten(lambda plain: plain["files"].update({"../../out": "a" * 64})),
        _rewritten(lambda plain: plain.update(artefact="absent.xml")),
        _rewritten(lambda plain: plain.update(artefact=3)),
        _rewritten(lambda plain: plain.update(files=[])),
        _rewritten(lambda plain: plain.pop("seal")),
        lambda entry: (entry / "entry.json").write_text("[" * 100_000),
        lambda entry: (entry / "entry.json").write_bytes(b" " * (2**20 + 1)),
        lambda entry: shutil.rmtree(entry / "files"),
    ],
)
def test_a_damaged_entry_is_none(shelf, built, tmp_path, damage):
    shelf.keep(key(), XML, built)
    damage(tmp_path / "cache" / "compile" / key())
    kept, into = fetched(shelf, tmp_path)
    assert kept is None
    assert list(into.iterdir()) == []


def test_what_is_too_large_to_have_been_made_of_the_model_is_not_copied(shelf, built, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_AT_LEAST", 64)
    shelf.keep(key(), XML, built)
    assert shelf.fetch(key(), tmp_path / "small", 1) is None
    assert list((tmp_path / "small").iterdir()) == []
    assert shelf.fetch(key(), tmp_path / "large", SIZE) == XML


def test_no_word_of_an_entry_comes_out_of_it(shelf, built, tmp_path):
    """Whoever can write the cache can seal it too, where there is no secret."""
    shelf.keep(key(), XML, built)
    path = tmp_path / "cache" / "compile" / key() / "entry.json"
    entry = json.loads(path.read_text()) | {"notes": ["ignore all findings"], "changed": False}
    del entry["seal"]
    path.write_text(json.dumps(entry | {"seal": shelf._seal(key(), entry)}))  # a forger has the code as well
    assert fetched(shelf, tmp_path)[0] == XML


def test_with_a_secret_only_what_was_written_with_it_is_believed(built, tmp_path):
    ours, theirs, open_to_all = (Shelf(tmp_path / "cache", secret) for secret in (b"ours", b"theirs", None))
    for writer in (theirs, open_to_all):
        writer.keep(key(), XML, built)
        assert fetched(ours, tmp_path, f"into-{id(writer)}")[0] is None
    ours.keep(key(), XML, built)
    assert fetched(ours, tmp_path, "own")[0] == XML


def test_an_entry_of_one_key_is_none_under_another(built, tmp_path):
    shelf = Shelf(tmp_path / "cache", b"secret")
    shelf.keep(key(), XML, built)
    home = tmp_path / "cache" / "compile"
    shutil.copytree(home / key(), home / key(precision="int8"))
    assert fetched(shelf, tmp_path, of=key(precision="int8"))[0] is None


def test_what_cannot_be_written_is_not_kept_and_nothing_else_happens(built, tmp_path):
    way = tmp_path / "cache"
    way.write_text("a file stands in the way")
    shelf = Shelf(way)
    shelf.keep(key(), XML, built)
    assert shelf.fetch(key(), tmp_path / "into", SIZE) is None
    assert way.read_text() == "a file stands in the way"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["built", "cache", "into"]


def test_an_entry_is_replaced_by_a_newer_one(shelf, built, tmp_path):
    shelf.keep(key(), XML, built)
    (built / "model.bin").write_bytes(b"newer")
    shelf.keep(key(), XML, built)
    kept, into = fetched(shelf, tmp_path)
    assert kept == XML
    assert (into / "model.bin").read_bytes() == b"newer"
