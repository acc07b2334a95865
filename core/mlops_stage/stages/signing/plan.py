"""What `mlops-stage run --plan` says of the stage `sign`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.report import Plan

if TYPE_CHECKING:
    from mlops_stage.stages.signing.params import SignParams
    from mlops_stage.workspace import Workspace


def plan(params: SignParams, workspace: Workspace) -> Plan:
    """Who would sign, and which services would be asked; none is."""
    del workspace
    if params.key:
        services = f"stamps and log entries from the services in {params.trust_config}" if params.trust_config else "no service is asked"
        note = f"signs every report of this run with the key {params.key}; {services}"
    elif not (params.ambient or params.identity_token_file or params.identity_token_env):
        note = (
            "there is nothing to sign with yet: give key, or the identity of the job by identity_token_file, identity_token_env or ambient"
        )
    else:
        services = (
            f"the services in {params.trust_config}" if params.trust_config else "the public Sigstore services, whose log anybody can read"
        )
        note = f"signs every report of this run with the identity of this job, through {services}"
    return Plan(rows=None, cost="about 5 s, 100 MB", notes=(note,))
