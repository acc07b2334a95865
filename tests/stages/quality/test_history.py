import os
import shutil
import subprocess

import pytest

from mlops_stage.errors import InputError, StageError, UsageError
from mlops_stage.stages.quality.history import fetched, is_in_history

ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


@pytest.fixture
def root(tmp_path):
    """A repository with a project in a folder of its own."""
    project = tmp_path / "repository" / "project"
    project.mkdir(parents=True)

    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        subprocess.run(command, cwd=project, check=True, capture_output=True)

    (project / "a b.csv").write_bytes(b"y_true,y_pred\r\n1,1\n")
    (project / "star*.csv").write_text("literal")
    (project / "starry.csv").write_text("pattern")
    (project / "link.csv").symlink_to("/etc/passwd")
    (project / "kept").mkdir()
    (project / "kept" / "report.json").write_text("{}")
    git("init", "-q", "-b", "main", "..")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return project


def test_a_file_comes_out_byte_for_byte(root, tmp_path):
    (root / "a b.csv").unlink()
    path = fetched("git:main:a b.csv", root, tmp_path, ENV)
    assert path.name == "a b.csv"
    assert path.read_bytes() == b"y_true,y_pred\r\n1,1\n"


def test_a_path_is_no_pattern(root, tmp_path):
    assert fetched("git:main:star*.csv", root, tmp_path, ENV).read_text() == "literal"


def test_of_a_folder_the_report_is_taken(root, tmp_path):
    assert fetched("git:HEAD:kept", root, tmp_path, ENV).read_text() == "{}"


@pytest.mark.parametrize(
    "source",
    [
        "git:",
        "git:main",
        "git:main:",
        "git::a.csv",
        "git:--upload-pack=x:a.csv",
        "git:-n:a.csv",
        "git:main..other:a.csv",
        "git:main:/etc/passwd",
        "git:main:../secret",
        "git:main:a/../../b",
        "git:main:a\nb",
        "git:ma in:a.csv",
        "git:$(id):a.csv",
    ],
)
def test_anything_but_a_ref_and_an_inner_path_is_refused(root, tmp_path, source):
    with pytest.raises(UsageError) as refused:
        fetched(source, root, tmp_path, ENV)
    assert "git:<ref>:<path>" in refused.value.hint
    assert list(tmp_path.iterdir()) == [root.parent]


def test_a_ref_that_this_clone_lacks_says_how_to_get_it(root, tmp_path):
    with pytest.raises(UsageError, match="no commit 'origin/main'") as refused:
        fetched("git:origin/main:a b.csv", root, tmp_path, ENV)
    assert "fetch-depth: 0" in refused.value.hint


def test_a_file_that_the_commit_lacks_is_wrong_usage(root, tmp_path):
    with pytest.raises(UsageError, match=r"has no none\.csv in commit"):
        fetched("git:main:none.csv", root, tmp_path, ENV)


def test_a_file_of_a_similar_name_is_proposed(root, tmp_path):
    with pytest.raises(UsageError) as refused:
        fetched("git:main:a-b.csv", root, tmp_path, ENV)
    assert refused.value.hint == "did you mean a b.csv?"
    with pytest.raises(UsageError) as refused:
        fetched("git:main:nowhere/a b.csv", root, tmp_path, ENV)
    assert "relative to the project's root" in refused.value.hint


def test_a_link_is_not_followed(root, tmp_path):
    with pytest.raises(InputError, match="symbolic link"):
        fetched("git:main:link.csv", root, tmp_path, ENV)


def test_outside_a_repository_it_says_so(tmp_path):
    with pytest.raises(UsageError, match="not in a Git repository"):
        fetched("git:main:a.csv", tmp_path, tmp_path, {**ENV, "GIT_CEILING_DIRECTORIES": "/"})


def test_variables_of_git_do_not_lead_elsewhere(root, tmp_path):
    env = {**ENV, "GIT_DIR": "/nonexistent", "GIT_INDEX_FILE": "/nonexistent"}
    assert fetched("git:main:a b.csv", root, tmp_path, env).exists()


def test_it_does_not_matter_who_owns_the_repository(root, tmp_path):
    own = tmp_path / "bin" / "git"
    own.parent.mkdir()
    own.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"\n')
    own.chmod(0o755)
    env = {**ENV, "PATH": f"{own.parent}:{ENV['PATH']}"}
    refused = subprocess.run(["git", "log"], cwd=root, env=env, check=False, capture_output=True, text=True)
    assert "dubious ownership" in refused.stderr
    assert fetched("git:main:a b.csv", root, tmp_path, env).exists()


def test_without_git_it_says_so(root, tmp_path):
    with pytest.raises(StageError, match="git is not installed"):
        fetched("git:main:a b.csv", root, tmp_path, {"PATH": str(tmp_path)})


def test_only_the_prefix_means_history():
    assert is_in_history("git:main:a")
    assert not is_in_history("github.csv")
