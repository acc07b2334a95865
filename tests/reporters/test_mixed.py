"""Reports of earlier runs beside those of this one: told apart by what they are about."""

from __future__ import annotations

from mlops_stage.report import Outcome, Report, Run, Subject
from mlops_stage.reporters import console, markdown, mixed


def report(name, **digests):
    subjects = tuple(Subject(role=role, name=f"{role}.file", sha256=letter * 64) for role, letter in digests.items())
    return Report(stage="quality", id=name, outcome=Outcome.PASSED, summary="Fine.", subjects=subjects)


def run(*reports, own=("own",)):
    return Run(reports=reports, ids=own, started="2026-01-01T00:00:00Z", seconds=1.0)


def test_only_what_both_judged_can_differ():
    own = report("own", model="a", data="b")
    assert mixed.strangers(run(own, report("same", model="a", data="b"))) == {}
    assert mixed.strangers(run(own, report("table", data="b", predictions="c"))) == {}
    assert mixed.strangers(run(own, report("help", model="a", train="z", baseline="y"))) == {}
    assert mixed.strangers(run(own, report("old", model="f", data="b"))) == {"old": "another model"}
    assert mixed.strangers(run(own, report("old", model="f", data="e"))) == {"old": "another model and other data"}


def test_a_run_may_judge_several_models_itself():
    two = (report("one", model="a"), report("two", model="b"))
    assert mixed.strangers(run(*two, own=("one", "two"))) == {}
    assert mixed.strangers(run(*two, report("old", model="b"), own=("one", "two"))) == {}


def test_every_page_says_it():
    both = run(report("own", model="a"), report("old", model="f"))
    sentence = "not all reports are about the same files: from earlier runs come old about another model"
    assert sentence in " ".join(console.render(both)["-"].split())
    assert sentence in markdown.render(both)["summary.md"]


def test_many_of_them_are_counted():
    found = {f"r{place}": "another model" for place in range(11)}
    assert mixed.told(found).endswith("and r7 about another model and 3 more")


def test_what_several_are_about_is_said_once():
    found = {"scan": "another model", "data": "other data", "sign": "another model"}
    assert mixed.told(found).endswith("come scan and sign about another model and data about other data")
