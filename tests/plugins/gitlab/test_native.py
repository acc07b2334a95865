"""The components follow the catalogue and the layout."""

from dataclasses import replace

import pytest
from ruamel.yaml import YAML

from mlops_stage import __version__, host
from mlops_stage.adapter import Layout
from mlops_stage.errors import StageError
from mlops_stage.native import bootstrapping, inputs
from mlops_stage_gitlab import spec
from mlops_stage_gitlab.native import native

_ALL = host.discover({host.ALLOW_LIST: "none"})
CATALOGUE = replace(_ALL, stages={name: _ALL.stages[name] for name in ("scan", "sign", "verify")})
"""Enough to see everything that a component may have."""
IMAGE = "registry.example/ml/mlops-stage@sha256:" + "1" * 64


def made(layout, catalogue=CATALOGUE):
    return {path: tuple(YAML(typ="safe").load_all(text)) for path, text in native(catalogue, layout).items()}


def test_in_our_repository_they_lie_below_plugins_and_elsewhere_at_the_top():
    assert all(path.startswith("plugins/gitlab/templates/") for path in native(CATALOGUE, Layout(version="1")))
    names = {f"templates/{stage.kebab}.yml" for stage in CATALOGUE.stages.values()}
    assert set(native(CATALOGUE, Layout(kind="vendor", version="1", image=IMAGE))) == names | {
        "templates/full-pipeline.yml",
        "templates/merge.yml",
    }
    assert set(native(CATALOGUE, Layout(kind="plugin", distribution="acme", version="1"))) == names


def test_an_organisation_gets_its_image_its_wheel_and_its_index():
    layout = Layout(kind="vendor", version="9.1", image=IMAGE, wheel_sha256="2" * 64, index_url="https://packages.example/simple")
    header, body = made(layout)["templates/scan.yml"]
    assert header["spec"]["inputs"]["image"]["default"] == IMAGE
    assert header["spec"]["inputs"]["install"]["default"] == "image"
    assert "wheel-sha256" not in header["spec"]["inputs"]
    (job,) = body.values()
    assert {name: job["variables"][f"MLOPS_STAGE_{name}"]["value"] for name in ("VERSION", "SHA256", "INDEX_URL")} == {
        "VERSION": "9.1",
        "SHA256": "2" * 64,
        "INDEX_URL": "https://packages.example/simple",
    }


def test_without_an_image_of_ours_the_wheel_is_installed_where_it_is_known():
    header, _ = made(Layout(kind="vendor", version="9.1", wheel_sha256="2" * 64))["templates/scan.yml"]
    assert header["spec"]["inputs"]["install"]["default"] == "index"
    assert "default" not in header["spec"]["inputs"]["image"]


def test_a_plugin_installs_the_release_that_it_was_generated_with():
    _, body = made(Layout(kind="plugin", distribution="acme", version="3.0"))["templates/scan.yml"]
    (job,) = body.values()
    assert job["variables"]["MLOPS_STAGE_VERSION"] == __version__


def test_without_sign_and_verify_the_pipeline_only_evaluates():
    less = replace(CATALOGUE, stages={name: stage for name, stage in CATALOGUE.stages.items() if name not in {"sign", "verify"}})
    header, body = made(Layout(version="1"), less)["plugins/gitlab/templates/full-pipeline.yml"]
    assert list(body) == [".$[[ inputs.prefix ]]-common", "$[[ inputs.prefix ]]-evaluate"]
    assert not [name for name in header["spec"]["inputs"] if name.startswith(("sign", "verify"))]


def test_neither_a_merge_request_nor_a_branch_of_everybody_is_signed_for():
    _, body = made(Layout(version="1"))["plugins/gitlab/templates/full-pipeline.yml"]
    for name in ("sign", "verify"):
        rules = body[f"$[[ inputs.prefix ]]-{name}"]["rules"]
        assert rules
        assert all('&& $CI_PIPELINE_SOURCE != "merge_request_event" && $CI_COMMIT_REF_PROTECTED == "true"' in rule["if"] for rule in rules)


def test_a_field_with_the_name_of_an_input_of_every_component_is_refused(monkeypatch):
    monkeypatch.setattr(inputs, "of_stage", lambda *_: (inputs.Input(name="stage", variable="MLOPS_INPUT_STAGE", help="h"),))
    with pytest.raises(StageError, match="has a field 'stage', which names an input of every component of GitLab"):
        native(CATALOGUE, Layout(version="1"))


@pytest.mark.parametrize(
    ("kind", "choices", "expected"),
    [
        ("text", (), {}),
        ("flag", (), {"options": ["", "true", "false"]}),
        ("choice", ("a", "b"), {"options": ["", "a", "b"]}),
        ("integer", (), {"regex": "^(-?[0-9]+)?$"}),
        ("number", (), {"regex": "^[-+0-9.eE]*$"}),
    ],
)
def test_every_kind_of_field_may_stay_empty(kind, choices, expected):
    found = spec.declared([inputs.Input(name="x", variable="MLOPS_INPUT_X", help="h", kind=kind, choices=choices)])
    assert found == {"x": {"type": "string", "description": "h", "default": "", **expected}}


def test_a_description_is_never_longer_than_gitlab_takes():
    assert len(spec.header("x" * 300)["spec"]["description"]) == 256


def test_the_scripts_that_install_stand_in_the_component_letter_for_letter():
    layout = Layout(kind="vendor", version="9.1", wheel_sha256="2" * 64)
    _, body = made(layout)["templates/scan.yml"]
    (job,) = body.values()
    (script,) = job["script"]
    for name, text in bootstrapping.texts(layout).items():
        assert script.split(f"<<'end of {name}'\n", 1)[1].split(f"end of {name}\n", 1)[0] == text
