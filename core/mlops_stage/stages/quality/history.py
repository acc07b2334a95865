"""Files of an earlier version, from the history of the repository: `git:<ref>:<path>`."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, StageError, UsageError
from mlops_stage.evidence import git
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX = "git:"
_REF = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@./^~+{}-]*")
_ENTRY = re.compile(r"(\d{6}) (\w+) ([0-9a-f]{40,64})\t(.*)", re.DOTALL)
_REGULAR = {"100644", "100755"}
_FORM = "write git:<ref>:<path>, for example git:origin/main:models/model.onnx"


def is_in_history(source: str) -> bool:
    """Whether the text names a file in the repository's history."""
    return source.startswith(PREFIX)


def fetched(source: str, root: Path, folder: Path, env: Mapping[str, str]) -> Path:
    """Write a file as it was in a commit into a folder and return its path.

    Nothing in the repository can run by this: objects are read as they are, without filters, hooks or a working tree.

    Args:
        source: `git:<ref>:<path>`; the path is relative to the root, as every path in the params. Of a folder its `report.json` is taken.
        root: the project, within a Git repository.
        folder: where the file goes, under its own name.
        env: the environment for Git, less its own variables.

    Raises:
        UsageError: not of that form, or no such ref, commit or file.
        InputError: a link, a submodule, or a folder without a report.
        StageError: Git is not there or fails.
    """
    ref, path = _parsed(source)
    repository = _Git(root, env)
    commit = _commit(ref, repository)
    kind, sha = _entry(commit, path, repository, source)
    if kind == "tree":
        path = path / "report.json"
        kind, sha = _entry(commit, path, repository, source)
    if kind != "blob":
        raise InputError(f"baseline: {shown(source)} is no file", "name a file of that commit, or a folder with a report.json")
    target = folder / path.name
    with target.open("wb") as stream:
        repository.run("cat-file", "blob", sha, stdout=stream.fileno())
    return target


def _parsed(source: str) -> tuple[str, PurePosixPath]:
    ref, _, text = source.removeprefix(PREFIX).partition(":")
    path = PurePosixPath(text)
    if not _REF.fullmatch(ref) or ".." in ref or not path.parts or not text.isprintable():
        raise UsageError(f"baseline: {shown(source)!r} names no version of a file", _FORM)
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"baseline: the path in {shown(source)!r} must be relative and inside the project", _FORM)
    return ref, path


def _commit(ref: str, repository: _Git) -> str:
    found = repository.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", missing_is_fine=True)
    if not found:
        hint = "fetch it before: fetch-depth: 0 in actions/checkout, GIT_DEPTH: 0 in GitLab, a full clone in Jenkins; a branch may need origin/"
        raise UsageError(f"baseline: this clone has no commit {shown(ref)!r}", hint)
    return found.strip()


def _entry(commit: str, path: PurePosixPath, repository: _Git, source: str) -> tuple[str, str]:
    """Kind and id of what the commit has at that path."""
    found = _ENTRY.fullmatch(repository.run("ls-tree", "-z", commit, "--", str(path)).removesuffix("\0"))
    if found is None:
        raise UsageError(
            f"baseline: {shown(source)} has no {shown(path)} in commit {commit[:12]}",
            _nearest(commit, path, repository) or "check the path; it is relative to the project's root",
        )
    mode, kind, sha, _ = found.groups()
    if kind == "blob" and mode not in _REGULAR:
        raise InputError(f"baseline: {shown(path)} in commit {commit[:12]} is a symbolic link", "name the file that it points to")
    return kind, sha


def _nearest(commit: str, path: PurePosixPath, repository: _Git) -> str:
    """What the commit has in the same folder under a similar name, as a hint."""
    folder = [f"{path.parent}/"] if path.parent.parts else []
    names = repository.run("ls-tree", "-z", "--name-only", commit, *(["--", *folder] if folder else [])).split("\0")
    near = get_close_matches(str(path), [name for name in names if name], 1)
    return f"did you mean {shown(near[0])}?" if near else ""


@dataclass(frozen=True)
class _Git:
    """Git on the objects of one repository; it never asks, fetches, or takes a path for a pattern."""

    root: Path
    env: Mapping[str, str]

    def run(self, *arguments: str, stdout: int = subprocess.PIPE, missing_is_fine: bool = False) -> str:
        """The output of one command."""
        try:
            done = git.ask(self.root, *arguments, env=self.env, stdout=stdout)
        except StageError as error:
            raise StageError(f"baseline: {error.message}", f"{error.hint}, or give the baseline as a file".removeprefix(", or ")) from error
        if done.returncode == 1 and missing_is_fine:
            return ""
        if done.returncode != 0:
            raise _refusal(arguments[0], done.stderr.decode(errors="replace"))
        return "" if stdout != subprocess.PIPE else done.stdout.decode(errors="surrogateescape")


def _refusal(command: str, said: str) -> StageError:
    line = next(iter(said.strip().splitlines()), "no message")
    if "not a git repository" in said:
        return UsageError("baseline: the project is not in a Git repository", "check the repository out, or give the baseline as a file")
    return StageError(f"baseline: git {command} failed: {shown(line, 160)}", "give the baseline as a file")
