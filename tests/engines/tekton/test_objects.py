"""Generated Tasks, StepActions and the Pipeline: Tekton's own validation, and what no validation sees."""

import re
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_stage_tekton import project

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
CATALOG = ROOT / "plugins" / "tekton"
EXAMPLES = ROOT / "docs" / "examples" / "tekton"
FILES = [*sorted(CATALOG.glob("*/*/*/*.yaml")), *sorted(CATALOG.glob("*/*/*/samples/*.yaml"))]
TASKS = sorted(CATALOG.glob("task/*/*/*.yaml"))
STEP_ACTIONS = sorted(CATALOG.glob("stepaction/*/*/*.yaml"))
PIPELINES = [*sorted(CATALOG.glob("pipeline/*/*/*.yaml")), *sorted(set(EXAMPLES.glob("*.yaml")) - set(EXAMPLES.glob("*.mlops.yaml")))]
CLONE = Path(__file__).parent / "git-clone.yaml"
BETA = "enable-api-fields=beta"
"""What Tekton allows by default."""


@cache
def read(file):
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


def named(path):
    return f"{path.parts[-4]}/{path.stem}"


@pytest.fixture(params=[*TASKS, *STEP_ACTIONS], ids=named)
def made(request):
    return read(request.param)


@pytest.mark.parametrize("flags", ["enable-api-fields=stable", BETA, "enable-api-fields=alpha"])
def test_tasks_and_step_actions_are_valid_under(tekton, flags):
    assert len(TASKS) - 1 == len(STEP_ACTIONS) >= 10  # merging is a Task alone
    assert tekton.check(*(file for file in FILES if "pipeline" not in file.parts), flags=flags) == ""


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.stem)
def test_pipelines_are_valid_beside_the_tasks(tekton, file):
    """A matrix is of the beta features, which are on by default; nothing else in them is."""
    assert tekton.check(file, CLONE, *TASKS, flags=BETA) == ""
    told = tekton.check(file, CLONE, *TASKS)
    assert told.count("\n") == told.count("matrix requires") == file.read_text().count("matrix:")


def test_samples_of_pipelines_are_valid(tekton):
    assert tekton.check(*(file for file in FILES if "pipeline" in file.parts), *TASKS, flags=BETA) == ""


THEIRS = """\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: theirs
spec:
  workspaces:
    - name: source
  tasks:
    - name: clone
      taskRef: {name: git-clone}
      params:
        - {name: url, value: https://git.example.com/theirs}
      workspaces:
        - {name: output, workspace: source}
"""


def test_the_block_is_valid_in_a_pipeline_that_fetches_first(tekton, tmp_path):
    """As it stands in the README, which is what `init` prints: nothing has to be declared for it, and it waits for the checkout."""
    block = project.snippet(tmp_path)
    assert block in (ROOT / "README.md").read_text(encoding="utf-8")
    pasted = tmp_path / "pipeline.yaml"
    pasted.write_text(THEIRS + block, encoding="utf-8")
    assert tekton.check(pasted, CLONE, *TASKS) == ""
    (task,) = [item for item in YAML(typ="safe").load(pasted)["spec"]["tasks"] if item["name"] == "evaluate"]
    assert task["runAfter"] == ["clone"]
    pasted.write_text(THEIRS.replace("name: clone", "name: fetch") + block, encoding="utf-8")
    assert "clone" in tekton.check(pasted, CLONE, *TASKS)


def test_the_block_names_the_task_to_apply(tmp_path):
    (named,) = re.findall(r"taskRef: \{name: mlops-run\}   # .*?(plugins/tekton/\S+\.yaml)", project.snippet(tmp_path))
    assert read(ROOT / named)["metadata"]["name"] == "mlops-run"


def test_a_task_that_a_pipeline_fetches_by_git_needs_the_beta_features(tekton, tmp_path):
    """As the page says; only the Task itself is not there to compare with."""
    page = (ROOT / "docs/how-to/use-in-tekton.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^      taskRef:\n        resolver: git\n(?:        .*\n)+", page, re.MULTILINE)
    fetched = tmp_path / "pipeline.yaml"
    fetched.write_text(THEIRS + "    - name: evaluate\n" + block, encoding="utf-8")
    told = tekton.check(fetched, CLONE, *TASKS, flags=BETA)
    assert told == f"{fetched}: evaluate: there is no Task \n"
    assert 'resolver requires "enable-api-fields" feature gate' in tekton.check(fetched, CLONE, *TASKS)


def test_each_page_of_a_task_tells_what_becomes_of_a_misspelt_parameter():
    for file in TASKS:
        assert "passes over a parameter that is not in this table" in (file.parent / "README.md").read_text(encoding="utf-8")
    assert "passes over a parameter" in (ROOT / "docs/how-to/use-in-tekton.md").read_text(encoding="utf-8")


REFUSED = {
    "a field that does not exist": ("      default: ''", "      defualt: ''", "unknown field"),
    "a choice, which is alpha": ("      default: ''", "      default: ''\n      enum: ['', a]", "enable-param-enum"),
    "a parameter that is not declared": ("$(params.model)", "$(params.modle)", "non-existent variable"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_validation_would_see(tekton, tmp_path, why):
    """What makes the test above one that can fail."""
    old, new, told = REFUSED[why]
    text = tekton.find("task", "mlops-scan").read_text()
    assert old in text
    (tmp_path / "task.yaml").write_text(text.replace(old, new, 1))
    assert told in tekton.check(tmp_path / "task.yaml")


def test_a_pipeline_that_misspells_a_tasks_parameter_is_refused(tekton, tmp_path):
    text = (next(CATALOG.glob("pipeline/*/*/*.yaml"))).read_text()
    for old, new, told in (
        ("- name: reports\n", "- name: report\n", "mlops-run has no parameter report"),
        ("- name: out\n", "- name: aut\n", "mlops-run has no parameter aut"),
        ("- name: source\n          workspace", "- name: sources\n          workspace", "workspace source of Task mlops-run is not bound"),
        ("name: mlops-run", "name: mlops-ran", "there is no Task mlops-ran"),
    ):
        assert old in text
        (tmp_path / "pipeline.yaml").write_text(text.replace(old, new))
        assert told in tekton.check(tmp_path / "pipeline.yaml", *TASKS, flags=BETA)


def test_the_catalog_holds_a_page_and_a_sample_beside_each():
    for file in FILES:
        if file.parent.name != "samples":
            assert (file.parent / "README.md").is_file()
            assert (file.parent / "samples" / file.name).is_file()
            assert file.stem == file.parts[-3] == read(file)["metadata"]["name"]
            assert file.parts[-2] == read(file)["metadata"]["labels"]["app.kubernetes.io/version"]


def steps(made):
    return made["spec"].get("steps", [made["spec"]])


def test_nothing_of_a_users_stands_in_a_script(made):
    for step in steps(made):
        assert "$(" not in step["script"]
        assert "command" not in step
        assert step.get("args", []) in ([], ["$(params.folders[*])"])


def test_inputs_come_before_all_other_variables_and_secrets_after(made):
    (step,) = steps(made)
    kinds = [0 if one["name"].startswith("MLOPS_INPUT_") else 2 if "valueFrom" in one else 1 for one in step["env"]]
    assert kinds == sorted(kinds)
    names = [one["name"] for one in step["env"]]
    assert len(names) == len(set(names))


def test_every_parameter_is_used_and_none_but_the_image_must_be_given(made):
    declared = {item["name"]: item for item in made["spec"]["params"]}
    used = set(re.findall(r"\$\(params\.([a-z-]+)(?:\[\*\])?\)", str(made["spec"])))
    assert used == set(declared)
    required = ["image", "folders"] if made["metadata"]["name"] == "mlops-merge" else ["image"]
    assert [name for name, item in declared.items() if "default" not in item] == required


def test_results_and_workspaces_that_are_used_are_declared(made):
    """Tekton lets a misspelt result pass, and the step would write into a folder that does not exist."""
    for kind in ("results", "workspaces"):
        declared = {item["name"] for item in made["spec"].get(kind, [])}
        used = set(re.findall(rf"\$\((?:step\.)?{kind}\.([A-Za-z_-]+)\.path\)", str(made["spec"].get("steps", made["spec"]))))
        assert used <= declared
    assert "results.outcome.path" in str(made["spec"])


def test_the_step_is_confined(made):
    (step,) = steps(made)
    assert step["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_only_sign_is_given_a_token():
    given = [file.stem for file in TASKS if any("projected" in volume for volume in read(file)["spec"]["volumes"])]
    assert given == ["mlops-sign"]
