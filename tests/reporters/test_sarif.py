from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from mlops_stage.reporters.sarif import MOST, render

SCHEMA = Draft4Validator(json.loads((Path(__file__).parents[1] / "schemas" / "sarif-2.1.0-rtm.5.json").read_text()))


def read(run):
    return json.loads(render(run)["report.sarif"].encode())["runs"][0]


@pytest.mark.parametrize("name", ["demo", "everything", "error", "hostile", "empty"])
def test_every_run_satisfies_the_official_schema(runs, name):
    SCHEMA.validate(json.loads(render(runs(name))["report.sarif"]))


def test_every_result_has_what_consumers_refuse_to_miss(any_run):
    run = read(any_run)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"note", "warning", "error"}
        assert result["message"]["text"]
        assert place["region"]["startLine"] >= 1
        assert place["artifactLocation"]["uri"].isascii()
        assert not place["artifactLocation"]["uri"].startswith(("/", ".."))
        assert ":" not in place["artifactLocation"]["uri"]


def test_findings_and_open_gates_are_results(runs):
    found = [(result["ruleId"], result["level"]) for result in read(runs("everything"))["results"]]
    assert found == [
        ("validity/shared-rows", "error"),
        ("quality/gate", "error"),
        ("quality/gate", "warning"),
        ("quality/gate", "warning"),
        ("quality/small-slice", "warning"),
    ]


def test_a_rule_leads_to_the_documentation(runs):
    rules = {rule["id"]: rule["helpUri"] for rule in read(runs("everything"))["tool"]["driver"]["rules"]}
    assert rules["validity/shared-rows"].endswith("#validity-shared-rows")


def test_ten_thousand_findings_are_cut_to_the_gravest_with_a_note(runs):
    run = read(runs("crowded"))
    levels = [result["level"] for result in run["results"]]
    assert len(levels) == MOST
    assert levels == ["error"] * 3_334 + ["warning"] * 1_666
    assert run["results"][0]["ruleId"] == "scan/gate"
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].startswith("5,001 more results")


def test_what_could_not_run_is_a_notification_and_no_result(runs):
    run = read(runs("everything"))
    invocation = run["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 4
    assert [note["message"]["text"] for note in invocation["toolExecutionNotifications"]] == [
        "broken: data/test.parquet has no column 'incme' (did you mean 'income'?)",
        "the reporter 'chat' of acme failed: KeyError: 'x' (its page is missing)",
    ]
    assert read(runs("demo"))["invocations"][0]["executionSuccessful"] is True


def test_a_message_cannot_hold_a_link(runs):
    texts = [result["message"]["text"] for result in read(runs("hostile"))["results"]]
    assert not any("](" in text for text in texts)
