"""A repository that Jenkins builds: how it is known, and what it should add."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        "// at the top; the library is this project's repository, with plugins/jenkins as its library path\n"
        "@Library('mlops') _\n\n"
        "// among the stages, on an agent that has mlops-stage (its image, or say source: <checkout of the project>)\n"
        "stage('Model') {\n"
        "    steps {\n"
        "        mlopsStage()\n"
        "    }\n"
        "}\n"
    )
