"""What we sign, other tools verify: cosign without a network, and model_signing with nothing but what it is given."""

import json

import pytest
from issuer import IDENTITIES, URL
from model_signing import verifying
from project import Project
from sigstore.errors import VerificationError

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module", params=["github", "gitlab", "jenkins", "kubernetes", "email"])
def signed(request, sigstore, tmp_path_factory):
    project = Project(sigstore, tmp_path_factory.mktemp(request.param))
    project.sign(request.param)
    return project, request.param


def test_cosign_verifies_each_statement_and_no_other_identity_or_file(signed):
    project, shape = signed
    assert project.bundles
    (project.root / "other").write_text("other")
    for bundle in project.bundles:
        project.cosign(bundle, shape=shape)
        assert project.cosign(bundle, shape="jenkins" if shape != "jenkins" else "email", check=False).returncode != 0
        assert project.cosign(bundle, shape=shape, file="other", check=False).returncode != 0


def test_we_verify_it_without_any_interface(signed):
    project, shape = signed
    project.verify("--require", "scan", shape=shape, alone=True)
    report = json.loads((project.root / "mlops-out" / "verify" / "report.json").read_text())
    assert report["outcome"] == "passed"
    assert any(IDENTITIES[shape] in finding["message"] for finding in report["findings"])


def test_signing_twice_signs_nothing_anew(signed):
    project, shape = signed
    before = {bundle: bundle.read_bytes() for bundle in project.bundles}
    project.sign(shape)
    assert {bundle: bundle.read_bytes() for bundle in project.bundles} == before


def test_model_signing_verifies_the_model(signed):
    project, shape = signed
    signature = project.root / "mlops-out" / "attestations" / "model.sig"
    trust = project.sigstore.folder / "trust_config.json"
    who = {"identity": IDENTITIES[shape], "oidc_issuer": f"{URL}/{shape}"}
    verifying.Config().use_sigstore_verifier(**who, trust_config=trust).verify(project.root / "model", signature)
    other = verifying.Config().use_sigstore_verifier(**who | {"identity": "other"}, trust_config=trust)
    with pytest.raises(VerificationError, match="other"):
        other.verify(project.root / "model", signature)
    (project.root / "swapped").mkdir()
    (project.root / "swapped" / "m.onnx").write_bytes(b"another")
    with pytest.raises(ValueError, match="mismatch"):
        verifying.Config().use_sigstore_verifier(**who, trust_config=trust).verify(project.root / "swapped", signature)


def test_a_key_with_a_time_stamp_and_a_log_entry_needs_no_insecure_flag_of_cosign(sigstore, tmp_path):
    project = Project(sigstore, tmp_path)
    key_pair(project)
    project.stage("sign", "--model", "model", "--key", "key.pem", "--trust-config", sigstore.folder / "trust_config.json")
    for bundle in project.bundles:
        project.cosign(bundle, "--key", "key.pub", "--use-signed-timestamps")
        assert project.cosign(bundle, "--key", sigstore.folder / "rekor.pub", "--use-signed-timestamps", check=False).returncode != 0
    signature = project.root / "mlops-out" / "attestations" / "model.sig"
    verifying.Config().use_elliptic_key_verifier(public_key=project.root / "key.pub").verify(project.root / "model", signature)
    asked = ["--model", "model", "--key", "key.pub", "--trust-config", sigstore.folder / "trust_config.json", "--assurance", "logged"]
    project.stage("verify", *asked, alone=True)


def test_a_key_alone_is_verified_by_cosign_where_it_is_told_to_ask_no_log(sigstore, tmp_path):
    project = Project(sigstore, tmp_path)
    key_pair(project)
    project.stage("sign", "--model", "model", "--key", "key.pem")
    for bundle in project.bundles:
        project.cosign(bundle, "--key", "key.pub", "--insecure-ignore-tlog")
    assert project.stage("verify", "--model", "model", "--key", "key.pub", "--assurance", "stamped", check=False).returncode == 1


def test_fifty_statements_take_one_certificate(sigstore, tmp_path):
    project = Project(sigstore, tmp_path)
    for number in range(49):
        copy_report(project, number)
    project.sign()
    report = json.loads((project.root / "mlops-out" / "sign" / "report.json").read_text())
    assert int(report["outputs"]["signed"]) >= 50
    certificates = {json.loads(bundle.read_text())["verificationMaterial"]["certificate"]["rawBytes"] for bundle in project.bundles}
    assert len(certificates) == 1


def copy_report(project, number):
    folder = project.root / "mlops-out"
    plain = (folder / "scan" / "report.json").read_text()
    assert '"id": "scan"' in plain
    plain = plain.replace('"id": "scan"', f'"id": "scan_{number}"')
    (folder / f"scan_{number}").mkdir()
    (folder / f"scan_{number}" / "report.json").write_text(plain)


def key_pair(project):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    (project.root / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (project.root / "key.pem").chmod(0o600)
    (project.root / "key.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
