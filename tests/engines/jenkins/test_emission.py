"""What the library reads of a run, and how a repository with a pipeline is known."""

import pytest

from mlops_stage.report import Outcome, Report, Run
from mlops_stage_jenkins.emission import OUTPUTS, detect, emit
from mlops_stage_jenkins.project import present, snippet


def report(name: str, **outputs: str) -> Report:
    return Report(stage="data", id=name, outcome=Outcome.PASSED, summary="Fine.", outputs=outputs)


def run(*reports: Report, ids: tuple[str, ...]) -> Run:
    return Run(reports=reports, ids=ids, started="2026-01-01T00:00:00Z", seconds=1.0)


def test_only_the_library_is_told():
    assert detect({OUTPUTS: "outputs.env"})
    assert not detect({"JENKINS_URL": "https://jenkins.example/"})


def test_outputs_of_the_only_stage_stand_by_their_own_names_too():
    told = emit(run(report("data", drifted="true"), ids=("data",)), {OUTPUTS: "file"})
    assert told == {"file": "outcome=passed\ndata_outcome=passed\ndata_drifted=true\ndrifted=true\n"}


def test_outputs_of_several_bear_their_ids_and_those_of_earlier_runs_are_not_told():
    told = emit(run(report("old", a="1"), report("one", a="2"), report("two", a="3"), ids=("one", "two")), {OUTPUTS: "file"})
    assert told["file"].splitlines() == ["outcome=passed", "one_outcome=passed", "one_a=2", "two_outcome=passed", "two_a=3"]


def test_a_value_with_line_ends_sets_no_other_output():
    told = emit(run(report("data", a="x\noutcome=failed"), ids=("data",)), {OUTPUTS: "file"})
    assert "data_a=x outcome=failed\n" in told["file"]
    assert "\noutcome=failed" not in told["file"]


@pytest.mark.parametrize("name", ["Jenkinsfile", "Jenkinsfile.release", "nightly.jenkinsfile", "jenkins/Jenkinsfile"])
def test_a_repository_with_a_pipeline_is_known(tmp_path, name):
    assert not present(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("node { }\n")
    assert present(tmp_path)


def test_the_snippet_holds_the_step_and_says_where_the_library_lies(tmp_path):
    assert "mlopsStage(source: 'mlops-stage')" in snippet(tmp_path)
    assert "@Library('mlops') _" in snippet(tmp_path)
    assert "plugins/jenkins" in snippet(tmp_path)
