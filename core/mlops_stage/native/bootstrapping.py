"""The two scripts that install mlops-stage on a machine that has only Python, as adapters hand them on."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.native import text

if TYPE_CHECKING:
    from mlops_stage.adapter import Layout
    from mlops_stage.stage import Stage

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


def settings(stage: Stage) -> dict[str, str]:
    """The variables that a step of this stage sets for the scripts: one that proves who it is runs in an environment that no earlier job could change."""
    return {"MLOPS_STAGE_FRESH": "1"} if "oidc" in stage.needs else {}


def release(layout: Layout) -> dict[str, str]:
    """The variables that tell the scripts which release to install from which index.

    Raises:
        UsageError: the layout does not say which wheel that is.
    """
    if not layout.wheel_sha256:
        raise UsageError(
            f"the digest of the wheel of {layout.distribution} {layout.version} is not known",
            f"`pip download --no-deps {layout.distribution}=={layout.version}` fetches it; --wheel names the file",
        )
    index = {"MLOPS_STAGE_INDEX_URL": layout.index_url} if layout.index_url else {}
    return {"MLOPS_STAGE_VERSION": layout.version, "MLOPS_STAGE_SHA256": layout.wheel_sha256, **index}
