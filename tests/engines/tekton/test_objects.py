"""Generated Tasks, StepActions and the Pipeline: Tekton's own validation, and what no validation sees."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
CATALOG = ROOT / "plugins" / "tekton"
EXAMPLES = ROOT / "docs" / "examples" / "tekton"
FILES = [*sorted(CATALOG.glob("*/*/*/*.yaml")), *sorted(CATALOG.glob("*/*/*/samples/*.yaml"))]
TASKS = sorted(CATALOG.glob("task/*/*/*.yaml"))
STEP_ACTIONS = sorted(CATALOG.glob("stepaction/*/*/*.yaml"))
FLAGS = ["enable-api-fields=stable", "enable-api-fields=beta", "enable-api-fields=alpha"]


def read(file):
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


def named(path):
    return f"{path.parts[-4]}/{path.stem}"


@pytest.fixture(params=[*TASKS, *STEP_ACTIONS], ids=named)
def made(request):
    return read(request.param)


@pytest.mark.parametrize("flags", FLAGS)
def test_every_file_is_valid_under(tekton, flags):
    assert len(TASKS) - 1 == len(STEP_ACTIONS) >= 10  # merging is a Task alone
    assert tekton.check(*FILES, flags=flags) == ""


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_example_is_valid_beside_the_tasks(tekton, file):
    assert tekton.check(file, *TASKS) == ""


REFUSED = {
    "a field that does not exist": ("      default: ''", "      defualt: ''", "unknown field"),
    "a choice, which is alpha": ("      default: ''", "      default: ''\n      enum: ['', a]", "enable-param-enum"),
    "a parameter that is not declared": ("$(params.model)", "$(params.modle)", "non-existent variable"),
    "a result that is not declared": (
        "    - type: string\n      name: outcome\n",
        "    - type: string\n      name: outcom\n",
        "non-existent variable",
    ),
    "a workspace that is not declared": ("    - name: source\n", "    - name: sauce\n", "non-existent variable"),
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
        assert told in tekton.check(tmp_path / "pipeline.yaml", *TASKS)


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
