"""The pipelines of docs/examples/gitlab, letter for letter on gitlab-ci-local."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stages
from mlops_stage_gitlab.project import snippet

pytestmark = pytest.mark.engine

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples" / "gitlab"


@pytest.fixture(scope="module")
def execute(gitlab, load, tmp_path_factory):
    """Run one sample in a repository with a model, data and keys; variables are what the project's settings would hold."""
    engine = load("gitlab")

    def run(name, files=None, **variables):
        project = stages.project(tmp_path_factory.mktemp("project"))
        shutil.copy(SAMPLES / "mlops.yaml", project)
        shutil.copy(SAMPLES / f"{name}.gitlab-ci.yml", project / ".gitlab-ci.yml")
        if files:
            files(project)
        engine.commit(project)
        return project, gitlab.pipeline(project, **variables)

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


DRIFTED = """
import csv, sys
rows = list(csv.reader(open("test.csv")))
for row in rows[1:]:
    row[0] = str(float(row[0]) + 3)
csv.writer(open("batch.csv", "w", newline="")).writerows(rows)
"""


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    """What the model learnt from, as the repository keeps it."""
    project = stages.project(tmp_path_factory.mktemp("trained"))
    argv = [sys.executable, "-P", "-m", "mlops_stage", "data", "profile", "train.csv", "--output", "train.profile.json"]
    subprocess.run(argv, cwd=project, check=True, capture_output=True)
    return project / "train.profile.json"


@pytest.mark.parametrize("moved", [True, False])
def test_a_night(execute, profile, moved):
    def files(project):
        shutil.copy(project / "test.csv", project / "batch.csv")
        if moved:
            subprocess.run([sys.executable, "-c", DRIFTED], cwd=project, check=True)
        shutil.copy(profile, project)
        (project / "retrain.sh").write_text("echo training anew\n")

    project, done = execute("nightly", files)
    log = (project / ".gitlab-ci-local" / "output" / "retrain.log").read_text()
    assert done.code == 0, done.text[-4000:]
    assert done.jobs["retrain"] == ("passed", 0)
    assert done.jobs["drift"] == (("amber", 1) if moved else ("amber", 5))
    assert ("training anew\n" in log) == moved


def test_a_report_waits_in_a_cache_until_something_has_changed(execute, gitlab, load):
    project, done = execute("if-changed")
    assert done.jobs == {"mlops-scan": ("passed", 0)}, done.text[-4000:]
    out = load("gitlab").artifacts(project, "mlops-scan") / "mlops-out/mlops-scan"
    first = (out / "scan/report.json").read_bytes()
    assert json.loads((out / "run.json").read_text())["reused"] == {}
    shutil.rmtree(out)
    again = gitlab.pipeline(project)
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

    _, done = execute("release-with-key", files, MLOPS_INPUT_SIGN__KEY=str(secret[0]), MLOPS_INPUT_STAGES="quality", **PROTECTED)
    assert done.jobs == {"mlops-evaluate": ("failed", 1)}, done.text[-4000:]
    assert done.code == 1
