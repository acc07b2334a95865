"""The pipelines of docs/examples/gitlab, letter for letter on gitlab-ci-local."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import stages
from mlops_stage_gitlab.project import snippet

pytestmark = pytest.mark.engine

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples" / "gitlab"
AGAIN = "--json-schema-validation=false"
"""Where a sample is executed once more: the engine has judged it by GitLab's schema then, which takes it longer than all else."""


@pytest.fixture
def execute(light, load, tmp_path):
    """Run one sample in a repository with a model, data and keys; variables are what the project's settings would hold."""
    engine = load("gitlab")

    def run(name, files=None, *options, **variables):
        (tmp_path / "project").mkdir()
        project = stages.project(tmp_path / "project")
        shutil.copy(SAMPLES / "mlops.yaml", project)
        shutil.copy(SAMPLES / f"{name}.gitlab-ci.yml", project / ".gitlab-ci.yml")
        if files:
            files(project)
        engine.commit(project)
        return project, light.pipeline(project, *options, **variables)

    return run


def test_the_one_block_that_init_prints(execute, load):
    def files(project):
        (project / "mlops.yaml").write_text("version: 1\nmodel: model.onnx\nstages:\n  scan: {}\n")

    assert snippet(SAMPLES) in (SAMPLES / "one-job.gitlab-ci.yml").read_text()
    project, done = execute("one-job", files)
    assert done.jobs == {"mlops-evaluate": ("passed", 0)}, done.text[-4000:]
    assert (load("gitlab").artifacts(project, "mlops-evaluate") / "mlops-out/mlops-evaluate/scan/report.json").is_file()


def test_a_merge_request(execute, load):
    project, done = execute("merge-request")
    assert done.code == 0, done.text[-4000:]
    targets = ["mlops-compile: [compile_host]", "mlops-compile: [compile_v2]"]
    assert {name: state for name, (state, _) in done.jobs.items()} == dict.fromkeys(
        ["mlops-data", "mlops-scan", "mlops-quality", "mlops-fairness", *targets, "mlops-merge"], "passed"
    )
    merged = load("gitlab").artifacts(project, "mlops-merge") / "mlops-out/mlops-merge"
    assert (merged / "report.html").is_file()
    assert {path.parent.name for path in merged.rglob("report.json")} == {
        "data",
        "scan",
        "quality",
        "fairness",
        "compile_host",
        "compile_v2",
    }


def drift(table):
    head, *rows = [line.split(",") for line in table.read_text().splitlines()]
    moved = [[str(float(row[0]) + 3), *row[1:]] for row in rows]
    table.write_text("".join(",".join(row) + "\n" for row in [head, *moved]))


@pytest.mark.parametrize(("moved", "options"), [(True, ()), (False, (AGAIN,))])
def test_a_night(execute, mlops, moved, options):
    def files(project):
        profiled = replace(mlops, cwd=project)("data", "profile", "train.csv", "--output", "train.profile.json")
        assert profiled.returncode == 0, profiled.stderr
        shutil.copy(project / "test.csv", project / "batch.csv")
        if moved:
            drift(project / "batch.csv")
        (project / "retrain.sh").write_text("echo training anew\n")

    project, done = execute("nightly", files, *options)
    log = (project / ".gitlab-ci-local" / "output" / "retrain.log").read_text()
    assert done.code == 0, done.text[-4000:]
    assert done.jobs["retrain"] == ("passed", 0)
    assert done.jobs["drift"] == (("amber", 1) if moved else ("amber", 5))
    assert ("training anew\n" in log) == moved


def test_a_report_waits_in_a_cache_until_something_has_changed(execute, light, load):
    project, done = execute("if-changed")
    assert done.jobs == {"mlops-scan": ("passed", 0)}, done.text[-4000:]
    out = load("gitlab").artifacts(project, "mlops-scan") / "mlops-out/mlops-scan"
    first = (out / "scan/report.json").read_bytes()
    assert json.loads((out / "run.json").read_text())["reused"] == {}
    shutil.rmtree(out)
    again = light.pipeline(project, AGAIN)
    assert again.jobs == {"mlops-scan": ("passed", 0)}, again.text[-4000:]
    assert list(json.loads((out / "run.json").read_text())["reused"]) == ["scan"]
    assert (out / "scan/report.json").read_bytes() == first


@pytest.fixture
def secret(tmp_path):
    """A pair of keys: the private half in the settings of the project, the public half in the repository."""
    private, public = tmp_path / "signing.key", tmp_path / "signing.pub"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public


PROTECTED = {"CI_COMMIT_REF_PROTECTED": "true"}
"""What GitLab says on the branch of the samples; the engine says of every branch that anybody may push to it."""


def test_a_release_with_a_key(execute, load, secret):
    private, public = secret
    project, done = execute(
        "release-with-key", lambda project: shutil.copy(public, project), MLOPS_INPUT_SIGN__KEY=str(private), **PROTECTED
    )
    assert done.jobs == dict.fromkeys(["mlops-evaluate", "mlops-sign", "mlops-verify", "deploy"], ("passed", 0)), done.text[-4000:]
    kept = load("gitlab").artifacts(project, "mlops-sign") / "mlops-out/mlops-sign"
    assert {file.name for file in (kept / "attestations").glob("*.sigstore.json")} >= {"quality.sigstore.json", "fairness.sigstore.json"}
    assert not list(kept.parent.parent.parent.rglob("private"))


def test_a_release_whose_gate_failed_is_neither_signed_nor_deployed(execute, secret):
    def files(project):
        shutil.copy(secret[1], project)
        text = (project / "mlops.yaml").read_text()
        (project / "mlops.yaml").write_text(text.replace("accuracy >= 0.5", "accuracy >= 0.999", 1))

    _, done = execute("release-with-key", files, AGAIN, MLOPS_INPUT_SIGN__KEY=str(secret[0]), MLOPS_INPUT_STAGES="quality", **PROTECTED)
    assert done.jobs == {"mlops-evaluate": ("failed", 1)}, done.text[-4000:]
    assert done.code == 1
