"""`mlops-stage init --export`: a script for the environment in which the model was trained, where this package need not be installed."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.evidence.paths import write_aside

if TYPE_CHECKING:
    from pathlib import Path

NAME = "export_model.py"
KINDS = ("sklearn", "torch")
"""Frameworks for which there is a script."""


def kind_of(model: str) -> str:
    """The framework whose script suits a model file, by its suffix; the first where that says nothing."""
    return "torch" if model.lower().endswith((".pt", ".pth")) else KINDS[0]


def write(root: Path, kind: str, *, force: bool) -> Path:
    """Write the script for models of a framework into the root; returns its path.

    Raises:
        UsageError: it exists already, and `force` was not given.
    """
    path = root / NAME
    if path.exists() and not force:
        raise UsageError(f"{NAME} exists already and is left as it is", "--force replaces it, and what you filled in with it")
    write_aside(path, text(kind))
    return path


def text(kind: str) -> str:
    """The script for models of a framework, with `CHOOSE` where only the user can know."""
    return resources.files("mlops_stage.config").joinpath("exports", f"{kind}.py.txt").read_text(encoding="utf-8")
