from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mlops_stage.reporters.codequality import MOST, render

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parents[1] / "schemas" / "gitlab-codequality.json").read_text()))


def read(run):
    return json.loads(render(run)["codequality.json"].encode())


def test_every_run_satisfies_the_fields_that_gitlab_documents(any_run):
    SCHEMA.validate(read(any_run))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "./x", "C:\\x"])
def test_the_schema_refuses_paths_that_gitlab_cannot_place(path):
    issue = {
        "description": "d",
        "check_name": "c",
        "fingerprint": "f",
        "severity": "info",
        "location": {"path": path, "lines": {"begin": 1}},
    }
    assert not SCHEMA.is_valid([issue])


def test_severity_follows_what_a_reviewer_must_do(runs):
    severities = {(issue["check_name"], issue["severity"]) for issue in read(runs("everything"))}
    assert severities == {
        ("validity/shared-rows", "blocker"),
        ("mlops-stage/error", "critical"),
        ("quality/error", "critical"),
        ("quality/gate", "critical"),
        ("quality/gate", "minor"),
        ("quality/small-slice", "minor"),
    }


def test_fingerprints_are_unique_and_the_same_in_every_run(runs):
    first, second = read(runs("crowded")), read(runs("crowded"))
    prints = [issue["fingerprint"] for issue in first]
    assert len(set(prints)) == len(prints)
    assert prints == [issue["fingerprint"] for issue in second]


def test_too_many_are_cut_with_a_count(runs):
    issues = read(runs("crowded"))
    assert len(issues) == MOST + 1
    assert issues[-1]["description"].startswith("5,001 more findings")
    assert issues[0]["severity"] == "critical"


def test_the_hint_stands_with_the_message(runs):
    assert "split again by person" in read(runs("everything"))[0]["description"]
