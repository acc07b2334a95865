"""The image: what is in it, who runs in it, that the same inputs give the same image, and what a user puts on top."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def test_it_runs_as_nobody_and_starts_nothing_of_its_own(built):
    configuration = built.config
    assert configuration["User"] == "65532:65532"
    assert configuration.get("Entrypoint") in (None, [])
    assert configuration["Cmd"] == ["mlops-stage", "--help"]
    assert configuration["WorkingDir"] == "/work"
    assert not [item for item in configuration["Env"] if item.startswith(("UV_", "PIP_", "HOME="))]


def test_a_stage_runs_on_a_read_only_root_without_network_or_home(container):
    done, work = container("mlops-stage", "scan", "--model", "model.onnx")
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads((work / "mlops-out/scan/report.json").read_text())["outcome"] == "passed"
    failed, _ = container("mlops-stage", "scan", "--model", "hostile.pkl")
    assert failed.returncode == 1, failed.stderr


def test_a_home_that_cannot_be_written_is_no_hindrance(container):
    done, _ = container("env", "HOME=/", "mlops-stage", "scan", "--model", "model.onnx")
    assert done.returncode == 0, done.stderr + done.stdout


def test_who_runs_and_what_may_be_written(container):
    look = 'id -u; id -g; grep CapEff /proc/self/status; (: > /etc/x) 2>&1; echo "$1"; exit 5'
    said, _ = container("sh", "-c", look, "sh", "$(id) ; 'x'")
    assert said.returncode == 5
    uid, gid, capabilities, refused, verbatim = said.stdout.splitlines()
    assert (uid, gid, capabilities.split()[1].strip("0")) == ("65532", "65532", "")
    assert "Read-only file system" in refused
    assert verbatim == "$(id) ; 'x'"


def test_without_a_command_it_tells_what_it_can_do(container):
    done, _ = container()
    assert done.returncode == 0
    assert "fairness" in done.stdout


def test_a_stage_of_another_flavour_says_what_is_missing(container):
    done, _ = container("mlops-stage", "quality", "--model", "model.onnx", "--data", "test.csv", "--label", "truth")
    assert (done.returncode, "mlops-stage[quality]" in done.stderr + done.stdout) == (3, True), done.stderr


def test_only_what_is_installed_is_in_it(built):
    root = built.theirs.root
    environment = root / "opt/mlops-stage"
    names = {path.name.split("-")[0] for path in environment.glob("lib/python*/site-packages/*.dist-info")}
    assert {"mlops_stage", "picklescan"} <= names
    assert not names & {"hatchling", "pip", "uv", "trove_classifiers", "onnxruntime"}
    assert not (root / "src").exists()
    assert not (root / "usr/local/bin/uv").exists()
    assert not [path for path in environment.rglob("*") if path.name in {".env", "uv_cache.json"}]
    package = next(environment.glob("lib/python*/site-packages/mlops_stage"))
    compiled = {path.name.split(".")[0] for path in (package / "__pycache__").iterdir()}
    assert {path.stem for path in package.glob("*.py")} <= compiled, "every module is compiled: the root is read-only"
    assert len(list(package.glob("reporters/html/__pycache__/plain-*.jinja"))) == 2, "so are the page's templates"


def test_equal_inputs_give_equal_images(built):
    assert built.ids[0] == built.ids[1]


def test_a_users_own_image_has_a_plugin_more_and_is_the_same_otherwise(built, container):
    assert built.theirs.config == built.config
    done, _ = container("mlops-stage", "trial")
    assert done.returncode == 0, done.stderr
