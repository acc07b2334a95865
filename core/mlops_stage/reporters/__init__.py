"""The built-in reporters: each turns a run and its reports into text for one reader."""

from __future__ import annotations

from mlops_stage.hookspecs import hookimpl
from mlops_stage.reporter import Reporter

REPORTERS: tuple[Reporter, ...] = (
    Reporter(
        name="codequality", summary="codequality.json for GitLab's code quality widget", render="mlops_stage.reporters.codequality:render"
    ),
    Reporter(name="console", summary="the verdict of this run on the terminal", render="mlops_stage.reporters.console:render"),
    Reporter(name="html", summary="report.html, one self-contained page for every reader", render="mlops_stage.reporters.html:render"),
    Reporter(name="json", summary="run.json, the complete record of the run", render="mlops_stage.reporters.json:render"),
    Reporter(name="junit", summary="junit.xml, one test case per gate", render="mlops_stage.reporters.junit:render"),
    Reporter(name="markdown", summary="summary.md for a job summary or a comment", render="mlops_stage.reporters.markdown:render"),
    Reporter(name="openmetrics", summary="metrics.txt in the OpenMetrics text format", render="mlops_stage.reporters.openmetrics:render"),
    Reporter(name="sarif", summary="report.sarif for code scanning", render="mlops_stage.reporters.sarif:render"),
)
"""Sorted by name; nothing is imported until a reporter renders."""


@hookimpl
def mlops_reporters() -> tuple[Reporter, ...]:
    """The built-in reporters."""
    return REPORTERS
