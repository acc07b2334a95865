"""What only GitLab does: installing in a job, the rules of inputs, and the other ways to include a component."""

import hashlib
import importlib.util
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import stages
from mlops_stage import host, native
from mlops_stage.adapter import Layout
from mlops_stage_gitlab.project import snippet

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
CATALOGUE = host.discover({host.ALLOW_LIST: "none"})
_spec = importlib.util.spec_from_file_location("tiny_index", Path(__file__).parents[2] / "native" / "index.py")
index = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(index)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return stages.project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def execute(light, load, project):
    def run(text, *options):
        (project / ".gitlab-ci.yml").write_text(text)
        load("gitlab").commit(project)
        return light.pipeline(project, *options)

    return run


COMPONENTS = "$CI_SERVER_FQDN/mlops/components"


MAIN = """
import os, pathlib, sys
out = pathlib.Path(os.environ["MLOPS_INPUT_OUT"])
out.mkdir(parents=True)
(out / "said.txt").write_text(f"{sys.argv[1:]} {os.environ['MLOPS_INPUT_MODEL']} {sys.prefix}")
sys.exit(5)
"""


def test_a_job_whose_image_has_only_python_installs_a_release_by_its_hash(load, gitlab, project, tmp_path):
    """The scripts that stand in the component build an environment from a folder of wheels: here a release that only says what it was called with."""
    files = {"mlops_stage/__init__.py": "", "mlops_stage/__main__.py": MAIN, "mlops_stage/native/locks/core.txt": ""}
    wheel = index.wheel("mlops_stage", "9.1", files)
    layout = Layout(kind="vendor", version="9.1", wheel_sha256=hashlib.sha256(wheel).hexdigest())
    native.write(tmp_path, native.files(CATALOGUE, native.chosen(CATALOGUE, ["gitlab"]), layout))
    (project / "wheels").mkdir()
    (project / "wheels/mlops_stage-9.1-py3-none-any.whl").write_bytes(wheel)
    (project / ".gitlab-ci.yml").write_text(
        "include:\n  - component: $CI_SERVER_FQDN/mlops/tiny/scan@9.1.0\n"
        "    inputs: {image: any-python, wheels: wheels, model: $(touch PWNED) m.onnx}\n"
    )
    load("gitlab").commit(project)
    bare = replace(gitlab, bin=tmp_path, components={"mlops/tiny/9.1.0": tmp_path})
    done = bare.pipeline(project)
    assert done.jobs == {"mlops-scan": ("amber", 5)}, done.text[-4000:]
    said = (load("gitlab").artifacts(project, "mlops-scan") / "mlops-out/mlops-scan/said.txt").read_text()
    assert said.startswith(f"['scan'] $(touch PWNED) m.onnx {gitlab.env['MLOPS_STAGE_ENVIRONMENTS']}/")


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


def listed(done):
    assert done.code == 0, done.text
    return {job["name"]: job for job in json.loads(done.text[done.text.index("[\n") :])}


PART = re.compile(r"^<!-- not run: part of a .gitlab-ci.yml -->\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_parts_of_a_pipeline_that_the_page_shows_are_taken_together(execute):
    """They need runners and caches of one's own; that they fit the components is seen without running a job."""
    parts = [YAML(typ="safe").load(text) for text in PART.findall((ROOT / "docs/how-to/use-in-gitlab.md").read_text(encoding="utf-8"))]
    whole = {name: item for part in parts for name, item in part.items()}
    included = [item for part in parts for item in part.get("include", ())]
    for name in ("full-pipeline", "quality"):
        included.append({"component": included[0]["component"].replace("quality", name)})
    jobs = listed(execute(json.dumps({**whole, "include": included}), "--list-json"))
    assert set(whole) - {"include"} == {"mlops-evaluate", "mlops-quality"}
    assert set(jobs) == {"mlops-evaluate", "mlops-sign", "mlops-verify", "mlops-quality", "quality-candidate", "quality-baseline"}


@pytest.mark.parametrize(("protected", "expected"), [("true", ["on_success"] * 2), ("false", ["never"] * 2)])
def test_one_stage_of_ones_own_is_enough_and_only_protected_branches_are_signed_for(execute, load, protected, expected):
    text = (
        "stages: [build]\ninclude:\n"
        f"  - component: {COMPONENTS}/full-pipeline@{load('gitlab').VERSION}\n    inputs: {{stage: build, sign: key, sign-key: signing.key}}\n"
    )
    jobs = listed(execute(text, "--list-json", "--variable", f"CI_COMMIT_REF_PROTECTED={protected}"))
    assert {job["stage"] for job in jobs.values()} == {"build"}
    assert [need["job"] for need in jobs["mlops-verify"]["needs"]] == ["mlops-evaluate", "mlops-sign"]
    assert [jobs[f"mlops-{name}"]["when"] for name in ("sign", "verify")] == expected


def test_what_init_prints_runs_in_a_pipeline_with_stages_and_files_of_its_own(execute, project):
    there = "stages: [build, deploy]\ninclude:\n- local: own.yml\n"
    (project / "own.yml").write_text("own: {stage: build, script: [echo]}\n")
    (project / ".gitlab-ci.yml").write_text(there)
    jobs = listed(execute(there + snippet(project), "--list-json"))
    assert {name: jobs[name]["stage"] for name in ("own", "mlops-evaluate")} == {"own": "build", "mlops-evaluate": "build"}


def test_jobs_of_a_matrix_never_share_a_folder_because_their_names_are_cut(execute, load):
    """The engine cuts the name for a slug where GitLab does."""
    included = f"include:\n  - component: {COMPONENTS}/scan@{load('gitlab').VERSION}\n"
    values = [f"models/{'x' * 60}/{name}.onnx" for name in "ab"]
    done = execute(f"{included}mlops-scan:\n  parallel:\n    matrix:\n      - MLOPS_INPUT_MODEL: {json.dumps(values)}\n")
    assert done.jobs == {f"mlops-scan: [{value}]": ("failed", 2) for value in values}, done.text[-4000:]
    assert "more than 63 characters, so another one may share its output directory" in done.text


def test_a_plugins_component_asks_for_the_image(execute):
    done = execute("include:\n  - component: $CI_SERVER_FQDN/acme/trial/trial@v1\n", "--list-json")
    assert done.code == 1
    assert "image" in done.text
