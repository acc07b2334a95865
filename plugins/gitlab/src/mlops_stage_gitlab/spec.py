"""The header of a component: what it may be given, and how a value reaches the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.native import inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_stage.adapter import Layout
    from mlops_stage.native.inputs import Input

MOST_CHARACTERS = 256
"""GitLab takes no longer description of a component."""
IMAGE, INDEX = "image", "index"
"""How mlops-stage comes into a job: it lies in the image, or it is installed there."""
_PATTERNS = {"integer": "^(-?[0-9]+)?$", "number": "^[-+0-9.eE]*$"}
"""No slashes round them: GitLab would take those for part of the pattern."""


def header(description: str, *groups: Mapping[str, Any]) -> dict[str, Any]:
    """The first document of a component."""
    told = description if len(description) <= MOST_CHARACTERS else description[: MOST_CHARACTERS - 1] + "…"
    return {"spec": {"description": told, "inputs": {name: item for group in groups for name, item in group.items()}}}


def declared(offered: Iterable[Input], prefix: str = "") -> dict[str, Any]:
    """Inputs that mlops-stage reads: all are texts, for only a text can be empty, and empty is unset."""
    return {f"{prefix}{item.name}": _declared(item) for item in offered}


def _declared(item: Input) -> dict[str, Any]:
    default = f" (default: {item.default})" if item.default else ""
    choices = ("true", "false") if item.kind == "flag" else item.choices
    told = {"type": "string", "description": f"{item.help}{default}", "default": ""}
    if choices:
        return {**told, "options": ["", *choices]}
    return {**told, "regex": _PATTERNS[item.kind]} if item.kind in _PATTERNS else told


def given(offered: Iterable[Input], prefix: str = "") -> dict[str, Any]:
    """Variables of the job that carry them; GitLab replaces no `$NAME` in their values, and none of them stands in a script."""
    return {item.variable: {"value": asked(f"{prefix}{item.name}"), "expand": False} for item in offered}


def asked(name: str) -> str:
    """The place of an input's value."""
    return f"$[[ inputs.{name} ]]"


def installing(layout: Layout) -> dict[str, Any]:
    """Inputs about where the job runs; only what the generator does not know has no default."""
    image = {"default": layout.image} if layout.image else {}
    known = {
        "image": {
            "type": "string",
            "description": "image of the job: one with mlops-stage, by its digest; for `install: index` any with Python 3.11 or newer",
            **image,
        },
        "install": {
            "type": "string",
            "description": "image: mlops-stage lies in the image; index: it is installed from the package index, everything by its hash",
            "default": INDEX if layout.wheel_sha256 and not layout.image else IMAGE,
            "options": [IMAGE, INDEX],
        },
    }
    digest = {"type": "string", "description": "SHA-256 of the wheel of mlops-stage, for `install: index`", "default": ""}
    return {**known, **({} if layout.wheel_sha256 else {"wheel-sha256": digest}), **declared(inputs.BOOTSTRAP)}
