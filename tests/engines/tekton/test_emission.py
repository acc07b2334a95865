"""Results of a step: what they say, and that they stay small together whatever a stage says."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_stage.errors import ExitCode
from mlops_stage.report import Failure, Gate, Outcome, Report, Run, Subject, Verdict, to_json
from mlops_stage_tekton import emission, project

ENV = {"MLOPS_STAGE_RESULTS": "/tekton/results/outcome"}
GATE = Gate(criterion="accuracy >= 0.8", verdict=Verdict.PASSED, sentence="Accuracy is high enough.", source="default")
REPORT = Report(
    stage="quality",
    id="quality",
    outcome=Outcome.PASSED,
    summary="Good.",
    gates=(GATE,),
    subjects=(Subject(role="model", name="models/my model.onnx", sha256="b" * 64),),
    outputs={"primary_value": "0.85"},
)


def run_of(*reports, **more):
    return Run(reports=reports, ids=tuple(report.id for report in reports), started="2026-01-01T00:00:00Z", seconds=1.0, **more)


def results(run, **env):
    return {path.removeprefix("/tekton/results/"): text for path, text in emission.emit(run, {**ENV, **env}).items()}


def test_only_a_step_that_says_where_results_go_is_told():
    assert emission.detect(ENV)
    assert not emission.detect({})
    assert not emission.detect({"MLOPS_STAGE_RESULTS": ""})


def test_the_results_of_one_report():
    found = results(run_of(REPORT), MLOPS_INPUT_OUT="out dir")
    digest = "sha256:" + hashlib.sha256(to_json(REPORT).encode()).hexdigest()
    assert found["outcome"] == "passed"
    assert found["report-digest"] == digest
    assert found["primary-value"] == "0.85"
    assert json.loads(found["ARTIFACT_OUTPUTS"]) == {"uri": "out%20dir/quality/report.json", "digest": digest, "isBuildArtifact": "true"}
    assert json.loads(found["ARTIFACT_INPUTS"]) == {"uri": "models/my%20model.onnx", "digest": f"sha256:{'b' * 64}"}
    assert json.loads(found["TEST_OUTPUT"]) == {
        "result": "SUCCESS",
        "timestamp": "2026-01-01T00:00:01Z",
        "namespace": "mlops-stage",
        "successes": 1,
        "failures": 0,
        "warnings": 0,
        "note": "The gate passed",
    }


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Outcome.PASSED, "SUCCESS"),
        (Outcome.FAILED, "FAILURE"),
        (Outcome.INCONCLUSIVE, "WARNING"),
        (Outcome.NOT_APPLICABLE, "SKIPPED"),
        (Outcome.ERROR, "ERROR"),
    ],
)
def test_every_outcome_has_its_word(outcome, word):
    assert json.loads(results(run_of(replace(REPORT, outcome=outcome)))["TEST_OUTPUT"])["result"] == word


def test_of_several_reports_the_gravest_counts_and_none_lends_its_name():
    found = results(run_of(REPORT, replace(REPORT, id="data", stage="data", outcome=Outcome.FAILED)))
    assert set(found) == {"outcome", "TEST_OUTPUT"}
    assert found["outcome"] == "failed"
    assert json.loads(found["TEST_OUTPUT"])["successes"] == 2


def test_reports_of_earlier_runs_change_nothing():
    earlier = replace(REPORT, id="data", stage="data", outcome=Outcome.FAILED)
    found = results(replace(run_of(REPORT, earlier), ids=("quality",)))
    assert found["outcome"] == "passed"
    assert json.loads(found["TEST_OUTPUT"])["successes"] == 1


def test_what_went_wrong_beside_the_stages_is_an_error():
    failure = Failure(code=ExitCode.INTERNAL, message="reporter 'x' failed", hint="")
    assert results(run_of(REPORT, failures=(failure,)))["outcome"] == "error"


@pytest.mark.parametrize("length", [10, 200, 5000])
@pytest.mark.parametrize("letter", ["a", "ü", "\n", "<", "\x01"])
def test_the_results_stay_small_and_what_is_left_out_is_told(length, letter):
    outputs = {f"output_{number}": letter * length for number in range(20)}
    subject = Subject(role="model", name=letter * length, sha256="b" * 64)
    found = results(run_of(replace(REPORT, outputs=outputs, subjects=(subject,))), MLOPS_INPUT_OUT="o" * length)
    said = found.pop("-", "")
    assert sum(len(name.encode()) + len(text.encode()) for name, text in found.items()) < 1024
    assert {"outcome", "TEST_OUTPUT", "report-digest"} <= set(found)
    every = {f"output-{number}" for number in range(20)} | {
        "outcome",
        "TEST_OUTPUT",
        "report-digest",
        "ARTIFACT_OUTPUTS",
        "ARTIFACT_INPUTS",
    }
    assert bool(said) == bool(every - set(found))
    assert all(name in said for name in every - set(found))


def test_a_stage_cannot_overrule_a_result_of_ours():
    found = results(run_of(replace(REPORT, outputs={"report_digest": "x", "outcome": "passed"}, outcome=Outcome.FAILED)))
    assert found["outcome"] == "failed"
    assert found["report-digest"].startswith("sha256:")


@pytest.mark.parametrize("place", [".tekton/pull.yaml", "tekton/pipeline.yml", "pipeline.yaml"])
def test_a_repository_with_something_of_tektons(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("# ours\napiVersion: tekton.dev/v1\nkind: Pipeline\n")
    assert project.present(tmp_path)


def test_a_repository_without(tmp_path):
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s/deploy.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\n")
    (tmp_path / "deep/down").mkdir(parents=True)
    (tmp_path / "deep/down/task.yaml").write_text("apiVersion: tekton.dev/v1\n")
    (tmp_path / "ci").symlink_to(tmp_path / "deep/down")
    assert not project.present(tmp_path)


def test_the_snippet_is_the_block_of_the_how_to_and_of_the_example(tmp_path):
    docs = Path(__file__).parents[3] / "docs"
    for page in ("how-to/use-in-tekton.md", "examples/tekton/one-task.yaml"):
        assert project.snippet(tmp_path) in (docs / page).read_text(encoding="utf-8")
