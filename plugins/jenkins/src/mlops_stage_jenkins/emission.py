"""What a Jenkins pipeline reads of a run: the outputs, in a file that the library's step names, and the tests and warnings of this run alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from mlops_stage.reporters import junit, sarif
from mlops_stage.reporters.words import headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Run

OUTPUTS = "MLOPS_STAGE_OUTPUTS"
"""Names the file; the library makes it anew for each call, so that it never holds what an earlier one left."""
TESTS, WARNINGS = "this-call.junit.xml", "this-call.sarif"
"""In the output directory, as `junit.xml` and `report.sarif`, but without what earlier calls of the build have published already."""
SENTENCE = "outcome.sentence"
"""No output of a stage has a name with a dot."""


def detect(env: Mapping[str, str]) -> bool:
    """Whether a step of the shared library runs this process."""
    return bool(env.get(OUTPUTS))


def emit(run: Run, env: Mapping[str, str]) -> dict[str, str]:
    """`name=value`, one per line, and the reports to publish. Nothing where this run has made no report, so that nothing is published."""
    if not run.own:
        return {}
    told = {**outputs(run), SENTENCE: sentence(run)}
    out = PurePath(env.get("MLOPS_INPUT_OUT") or "mlops-out")
    alone = replace(run, reports=run.own)
    return {
        env[OUTPUTS]: "".join(f"{name}={_line(value)}\n" for name, value in told.items()),
        str(out / TESTS): junit.render(alone)["junit.xml"],
        str(out / WARNINGS): sarif.render(alone)["report.sarif"],
    }


def outputs(run: Run) -> dict[str, str]:
    """The outcome of the run, then the outputs of each report as in outputs.env; those of the only report stand by their own names too."""
    found = {"outcome": str(headline(run.own, run.failures).outcome)}
    for report in run.own:
        found |= {f"{report.id}_{name}": value for name, value in report.told.items()}
    return found | dict(run.own[0].outputs) if len(run.own) == 1 else found


def sentence(run: Run) -> str:
    """What made the verdict: a failure, the summary of the only report, or the counts of several."""
    if run.failures:
        return run.failures[0].message
    return run.own[0].summary if len(run.own) == 1 else headline(run.own).sentence


def _line(value: str) -> str:
    return re.sub(r"[\r\n]+", " ", value)
