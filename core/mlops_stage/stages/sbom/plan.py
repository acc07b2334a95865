"""What `mlops-stage run --plan` says: what would be described, and how long it would take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.evidence.paths import existing
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.report import Plan
from mlops_stage.stages.sbom.elements import DECLARABLE
from mlops_stage.words import counted

if TYPE_CHECKING:
    from mlops_stage.stages.sbom.params import SbomParams
    from mlops_stage.workspace import Workspace

_BYTES_PER_SECOND = 600_000_000
"""What SHA-256 takes; next to it all else is small."""


def plan(params: SbomParams, workspace: Workspace) -> Plan:
    """Files and cost; nothing is opened.

    Raises:
        UsageError: no model was given, or nothing is there.
    """
    if not params.model:
        raise UsageError("there is nothing to describe", "give model: a file or a folder, of any format")
    named = [(what, text) for what in ("model", "data", "train", "reference") if (text := getattr(params, what)) and not is_url(text)]
    size = sum(_size(existing(workspace.root, text, what)) for what, text in named if not any(mark in text for mark in "*?["))
    notes = [
        f"{counted(len(params.declare), 'element')} declared of {len(DECLARABLE)} that can be; the rest is found out, or told as not known"
    ]
    if not params.creator:
        notes.append("no creator is declared: some authorities ask for the e-mail address or URL of who answers for the document")
    return Plan(rows=None, cost=f"about {2 + size // _BYTES_PER_SECOND} s, 150 MB", notes=tuple(notes))


def _size(place: Path) -> int:
    if not place.is_dir():
        return place.stat().st_size
    return sum(Path(folder, name).lstat().st_size for folder, _, names in os.walk(place) for name in names)
