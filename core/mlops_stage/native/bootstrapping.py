"""The two scripts that install mlops-stage on a machine that has only Python, as adapters hand them on."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from mlops_stage.native import text

if TYPE_CHECKING:
    from mlops_stage.adapter import Layout

SCRIPTS = ("bootstrap.sh", "bootstrap.py")
"""The first is called with the arguments of the command, and calls the second."""
PLACE = "core/mlops_stage/native"
"""Where they lie in our own repository."""
LOCK = "mlops-stage.lock"
"""In the repository of a plugin: hash-locked requirements of everything beside it."""


def texts(layout: Layout) -> dict[str, str]:
    """Both scripts for another repository, under the line that says where they come from."""
    made: dict[str, str] = {}
    for name in SCRIPTS:
        script = (files("mlops_stage.native") / name).read_text(encoding="utf-8")
        first, rest = script.split("\n", 1) if script.startswith("#!") else ("", script)
        made[name] = (f"{first}\n" if first else "") + text.heading(layout) + rest
    return made
