"""The built-in stages, and the reporters that belong to one of them, offered through the same hooks as any plugin's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.hookspecs import hookimpl
from mlops_stage.stages import adversarial, data, fairness, quality, sbom, scan, signing
from mlops_stage.stages.compile import STAGE as COMPILE

if TYPE_CHECKING:
    from mlops_stage.reporter import Reporter
    from mlops_stage.stage import Stage


@hookimpl
def mlops_stages() -> tuple[Stage, ...]:
    """The built-in stages; nothing heavy is imported until one of them runs."""
    return (data.STAGE, quality.STAGE, fairness.STAGE, scan.STAGE, adversarial.STAGE, COMPILE, sbom.STAGE, signing.SIGN, signing.VERIFY)


@hookimpl
def mlops_reporters() -> tuple[Reporter, ...]:
    """The reporters that belong to one stage."""
    return (sbom.REPORTER, signing.ATTESTATIONS)
