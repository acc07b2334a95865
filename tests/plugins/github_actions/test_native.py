"""The actions follow the catalogue and the layout."""

from dataclasses import replace

from ruamel.yaml import YAML

from mlops_stage import host
from mlops_stage.adapter import Layout
from mlops_stage_github_actions.native import TOKEN, native

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
    assert len(actions) == 5
    for action in actions.values():
        (step,) = action["runs"]["steps"]
        for variable, said in step["env"].items():
            if "inputs." in said:
                assert said.endswith(f" || env.{variable} }}}}" if variable != TOKEN.variable else " || github.token }}")
