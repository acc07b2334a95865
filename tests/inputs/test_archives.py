"""Listings of ZIP and tar archives, broken ones among them."""

import io
import random
import tarfile
import zipfile

import pytest

from mlops_stage.inputs.archives import FAULTS, tar_listing, unfolded, zip_listing
from mlops_stage.inputs.pickles.source import BombError


def zipped(*names, compression=zipfile.ZIP_DEFLATED):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        for name in names:
            archive.writestr(name, b"content of " + name.encode())
    return held.getvalue()


def listed(content):
    return zip_listing(io.BytesIO(content), len(content))


def test_entries_are_read_where_they_lie():
    listing = listed(zipped("a/b.pkl", "c"))
    assert [entry.name for entry in listing.entries] == ["a/b.pkl", "c"]
    with listing.entries[0].opened() as stream:
        assert stream.read() == b"content of a/b.pkl"
    assert listing.faults == ()
    assert [entry.folded is None for entry in listed(zipped("a", compression=zipfile.ZIP_STORED)).entries] == [True]


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "C:\\a", "..\\a", "\\\\host\\a"])
def test_paths_that_lead_out(name):
    assert [rule for rule, _ in listed(zipped(name)).faults] == ["scan/archive-path"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice():
    assert [rule for rule, _ in listed(zipped("a", "a")).faults] == ["scan/archive-entry"]


def test_entries_that_overlap():
    made = bytearray(zipped("a", "b"))
    second = made.rindex(b"PK\x01\x02")
    made[second + 42 : second + 46] = bytes([1, 0, 0, 0])
    assert "scan/archive-entry" in [rule for rule, _ in listed(bytes(made)).faults]


def test_an_encrypted_entry_is_not_passed_over_in_silence():
    made = bytearray(zipped("a"))
    made[made.index(b"PK\x01\x02") + 8] |= 1
    listing = listed(bytes(made))
    assert [rule for rule, _ in listing.faults] == ["scan/not-examined"]
    assert listing.entries == ()


def test_a_directory_that_claims_to_be_huge():
    made = bytearray(zipped("a"))
    end = made.rindex(b"PK\x05\x06")
    made[end + 12 : end + 16] = b"\xff\xff\xff\x7f"
    with pytest.raises(BombError):
        listed(bytes(made))


def test_tar_entries():
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, kind in (
            ("a", tarfile.REGTYPE),
            ("/b", tarfile.REGTYPE),
            ("c", tarfile.LNKTYPE),
            ("d", tarfile.FIFOTYPE),
            ("e", tarfile.DIRTYPE),
        ):
            item = tarfile.TarInfo(name)
            item.type = kind
            archive.addfile(item)
    held.seek(0)
    listing = tar_listing(held)
    assert [entry.name for entry in listing.entries] == ["a", "/b"]
    assert [rule for rule, _ in listing.faults] == ["scan/archive-path", "scan/archive-link", "scan/archive-link"]


def test_mutated_archives_raise_only_what_is_declared():
    rng = random.Random(3)
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("ä" * 120))
    for _ in range(1500):
        is_zip = rng.random() < 0.6
        content = bytearray(zipped("a", "b/c") if is_zip else tarred.getvalue())
        for _ in range(rng.randint(1, 5)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            listing = listed(bytes(content)) if is_zip else tar_listing(io.BytesIO(bytes(content)))
            for entry in listing.entries:
                with entry.opened() as stream:
                    stream.read(1000)
        except FAULTS:
            continue


def test_a_zlib_stream_that_ends_early():
    with pytest.raises(EOFError):
        unfolded(io.BytesIO(b"\x78\x9c\x03"), "zlib").read()
