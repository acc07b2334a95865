"""Signatures of a key that an authority stamps and a log holds."""

import base64
import json
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from signed_project import files, metric, outcome, pem, reported, workspace

from mlops_stage.errors import InputError
from mlops_stage.report import Outcome
from mlops_stage.stages.signing.act import act
from mlops_stage.stages.signing.params import SignParams
from mlops_stage.stages.signing.signers import OutageError

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"weights")
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "signing.key").write_bytes(pem(key))
    (tmp_path / "signing.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return tmp_path


def asked(double, rekor=2, *, stamps=True, **changes):
    return SignParams(key="signing.key", trust_config=str(double.trust_file(rekor, stamps=stamps)), deadline=60, **changes)


def test_stamped_and_logged(shared_double, project):
    params = asked(shared_double)
    seen = act(params, workspace(project, reported(project), reported(project, "scan")))
    assert outcome(params, seen) is Outcome.PASSED
    assert seen.outputs["level"] == "logged"
    material = json.loads(files(project)["quality.sigstore.json"])["verificationMaterial"]
    assert len(material["tlogEntries"]) == 1
    assert len(material["timestampVerificationData"]["rfc3161Timestamps"]) == 1
    again = act(params, workspace(project, reported(project), reported(project, "scan")))
    assert metric(again, "kept") == 2


def test_a_log_that_would_be_sent_the_whole_statement_is_not_asked(double, project):
    seen = act(asked(double, 1), workspace(project, reported(project)))
    assert seen.outputs["level"] == "stamped"
    assert double.asked("rekor") == 0
    assert "was not asked" in next(one.message for one in seen.findings if one.rule == "sign/service")


def test_the_log_is_never_sent_the_statement(double, project):
    bodies = []
    answer = double.servers["rekor"].answer
    double.servers["rekor"].answer = lambda path, body, headers: (bodies.append(body), answer(path, body, headers))[1]
    act(asked(double), workspace(project, reported(project, summary="CANARY")))
    assert len(bodies) == 1
    assert set(json.loads(bodies[0])["hashedRekordRequestV002"]) == {"digest", "signature"}


def test_a_bundle_without_the_stamp_that_is_wanted_now_is_made_anew(shared_double, project):
    act(SignParams(key="signing.key"), workspace(project, reported(project)))
    seen = act(asked(shared_double), workspace(project, reported(project)))
    assert (metric(seen, "signed"), metric(seen, "kept")) == (1, 0)


@pytest.mark.parametrize(("part", "how"), [("tsa", "502"), ("rekor", "drip")])
def test_an_outage_leaves_what_waits_and_nothing_in_the_log_without_a_stamp(double, project, real_worker, part, how):
    double.fail(part, how)
    params = asked(double).model_copy(update={"deadline": 3})
    with pytest.raises(OutageError, match="0 of 1 statement signed"), real_worker(wanted=how == "drip"):
        act(params, workspace(project, reported(project)))
    assert set(files(project)) == {"quality.json", "pending/quality.json", "postponed.txt"}
    if part == "tsa":
        assert double.asked("rekor") == 0
    double.heal()
    assert metric(act(asked(double), workspace(project, reported(project))), "signed") == 1


def test_services_that_are_not_the_trusted_ones_are_noticed(double, shared_double, project):
    config = json.loads(double.trust_config(2))
    config["trustedRoot"]["timestampAuthorities"] = json.loads(shared_double.trust_config())["trustedRoot"]["timestampAuthorities"]
    (project / "trust.json").write_text(json.dumps(config))
    params = SignParams(key="signing.key", trust_config="trust.json")
    seen = act(params, workspace(project, reported(project)))
    assert outcome(params, seen) is Outcome.FAILED
    assert "no trusted authority signed it" in next(one.message for one in seen.findings if one.rule == "sign/unverified")


def test_a_trusted_root_alone_asks_nobody(double, project):
    (project / "trust.json").write_text(json.dumps(double.trusted_root()))
    seen = act(SignParams(key="signing.key", trust_config="trust.json"), workspace(project, reported(project)))
    assert seen.outputs["level"] == "key"
    assert double.requests == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda config: config["signingConfig"].update(tsaUrls=3),
        lambda config: config["signingConfig"]["tsaUrls"][0].update(url=""),
        lambda config: config["signingConfig"]["tsaUrls"][0]["validFor"].update(start="yesterday"),
        lambda config: config.update(signingConfig=[]),
    ],
    ids=["no list", "no address", "no time", "no config"],
)
def test_a_config_that_names_services_badly_is_refused(double, project, spoil):
    config = json.loads(double.trust_config(2))
    spoil(config)
    (project / "trust.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="trust_config: ") as told:
        act(SignParams(key="signing.key", trust_config="trust.json"), workspace(project, reported(project)))
    assert "\n" not in told.value.message


@pytest.mark.parametrize(("kind", "lacking"), [("timestampAuthorities", "time-stamp authority"), ("tlogs", "transparency log")])
def test_services_of_which_none_is_trusted_are_not_asked(double, project, kind, lacking):
    config = json.loads(double.trust_config(2))
    config["trustedRoot"][kind] = []
    (project / "trust.json").write_text(json.dumps(config))
    (project / "token").write_text(double.token())
    for signer in ({"key": "signing.key"}, {"identity_token_file": "token"}):
        with pytest.raises(InputError, match=f"names a {lacking} to ask, and none to trust"):
            act(SignParams(**signer, trust_config="trust.json"), workspace(project, reported(project)))
    assert double.requests == []


def test_services_that_are_over_are_not_asked(double, project):
    config = json.loads(double.trust_config(2))
    config["signingConfig"]["tsaUrls"][0]["validFor"]["end"] = "2021-01-01T00:00:00Z"
    (project / "trust.json").write_text(json.dumps(config))
    seen = act(SignParams(key="signing.key", trust_config="trust.json"), workspace(project, reported(project)))
    assert double.asked("tsa") == 0
    assert seen.outputs["level"] == "logged"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_accepts_the_stamp_over_the_signature(shared_double, project):
    act(asked(shared_double), workspace(project, reported(project)))
    bundle = json.loads(files(project)["quality.sigstore.json"])
    stamp = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"]
    (project / "stamp.tsr").write_bytes(base64.b64decode(stamp))
    (project / "signature").write_bytes(base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]))
    root = shared_double.stamps.root.certificate.public_bytes(Encoding.PEM)
    leaf = shared_double.stamps.leaf.certificate.public_bytes(Encoding.PEM)
    (project / "root.pem").write_bytes(root)
    (project / "leaf.pem").write_bytes(leaf)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", "signature", "-in", "stamp.tsr", "-CAfile", "root.pem", "-untrusted", "leaf.pem"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in done.stdout + done.stderr
