"""A repository whose pipelines run on Tekton: how it is known, and what it should add."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDERS = (".tekton", "tekton", ".", "ci", "deploy", "k8s", "pipelines")
"""Where Pipelines lie by custom; Pipelines as Code reads the first."""
_MOST_FILES = 200
_HEAD_BYTES = 4096
_API = b"apiVersion: tekton.dev/"


def present(root: Path) -> bool:
    """Whether a YAML file in one of the customary folders holds something of Tekton's."""
    return any(_API in _head(file) for file in _candidates(root))


def snippet(root: Path) -> str:
    """The task to add to a Pipeline; it runs what mlops.yaml names."""
    del root
    return (
        "    - name: evaluate\n"
        "      runAfter: [clone]   # the task that fills the workspace\n"
        "      taskRef: {name: mlops-run}   # kubectl apply -f plugins/tekton/task/mlops-run/0.1/mlops-run.yaml, of github.com/mlops/evaluate\n"
        "      params:\n"
        "        - {name: image, value: registry.example.com/mlops-stage@sha256:…}   # yours, by its digest\n"
        "      workspaces:\n"
        "        - {name: source, workspace: source}   # as the Pipeline calls the one that is filled; user 65532 writes there\n"
    )


def _candidates(root: Path) -> Iterator[Path]:
    """A bounded look: YAML files of these folders, not below them, without following links out of the repository."""
    left = _MOST_FILES
    for name in _FOLDERS:
        folder = root / name
        if folder.is_symlink() or not folder.is_dir():
            continue
        for file in _listed(folder):
            if file.suffix in {".yaml", ".yml"} and file.is_file() and not file.is_symlink():
                left -= 1
                if left < 0:
                    return
                yield file


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_HEAD_BYTES)
    except OSError:
        return b""
