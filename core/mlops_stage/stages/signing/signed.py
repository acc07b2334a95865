"""What the stage `sign` asks of its own work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.report import Criterion

if TYPE_CHECKING:
    from mlops_stage.report import Observations
    from mlops_stage.stages.signing.params import SignParams


def criteria(params: SignParams, observations: Observations) -> tuple[Criterion, ...]:
    """Every bundle holds when it is verified; gates of the user's own join this one and never replace it."""
    del params, observations
    return (
        Criterion(metric="unverified", op="<=", number=0, source="sign", claim="every signature that was made holds when it is verified"),
    )
