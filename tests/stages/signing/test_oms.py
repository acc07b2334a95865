"""Model folders in the format of OpenSSF Model Signing, against its reference implementation."""

import base64
import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from model_signing import signing, verifying
from signed_project import files, in_this_process, metric, pem, reported, workspace

from mlops_stage.errors import InputError
from mlops_stage.stages.signing import oms
from mlops_stage.stages.signing.act import act
from mlops_stage.stages.signing.params import SignParams

NAMES = ("config.json", "weights.safetensors", "sub/b.bin", "sub-a/c.bin", "sub.d/x", "é/ü.txt", "a b.txt", ".gitattributes", ".hidden/x")


@pytest.fixture
def project(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "signing.key").write_bytes(pem(key))
    (tmp_path / "signing.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for name in NAMES:
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    in_this_process(monkeypatch)


def accepted(project, key="signing.pub"):
    config = verifying.Config().use_elliptic_key_verifier(public_key=project / key)
    signature = project / "mlops-out" / "attestations" / "model.sig"
    assert config.verify(project / "model", signature) is None, "it says nothing where all is well"
    (project / "model" / "config.json").write_bytes(b"other")
    with pytest.raises(ValueError, match="mismatch"):
        config.verify(project / "model", signature)


def test_the_reference_implementation_accepts_a_signature_of_ours_by_a_key(project):
    seen = act(SignParams(key="signing.key", model="model"), workspace(project))
    assert set(files(project)) == {"model.sig"}
    assert metric(seen, "signed") == 1
    accepted(project)


@pytest.mark.parametrize("change", ["content", "new", "gone", "renamed"])
def test_and_refuses_a_folder_that_changed(project, change):
    act(SignParams(key="signing.key", model="model"), workspace(project))
    place = project / "model" / "sub" / "b.bin"
    if change == "content":
        place.write_bytes(b"other")
    elif change == "new":
        place.with_name("z").write_bytes(b"")
    elif change == "gone":
        place.unlink()
    else:
        place.rename(place.with_name("c.bin"))
    with pytest.raises(ValueError, match="mismatch"):
        accepted(project)


def test_it_accepts_a_signature_of_ours_by_an_identity(shared_double, project):
    (project / "token").write_text(shared_double.token("https://ci.example/ml.yml"))
    params = SignParams(identity_token_file="token", trust_config=str(shared_double.trust_file(1)), model="model")
    act(params, workspace(project))
    config = verifying.Config().use_sigstore_verifier(
        identity="https://ci.example/ml.yml", oidc_issuer=shared_double.url, trust_config=shared_double.trust_file(1)
    )
    signature = project / "mlops-out" / "attestations" / "model.sig"
    assert config.verify(project / "model", signature) is None, "it says nothing where all is well"
    (project / "model" / "config.json").write_bytes(b"other")
    with pytest.raises(ValueError, match="mismatch"):
        config.verify(project / "model", signature)


def test_our_statement_is_the_one_that_it_would_sign(project):
    signing.Config().use_elliptic_key_signer(private_key=project / "signing.key").sign(project / "model", project / "theirs.sig")
    theirs = json.loads(base64.b64decode(json.loads((project / "theirs.sig").read_text())["dsseEnvelope"]["payload"]))
    ours = json.loads(oms.statement(project / "model", oms.digests_of(project / "model")))
    assert ours["subject"] == theirs["subject"]
    assert ours["predicate"]["resources"] == theirs["predicate"]["resources"]


def test_a_model_in_one_file_has_no_such_signature(project):
    (project / "model.onnx").write_bytes(b"weights")
    act(SignParams(key="signing.key", model="model.onnx"), workspace(project, reported(project)))
    assert set(files(project)) == {"quality.json", "quality.sigstore.json"}


def test_the_same_folder_is_not_signed_twice(project):
    act(SignParams(key="signing.key", model="model"), workspace(project))
    before = files(project)
    seen = act(SignParams(key="signing.key", model="model"), workspace(project))
    assert metric(seen, "kept") == 1
    assert files(project) == before


@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe", "no Unicode"])
def test_what_cannot_be_signed_is_refused(project, kind):
    if kind == "link":
        (project / "model" / "l").symlink_to("config.json")
    elif kind == "link to a folder":
        (project / "model" / "l").symlink_to("sub")
    elif kind == "pipe":
        os.mkfifo(project / "model" / "p")
    else:
        (project / "model" / "\udcff").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be signed|no valid Unicode"):
        act(SignParams(key="signing.key", model="model"), workspace(project))


def test_a_folder_that_holds_the_output_or_nothing_is_refused(project):
    with pytest.raises(InputError, match="is written by this very run"):
        act(SignParams(key="signing.key", model="."), workspace(project))
    (project / "empty").mkdir()
    with pytest.raises(InputError, match="is empty"):
        act(SignParams(key="signing.key", model="empty"), workspace(project))


def test_a_file_that_is_written_meanwhile_is_noticed(project, monkeypatch):
    real = oms.sha256_many

    def slowly(paths):
        found = real(paths)
        (project / "model" / "config.json").write_bytes(b"written meanwhile")
        return found

    monkeypatch.setattr(oms, "sha256_many", slowly)
    with pytest.raises(InputError, match="was changed while it was read"):
        act(SignParams(key="signing.key", model="model"), workspace(project))
