"""The built-in stages, offered through the same hook as any plugin's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.hookspecs import hookimpl
from mlops_stage.stages import adversarial, data, fairness, quality, scan

if TYPE_CHECKING:
    from mlops_stage.stage import Stage

BUILTIN = (data, quality, fairness, scan, adversarial)
"""Modules that each hold one record, `STAGE`; nothing heavy is imported until a stage runs."""


@hookimpl
def mlops_stages() -> tuple[Stage, ...]:
    """The built-in stages."""
    return tuple(module.STAGE for module in BUILTIN)
