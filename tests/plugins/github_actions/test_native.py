"""The actions follow the catalogue and the layout."""

from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_stage import __version__, host
from mlops_stage.adapter import Layout
from mlops_stage.errors import UsageError
from mlops_stage.native import vendoring
from mlops_stage.words import DOCS
from mlops_stage_github_actions.native import OUTPUTS, TOKEN, native

_ALL = host.discover({host.ALLOW_LIST: "none"})
CATALOGUE = replace(_ALL, stages={name: _ALL.stages[name] for name in ("scan", "sign")})
INSTALLED = {"version": "9.1", "wheel_sha256": "2" * 64}


def made(layout):
    return {path: YAML(typ="safe").load(text) for path, text in native(CATALOGUE, layout).items() if path.endswith(".yml")}


def test_nobody_else_is_said_to_have_written_the_action_of_a_plugin():
    (plugin,) = {action.get("author") for path, action in made(Layout(kind="plugin", distribution="acme", version="1")).items()}
    assert plugin is None
    assert made(Layout(kind="project", version="1"))["action.yml"]["author"] == "The mlops-stage authors"


def test_a_variable_of_the_job_holds_where_an_input_is_empty():
    actions = {path: action for path, action in made(Layout(kind="project", version="1")).items() if path.endswith("action.yml")}
    assert len(actions) == 6
    for action in actions.values():
        (step,) = action["runs"]["steps"]
        for variable, said in step["env"].items():
            if "inputs." in said:
                assert said.endswith(f" || env.{variable} }}}}" if variable != TOKEN.variable else " || github.token }}")


def test_a_copy_signs_by_its_own_action_on_the_runner_that_is_asked_for():
    assert not [path for path in made(Layout(kind="vendor", **INSTALLED)) if "workflows" in path]
    copy = made(Layout(kind="vendor", repository="acme/actions@v3", **INSTALLED))
    workflow = copy[".github/workflows/sign.yml"]
    assert "mlops/evaluate" not in str(workflow)
    assert workflow["jobs"]["sign"]["steps"][2]["uses"] == "acme/actions/sign@v3"
    assert "sign/action.yml" in copy
    assert workflow["jobs"]["sign"]["runs-on"] == "${{ inputs.runs-on }}"
    assert workflow["on"]["workflow_call"]["inputs"]["runs-on"]["default"] == "ubuntu-latest"


@pytest.mark.parametrize("name", ["acme", "acme/actions", "acme/actions@", "a/b@v1\n", "https://x/y@v1"])
def test_a_name_that_no_job_could_use_is_refused(name):
    with pytest.raises(UsageError, match="no repository"):
        vendoring.layout("9.1", repository=name)


def test_the_command_writes_such_a_copy(mlops):
    wheel = f"mlops_stage-{__version__}-py3-none-any.whl"
    mlops.write(wheel, "only its digest counts")
    run = mlops("adapters", "vendor", "--ci", "github-actions", "--wheel", wheel, "--repository", "acme/actions@v3", "-o", "copy")
    assert run.returncode == 0, run.stderr
    assert "uses: acme/actions/sign@v3" in (mlops.cwd / "copy/.github/workflows/sign.yml").read_text()
    assert "--repository acme/actions@v3" in (mlops.cwd / "copy/README.md").read_text()


def test_the_page_that_an_output_names_lies_where_the_documentation_is_published():
    link = OUTPUTS["exit-code"].split(": ")[1]
    page = link.removeprefix(f"{DOCS}/").removesuffix(".html")
    assert (Path(__file__).parents[3] / "docs" / f"{page}.md").is_file(), link
