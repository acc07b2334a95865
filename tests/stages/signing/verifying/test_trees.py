"""Folders that hide something are refused, and so is whatever was not signed."""

import os
import socket
import unicodedata

import pytest

from mlops_stage.stages.signing.verifying import names, trees
from mlops_stage.stages.signing.verifying.trees import read_tree

FILES = {"m.onnx": b"graph", "w.bin": b"weights", "config/labels.json": b"[]", "config/other/labels.json": b"{}"}


def link(where, to):
    def spoil(model):
        (model / where).unlink(missing_ok=True)
        (model / where).symlink_to(to)

    return spoil


def written(name, content=b"x"):
    def spoil(model):
        path = model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return spoil


def raw_name(name):
    def spoil(model):
        os.close(os.open(os.fsencode(model) + b"/" + name, os.O_CREAT))

    return spoil


def renamed(old, new):
    return lambda model: (model / old).rename(model / new)


def swapped(one, other):
    def spoil(model):
        first, second = (model / one).read_bytes(), (model / other).read_bytes()
        (model / one).write_bytes(second)
        (model / other).write_bytes(first)

    return spoil


def hidden_socket(model):
    server = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    os.chdir(model)  # the path of a socket may have 107 bytes only
    try:
        server.bind("s")
    finally:
        os.fchdir(here)
        os.close(here)
        server.close()


def folder_for_file(model):
    (model / "w.bin").unlink()
    (model / "w.bin").mkdir()


def deep(model):
    path = model
    for _ in range(70):
        path /= "d"
        path.mkdir()
    (path / "x").write_bytes(b"x")


def linked_folder(model):
    (model.parent / "elsewhere").mkdir()
    (model / "config").rename(model.parent / "elsewhere" / "config")
    (model / "config").symlink_to(model.parent / "elsewhere" / "config")


HOSTILE = {
    "a link to a file inside": (link("again.onnx", "m.onnx"), "verify/link"),
    "a file replaced by a link to the same content": (
        lambda model: (renamed("w.bin", "../w")(model), link("w.bin", "../w")(model)),
        "verify/link",
    ),
    "a link to a file outside": (link("passwd", "/etc/passwd"), "verify/link"),
    "a link that leads nowhere": (link("gone", "nowhere"), "verify/link"),
    "a link to itself": (link("loop", "loop"), "verify/link"),
    "a link to a folder above": (link("up", ".."), "verify/link"),
    "a folder replaced by a link to the same content": (linked_folder, "verify/link"),
    "a pipe": (lambda model: os.mkfifo(model / "pipe"), "verify/special-file"),
    "a file replaced by a pipe": (lambda model: ((model / "w.bin").unlink(), os.mkfifo(model / "w.bin")), "verify/special-file"),
    "a socket": (hidden_socket, "verify/special-file"),
    "a twin in upper case": (written("M.ONNX", b"graph"), "verify/twin"),
    "a twin in another folder's case": (written("Config/labels.json", b"[]"), "verify/twin"),
    "a twin of a folder, with other files in it": (written("CONFIG/more.json", b"[]"), "verify/twin"),
    "a twin in decomposed Unicode": (
        lambda model: (written("café")(model), written(unicodedata.normalize("NFD", "café"))(model)),
        "verify/twin",
    ),
    "a backslash": (written("..\\m.onnx"), "verify/path"),
    "a drive letter": (written("C:m.onnx"), "verify/path"),
    "a line break": (written("m.onnx\nok"), "verify/path"),
    "a mark that turns the direction": (written("m\u202exnno.py"), "verify/path"),
    "a mark without width": (written("m\u200b.onnx"), "verify/path"),
    "bytes that are no Unicode": (raw_name(b"m\xff.onnx"), "verify/path"),
    "a space at the end": (written("m.onnx "), "verify/path"),
    "a dot at the end": (written("m.onnx."), "verify/path"),
    "an extra file": (written("extra.py"), "verify/extra-file"),
    "an extra file of no bytes": (written("__init__.py", b""), "verify/extra-file"),
    "an extra hidden file": (written(".hidden"), "verify/extra-file"),
    "an extra file where version control keeps its own": (written(".git/hooks/post-checkout"), "verify/extra-file"),
    "an extra file where a forge keeps its own": (written(".github/workflows/x.yml"), "verify/extra-file"),
    "a copy under another name": (written("copy.onnx", b"graph"), "verify/renamed"),
    "a file renamed": (renamed("w.bin", "weights.bin"), "verify/renamed"),
    "a file moved to another folder": (renamed("w.bin", "config/w.bin"), "verify/renamed"),
    "two files swapped": (swapped("m.onnx", "w.bin"), "verify/renamed"),
    "two files of one name swapped between folders": (swapped("config/labels.json", "config/other/labels.json"), "verify/renamed"),
    "a byte changed": (written("w.bin", b"weightz"), "verify/changed"),
    "a byte appended": (written("w.bin", b"weights\n"), "verify/changed"),
    "a file cut off": (written("w.bin", b"weight"), "verify/changed"),
    "a file emptied": (written("w.bin", b""), "verify/changed"),
    "a file gone": (lambda model: (model / "w.bin").unlink(), "verify/missing-file"),
    "a folder in place of a file": (folder_for_file, "verify/missing-file"),
    "everything gone": (lambda model: [path.unlink() for path in model.rglob("*") if path.is_file()], "verify/missing-file"),
    "folders without end": (deep, "verify/too-many-files"),
}


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    for name, content in FILES.items():
        written(name, content)(folder)
    return folder


@pytest.fixture(scope="module")
def signed(making, shared_double, key):
    """A report on two of the files, and the signature of the whole folder."""
    report = making.statement({f"models/{name}": FILES[name] for name in ("m.onnx", "w.bin")})
    return [making.by_key(shared_double, payload, key) for payload in (report, making.listing(FILES))]


@pytest.fixture
def reasons(checked, owner, signed):
    """Why a folder is not believed, as rules."""

    def of(folder):
        tree = read_tree(folder)
        return sorted(one.error.rule for one in checked(owner, *signed, files=tree, require=["quality"]).refused)

    return of


def test_a_folder_as_it_was_signed_is_believed(model, reasons):
    assert reasons(model) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_folders_are_refused(model, reasons, name):
    spoil, rule = HOSTILE[name]
    spoil(model)
    assert set(reasons(model)) == {rule}  # one cause, and nothing that only follows from it


def test_the_corpus_is_large_enough():
    assert len(HOSTILE) >= 25


def test_more_files_than_a_model_has_are_not_read(model, monkeypatch):
    monkeypatch.setattr(trees, "MOST_FILES", 3)
    tree = read_tree(model)
    assert ([error.rule for error in tree.refused], tree.files) == (["verify/too-many-files"], ())


@pytest.mark.parametrize("to", ["model", "nowhere"])
def test_a_path_that_is_a_link_is_not_followed(tmp_path, model, to):
    (tmp_path / "current").symlink_to(to)
    [error] = read_tree(tmp_path / "current").refused
    assert error.rule == "verify/link"
    assert model.is_dir()


def test_a_single_file_goes_by_its_own_name(model, making):
    [file] = read_tree(model / "w.bin").files
    assert (file.name, file.sha256) == ("w.bin", making.sha256(b"weights"))


@pytest.mark.parametrize("change", ["grow", "cut", "touch", "swap for a link", "swap for a pipe", "gone", "added"])
def test_what_changes_while_it_is_read_is_refused(model, change):
    def take(name, descriptor):
        found = trees.digest(name, descriptor)
        if name == "w.bin":
            path = model / name
            if change in {"grow", "cut"}:
                path.write_bytes(b"weights and more" if change == "grow" else b"w")
            elif change == "touch":
                os.utime(path, ns=(0, 0))
            elif change == "added":
                (model / "new").write_bytes(b"")
            else:
                path.unlink()
                {"swap for a link": lambda: path.symlink_to("m.onnx"), "swap for a pipe": lambda: os.mkfifo(path), "gone": lambda: None}[
                    change
                ]()
        return found

    refused = read_tree(model, take).refused
    assert {error.rule for error in refused} <= {"verify/changed-while-read", "verify/link", "verify/special-file"}
    assert refused


@pytest.mark.parametrize("to", ["link", "pipe", "gone", "folder"])
def test_what_changes_between_listing_and_opening_is_refused(model, monkeypatch, to):
    listed = trees._listed

    def then_swap(root, *rest):
        found = list(listed(root, *rest))
        path = model / "w.bin"
        if path.is_file() and not path.is_symlink():
            path.unlink()
            {"link": lambda: path.symlink_to("m.onnx"), "pipe": lambda: os.mkfifo(path), "gone": lambda: None, "folder": path.mkdir}[to]()
        return found

    monkeypatch.setattr(trees, "_listed", then_swap)
    [error] = read_tree(model).refused
    assert error.rule in {"verify/changed-while-read", "verify/special-file"}


@pytest.mark.parametrize("name", ["a", "a.b", "a/b", "Ä.onnx", "模型.onnx", "a b.bin", "..a", "a..b", "[a]=b"])
def test_ordinary_names_are_allowed(name):
    assert names.fault_of(name) == ""


@pytest.mark.parametrize(
    "name", ["", "/a", "..", "a/..", "a/../b", ".", "./a", "a//b", "a/", "a\0b", "a\\b", "c:/x", "a\tb", "\udcff", "a /b"]
)
def test_odd_names_are_refused(name):
    assert names.fault_of(name)
