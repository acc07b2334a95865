"""What the library reads of a run, and how a repository with a pipeline is known."""

from pathlib import Path

import pytest

from mlops_stage.report import Outcome, Report, Run
from mlops_stage_jenkins.emission import OUTPUTS, detect, emit
from mlops_stage_jenkins.project import present, snippet

SAMPLES = Path(__file__).parents[3] / "docs/examples/jenkins"


def report(name: str, **outputs: str) -> Report:
    return Report(stage="data", id=name, outcome=Outcome.PASSED, summary="Fine.", outputs=outputs)


def run(*reports: Report, ids: tuple[str, ...]) -> Run:
    return Run(reports=reports, ids=ids, started="2026-01-01T00:00:00Z", seconds=1.0)


def test_only_the_library_is_told():
    assert detect({OUTPUTS: "outputs.env"})
    assert not detect({"JENKINS_URL": "https://jenkins.example/"})


def test_outputs_of_the_only_stage_stand_by_their_own_names_too():
    told = emit(run(report("data", drifted="true"), ids=("data",)), {OUTPUTS: "file"})
    assert told["file"] == "outcome=passed\ndata_outcome=passed\ndata_drifted=true\ndrifted=true\noutcome.sentence=Fine.\n"


def test_outputs_of_several_bear_their_ids_and_those_of_earlier_runs_are_not_told():
    told = emit(
        run(report("old", a="1"), report("one", a="2"), report("two", a="3"), ids=("one", "two")),
        {OUTPUTS: "file", "MLOPS_INPUT_OUT": "of"},
    )
    assert set(told) == {"file", "of/this-call.junit.xml", "of/this-call.sarif"}
    assert 'name="old"' not in told["of/this-call.junit.xml"]
    assert told["file"].splitlines()[:-1] == ["outcome=passed", "one_outcome=passed", "one_a=2", "two_outcome=passed", "two_a=3"]


def test_a_value_with_line_ends_sets_no_other_output():
    told = emit(run(report("data", a="x\r\noutcome=failed  \tas it is"), ids=("data",)), {OUTPUTS: "file"})
    assert "data_a=x outcome=failed  \tas it is\n" in told["file"]
    assert "\noutcome=failed" not in told["file"]


def test_of_a_run_that_made_no_report_nothing_is_told():
    assert emit(run(report("old"), ids=()), {OUTPUTS: "file"}) == {}


@pytest.mark.parametrize("name", ["Jenkinsfile", "Jenkinsfile.release", "nightly.jenkinsfile", "jenkins/Jenkinsfile"])
def test_a_repository_with_a_pipeline_is_known(tmp_path, name):
    assert not present(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("node { }\n")
    assert present(tmp_path)


@pytest.mark.parametrize(
    ("there", "sample"),
    [("", "one-stage"), ("pipeline {\n}\n", "one-stage"), ("node { }\n", "one-stage.scripted")],
    ids=["none", "declarative", "scripted"],
)
def test_the_snippet_is_the_stage_of_the_sample_in_the_form_of_the_pipeline_that_is_there(tmp_path, there, sample):
    if there:
        (tmp_path / "Jenkinsfile").write_text(there)
    said = snippet(tmp_path)
    assert said.startswith("// at the top; ")
    assert "plugins/jenkins" in said
    text = dedent_lines((SAMPLES / f"{sample}.jenkinsfile").read_text())
    stage = dedent_lines(said.split("stage('Model') {")[1])
    assert any(line.startswith("@Library('mlops') _") for line in text)
    assert [line for line in stage if line not in text] == []
    assert ("steps {" in stage) == (sample == "one-stage")


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("@Library('mine@2') _\nnode { }\n", "@Library(['yours', 'mlops']) _"),
        ("@Library(value=['mine', 'theirs'], changelog=false) _\nnode { }\n", "@Library(['yours', 'mlops']) _"),
        ("@Library(['mine', 'mlops@v0.1.0']) _\nnode { }\n", "@Library('mlops') _"),
        ("node { }\n", "@Library('mlops') _"),
    ],
)
def test_a_library_that_the_pipeline_loads_already_goes_into_the_one_line(tmp_path, there, asked):
    """Groovy refuses the second line: the script "already contains a variable of the name _"."""
    (tmp_path / "Jenkinsfile").write_text(there)
    said = snippet(tmp_path)
    assert [line for line in said.splitlines() if line.startswith("@Library")] == [asked]
    assert "a second such line fails" in said


def dedent_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
