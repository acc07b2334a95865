from __future__ import annotations

import pytest

from mlops_stage.report import Finding, Level, Outcome, Report
from mlops_stage.reporters.located import SYNTHETIC, located


def at(make, location):
    finding = Finding(rule="scan/x", level=Level.ERROR, message="m", location=location)
    (item,) = located(make(Report(stage="scan", id="s", outcome=Outcome.FAILED, summary="", findings=(finding,))))
    return item.path, item.line, item.column


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("data/test.csv", ("data/test.csv", 1, None)),
        ("data/test.csv:12", ("data/test.csv", 12, None)),
        ("data/test.csv:12:7", ("data/test.csv", 12, 7)),
        ("a folder/b:c.csv:3", ("a folder/b:c.csv", 3, None)),
        ("./data/../data/x.csv:0", ("data/x.csv", 1, None)),
        ("data\\x.csv:2", ("data/x.csv", 2, None)),
        ("x.csv:" + "9" * 5_000, ("x.csv:" + "9" * 5_000, 1, None)),
        ("", (SYNTHETIC, 1, None)),
        (".", (SYNTHETIC, 1, None)),
        ("/etc/passwd:1", (SYNTHETIC, 1, None)),
        ("../../etc/passwd", (SYNTHETIC, 1, None)),
        ("~/x", (SYNTHETIC, 1, None)),
        ("C:\\x", (SYNTHETIC, 1, None)),
        ("https://models.example/v2/models/m", (SYNTHETIC, 1, None)),
    ],
)
def test_every_finding_has_a_place_inside_the_repository(make, location, place):
    assert at(make, location) == place


def test_gates_that_did_not_pass_are_there_and_those_that_did_are_not(runs):
    items = located(runs("demo"))
    gates = [(item.finding.level, item.finding.message) for item in items if item.finding.rule == "quality/gate"]
    assert [level for level, _ in gates] == [Level.ERROR, Level.WARNING, Level.WARNING]
    assert gates[0][1].startswith("ambitious: Recall is 0.651")


def test_what_puts_figures_in_doubt_is_first(runs):
    assert located(runs("everything"))[0].finding.rule == "validity/shared-rows"


def test_the_same_finding_in_two_reports_stands_once(make):
    finding = Finding(rule="validity/shared-rows", level=Level.ERROR, message="m", location="a")
    reports = [Report(stage="quality", id=id_, outcome=Outcome.PASSED, summary="", findings=(finding,)) for id_ in "ab"]
    assert len(located(make(*reports))) == 1


def test_fingerprints_depend_on_rule_location_and_message_alone(make):
    def fingerprint(**parts):
        finding = Finding(**({"rule": "a/b", "level": Level.NOTE, "message": "m", "location": "l"} | parts))
        return located(make(Report(stage="scan", id="s", outcome=Outcome.PASSED, summary="", findings=(finding,))))[0].fingerprint

    base = fingerprint()
    assert base == fingerprint(level=Level.ERROR, hint="h")
    assert len({base, fingerprint(rule="a/c"), fingerprint(location="k"), fingerprint(message="n")}) == 4
