"""A repository that Jenkins builds: how it is known, and what it should add."""

from __future__ import annotations

import re
from textwrap import indent
from typing import TYPE_CHECKING

from mlops_stage import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = ("Jenkinsfile", "Jenkinsfile.*", "*.jenkinsfile", "jenkins/Jenkinsfile*", ".jenkins/Jenkinsfile*")


def present(root: Path) -> bool:
    """Whether there is a pipeline for Jenkins in this repository."""
    return any(True for _ in _files(root))


def snippet(root: Path) -> str:
    """The stage to add, in the form of the pipeline that is there; it runs what mlops.yaml names."""
    form = _DECLARATIVE if any("pipeline {" in text or "pipeline{" in text for text in _pipelines(root)) or not present(root) else _SCRIPTED
    loaded = any(map(_LOADED.search, _pipelines(root)))
    return (
        "// at the top; the library is https://github.com/mlops/evaluate, with the library path plugins/jenkins\n"
        f"{_IN_ITS_PLACE if loaded else _ALONE}\n"
        f"{form}"
    )


def _pipelines(root: Path) -> Iterator[str]:
    for path in _files(root):
        yield path.read_bytes()[:_MOST].decode("utf-8", errors="replace")


def _files(root: Path) -> Iterator[Path]:
    return (path for pattern in FILES for path in sorted(root.glob(pattern)) if path.is_file())


_MOST = 1_000_000
"""Bytes of a pipeline that are looked at."""
_LOADED = re.compile(r"^\s*@Library\((?![^)\n]*\bmlops\b)", re.MULTILINE)
"""A line that loads libraries, and not ours."""
_ALONE = """\
// where the file loads a library already, write @Library(['yours', 'mlops']) _ in that line's place: a second such line fails
@Library('mlops') _
"""
_IN_ITS_PLACE = """\
// in place of the @Library line that is there, with its names for 'yours': a second such line fails
@Library(['yours', 'mlops']) _
"""
_CHECKOUT = f"""\
dir('mlops-stage') {{
    checkout(scmGit(branches: [[name: 'refs/tags/v{__version__}']], userRemoteConfigs: [[url: 'https://github.com/mlops/evaluate']]))
}}
mlopsStage(source: 'mlops-stage') // on an agent that has mlops-stage on its PATH: mlopsStage(), without that checkout
"""
_DECLARATIVE = f"""\
// among the stages
stage('Model') {{
    steps {{
{indent(_CHECKOUT, " " * 8)}    }}
}}
"""
_SCRIPTED = f"""\
// within the node, after checkout(scm)
stage('Model') {{
{indent(_CHECKOUT, " " * 4)}}}
"""
