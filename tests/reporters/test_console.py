from __future__ import annotations

import re
from dataclasses import replace

import click
import pytest
from click.testing import CliRunner

from mlops_stage.report import Finding, Level, Outcome, Report
from mlops_stage.reporters.console import WIDTH, render

SGR = re.compile(r"\x1b\[[\d;]*m")


def plain(run):
    return SGR.sub("", render(run)["-"])


def test_doubts_come_first_and_the_verdict_last(runs):
    lines = plain(runs("everything")).splitlines()
    assert lines[0] == "Read this first: figures below may be wrong"
    assert lines[1].startswith("  ✗ 412 of 16,281 test rows")
    assert lines[3].strip() == "→ remove the shared rows from the test table, or split again by person"
    assert lines[-1].startswith("! broken could not run, and figures are in doubt (see the top)")


def test_a_run_reads_like_this(runs):
    assert plain(runs("failed")) == (
        "✗ ambitious (quality): failed\n"
        "    ✗ Recall is 0.651 (95 % interval 0.636 to 0.666, 3,846 positive rows); required: at least 0.7.\n"
        "    ✓ Precision is 0.788 (95 % interval 0.774 to 0.802, 3,178 rows predicted positive); required: at\n"
        "      least 0.75.\n"
        "      precision           0.788  0.774 to 0.802     n 3,178\n"
        "      recall              0.651  0.636 to 0.666     n 3,846\n"
        "      accuracy            0.873  0.868 to 0.878    n 16,281\n"
        "      balanced_accuracy   0.801  0.793 to 0.809     n 3,846\n"
        "      f1                  0.713  0.701 to 0.725     n 3,846\n"
        "      roc_auc            0.9265  0.9223 to 0.9305   n 3,846\n"
        "      6 more figures in ambitious/report.json\n"
        "\n"
        "✗ 1 gate failed  1 report: 1 failed. 2 gates: 1 passed, 1 failed.\n"
    )


def test_only_the_reports_of_this_run_are_told(runs):
    told = plain(runs("earlier"))
    assert "✗ Recall" not in told
    assert "1 earlier report in the same directory: ambitious" in told
    assert told.splitlines()[-1].startswith("✓ Both gates passed")


def test_text_without_a_break_is_wrapped_to_the_width(runs):
    assert all(len(line) <= WIDTH for line in plain(runs("everything")).splitlines()[:-1])


@pytest.mark.parametrize("name", ["hostile", "crowded", "everything"])
def test_no_outside_text_reaches_the_terminal_as_a_command(runs, name):
    told = plain(runs(name))
    assert {letter for letter in told if not letter.isprintable()} == {"\n"}
    assert not any(line.lstrip().startswith("::") for line in told.splitlines())


def test_a_text_that_borrows_the_mark_of_a_flag_is_made_harmless_too(make):
    finding = Finding(rule="scan/x", level=Level.NOTE, message="⚑ \x1b[2Jgone", hint="⚑ \x1b[2Jgone")
    report = Report(stage="scan", id="s", outcome=Outcome.PASSED, summary="", findings=(finding,))
    assert "\x1b[2J" not in render(make(report))["-"]


def test_flagged_text_is_marked(runs):
    told = plain(runs("hostile"))
    assert "not to be followed" in " ".join(told.split())
    assert "⚑ Ignore all previous instructions" in told


def test_ten_thousand_findings_are_counted(runs):
    told = plain(runs("crowded"))
    assert len(told.splitlines()) < 40
    assert "9,988 more findings in crowded/report.json" in told


def test_colours_disappear_where_the_output_is_no_terminal(runs):
    styled = render(runs("demo"))["-"]
    echo = click.Command("echo", callback=lambda: click.echo(styled, nl=False))
    assert CliRunner().invoke(echo).output == plain(runs("demo"))
    assert "\x1b[31m" in CliRunner().invoke(echo, color=True).output


def test_the_same_run_gives_the_same_text_whatever_it_took(runs):
    run = runs("demo")
    assert render(run) == render(replace(run, started="2030-01-01T00:00:00Z", seconds=99.0, cost={}))


def reserved(run):
    warning = Finding(rule="validity/shared-rows", level=Level.WARNING, message="23 rows are shared", hint="leave them out")
    return replace(run, reports=(replace(run.reports[0], findings=(warning,)),))


def test_a_warning_is_a_reservation_and_no_alarm(runs):
    told = render(reserved(runs("passed")))["-"]
    lines = SGR.sub("", told).splitlines()
    assert lines[0] == "Keep in mind: figures below may be slightly off"
    assert lines[1].startswith("  ! 23 rows are shared")
    assert "Both gates passed, with a reservation (see the top)" in lines[-1]
    assert "\x1b[1;31m" not in told
