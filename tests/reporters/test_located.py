from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_stage.errors import ExitCode
from mlops_stage.report import Failure, Finding, Level, Outcome, Report
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


def test_what_could_not_run_is_there_and_the_gravest(make):
    error = Failure(code=ExitCode.USAGE, message="predictions: nothere.csv does not exist", hint="did you mean there.csv?")
    broken = Report(stage="quality", id="q", outcome=Outcome.ERROR, summary="", error=error)
    noted = Report(
        stage="scan", id="s", outcome=Outcome.PASSED, summary="", findings=(Finding(rule="scan/x", level=Level.ERROR, message="m"),)
    )
    run = make(noted, broken, failures=(Failure(code=ExitCode.STAGE, message="left out of the merge: c", hint="run it again"),))
    assert [(item.finding.rule, item.finding.message, item.finding.hint, item.path) for item in located(run)[:2]] == [
        ("mlops-stage/error", "left out of the merge: c", "run it again", SYNTHETIC),
        ("quality/error", "q: predictions: nothere.csv does not exist", "did you mean there.csv?", SYNTHETIC),
    ]
    assert [item.finding.rule for item in located(run, errors=False)] == ["scan/x"]


def test_a_stage_that_cannot_tell_says_so_where_no_gate_does(make, runs):
    open_ = Report(stage="adversarial", id="a", outcome=Outcome.INCONCLUSIVE, summary="There are too few rows.")
    (item,) = located(make(open_))
    assert (item.finding.rule, item.finding.level, item.finding.message) == (
        "adversarial/inconclusive",
        Level.WARNING,
        "a: There are too few rows.",
    )
    assert item.url.endswith("rules.html#quality-gate")
    assert "quality/inconclusive" not in {item.finding.rule for item in located(runs("demo"))}


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("predictions.csv", "ml/credit/predictions.csv"),
        ("../shared/data.csv:3", "ml/shared/data.csv"),
        ("../../data.csv", "data.csv"),
        ("../../../secret", "ml/credit/eval.yaml"),
        ("/etc/passwd", "ml/credit/eval.yaml"),
        (".", "ml/credit/eval.yaml"),
        ("", "ml/credit/eval.yaml"),
    ],
)
def test_paths_begin_where_the_config_stands(make, location, path):
    finding = Finding(rule="scan/x", level=Level.ERROR, message="m", location=location)
    report = Report(stage="scan", id="s", outcome=Outcome.FAILED, summary="", findings=(finding,))
    run = replace(make(report), configs={"s": "ml/credit/eval.yaml"})
    assert [item.path for item in located(run)] == [path]
    assert located(run)[0].fingerprint != located(make(report))[0].fingerprint


@pytest.mark.parametrize("config", ["/etc/mlops.yaml", "../mlops.yaml", "https://x/mlops.yaml"])
def test_a_config_that_a_record_forges_is_none(make, config):
    run = replace(make(Report(stage="scan", id="s", outcome=Outcome.INCONCLUSIVE, summary="")), configs={"s": config})
    assert located(run)[0].path == SYNTHETIC
