"""What a Jenkins pipeline reads of a run: the outputs, in a file that the library's step names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.reporters.words import headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Run

OUTPUTS = "MLOPS_STAGE_OUTPUTS"
"""Names the file; the library makes it anew for each call, so that it never holds what an earlier one left."""


def detect(env: Mapping[str, str]) -> bool:
    """Whether a step of the shared library runs this process."""
    return bool(env.get(OUTPUTS))


def emit(run: Run, env: Mapping[str, str]) -> dict[str, str]:
    """`name=value`, one per line; those of the only stage of a run stand by their own names too. Nothing where there is no report that could be published."""
    if not run.reports:
        return {}
    return {env[OUTPUTS]: "".join(f"{name}={' '.join(value.split())}\n" for name, value in outputs(run).items())}


def outputs(run: Run) -> dict[str, str]:
    """The outcome of the run, then the outputs of each report as in outputs.env."""
    found = {"outcome": str(headline(run.own, run.failures).outcome)}
    for report in run.own:
        found |= {f"{report.id}_{name}": value for name, value in report.told.items()}
    return found | dict(run.own[0].outputs) if len(run.own) == 1 else found
