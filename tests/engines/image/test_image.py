"""The image: what is in it, who runs in it, and that the same inputs give the same image."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.engine

PREDICTIONS = b"y_true,y_pred\n" + b"".join(b"%d,%d\n" % (row % 2, row % 2 if row % 10 else 1 - row % 2) for row in range(400))


def test_it_runs_as_nobody_and_starts_nothing_of_its_own(configuration):
    assert configuration["User"] == "65532:65532"
    assert configuration.get("Entrypoint") in (None, [])
    assert configuration["Cmd"] == ["mlops-stage", "--help"]
    assert configuration["WorkingDir"] == "/work"
    assert not [item for item in configuration["Env"] if item.startswith(("UV_", "PIP_", "HOME="))]


def test_a_stage_runs_on_a_read_only_root_without_network_or_home(container):
    done, work = container("mlops-stage", "quality", "--predictions", "p.csv", "--gate", "accuracy >= 0.8", files={"p.csv": PREDICTIONS})
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads((work / "mlops-out/quality/report.json").read_text())["outcome"] == "passed"
    failed, _ = container("mlops-stage", "quality", "--predictions", "p.csv", "--gate", "accuracy >= 0.99", files={"p.csv": PREDICTIONS})
    assert failed.returncode == 1, failed.stderr


def test_a_home_that_cannot_be_written_is_no_hindrance(container):
    done, _ = container("env", "HOME=/", "mlops-stage", "quality", "--predictions", "p.csv", files={"p.csv": PREDICTIONS})
    assert done.returncode == 0, done.stderr + done.stdout


def test_who_runs_and_what_may_be_written(container):
    said = container("sh", "-c", 'id -u; id -g; grep CapEff /proc/self/status; (: > /etc/x) 2>&1; echo "$1"; exit 5', "sh", "$(id) ; 'x'")[
        0
    ]
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
    done, _ = container("mlops-stage", "scan", "--model", "m.onnx", files={"m.onnx": b"x"})
    assert (done.returncode, "picklescan" in done.stderr + done.stdout) == (3, True), done.stderr


def test_only_what_is_installed_is_in_it(builder, quality):
    root = builder.unpacked(quality)
    environment = root / "opt/mlops-stage"
    names = {path.name.split("-")[0] for path in environment.glob("lib/python*/site-packages/*.dist-info")}
    assert {"mlops_stage", "onnxruntime", "duckdb"} <= names
    assert not names & {"hatchling", "pip", "uv", "trove_classifiers", "picklescan"}
    assert not (root / "src").exists()
    assert not (root / "usr/local/bin/uv").exists()
    assert not [path for path in environment.rglob("*") if path.name in {".env", "uv_cache.json"}]
    package = next(environment.glob("lib/python*/site-packages/mlops_stage"))
    compiled = {path.name.split(".")[0] for path in (package / "__pycache__").iterdir()}
    assert {path.stem for path in package.glob("*.py")} <= compiled, "every module is compiled: the root is read-only"


def test_equal_inputs_give_equal_images(builder, context, quality):
    assert builder.build(context, "quality", "again") == quality
