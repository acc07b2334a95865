from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mlops_stage.reporters.junit import render

SCHEMA = Path(__file__).parents[1] / "schemas" / "jenkins-junit-10.xsd"


@pytest.fixture(scope="module")
def schema():
    import xmlschema  # dear to import, and of all tests these alone need it

    return xmlschema.XMLSchema(SCHEMA)


def read(run):
    return ET.fromstring(render(run)["junit.xml"].encode())  # noqa: S314  (our own text)


def test_every_run_satisfies_the_schema_that_jenkins_publishes(any_run, schema):
    schema.validate(render(any_run)["junit.xml"])


def test_the_schema_is_not_a_formality(schema):
    assert not schema.is_valid("<testsuites><testsuite/></testsuites>")
    assert not schema.is_valid("<testsuites><testcase/></testsuites>")


def test_one_suite_per_report_and_one_case_per_gate(runs):
    suites = read(runs("demo")).findall("testsuite")
    assert [(suite.get("name"), suite.get("tests")) for suite in suites] == [
        ("candidate", "2"),
        ("against_baseline", "2"),
        ("ambitious", "2"),
        ("small_groups", "2"),
    ]
    case = suites[0].find("testcase")
    assert (case.get("classname"), case.get("name")) == ("mlops_stage.quality.candidate", "accuracy >= 0.86")


def test_verdicts_become_failure_skipped_and_error(runs):
    suites = {suite.get("name"): suite for suite in read(runs("everything"))}
    counts = {name: tuple(suite.get(kind) for kind in ("failures", "skipped", "errors")) for name, suite in suites.items()}
    assert counts == {
        "candidate": ("0", "0", "0"),
        "against_baseline": ("0", "0", "0"),
        "ambitious": ("1", "0", "0"),
        "small_groups": ("0", "2", "0"),
        "sbom": ("0", "1", "0"),
        "broken": ("0", "0", "1"),
        "run": ("0", "0", "1"),
    }
    assert "Recall is 0.651" in suites["ambitious"].find("testcase/failure").get("message")
    assert "579 of " in suites["small_groups"].find("testcase/skipped").get("message")
    assert suites["broken"].find("testcase/error").text.strip() == "did you mean 'income'?"


def test_inconclusive_is_a_failure_where_the_report_is_told_so(runs):
    run = runs("inconclusive")
    strict = replace(run, reports=(replace(run.reports[0], params={"on_inconclusive": "fail"}),))
    assert read(strict).find("testsuite").get("failures") == "2"


def test_doubts_are_told_with_the_suite(runs):
    assert "validity/shared-rows" in read(runs("everything")).find("testsuite/system-out").text


def test_hostile_text_stays_text(runs):
    cases = read(runs("hostile")).findall("testsuite/testcase")
    assert cases[0].find("error").get("message") == "! <script>alert(1)</script>"


def test_a_gate_of_that_name_is_counted_by_its_element_not_by_its_text(runs, make):
    report = replace(
        runs("passed").reports[0], gates=(replace(runs("passed").reports[0].gates[0], sentence="<failure >", criterion="<error "),)
    )
    suite = read(make(report)).find("testsuite")
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def test_there_are_no_times(runs):
    assert " time=" not in render(runs("demo"))["junit.xml"]
