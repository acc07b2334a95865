"""What only GitLab does: installing in a job, the rules of inputs, and the other ways to include a component."""

import shutil
from dataclasses import replace

import pytest

import stages

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return stages.project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def execute(gitlab, load, project):
    def run(text, *options):
        (project / ".gitlab-ci.yml").write_text(text)
        load("gitlab").commit(project)
        return gitlab.pipeline(project, *options)

    return run


COMPONENTS = "$CI_SERVER_FQDN/mlops/components"


def test_a_job_whose_image_has_only_python_installs_by_hash(load, gitlab, project, tmp_path):
    """The scripts that stand in the component build an environment; `mlops-stage` is not on PATH."""
    bare = replace(gitlab, bin=tmp_path)
    (project / ".gitlab-ci.yml").write_text(
        f"include:\n  - component: {COMPONENTS}/scan@{load('gitlab').VERSION}\n    inputs: {{install: index, model: model.onnx}}\n"
    )
    load("gitlab").commit(project)
    done = bare.pipeline(project)
    assert done.jobs == {"mlops-scan": ("passed", 0)}, done.text[-4000:]


def test_a_component_may_lie_in_the_repository_itself_or_be_included_as_a_file(execute, load, gitlab, project):
    version = load("gitlab").VERSION
    shutil.copytree(gitlab.components[f"mlops/components/{version}"] / "templates", project / "templates", dirs_exist_ok=True)
    done = execute(
        "include:\n  - {local: templates/scan.yml, inputs: {job-name: one, model: model.onnx}}\n"
        f"  - project: mlops/components\n    ref: {version}\n    file: templates/scan.yml\n    inputs: {{job-name: two, model: hostile.pkl}}\n"
    )
    assert done.jobs == {"one": ("passed", 0), "two": ("failed", 1)}, done.text[-4000:]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [("effort: slow", "effort"), ("seed: many", "seed"), ("seed: 3", "seed"), ("job-name: ''", "job-name")],
)
def test_a_wrong_input_makes_no_pipeline(execute, load, inputs, told):
    done = execute(f"include:\n  - component: {COMPONENTS}/quality@{load('gitlab').VERSION}\n    inputs: {{{inputs}}}\n", "--list-json")
    assert done.code == 1
    assert told in done.text
    assert "TypeError" not in done.text


def test_a_plugins_component_asks_for_the_image(execute):
    done = execute("include:\n  - component: $CI_SERVER_FQDN/acme/trial/trial@v1\n", "--list-json")
    assert done.code == 1
    assert "image" in done.text
