from __future__ import annotations

import math

import pytest

from mlops_stage.errors import ExitCode
from mlops_stage.estimates import NotEstimable, Point, Rate, Ratio, Sampled
from mlops_stage.report import Failure, Outcome, Report
from mlops_stage.reporters.words import headline, interval, number, rows, rule_url, spelled


@pytest.mark.parametrize(
    ("name", "outcome", "title"),
    [
        ("passed", "passed", "Both gates passed"),
        ("failed", "failed", "1 gate failed"),
        ("inconclusive", "inconclusive", "Not enough evidence to tell"),
        ("not_applicable", "not_applicable", "Nothing applied"),
        ("error", "error", "broken could not run"),
        ("demo", "failed", "1 gate failed"),
        ("everything", "error", "broken could not run"),
        ("empty", "not_applicable", "Nothing ran"),
    ],
)
def test_the_headline_tells_the_gravest_first(runs, name, outcome, title):
    run = runs(name)
    told = headline(run.reports, run.failures)
    assert (told.outcome, told.title) == (Outcome(outcome), title)


def test_the_headline_counts_reports_and_gates(runs):
    assert headline(runs("demo").reports).sentence == (
        "4 reports: 2 passed, 1 failed, 1 inconclusive. 8 gates: 5 passed, 1 failed, 2 inconclusive."
    )


def test_a_fault_outside_the_stages_is_an_error_even_when_all_passed(runs):
    told = headline(runs("passed").reports, [Failure(code=ExitCode.INTERNAL, message="a reporter failed")])
    assert (told.outcome, told.title) == (Outcome.ERROR, "The run itself met an error")


def test_an_interrupted_run_says_so_and_not_that_something_broke(runs):
    told = headline(runs("passed").reports, [Failure(code=ExitCode.INTERRUPTED, message="interrupted")])
    assert (told.outcome, told.title) == (Outcome.ERROR, "The run was interrupted")


def test_a_failed_report_without_gates_is_named():
    report = Report(stage="data", id="orders", outcome=Outcome.FAILED, summary="broken")
    assert headline([report]).title == "orders failed"


def test_a_value_has_the_digits_that_its_interval_supports():
    few, many = spelled(Rate(8, 10)), spelled(Rate(8_000_000, 10_000_000))
    assert (few.value, few.interval, few.n) == ("0.80", "0.49 to 0.94", "10")
    assert (many.value, many.interval, many.n) == ("0.80000", "0.79975 to 0.80025", "10,000,000")


def test_a_large_figure_has_no_digits_behind_the_point():
    told = spelled(Sampled.from_normal(41_234.56, 500, 800))
    assert (told.value, told.interval) == ("41,235", "39,667 to 42,803")


def test_a_point_has_no_interval():
    told = spelled(Point(0.85341))
    assert (told.value, told.interval, told.n) == ("0.8534", "", "")


def test_what_cannot_be_estimated_is_no_zero():
    told = spelled(NotEstimable(0, "no positives"))
    assert (told.value, told.interval, told.n, told.reason) == ("–", "", "0", "no positives")  # noqa: RUF001  (the dash that pages show)


def test_an_interval_without_end_says_so():
    estimate = Ratio(Rate(5, 10), Rate(1, 10_000))
    assert math.isfinite(interval(estimate)[1])
    assert spelled(Ratio(Rate(5, 10), Sampled.from_normal(0.1, 10, 0.5, low=0))).interval.endswith(" or more")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (16_281.0, "16,281"),
        (0.12345, "0.1235"),
        (12.3456, "12.35"),
        (1234.5, "1,234"),
        (0.0001234, "0.000123"),
        (1.2e-7, "1.2e-07"),
        (-1.5, "-1.500"),
        (3.2e12, "3,200,000,000,000"),
        (3.25e17, "3.25e+17"),
        (math.inf, "inf"),
    ],
)
def test_numbers_are_short(value, shown):
    assert number(value) == shown


def test_a_rounded_negative_has_no_minus_before_zero():
    assert number(-0.00001, 3) == "-1e-05"
    assert number(-0.0004, 3) == "-0.0004"
    assert number(-0.0005, 3) in {"-0.001", "0.000"}


def test_weighted_rows_show_a_tenth_only_when_few():
    assert (rows(7.25), rows(16_281.4), rows(12.0)) == ("7.2", "16,281", "12")


def test_a_rule_leads_to_its_anchor_and_a_foreign_one_nowhere():
    ours = Report(stage="quality", id="q", outcome=Outcome.PASSED, summary="", plugin={"name": "mlops-stage"})
    theirs = Report(stage="quality", id="q", outcome=Outcome.PASSED, summary="", plugin={"name": "acme"})
    assert rule_url("quality/small-slice", ours).endswith("/reference/rules.html#quality-small-slice")
    assert rule_url("quality/small-slice", theirs) == ""
    assert '"' not in rule_url('x" onclick="y', ours)
