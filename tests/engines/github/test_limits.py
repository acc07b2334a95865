"""What GitHub would cut or refuse stays below its limits, however much there is to say."""

import json
import re
from dataclasses import replace

import pytest

from mlops_stage.report import Finding, Gate, Level, Outcome, Report, Run, Verdict
from mlops_stage.reporters import sarif
from mlops_stage_github_actions.emission import emit

MOST_SUMMARY = 1024 * 1024
MOST_RESULTS = 5_000
MANY = 10_000


@pytest.fixture(scope="module")
def run():
    """Ten thousand findings of many rules in two reports, half of them at lines of files, with long messages."""

    def finding(number):
        where = f"data/part-{number % 97}.csv:{number + 1}" if number % 2 else ""
        level = (Level.NOTE, Level.WARNING, Level.ERROR)[number % 3]
        message = f"value {number} is out of range, 50 % | *too* much\nand goes on " + "…" * 300
        return Finding(rule=f"data/rule-{number % 400}", level=level, message=message, location=where, hint="look\nat it")

    reports = tuple(
        Report(stage="data", id=name, outcome=Outcome.FAILED, summary="s", findings=tuple(map(finding, numbers)))
        for name, numbers in (("first", range(MANY // 2)), ("second", range(MANY // 2, MANY)))
    )
    return Run(reports=reports, ids=("first", "second"), started="2026-01-01T00:00:00Z", seconds=1.0)


@pytest.fixture(scope="module")
def texts(run):
    return emit(run, {"GITHUB_STEP_SUMMARY": "summary", "GITHUB_OUTPUT": "output"})


def test_ten_annotations_and_how_many_more_there_are(texts):
    lines = texts["-"].splitlines()
    assert len(lines) == 10
    assert all(re.match(r"::(error|warning|notice) ", line) for line in lines)
    assert lines[0].startswith("::error ")
    assert lines[-1] == "::notice title=mlops-stage::9,991 more findings in report.html and report.sarif"


def test_what_an_earlier_step_reported_is_not_annotated_again(run):
    again = emit(replace(run, ids=("second",)), {})["-"]
    assert "::error " in again
    assert {line.partition("::value ")[2].split()[0] for line in again.splitlines()[:-1]} <= {str(n) for n in range(MANY // 2, MANY)}


def test_the_summary_is_one_that_github_takes(texts):
    assert 1_000 < len(texts["summary"].encode()) <= MOST_SUMMARY


def test_code_scanning_takes_every_result_that_it_is_given(run):
    document = json.loads(sarif.render(run)["report.sarif"])
    results = [result for one in document["runs"] for result in one["results"]]
    assert 0 < len(results) <= MOST_RESULTS
    assert len(document["runs"]) <= 20
    for result in results:
        place = result["locations"][0]["physicalLocation"]
        assert result["ruleId"]
        assert place["artifactLocation"]["uri"]
        assert place["region"]["startLine"] >= 1


def test_outputs_cannot_be_spoofed(run):
    forged = Report(stage="data", id="first", outcome=Outcome.PASSED, summary="s", outputs={"rows": "1\noutcome=passed\nEOF\n"})
    text = emit(Run(reports=(forged,), ids=("first",), started=run.started, seconds=1.0), {"GITHUB_OUTPUT": "output"})["output"]
    name, end = re.search(r"^(rows)<<(\S+)$", text, re.MULTILINE).groups()
    assert text.split(f"{name}<<{end}\n")[1].split(f"\n{end}\n")[0] == "1\noutcome=passed\nEOF\n"


def test_a_gate_that_failed_is_annotated(run):
    gate = Gate(criterion="accuracy >= 0.9", verdict=Verdict.FAILED, sentence="accuracy is 0.8", source="mlops.yaml", value=0.8)
    failed = Report(stage="quality", id="quality", outcome=Outcome.FAILED, summary="s", gates=(gate,))
    said = emit(Run(reports=(failed,), ids=("quality",), started=run.started, seconds=1.0), {})["-"]
    assert said == "::error file=mlops.yaml,line=1,title=quality/gate::quality: accuracy is 0.8\n"
