from __future__ import annotations

import errno
import os
import resource
import stat
from pathlib import Path

import pytest

from mlops_stage.errors import ExitCode, InputError, StageError, UsageError
from mlops_stage.evidence.paths import existing, inside, relative, write_aside


def test_an_existing_path_is_found_below_the_root(tmp_path):
    (tmp_path / "model.onnx").touch()
    assert existing(tmp_path, "model.onnx", "model") == tmp_path / "model.onnx"
    assert existing(Path("/nowhere"), str(tmp_path), "data") == tmp_path


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("modle.onnx", "model: modle.onnx does not exist", "did you mean model.onnx?"),
        ("zzz", "does not exist", "paths are relative to the folder of mlops.yaml, or without one to the current folder"),
        ("x.onnx", "does not exist", "paths are relative"),
        ("x.odcs.yaml", "does not exist", "paths are relative"),
        ("contrat.odcs.yaml", "does not exist", "did you mean contract.odcs.yaml?"),
        ("Model.onx", "does not exist", "did you mean model.onnx?"),
        ("contract.yaml", "does not exist", "did you mean contract.odcs.yaml?"),
        ("nofolder/x", "does not exist", "the folder nofolder does not exist"),
        ("dangling", "is a link that leads nowhere", ""),
        ("big.onnx", "is tracked by DVC and not in this checkout", "run `dvc pull big.onnx` before this stage"),
        ("tracked/part/a.csv", "is tracked by DVC", "dvc pull"),
        ("", "model names no path", ""),
        ("a\0b", "model names no path: 'a\\\\x00b'", ""),
        ("n" * 5000, "does not exist", ""),
        ("model.onnx/x", "does not exist", ""),
    ],
)
def test_an_absent_path_is_wrong_usage_with_a_way_out(tmp_path, text, message, hint):
    for name in ("model.onnx", "big.onnx.dvc", "tracked.dvc", "contract.odcs.yaml", "mlops.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "dangling").symlink_to("gone")
    with pytest.raises(UsageError) as caught:
        existing(tmp_path, text, "model")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message
    assert caught.value.code is ExitCode.USAGE


def test_reports_show_paths_relative_to_the_root_and_nothing_of_what_lies_outside(tmp_path):
    root = tmp_path / "repository"
    (root / "data").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.csv").touch()
    (root / "linked.csv").symlink_to(tmp_path / "elsewhere" / "x.csv")
    assert relative(root, root / "data" / "x.csv") == "data/x.csv"
    assert relative(root, root / "data" / ".." / "y") == "y"
    assert relative(root, root / "linked.csv") == "linked.csv"
    assert relative(root, tmp_path / "elsewhere" / "x.csv") == "x.csv"
    assert relative(root, root) == "."


@pytest.mark.parametrize("name", ["", "..", "../x", "a/../../x", "/etc/passwd", "a\0b"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="does not name a path inside") as caught:
        inside(tmp_path, name)
    assert caught.value.code is ExitCode.STAGE


def test_links_that_lead_out_are_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").touch()
    (folder / "out").symlink_to("../secret")
    (folder / "up").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    (folder / "here").touch()
    (folder / "in").symlink_to("here")
    for name in ("out", "up/secret", "loop"):
        with pytest.raises(InputError, match="leads out"):
            inside(folder, name)
    assert inside(folder, "in") == folder / "in"
    assert inside(folder, "new/file") == folder / "new" / "file"


def test_a_file_is_written_whole_with_usual_permissions_and_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "report.json"
    write_aside(path, "é\n")
    write_aside(path, b"second")
    assert path.read_bytes() == b"second"
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write_aside(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StageError, match="No space left") as caught:
        write_aside(path, "new")
    assert caught.value.code is ExitCode.STAGE
    assert "free some space" in caught.value.hint
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_file_that_the_system_cuts_short_never_appears(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StageError, match="cannot write"):
            write_aside(tmp_path / "report.json", "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_the_hint_fits_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StageError, match="cannot write") as caught:
        write_aside(tmp_path / "file" / "x", "new")
    assert caught.value.hint == "write elsewhere"
