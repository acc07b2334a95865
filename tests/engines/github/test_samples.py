"""The workflows of docs/examples/github, executed as they are."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, PublicFormat

import stages

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

SAMPLES = Path(__file__).parents[3] / "docs/examples/github"
PASSWORD = "sesame"
CONFIG = """\
version: 1
model: model.onnx
data: test.csv
label: truth
stages:
  scan: {}
  quality: {gates: [accuracy >= 0.5]}
  fairness: {sensitive: [group], gates: [accuracy >= 0.5]}
  sbom: {}
  data: {profile: profile.json}
  sign: {key: sealed.key, key_password_env: MLOPS_PASSWORD}
  verify: {key: sealed.pub, require: [scan, quality, sbom]}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with the samples as its workflows, an encrypted key, a profile of the training data, and scripts that say that they ran."""
    root = stages.project(tmp_path_factory.mktemp("made"))
    shutil.copytree(SAMPLES, root / ".github/workflows", ignore=lambda _, names: [name for name in names if not name.endswith(".yml")])
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    (root / "sealed.key").write_bytes(sealed)
    (root / "sealed.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    profile = [sys.executable, "-P", "-m", "mlops_stage", "data", "profile", "train.csv", "--output", "profile.json"]
    subprocess.run(profile, cwd=root, check=True, capture_output=True)
    (root / "mlops.yaml").write_text(CONFIG)
    (root / "train.sh").write_text('mkdir -p "$KEEP/ran" && echo trained > "$KEEP/ran/train"\n')
    (root / "deploy.sh").write_text('mkdir -p "$KEEP/ran" && echo deployed > "$KEEP/ran/deploy"\n')
    return root


@pytest.fixture
def project(made, tmp_path):
    """A copy to change."""
    return shutil.copytree(made, tmp_path / "project")


@pytest.fixture
def execute(act, project, load, tmp_path):
    """Commit the project and execute one sample; gives what act tells, and the folder of artifacts."""

    def run(name, event, *options):
        load("github").commit(project)
        keep = tmp_path / "keep"
        keep.mkdir()
        return act.workflow(project, f".github/workflows/{name}.yml", keep, *options, event=event), keep

    return run


def test_a_pull_request_that_passes(execute):
    done, keep = execute("pull-request", "pull_request")
    assert done.jobs == {"evaluate": "success"}
    assert {path.name for path in (keep / "mlops-out").iterdir()} >= {
        "scan",
        "quality",
        "fairness",
        "report.html",
        "report.sarif",
        "junit.xml",
    }
    assert not list(keep.rglob("private"))


def test_a_pull_request_that_does_not(execute, project):
    (project / "mlops.yaml").write_text(CONFIG.replace("quality: {gates: [accuracy >= 0.5]}", "quality: {gates: [accuracy >= 0.999]}"))
    done, keep = execute("pull-request", "pull_request")
    assert done.jobs == {"evaluate": "failure"}
    assert (keep / "mlops-out/report.html").is_file()
    assert (keep / "mlops-out/fairness/report.json").is_file()


def test_one_stage_hands_out_what_it_found(execute):
    done, _ = execute("one-stage", "pull_request")
    assert done.jobs == {"fairness": "success"}
    said = "\n".join(line for step in done.steps.values() for line in step.log)
    gap = done.steps["fairness", "fairness", "run"].outputs["worst-gap"]
    assert float(gap) > 0
    assert f"the largest gap is {gap}" in said


def test_a_night_without_drift(execute):
    done, keep = execute("nightly", "schedule")
    assert done.jobs["watch"] == "success"
    assert not (keep / "ran/train").exists()


def test_a_night_with_drift(execute, project):
    table = (project / "test.csv").read_text().splitlines()
    head, *rows = [line.split(",") for line in table]
    moved = [[str(float(row[0]) + 3), *row[1:]] for row in rows]
    (project / "test.csv").write_text("".join(",".join(row) + "\n" for row in [head, *moved]))
    (project / "mlops.yaml").write_text(CONFIG.replace("accuracy >= 0.5", "accuracy >= 0.01"))
    done, keep = execute("nightly", "schedule")
    assert done.jobs["retrain"] == "success", done.stderr[-2000:]
    assert (keep / "ran/train").is_file()
    assert (keep / "retrained/mlops-out/quality/report.json").is_file()
    assert (keep / "retrained/model.onnx").is_file()


def test_a_release_is_signed_in_a_job_of_its_own_and_deployed(execute):
    done, keep = execute("release", "push", "-s", f"SIGNING_PASSWORD={PASSWORD}")
    assert set(done.jobs.values()) == {"success"}, done.stderr[-2000:]
    assert (keep / "ran/deploy").is_file()
    assert {path.name for path in (keep / "mlops-out/attestations").glob("*.sigstore.json")} >= {"quality.sigstore.json"}


def test_a_release_that_somebody_else_signed_is_not_deployed(execute, project):
    shutil.copy(project / "signing.pub", project / "sealed.pub")
    done, keep = execute("release", "push", "-s", f"SIGNING_PASSWORD={PASSWORD}")
    assert done.jobs["deploy"] == "failure"
    assert not (keep / "ran/deploy").exists()
