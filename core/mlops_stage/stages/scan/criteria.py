"""What the stage asks of a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.report import Level, NoFinding

if TYPE_CHECKING:
    from mlops_stage.report import Observations
    from mlops_stage.stages.scan.params import ScanParams


def criteria(params: ScanParams, observations: Observations) -> tuple[NoFinding, ...]:
    """No finding of the level that `fail_on` names; gates of the user's own join this one and never replace it."""
    del observations
    return (NoFinding(level=Level(params.fail_on), source="scan"),)
