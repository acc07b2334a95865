"""What the stage asks of a bill of materials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.report import Level, NoFinding

if TYPE_CHECKING:
    from mlops_stage.report import Observations
    from mlops_stage.stages.sbom.params import SbomParams


def criteria(params: SbomParams, observations: Observations) -> tuple[NoFinding, ...]:
    """Valid by its schema, and none of the faults that a schema cannot see; gates of the user's own join this one and never replace it."""
    del params, observations
    return (NoFinding(level=Level.ERROR, source="sbom"),)
