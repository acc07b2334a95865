"""A repository that GitLab builds: how it is known, and what it should add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage import __version__

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = ".gitlab-ci.yml"
COMPONENTS = "$CI_SERVER_FQDN/mlops/components"
"""Where the components lie; `mlops-stage adapters vendor` makes such a project."""


def present(root: Path) -> bool:
    """Whether there is a pipeline in this repository."""
    return (root / PIPELINE).is_file()


def snippet(root: Path) -> str:
    """The component to include; it runs what mlops.yaml names."""
    del root
    return f"include:\n  - component: {COMPONENTS}/full-pipeline@{__version__}\n"
