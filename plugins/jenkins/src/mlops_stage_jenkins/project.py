"""A repository that Jenkins builds: how it is known, and what it should add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage import __version__

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("Jenkinsfile", "Jenkinsfile.*", "*.jenkinsfile", "jenkins/Jenkinsfile*", ".jenkins/Jenkinsfile*")


def present(root: Path) -> bool:
    """Whether there is a pipeline for Jenkins in this repository."""
    return any(path.is_file() for pattern in FILES for path in root.glob(pattern))


def snippet(root: Path) -> str:
    """The stage to add; it runs what mlops.yaml names."""
    del root
    return (
        "// at the top; the library is https://github.com/mlops/evaluate, with the library path plugins/jenkins\n"
        "@Library('mlops') _\n\n"
        "// among the stages; an agent with mlops-stage on PATH needs no checkout of it and no `source`\n"
        "stage('Model') {\n"
        "    steps {\n"
        "        dir('mlops-stage') {\n"
        f"            checkout(scmGit(branches: [[name: 'refs/tags/v{__version__}']],"
        " userRemoteConfigs: [[url: 'https://github.com/mlops/evaluate']]))\n"
        "        }\n"
        "        mlopsStage(source: 'mlops-stage')\n"
        "    }\n"
        "}\n"
    )
