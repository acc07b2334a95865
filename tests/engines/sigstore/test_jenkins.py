"""A release on Jenkins that signs as its job, with a token as the plugin OpenID Connect Provider gives it to a build, against the real services."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from issuer import IDENTITIES, URL
from project import Project

import stages

pytestmark = [pytest.mark.interop, pytest.mark.engine]

SAMPLE = Path(__file__).parents[3] / "docs/examples/jenkins/release-keyless.scripted.jenkinsfile"
CONFIG = (SAMPLE.parent / "release-keyless.mlops.yaml").read_text(encoding="utf-8")
HERE = {"https://jenkins.example/job/models/job/main/": IDENTITIES["jenkins"], "https://jenkins.example/oidc": f"{URL}/jenkins"}
"""What the sample names -> what holds on the services of the tests."""


@pytest.fixture(scope="module")
def released(sigstore, load, bench, tmp_path_factory):
    """How the sample's build ended, its token, and the folder of all that it left behind."""
    root = tmp_path_factory.mktemp("released")
    (root / "project").mkdir()
    project = stages.project(root / "project")
    config = CONFIG
    for named, here in HERE.items():
        assert named in CONFIG
        config = config.replace(named, here)
    (project / "mlops.yaml").write_text(config)
    (project / "deploy.sh").write_text("echo deployed\n")
    shutil.copy(sigstore.folder / "trust_config.json", project / "trust.json")
    token = sigstore.token("jenkins")
    asked = load("jenkins").Build(
        pipeline=SAMPLE, project=project, home=root / "home", keep=root / "keep", credentials={"sigstore-token": token}
    )
    (done,) = replace(load("jenkins").start(bench("jenkins")), enter=sigstore.beside).builds([asked])
    return done, token, root


def test_a_job_signs_as_itself_verifies_and_deploys(released):
    done, _, root = released
    assert (done.status, done.error) == ("SUCCESS", ""), done.of("sh")[-1]["log"]
    assert done.of("sh")[-1]["given"] == "sh deploy.sh"
    report = json.loads((root / "keep/mlops-out/verify/report.json").read_text())
    assert any(IDENTITIES["jenkins"] in finding["message"] for finding in report["findings"])
    assert report["outputs"]["level"] == "identity"


def test_cosign_verifies_each_statement_for_that_job_alone(released, sigstore):
    project = Project(sigstore, released[2] / "home/python/workspace", there=True)
    assert {bundle.name for bundle in project.bundles} >= {f"{stage}.sigstore.json" for stage in ("scan", "quality", "sbom")}
    for bundle in project.bundles:
        project.cosign(bundle, shape="jenkins", file="model.onnx")
        assert project.cosign(bundle, shape="github", file="model.onnx", check=False).returncode != 0


def test_the_token_is_in_no_log_report_or_file_that_stays(released):
    done, token, root = released
    secret = token.rpartition(".")[2]
    assert secret not in json.dumps([dict(step) for step in done.steps])
    assert [file for file in root.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()] == []
    (bound,) = [step for step in done.of("sh") if "bootstrap.sh" in step["log"] and step["folder"].endswith("signer/workspace")]
    assert bound["code"] == 0
