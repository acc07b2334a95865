"""A repository that GitHub Actions builds: how it is known, and what it should add."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOWS = ".github/workflows"


def present(root: Path) -> bool:
    """Whether there is a workflow in this repository."""
    return any((root / WORKFLOWS).glob("*.y*ml"))


def snippet(root: Path) -> str:
    """The step to add; it runs what mlops.yaml names."""
    del root
    return "      - uses: mlops/evaluate@v1\n"
