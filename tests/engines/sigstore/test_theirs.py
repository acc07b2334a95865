"""What other tools sign on the real services, we verify."""

import json
import sys

import pytest
from issuer import IDENTITIES, URL
from project import Project

pytestmark = pytest.mark.interop
MODEL_SIGNING = """
import sys
from pathlib import Path
from model_signing import signing

model, signature, token, trust = sys.argv[1:]
signing.Config().use_sigstore_signer(identity_token=Path(token).read_text(), trust_config=Path(trust)).sign(Path(model), Path(signature))
"""


@pytest.fixture
def project(sigstore, tmp_path):
    made = Project(sigstore, tmp_path)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "token").write_text(sigstore.token())
    return made


def report(project):
    return json.loads((project.root / "mlops-out" / "verify" / "report.json").read_text())


def attest(project, *argv):
    """Let cosign sign the statement of the scan."""
    statement = project.root / "mlops-out" / "attestations" / "scan.json"
    asked = ["attest-blob", "--statement", statement, "--bundle", "theirs/scan.sigstore.json", "--yes"]
    project.sigstore.cosign(*asked, *argv, cwd=project.root, env={"COSIGN_PASSWORD": ""})


def test_a_statement_that_cosign_signed_with_an_identity(project):
    folder = project.sigstore.folder
    services = ["--signing-config", folder / "signing_config.json", "--trusted-root", folder / "trusted_root.json"]
    attest(project, *services, "--identity-token", (project.root / "token").read_text())
    project.verify("--bundles", "theirs", "--require", "scan", alone=True)
    assert report(project)["outcome"] == "passed"
    refused = project.stage(
        *("verify", "--model", "model", "--bundles", "theirs", "--trust-config", folder / "trust_config.json"),
        *("--identity", IDENTITIES["github"] + "x", "--issuer", f"{URL}/github"),
        check=False,
        alone=True,
    )
    assert refused.returncode == 1


def test_a_statement_that_cosign_signed_with_a_key(project):
    folder = project.sigstore.folder
    project.sigstore.cosign("generate-key-pair", "--output-key-prefix", "theirs/key", cwd=project.root, env={"COSIGN_PASSWORD": ""})
    services = ["--signing-config", folder / "signing_config.json", "--trusted-root", folder / "trusted_root.json"]
    attest(project, *services, "--key", "theirs/key.key")
    asked = ["verify", "--model", "model", "--bundles", "theirs/scan.sigstore.json", "--key", "theirs/key.pub", "--require", "scan"]
    project.stage(*asked, "--trust-config", folder / "trust_config.json", alone=True)
    assert report(project)["outcome"] == "passed"


def test_a_model_that_model_signing_signed(project):
    trust = project.sigstore.folder / "trust_config.json"
    project.sigstore.run(sys.executable, "-c", MODEL_SIGNING, "model", "theirs/model.sig", "token", trust, cwd=project.root)
    project.verify("--bundles", "theirs", alone=True)
    assert report(project)["outcome"] == "passed"
    (project.root / "model" / "extra.bin").write_bytes(b"x")
    assert project.verify("--bundles", "theirs", alone=True, check=False).returncode == 1
