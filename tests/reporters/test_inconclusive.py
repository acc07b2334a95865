"""Where a pipeline decides what inconclusive counts as, every reader is told so."""

from __future__ import annotations

import json
from dataclasses import replace

import click
import pytest

from mlops_stage.report import Level
from mlops_stage.reporters import console, html, markdown, sarif
from mlops_stage.reporters.located import located


def settled(runs, how):
    run = runs("inconclusive")
    return replace(run, reports=tuple(replace(one, params={**one.params, "on_inconclusive": how}) for one in run.reports))


@pytest.mark.parametrize(("how", "said"), [("fail", "failed"), ("pass", "passed")])
def test_every_page_says_what_inconclusive_counts_as_and_why(runs, how, said):
    run = settled(runs, how)
    pages = (click.unstyle(console.render(run)["-"]), markdown.render(run)["summary.md"], html.render(run)["report.html"])
    for text in pages:
        plain = text.replace("\\", "")
        assert f"Inconclusive counts as {said} for small_groups: on_inconclusive is {how}." in plain
        assert ("Not enough evidence to tell, which counts as failed" in plain) == (how == "fail")


def test_an_open_gate_that_counts_as_failed_is_an_error_among_the_annotations(runs):
    run = settled(runs, "fail")
    told = [item.finding for item in located(run) if item.finding.rule == "quality/gate"]
    assert {finding.level for finding in told} == {Level.ERROR}
    assert all(finding.message.endswith("(counts as failed: on_inconclusive is fail)") for finding in told)
    results = json.loads(sarif.render(run)["report.sarif"])["runs"][0]["results"]
    assert {one["level"] for one in results if one["ruleId"] == "quality/gate"} == {"error"}


def test_where_nothing_is_decided_nothing_is_added(runs):
    run = runs("inconclusive")
    assert "counts as" not in click.unstyle(console.render(run)["-"])
    assert {item.finding.level for item in located(run) if item.finding.rule == "quality/gate"} == {Level.WARNING}
