"""What `mlops-stage run --plan` says: how many files, and about how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.report import Plan
from mlops_stage.stages.scan.measure import files_of, served
from mlops_stage.words import counted

if TYPE_CHECKING:
    from mlops_stage.stages.scan.params import ScanParams
    from mlops_stage.workspace import Workspace

_BYTES_PER_SECOND = 500_000_000


def plan(params: ScanParams, workspace: Workspace) -> Plan:
    """Files and cost; nothing is opened.

    Raises:
        UsageError: no model was given, or nothing is there.
        InputError: a folder that cannot be read, or too many files.
    """
    if served(params.model):
        return Plan(rows=None, cost="nothing", notes=("the model is served from an address: there is no file to look into",))
    _, found = files_of(params.model, workspace.root, {workspace.run_dir, workspace.cache})
    size = sum(path.stat().st_size for path in found.files)
    note = f"{counted(len(found.files), 'file')} of {counted(size, 'byte')}; findings of level {params.fail_on} fail the run"
    return Plan(rows=None, cost=f"about {1 + size // _BYTES_PER_SECOND} s, 100 MB", notes=(note,))
