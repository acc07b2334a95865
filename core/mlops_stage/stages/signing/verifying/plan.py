"""What `mlops-stage run --plan` says of the stage `verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.report import Plan

if TYPE_CHECKING:
    from mlops_stage.stages.signing.verifying.params import VerifyParams
    from mlops_stage.workspace import Workspace


def plan(params: VerifyParams, workspace: Workspace) -> Plan:
    """Whom it would believe, and of what; nothing is opened."""
    del workspace
    signer = f"the key {params.key}" if params.key else f"{params.identity or 'nobody'}, confirmed by {params.issuer or 'nobody'}"
    notes = [f"believes {signer}, and checks {params.model or 'no file'}; no server is asked"]
    if not params.require:
        notes.append(
            "nothing is required, so a report that failed is as good as one that passed: name what must have, as in require: quality"
        )
    return Plan(rows=None, cost="about 2 s, 100 MB, and 1 s for each 1.3 GB of model", notes=tuple(notes))
