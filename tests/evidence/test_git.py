import os
import subprocess

import pytest

from mlops_stage.errors import StageError
from mlops_stage.evidence.git import ask, top, tracks

ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


@pytest.fixture
def root(tmp_path):
    """A repository with one file of a name that could be a pattern."""
    (tmp_path / "a[b]").mkdir()
    (tmp_path / "a[b]" / "report.json").write_text("{}")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    return tmp_path


def test_the_repository_around_a_folder(root):
    assert top(root / "a[b]") == root
    assert top(root.parent) is None
    (root / "empty" / ".git").mkdir(parents=True)
    assert top(root / "empty") == root


@pytest.mark.parametrize("folder", ["a[b]", "A[B]", "link", "a[b]/../a[b]"])
def test_a_file_is_known_by_whatever_way_leads_to_it(root, folder):
    (root / "link").symlink_to("a[b]")
    assert tracks(root / folder, ("inputs.json", "report.json"), ENV)


@pytest.mark.parametrize("folder", ["ab", "a", "a[b]/deeper", "*"])
def test_another_file_is_not_taken_for_it(root, folder):
    assert not tracks(root / folder, ("report.json",), ENV)


def test_where_there_is_no_repository_nothing_is_tracked_and_git_is_not_asked(tmp_path):
    assert not tracks(tmp_path, ("report.json",), {"PATH": str(tmp_path)})


def test_what_looks_like_a_repository_of_its_own_is_none(root):
    inner = root / "a[b]"
    subprocess.run(["git", "init", "-q", "--bare", inner], check=True)
    assert (inner / "HEAD").exists()
    assert tracks(inner, ("report.json",), ENV)


def test_a_repository_that_git_cannot_read_is_told(root):
    (root / ".git" / "index").write_bytes(b"none")
    with pytest.raises(StageError, match="git ls-files ends with code 128"):
        tracks(root / "a[b]", ("report.json",), ENV)


def test_nothing_that_the_repository_is_set_to_runs(root):
    mark = root / "ran"
    subprocess.run(["git", "config", "core.fsmonitor", f"touch {mark}; false"], cwd=root, check=True)
    assert ask(root, "ls-files", env=ENV).stdout
    assert not mark.exists()
