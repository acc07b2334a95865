"""What was verified is what is read, whatever happens to the files meanwhile."""

import errno
import json
import os
import tempfile
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from making import by_key, listing, statement, write

from mlops_stage import open_verified
from mlops_stage.errors import InputError, UsageError
from mlops_stage.stages.signing import copies, keys
from mlops_stage.stages.signing import opened as module

GOOD, EVIL = b"graph" * 1000, b"other" * 1000
TRIES = 1000


@pytest.fixture(scope="module")
def signer():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def place(tmp_path, shared_double, signer):
    """A model with a statement about it, and one about the folder."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "m.onnx").write_bytes(GOOD)
    (tmp_path / "pub.pem").write_bytes(keys.public_pem(signer.public_key()))
    write(tmp_path / "bundles", by_key(shared_double, statement({"model/m.onnx": GOOD}), signer))
    return tmp_path


def opened(place, path="model/m.onnx", **asked):
    return open_verified(path, bundles="bundles", root=place, key="pub.pem", **asked)


def test_a_file_that_holds_is_handed_out(place):
    with opened(place, require=["quality"]) as verified:
        assert verified.read() == GOOD
        with verified.open("m.onnx") as stream:
            assert stream.read(5) == b"graph"
        assert list(verified.files) == ["m.onnx"]
        assert verified.level == "key"
        assert "private key" in verified.shows


def test_a_folder_is_handed_out_file_by_file(place, shared_double, signer):
    (place / "model" / "labels.json").write_bytes(b"[]")
    bundle = by_key(shared_double, listing({"m.onnx": GOOD, "labels.json": b"[]"}), signer)
    (place / "model" / "model.sig").write_text(json.dumps(bundle))
    with opened(place, "model") as verified:
        assert verified.read("labels.json") == b"[]"
        assert verified.read("m.onnx") == GOOD
        with pytest.raises(UsageError, match="no file 'm.onx' was verified"):
            verified.read("m.onx")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda place: (place / "model" / "m.onnx").write_bytes(EVIL), "verify/changed"),
        (lambda place: (place / "bundles" / "0.sigstore.json").unlink(), "verify/nothing-signed"),
        (lambda place: (place / "bundles" / "1.sigstore.json").write_text("{}"), "verify/bundle"),
        (lambda place: (place / "model" / "m.onnx").rename(place / "model" / "n.onnx"), "does not exist"),
    ],
)
def test_what_does_not_hold_is_not_opened(place, spoil, words):
    before = len(list(Path("/proc/self/fd").iterdir()))
    spoil(place)
    with pytest.raises((InputError, UsageError), match=words):
        opened(place)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_unmet_requirement_keeps_it_closed(place):
    with pytest.raises(InputError, match="fairness is required"):
        opened(place, require=["fairness"])


@pytest.mark.parametrize("asked", [{"path": ""}, {"require": ""}, {"key": ""}, {"assurance": "much"}, {"keys": "k"}])
def test_what_makes_no_sense_is_refused_in_one_line(place, asked):
    with pytest.raises(UsageError, match=f"^{'model' if 'path' in asked else next(iter(asked))}: ") as caught:
        open_verified(**{"path": "model/m.onnx", "bundles": "bundles", "root": place, "key": "pub.pem", **asked})
    assert "\n" not in caught.value.message


def test_a_misspelt_argument_names_the_nearest(place):
    with pytest.raises(UsageError, match="^identiy: there is no such argument") as caught:
        open_verified("model/m.onnx", bundles="bundles", root=place, identiy="x")
    assert caught.value.__notes__ == ["hint: did you mean 'identity'?"]


def test_the_first_cause_is_told_and_where_the_others_are(place):
    (place / "bundles" / "1.sigstore.json").write_text("{")
    (place / "bundles" / "2.sigstore.json").write_text("")
    with pytest.raises(InputError) as caught:
        opened(place)
    assert caught.value.message == "m.onnx is not opened: 1.sigstore.json: the bundle ends in the middle: it was cut off (verify/bundle)"
    assert caught.value.hint == "fetch it again from where it was signed; 1 more reason: run `mlops-stage verify` on it to see all"


def test_no_file_is_read_before_the_signatures_hold(place, monkeypatch):
    read = []
    monkeypatch.setattr(module, "read_tree", lambda *asked: read.append(asked))
    (place / "bundles" / "1.sigstore.json").write_text("{}")
    with pytest.raises(InputError, match="verify/bundle"):
        opened(place)
    assert read == []


def test_nothing_is_copied_of_what_nobody_speaks_of(place, monkeypatch):
    (place / "model" / "hook.py").write_bytes(EVIL)
    copied = []
    real = copies.Copies.take
    monkeypatch.setattr(copies.Copies, "take", lambda self, name, source: copied.append(name) or real(self, name, source))
    with pytest.raises(InputError, match=r"no statement that holds speaks of hook\.py"):
        opened(place, "model")
    assert copied == ["m.onnx"]


@pytest.mark.parametrize("memory", [0, len(GOOD) - 1, len(GOOD)])
def test_what_is_more_than_may_lie_in_memory_goes_to_a_file_without_a_name(place, tmp_path, monkeypatch, memory):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    there = set(tmp_path.iterdir())
    with opened(place, memory=memory) as verified, verified.open() as stream:
        about = os.fstat(stream.fileno())
        assert (about.st_nlink, about.st_dev == tmp_path.stat().st_dev) == (0, memory < len(GOOD))
        assert verified.read() == stream.read() == GOOD
        assert set(tmp_path.iterdir()) == there
        with pytest.raises(OSError, match="not writable|Bad file"):
            os.write(stream.fileno(), b"evil")


def test_no_room_for_a_copy_is_told_in_one_line(place, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copies, "_copy", full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(InputError, match=r"no room for a copy of m\.onnx"):
        opened(place)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_copy_that_is_written_before_it_is_closed_for_writing_is_refused(place, monkeypatch):
    real = copies._seal

    def written(descriptor):
        os.pwrite(descriptor, b"evil!", 0)
        real(descriptor)

    monkeypatch.setattr(copies, "_seal", written)
    with pytest.raises(InputError, match="verify/changed"):
        opened(place)


def test_a_file_that_grows_without_end_is_not_followed(place, monkeypatch):
    path = place / "model" / "m.onnx"
    real, most = os.read, 100 * len(GOOD)

    def growing(descriptor, size):
        block = real(descriptor, size)
        if block and path.stat().st_size < most:
            with path.open("ab") as stream:
                stream.write(GOOD)
        return block

    monkeypatch.setattr(copies.os, "read", growing)
    monkeypatch.setattr(copies, "_BLOCK", 1000)
    with pytest.raises(InputError, match="verify/changed-while-read"):
        opened(place)
    assert path.stat().st_size < most


def test_what_was_verified_cannot_be_changed_any_more(place):
    with opened(place) as verified:
        path = place / "model" / "m.onnx"
        path.write_bytes(EVIL)
        path.unlink()
        with verified.open() as stream, Path(f"/proc/self/fd/{stream.fileno()}").open("r+b", buffering=0) as writer:
            with pytest.raises(PermissionError):
                writer.write(b"evil")
            with pytest.raises(PermissionError):
                writer.truncate(1)
        assert verified.read() == GOOD
    with pytest.raises(OSError, match="Bad file descriptor|No such file"):
        verified.read()


def test_two_readers_have_a_position_each(place):
    with opened(place) as verified, verified.open() as first, verified.open() as second:
        assert (first.read(5), second.read(5)) == (b"graph", b"graph")


def test_a_swap_between_the_check_and_the_load_never_wins(place):
    """A thread that swaps the file without end, by renaming and by writing into it, against a thousand times opening it."""
    path, stop = place / "model" / "m.onnx", threading.Event()

    def swap():
        turn = 0
        while not stop.is_set():
            turn += 1
            content = (EVIL, GOOD)[turn % 2]
            if turn % 3:
                aside = path.with_name(f"aside-{turn % 2}")
                aside.write_bytes(content)
                aside.rename(path)
            else:
                with in_place(path) as stream:
                    stream.write(content)

    swapper = threading.Thread(target=swap)
    swapper.start()
    wins = held = 0
    try:
        for _ in range(TRIES):
            try:
                with opened(place) as verified:
                    held += 1
                    wins += verified.read() != GOOD
            except InputError:
                continue
    finally:
        stop.set()
        swapper.join()
    assert wins == 0
    assert held > 0


def in_place(path: Path):
    """The file open for writing into it, as it is."""
    return path.open("r+b") if path.exists() else path.open("wb")


def test_a_signature_that_is_swapped_between_reading_and_hashing_is_refused(place, shared_double, signer, monkeypatch):
    bundle = json.dumps(by_key(shared_double, statement({"model/m.onnx": GOOD}), signer))
    (place / "model" / "model.sig").write_text(bundle)
    real = module.bundles_in

    def swapped(*asked):
        found = real(*asked)
        (place / "model" / "model.sig").write_bytes(b"#!/bin/sh")
        return found

    monkeypatch.setattr(module, "bundles_in", swapped)
    with pytest.raises(InputError, match=r"model.sig was changed while it was read"):
        opened(place, "model")
