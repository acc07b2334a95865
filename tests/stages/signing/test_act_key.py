"""The stage `sign` with a key: what it makes, keeps and refuses."""

import base64
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from signed_project import files, metric, outcome, payload_of, pem, reported, workspace

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.digest import sha256
from mlops_stage.report import Evidence, Outcome
from mlops_stage.stages.signing import dsse, regular, statements
from mlops_stage.stages.signing.act import act
from mlops_stage.stages.signing.params import SignParams
from mlops_stage.stages.signing.pending import postpone

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "income"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"weights")
    (tmp_path / "signing.key").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    return tmp_path


def test_every_report_gets_its_statement_and_its_bundle(project):
    params = SignParams(key="signing.key")
    seen = act(params, workspace(project, reported(project), reported(project, "scan", stage="scan")))
    made = files(project)
    assert set(made) == {"quality.json", "quality.sigstore.json", "scan.json", "scan.sigstore.json"}
    for name in ("quality", "scan"):
        assert payload_of(made[f"{name}.sigstore.json"]) == made[f"{name}.json"]
    assert (metric(seen, "statements"), metric(seen, "signed"), metric(seen, "unverified")) == (2, 2, 0)
    assert outcome(params, seen) is Outcome.PASSED
    assert seen.outputs["signed"] == "2"
    assert seen.outputs["signer"].startswith("key ")
    listing = json.loads((project / "mlops-out" / ".sign.part" / "evidence" / "signatures.json").read_text())
    assert [one["bundle"] for one in listing] == ["attestations/quality.sigstore.json", "attestations/scan.sigstore.json"]
    assert [one.name for one in seen.subjects] == ["model.onnx"]


def test_a_second_run_keeps_what_is_signed(project):
    params = SignParams(key="signing.key")
    act(params, workspace(project, reported(project)))
    before = files(project)
    seen = act(params, workspace(project, reported(project)))
    assert files(project) == before
    assert (metric(seen, "signed"), metric(seen, "kept")) == (0, 1)
    [told] = [one.message for one in seen.findings if one.rule == "sign/signed"]
    assert told.startswith("1 statement signed as key ")
    assert told.endswith(", by an earlier run")
    assert "of them" not in told


def test_what_changed_is_signed_again_and_nothing_else(project):
    params = SignParams(key="signing.key")
    act(params, workspace(project, reported(project), reported(project, "scan")))
    before = files(project)
    seen = act(params, workspace(project, reported(project), reported(project, "scan", summary="other")))
    after = files(project)
    assert {name for name in after if after[name] != before[name]} == {"scan.json", "scan.sigstore.json"}
    assert (metric(seen, "signed"), metric(seen, "kept")) == (1, 1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bundle: bundle[:-20],
        lambda bundle: bundle.replace(b'"sig":"M', b'"sig":"N'),
        lambda _bundle: b"",
        lambda _bundle: b"{}",
    ],
    ids=["cut", "signature", "empty", "no bundle"],
)
def test_a_bundle_that_does_not_hold_is_made_anew(project, spoil):
    params = SignParams(key="signing.key")
    act(params, workspace(project, reported(project)))
    place = project / "mlops-out" / "attestations" / "quality.sigstore.json"
    place.write_bytes(spoil(place.read_bytes()))
    seen = act(params, workspace(project, reported(project)))
    assert metric(seen, "signed") == 1
    assert payload_of(place.read_bytes()) == (place.parent / "quality.json").read_bytes()


def test_the_bundle_of_another_key_is_replaced(project):
    act(SignParams(key="signing.key"), workspace(project, reported(project)))
    (project / "other.key").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    seen = act(SignParams(key="other.key"), workspace(project, reported(project)))
    assert metric(seen, "signed") == 1


def test_a_report_that_failed_is_signed_as_well(project):
    act(SignParams(key="signing.key"), workspace(project, reported(project, outcome=Outcome.FAILED)))
    assert json.loads(files(project)["quality.json"])["predicate"]["result"] == "FAILED"


def test_evidence_that_is_a_statement_s_content_is_signed_and_confirmed(project):
    earlier = reported(project, "sbom", stage="sbom")
    (earlier.folder / "evidence").mkdir()
    path = earlier.folder / "evidence" / "bom.json"
    path.write_bytes(b'{"bomFormat":"CycloneDX"}')
    evidence = Evidence(path="evidence/bom.json", sha256=sha256(path), predicate_type="https://cyclonedx.org/bom")
    earlier = reported(project, "sbom", stage="sbom", evidence=(evidence,))
    act(SignParams(key="signing.key"), workspace(project, earlier))
    assert json.loads(files(project)["sbom.bom.json"])["predicate"] == {"bomFormat": "CycloneDX"}
    path.write_bytes(b'{"bomFormat":"Changed"}')
    with pytest.raises(InputError, match="is not the file that the report of sbom names"):
        act(SignParams(key="signing.key"), workspace(project, earlier))
    path.unlink()
    with pytest.raises(InputError, match="cannot read evidence/bom.json of sbom"):
        act(SignParams(key="signing.key"), workspace(project, earlier))


def test_a_model_that_changed_after_it_was_judged_is_not_signed(project):
    earlier = reported(project)
    (project / "model.onnx").write_bytes(b"other weights")
    with pytest.raises(InputError, match="model.onnx was changed after quality had judged it"):
        act(SignParams(key="signing.key", model="model.onnx"), workspace(project, earlier))
    assert not (project / "mlops-out" / "attestations").exists()


def test_a_model_that_nobody_named_and_that_changed_is_said(project):
    earlier = reported(project)
    absent = replace(earlier.report.subjects[0], name="absent.onnx")
    outside = replace(earlier.report.subjects[0], name="../absent.onnx")
    earlier = reported(project, subjects=(*earlier.report.subjects, absent, outside))
    seen = act(SignParams(key="signing.key"), workspace(project, earlier))
    assert "sign/changed-model" not in [one.rule for one in seen.findings]
    (project / "model.onnx").write_bytes(b"other weights")
    seen = act(SignParams(key="signing.key"), workspace(project, earlier))
    (told,) = [one for one in seen.findings if one.rule == "sign/changed-model"]
    assert told.message.startswith("model.onnx is not the file that quality judged")
    (project / "other.onnx").write_bytes(b"another")
    seen = act(SignParams(key="signing.key", model="other.onnx"), workspace(project, earlier))
    assert "sign/changed-model" in [one.rule for one in seen.findings]


def test_nothing_to_sign_is_said_with_the_reason(project):
    with pytest.raises(UsageError, match="there is nothing to sign") as told:
        act(SignParams(key="signing.key"), workspace(project))
    assert "--reports" in told.value.hint
    with pytest.raises(InputError, match=r"no report judged anything: quality \(error\)"):
        act(SignParams(key="signing.key"), workspace(project, reported(project, outcome=Outcome.ERROR, subjects=())))


def test_nothing_to_sign_with_is_wrong_usage(project):
    with pytest.raises(UsageError, match="there is nothing to sign with"):
        act(SignParams(), workspace(project, reported(project)))


def test_a_key_behind_a_password_from_a_named_variable(project):
    key = ec.generate_private_key(ec.SECP256R1())
    (project / "locked.key").write_bytes(pem(key, "CANARY-password"))
    earlier = reported(project)
    params = SignParams(key="locked.key", key_password_env="SIGNING_PASSWORD")
    seen = act(params, workspace(project, earlier, env={"SIGNING_PASSWORD": "CANARY-password"}))
    assert metric(seen, "signed") == 1
    with pytest.raises(InputError, match="the password is wrong, or the file is damaged") as told:
        act(params, workspace(project, earlier, env={"SIGNING_PASSWORD": "CANARY-wrong"}))
    assert "CANARY" not in f"{told.value} {told.value.hint} {told.value.__cause__}"
    assert told.value.hint.startswith("check the password"), "the key may be the only copy: nothing may advise to make one in its place"
    with pytest.raises(UsageError, match="no such variable"):
        act(params, workspace(project, earlier))
    with pytest.raises(UsageError, match="is encrypted"):
        act(SignParams(key="locked.key"), workspace(project, earlier))
    with pytest.raises(UsageError, match="is not encrypted, and a password was given"):
        act(SignParams(key="signing.key", key_password_env="SIGNING_PASSWORD"), workspace(project, earlier, env={"SIGNING_PASSWORD": "x"}))


def test_keys_that_verifiers_elsewhere_do_not_read_are_refused(project):
    earlier = reported(project)
    odd = {
        "p384": pem(ec.generate_private_key(ec.SECP384R1())),
        "ed25519": pem(ed25519.Ed25519PrivateKey.generate()),
        "rsa": pem(rsa.generate_private_key(65537, 2048)),
    }
    for name, content in odd.items():
        (project / name).write_bytes(content)
        with pytest.raises(UsageError, match="is no ECDSA key on the curve P-256"):
            act(SignParams(key=name), workspace(project, earlier))
    for name, content in {
        "empty": b"",
        "text": b"hello",
        "der": os.urandom(121),
    }.items():
        (project / name).write_bytes(content)
        with pytest.raises(InputError, match="it is no PEM file with a private key"):
            act(SignParams(key=name), workspace(project, earlier))
    (project / "half").write_bytes((project / "signing.key").read_bytes()[:90])
    with pytest.raises(InputError, match="cannot open the key half: the file is damaged"):
        act(SignParams(key="half"), workspace(project, earlier))
    with pytest.raises(UsageError, match="key: absent.key does not exist"):
        act(SignParams(key="absent.key"), workspace(project, earlier))
    with pytest.raises(InputError, match="cannot read the key"):
        act(SignParams(key="."), workspace(project, earlier))


@pytest.mark.parametrize(("kind", "what"), [("PUBLIC KEY", "a public key"), ("CERTIFICATE", "a certificate")])
def test_what_only_verifies_is_named_and_never_replaced(project, kind, what):
    (project / "signing.pub").write_text(f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n")
    for asked in ({}, {"key_password_env": "SIGNING_PASSWORD"}):
        with pytest.raises(InputError, match=f"signing.pub: it holds {what}, which can only verify") as told:
            act(SignParams(key="signing.pub", **asked), workspace(project, reported(project), env={"SIGNING_PASSWORD": "x"}))
        assert "openssl" not in told.value.hint


def test_a_key_through_a_pipe_lies_in_no_file(project):
    reading, writing = os.pipe()
    content = (project / "signing.key").read_bytes()

    def write():
        for at in range(0, len(content), 50):  # as a command hands it over, piece by piece
            os.write(writing, content[at : at + 50])
            time.sleep(0.005)
        os.close(writing)

    threading.Thread(target=write).start()
    try:
        seen = act(SignParams(key=f"/dev/fd/{reading}"), workspace(project, reported(project)))
    finally:
        os.close(reading)
    assert metric(seen, "signed") == 1


def test_a_pipe_that_nobody_ends_is_left():
    reading, writing = os.pipe()
    try:
        with pytest.raises(OSError, match="nothing ended the pipe in time"):
            regular.read_secret(Path(f"/dev/fd/{reading}"), 100, patience=0.05)
    finally:
        os.close(reading)
        os.close(writing)


def claim(name="fairness", **changes):
    """What a run's statement looks like, whoever wrote it."""
    predicate = {"result": "PASSED", "mlops_stage": {"id": name, "stage": name, "outcome": "passed"}}
    plain = {"_type": statements.STATEMENT_TYPE, "subject": [], "predicateType": statements.TEST_RESULT, "predicate": predicate}
    return json.dumps({**plain, **changes}).encode()


def test_statements_that_waited_are_signed_without_their_reports_and_listed(project):
    home = project / "mlops-out" / "attestations"
    waiting = {"fairness": claim(), "sbom.bom": claim(predicateType="https://cyclonedx.org/bom")}
    postpone(home, waiting)
    seen = act(SignParams(key="signing.key"), workspace(project, reported(project)))
    made = files(project)
    for name, content in waiting.items():
        assert payload_of(made[f"{name}.sigstore.json"]) == content == made[f"{name}.json"]
    assert not (home / "pending").exists()
    assert not (home / "postponed.txt").exists()
    assert [one.message.split()[0] for one in seen.findings if one.rule == "sign/waited"] == ["fairness", "sbom.bom"]


@pytest.mark.parametrize(
    ("name", "content", "recorded"),
    [
        ("fairness", claim(), False),
        ("zz", claim(), True),
        ("scan.x", claim(), True),
        ("fairness", claim(predicate={}), True),
        ("fairness", claim(predicateType="https://cyclonedx.org/bom"), True),
        ("x.y", claim(predicateType="https://model_signing/signature/v1.0"), True),
    ],
)
def test_what_no_outage_has_left_waiting_is_not_signed(project, name, content, recorded):
    home = project / "mlops-out" / "attestations"
    postpone(home, {name: content})
    if not recorded:
        (home / "postponed.txt").write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(InputError, match="in attestations/pending (does not say what its name says|was not left there)"):
        act(SignParams(key="signing.key"), workspace(project, reported(project)))
    assert not list(home.glob("*.sigstore.json"))


def test_a_pipe_is_never_waited_for(project):
    os.mkfifo(project / "pipe")
    home = project / "mlops-out" / "attestations"
    home.mkdir(parents=True)
    os.mkfifo(home / "quality.sigstore.json")
    earlier = reported(project)
    assert metric(act(SignParams(key="signing.key"), workspace(project, earlier)), "signed") == 1
    for asked in ({"key": "pipe"}, {"key": "/dev/zero"}, {"key": "signing.key", "trust_config": "pipe"}, {"identity_token_file": "pipe"}):
        with pytest.raises(InputError, match="cannot (read|sign with)|is empty"):
            act(SignParams(**asked), workspace(project, earlier))


def test_a_report_wins_over_a_statement_that_waited_for_an_older_one(project):
    waiting = project / "mlops-out" / "attestations" / "pending"
    waiting.mkdir(parents=True)
    (waiting / "quality.json").write_bytes(b'{"_type":"https://in-toto.io/Statement/v1","subject":[]}')
    act(SignParams(key="signing.key"), workspace(project, reported(project)))
    assert "predicate" in json.loads(payload_of(files(project)["quality.sigstore.json"]))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"_type":"other"}', b'{"_type":"https://in-toto.io/Statement/v1"}', b"[" * 100_000]
)
def test_what_waits_and_is_no_statement_is_refused(project, content):
    waiting = project / "mlops-out" / "attestations" / "pending"
    waiting.mkdir(parents=True)
    (waiting / "x.json").write_bytes(content)
    with pytest.raises(InputError, match="is no in-toto statement"):
        act(SignParams(key="signing.key"), workspace(project, reported(project)))


def test_a_link_among_what_waits_is_refused(project):
    waiting = project / "mlops-out" / "attestations" / "pending"
    waiting.mkdir(parents=True)
    (waiting / "x.json").symlink_to(project / "signing.key")
    with pytest.raises(InputError, match="is no statement of mlops-stage"):
        act(SignParams(key="signing.key"), workspace(project, reported(project)))


def test_a_statement_that_no_verifier_would_read_is_not_signed(project, monkeypatch):
    monkeypatch.setattr(dsse, "MOST_STATEMENT_BYTES", 100)
    with pytest.raises(InputError, match="the statement quality has"):
        act(SignParams(key="signing.key"), workspace(project, reported(project)))


def test_the_key_stands_nowhere(project):
    raw = base64.b64encode((project / "signing.key").read_bytes()).decode()
    inner = (project / "signing.key").read_text().splitlines()[1]
    seen = act(SignParams(key="signing.key"), workspace(project, reported(project)))
    written = b"".join(path.read_bytes() for path in (project / "mlops-out").rglob("*") if path.is_file()).decode("utf-8", "replace")
    for secret in (raw[:60], inner):
        assert secret not in written
        assert secret not in repr(seen)


def test_what_a_report_no_longer_says_is_taken_away(project):
    params = SignParams(key="signing.key")
    act(params, workspace(project, reported(project), reported(project, "scan")))
    waiting = project / "mlops-out" / "attestations" / "pending"
    waiting.mkdir()
    (waiting / "quality.json").write_bytes(b'{"_type":"https://in-toto.io/Statement/v1","subject":[]}')
    act(params, workspace(project, reported(project, outcome=Outcome.ERROR, subjects=()), reported(project, "scan")))
    assert set(files(project)) == {"scan.json", "scan.sigstore.json"}


def test_statements_of_reports_that_are_not_here_stay(project):
    act(SignParams(key="signing.key"), workspace(project, reported(project)))
    act(SignParams(key="signing.key"), workspace(project, reported(project, "scan")))
    assert set(files(project)) == {"quality.json", "quality.sigstore.json", "scan.json", "scan.sigstore.json"}


def test_cosign_s_own_format_is_named(project):
    (project / "cosign.key").write_text(
        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
    )
    with pytest.raises(UsageError, match="is in cosign's own format"):
        act(SignParams(key="cosign.key"), workspace(project, reported(project)))


def test_a_model_file_that_no_statement_is_about_is_said(project):
    (project / "other.onnx").write_bytes(b"other weights")
    seen = act(SignParams(key="signing.key", model="other.onnx"), workspace(project, reported(project)))
    assert "no statement is about other.onnx" in next(one.message for one in seen.findings if one.rule == "sign/other-model")
    seen = act(SignParams(key="signing.key", model="model.onnx"), workspace(project, reported(project)))
    assert [one.rule for one in seen.findings] == ["sign/signed", "sign/level"]


def test_the_key_of_the_example_says_so_itself_and_so_do_we(project):
    content = (EXAMPLE / "throw-away.key").read_bytes()
    assert content.startswith(b"This key is public")
    (project / "throw-away.key").write_bytes(content)
    seen = act(SignParams(key="throw-away.key"), workspace(project, reported(project)))
    assert [one.rule for one in seen.findings] == ["sign/signed", "sign/level", "sign/example-key"]
    public = load_pem_public_key((EXAMPLE / "throw-away.pub").read_bytes())
    assert public == load_pem_private_key(content, None).public_key()


@pytest.mark.parametrize(("params", "kind"), [({"key": "none.key"}, UsageError), ({"key": "model.onnx"}, InputError), ({}, UsageError)])
def test_where_nothing_can_be_signed_what_an_earlier_report_said_does_not_stay(project, params, kind):
    act(SignParams(key="signing.key"), workspace(project, reported(project), reported(project, "other")))
    failed = reported(project, outcome=Outcome.FAILED)
    with pytest.raises(kind, match="; what was signed of quality was of an earlier report and is taken away$"):
        act(SignParams(**params), workspace(project, failed, reported(project, "other")))
    made = files(project)
    assert set(made) == {"quality.json", "other.json", "other.sigstore.json"}
    assert b'"outcome":"failed"' in made["quality.json"]
