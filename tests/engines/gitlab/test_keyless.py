"""The release of docs/examples/gitlab with the identity of the job: signed by the real Sigstore services on loopback, letter for letter."""

import importlib.util
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import stages

HERE = Path(__file__).parent
SAMPLES = HERE.parents[2] / "docs" / "examples" / "gitlab"
_spec = importlib.util.spec_from_file_location("sigstore_services", HERE.parent / "sigstore" / "conftest.py")
_services = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _services
_spec.loader.exec_module(_services)
binaries, sigstore = _services.binaries, _services.sigstore

pytestmark = [pytest.mark.engine, pytest.mark.interop]
CLAIMS = {"project_path": "acme/models", "ci_config_ref_uri": "gitlab.com/acme/models//.gitlab-ci.yml@refs/heads/main"}
"""What GitLab would say of a job of the sample's project."""


@pytest.fixture
def ran(gitlab, load, sigstore, channel, tmp_path):
    """Only what gitlab.com would have by itself is given beside the file: the token, that the branch is protected, and whose Sigstore it is."""
    for name in ("release", "bin"):
        (tmp_path / name).mkdir()
    project = stages.project(tmp_path / "release")
    shutil.copy(SAMPLES / "mlops.yaml", project)
    shutil.copy(SAMPLES / "release.gitlab-ci.yml", project / ".gitlab-ci.yml")
    load("gitlab").commit(project)
    trust = str(sigstore.folder / "trust_config.json")
    light = load("gitlab").light(gitlab, tmp_path / "bin", channel, "run")  # what asks Sigstore must itself be where that is
    beside = replace(light, enter=("nsenter", *_services._JOIN, "-t", str(sigstore.process), "-n"))
    variables = {
        "CI_COMMIT_REF_PROTECTED": "true",
        "SIGSTORE_ID_TOKEN": sigstore.token("gitlab", **CLAIMS),
        "MLOPS_INPUT_SIGN__TRUST_CONFIG": trust,
        "MLOPS_INPUT_VERIFY__TRUST_CONFIG": trust,
        "MLOPS_INPUT_VERIFY__ISSUER": f"{_services.issuer.URL}/gitlab",
    }
    return project, beside.pipeline(project, **variables)


def test_what_was_tested_is_signed_verified_and_deployed(ran, load):
    project, done = ran
    assert done.jobs == dict.fromkeys(["mlops-evaluate", "mlops-sign", "mlops-verify", "deploy"], ("passed", 0)), done.text[-4000:]
    out = load("gitlab").artifacts(project, "mlops-verify") / "mlops-out/mlops-verify"
    report = json.loads((out / "verify/report.json").read_text())
    assert any(f"https://{CLAIMS['ci_config_ref_uri']}" in finding["message"] for finding in report["findings"])
    assert report["outputs"]["level"] == "identity"
