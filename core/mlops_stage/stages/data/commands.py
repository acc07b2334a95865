"""The further commands of the stage `data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.stage import Command
from mlops_stage.stages.data.init import init

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SYNTH = Command(
    summary="Write a first contract from a table, with a comment on every rule",
    params="mlops_stage.stages.data.params:SynthParams",
    run="mlops_stage.stages.data.synth:run",
)
LINT = Command(
    summary="Check a contract, and tell what it demands in plain sentences",
    params="mlops_stage.stages.data.params:LintParams",
    run="mlops_stage.stages.data.lint:run",
)
PROFILE = Command(
    summary="Write the statistics of a table, from which later data must not drift",
    params="mlops_stage.stages.data.params:ProfileParams",
    run="mlops_stage.stages.data.profiling:run",
)


def drafts(root: Path) -> Mapping[str, Mapping[str, Any]]:
    """What to write before a first mlops.yaml: a contract, where there is a table and no contract; learnt from the training data where there are such."""
    found = init(root)
    if not found or "contract" in found:
        return {}
    return {"contract synth": {"source": found.get("train", found["data"])}}
