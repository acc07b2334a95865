"""`mlops-stage verify` as a user meets it."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from making import by_identity, by_key, listing, sha256, statement, write
from signed_project import pem, reported, workspace

from mlops_stage.errors import InputError, StageError, UsageError
from mlops_stage.report import Level, Outcome
from mlops_stage.stages.signing import keys
from mlops_stage.stages.signing.act import act
from mlops_stage.stages.signing.params import SignParams
from mlops_stage.stages.signing.verify import measure
from mlops_stage.stages.signing.verifying.params import VerifyParams
from mlops_stage.stages.signing.verifying.plan import plan
from mlops_stage.workspace import Workspace

MODEL = b"graph"
SIGNED = Path(__file__).parents[2] / "fixtures" / "signed"
WHO = "https://ci.example/org/repo/.ci/ml.yml@refs/heads/main"


@pytest.fixture(scope="module")
def signer():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def place(tmp_path, shared_double, signer):
    """A model with the report of quality about it, and data with that of data."""
    (tmp_path / "m.onnx").write_bytes(MODEL)
    (tmp_path / "pub.pem").write_bytes(keys.public_pem(signer.public_key()))
    (tmp_path / "trust.json").write_text(shared_double.trust_config())
    said = statement({"m.onnx": MODEL}), statement({"test.csv": b"rows"}, "data", "inconclusive")
    write(tmp_path / "bundles", *(by_key(shared_double, one, signer) for one in said))
    return tmp_path


@pytest.fixture
def verify(place):
    def run(**params):
        out = place / "mlops-out"
        workspace = Workspace(root=place, run_dir=out, out=out / "verify", cache=place / ".cache")
        asked = {"model": "m.onnx", "bundles": "bundles", "key": "pub.pem", **params}
        return measure(VerifyParams(**{name: value for name, value in asked.items() if value is not None}), workspace)

    return run


def errors(seen):
    return [finding.rule for finding in seen.findings if finding.level is Level.ERROR]


def notes(seen, rule):
    return [finding.message for finding in seen.findings if finding.rule == rule]


def test_what_holds_is_told_with_files_signer_and_level(verify):
    seen = verify(require="quality,data=inconclusive")
    assert errors(seen) == []
    [told] = notes(seen, "verify/verified")
    assert told.startswith("2 statements about 1 file hold, signed by key ")
    assert told.endswith(": data inconclusive, quality passed")
    assert "nothing shows who or when" in notes(seen, "verify/level")[0]
    assert [(one.role, one.name, one.sha256) for one in seen.subjects] == [("model", "m.onnx", sha256(MODEL))]
    assert seen.outputs == {"statements": "2", "refused": "0", "level": "key"}


def test_the_record_names_each_bundle_and_what_came_of_it(verify, place):
    (place / "bundles" / "2.sigstore.json").write_text("{}")
    seen = verify()
    [evidence] = seen.evidence
    rows = json.loads((place / "mlops-out" / "verify" / evidence.path).read_text())
    assert [(row["bundle"], row.get("id"), row.get("refused")) for row in rows] == [
        ("0.sigstore.json", "quality", None),
        ("1.sigstore.json", "data", None),
        ("2.sigstore.json", None, "verify/bundle"),
    ]
    assert [finding.location for finding in seen.findings if finding.level is Level.ERROR] == ["bundles/2.sigstore.json"]
    assert seen.outputs["refused"] == "1"


def test_a_report_whose_bundle_was_cut_is_told_once(verify, place):
    (place / "bundles" / "0.sigstore.json").rename(place / "bundles" / "quality.sigstore.json")
    assert errors(verify(require="quality")) == []
    (place / "bundles" / "quality.sigstore.json").write_text('{"mediaType": "app')
    assert errors(verify(require="quality")) == ["verify/bundle"]
    assert errors(verify(require="quality,fairness")) == ["verify/bundle", "verify/required-absent"]


def test_the_same_inputs_give_the_same_observations(verify):
    assert verify() == verify()


@pytest.mark.parametrize(
    ("asked", "rules"),
    [
        ({"require": "fairness"}, ["verify/required-absent"]),
        ({"require": "data"}, ["verify/required-outcome"]),
        ({"assurance": "stamped"}, ["verify/assurance", "verify/assurance"]),
        (
            {"key": None, "identity": WHO, "issuer": "https://issuer.example", "trust_config": "trust.json"},
            ["verify/other-signer"] * 2,
        ),
        ({"bundles": "."}, ["verify/nothing-signed"]),
    ],
)
def test_what_is_not_as_asked_is_an_error(verify, asked, rules):
    assert errors(verify(**asked)) == rules


def test_a_report_that_failed_is_pointed_out_where_nobody_requires_it(verify, place, shared_double, signer):
    write(place / "bundles", by_key(shared_double, statement({"m.onnx": MODEL}, outcome="failed"), signer))
    assert errors(verify()) == []
    assert notes(verify(), "verify/failed-report") == ["the report of quality holds, and says failed"]
    assert errors(verify(require="quality")) == ["verify/required-outcome"]


@pytest.mark.parametrize("beside", ["0.json", "pending/0.json"])
def test_a_bundle_that_contradicts_the_statement_beside_it_is_refused(verify, place, beside):
    path = place / "bundles" / beside
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(statement({"m.onnx": MODEL}, outcome="failed"))
    assert errors(verify(require="quality")) == ["verify/contradicted"]
    for content in (statement({"m.onnx": MODEL}), b'{"attested": "by the bundle"}'):
        path.write_bytes(content)
        assert errors(verify(require="quality")) == []


@pytest.mark.parametrize("now", [Outcome.FAILED, Outcome.ERROR, Outcome.PASSED])
def test_of_its_own_run_a_bundle_of_an_earlier_report_is_refused_before_the_statement_is_written(place, now):
    (place / "model.onnx").write_bytes(MODEL)
    (place / "k.pem").write_bytes(pem(key := ec.generate_private_key(ec.SECP256R1())))
    (place / "pub.pem").write_bytes(keys.public_pem(key.public_key()))
    act(SignParams(key="k.pem"), workspace(place, reported(place)))
    again = workspace(place, reported(place, outcome=now))
    seen = measure(VerifyParams(model="model.onnx", key="pub.pem", require="quality"), again)
    assert ("verify/contradicted" in errors(seen)) is (now is not Outcome.PASSED)


def test_that_nothing_is_required_and_what_did_not_pass_is_said(verify):
    assert len(notes(verify(), "verify/nothing-required")) == 1
    assert notes(verify(), "verify/inconclusive-report") == ["the report of data holds, and says inconclusive"]
    required = verify(require="quality,data=inconclusive")
    assert notes(required, "verify/nothing-required") == notes(required, "verify/inconclusive-report") == []
    assert len(notes(verify(require="quality"), "verify/inconclusive-report")) == 1


@pytest.mark.parametrize(("source", "rule"), [(MODEL, "verify/made-from-these"), (b"another", "verify/other-files")])
def test_a_provenance_of_what_was_made_from_the_model_is_no_warning(verify, place, shared_double, signer, source, rule):
    used = [{"name": "m.onnx", "digest": {"sha256": sha256(source)}, "annotations": {"role": "model"}}]
    predicate = {"buildDefinition": {"buildType": "https://b.example/v1", "resolvedDependencies": used}}
    built = statement({"a.xml": b"x"}, predicateType="https://slsa.dev/provenance/v1", predicate=predicate)
    (place / "bundles" / "9.sigstore.json").write_text(json.dumps(by_key(shared_double, built, signer)))
    seen = verify(require="quality")
    [(found, level)] = [(one.rule, one.level) for one in seen.findings if "9.sigstore" in one.message]
    assert (found, level) == (rule, Level.NOTE if source == MODEL else Level.WARNING)


def test_without_a_model_it_says_what_that_leaves_open(verify):
    seen = verify(model="https://models.example/v2/models/m")
    assert errors(seen) == []
    assert "nothing says that these statements are about what is deployed" in notes(seen, "verify/no-model")[0]


def test_without_any_model_it_does_not_pass(verify):
    """As where the variable of a native step is empty."""
    assert errors(verify(model=None)) == ["verify/no-model"]


@pytest.mark.parametrize("model", [None, "https://models.example/v2/models/m"])
def test_what_is_required_is_required_of_files(verify, model):
    assert errors(verify(model=model, require="quality")) == ["verify/no-model"]


def test_unchecked_stamps_are_named_until_somebody_is_trusted_for_them(verify, place, shared_double, signer):
    write(
        place / "bundles",
        *(by_key(shared_double, statement({"m.onnx": MODEL}, name), signer, stamps=True, logged=True) for name in ("a", "b")),
    )
    assert notes(verify(), "verify/unchecked") == ["the bundles hold a time stamp and an entry in a log, which nobody looked at"]
    seen = verify(trust_config="trust.json")
    assert (notes(seen, "verify/unchecked"), seen.outputs["level"]) == ([], "logged")


def test_an_identity_is_believed_with_the_trust_that_is_given(verify, place, shared_double):
    write(place / "bundles", *(by_identity(shared_double, statement({"m.onnx": MODEL}, name)) for name in ("quality", "scan")))
    seen = verify(key=None, identity=WHO, issuer=shared_double.url, trust_config="trust.json", require="quality,scan")
    assert (errors(seen), seen.outputs["level"]) == ([], "identity")


def test_a_folder_with_its_own_signature(verify, place, shared_double, signer):
    files = {"m.onnx": MODEL, "labels.json": b"[]"}
    (place / "model").mkdir()
    for name, content in files.items():
        (place / "model" / name).write_bytes(content)
    (place / "model" / "model.sig").write_text(json.dumps(by_key(shared_double, listing(files), signer)))
    seen = verify(model="model", require="quality")
    assert errors(seen) == []
    (place / "model" / "hook.py").write_text("")
    seen = verify(model="model", require="fairness")
    assert errors(seen) == ["verify/extra-file", "verify/required-absent"]
    assert [one.location for one in seen.findings if one.level is Level.ERROR] == ["model/hook.py", ""]
    assert seen.outputs["refused"] == "1"


def test_a_folder_that_the_stage_sign_signed(mlops, place):
    mlops.cwd = place
    (place / "model").mkdir()
    (place / "model" / "m.onnx").write_bytes(MODEL)
    (place / "model" / "labels.json").write_bytes(b"[]")
    private = ec.generate_private_key(ec.SECP256R1())
    (place / "signing.key").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (place / "signing.pub").write_bytes(keys.public_pem(private.public_key()))
    mlops.write(
        "mlops.yaml",
        """
version: 1
model: model
runs:
  - {id: sign, stage: sign, with: {key: signing.key}}
  - {id: verify, stage: verify, with: {key: signing.pub, require: "https://model_signing/signature/v1.0"}}
""",
    )
    told = mlops("run")
    assert "verify: passed" in told.stdout, told.stdout + told.stderr
    (place / "model" / "labels.json").write_bytes(b"[1]")
    told = mlops("run", "verify")
    assert "verify/changed: labels.json is not what was signed under this name" in told.stdout, told.stdout + told.stderr


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        ({"key": None}, UsageError, "nobody is named"),
        ({"key": None, "identity": WHO}, UsageError, "identity alone"),
        ({"issuer": "x"}, UsageError, "key and issuer name two signers"),
        ({"key": "gone.pem"}, UsageError, "key: gone.pem does not exist"),
        ({"bundles": "gone"}, UsageError, "bundles: gone does not exist"),
        ({"bundles": None}, UsageError, "there is nothing to verify"),
        ({"model": "gone"}, UsageError, "model: gone does not exist"),
        ({"trust_config": "m.onnx"}, InputError, "m.onnx: the trust config is no JSON"),
        ({"require": "no such thing"}, UsageError, "names no run"),
        ({"require": "quality=great"}, UsageError, "asks for an outcome that there is not"),
        ({"key": "pipe"}, InputError, "cannot read the key pipe: it is no regular file"),
        ({"trust_config": "pipe"}, InputError, "cannot read the trust config pipe: it is no regular file"),
        ({"bundles": "pipe"}, InputError, "pipe is no regular file"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(verify, place, asked, kind, words):
    os.mkfifo(place / "pipe")
    with pytest.raises(kind, match=words):
        verify(**asked)


def test_bundles_that_were_broken_at_random_are_never_believed_and_never_break_the_stage(shared_double, signer, place, verify):
    chance = random.Random(5)
    whole = [
        json.dumps(by_key(shared_double, statement({"m.onnx": MODEL}), signer, stamps=True, logged=True)).encode(),
        json.dumps(by_identity(shared_double, statement({"m.onnx": MODEL}), rekor=1)).encode(),
    ]
    asked = ({"trust_config": "trust.json"}, {"trust_config": "trust.json", "key": None, "identity": WHO, "issuer": shared_double.url})
    broken = []
    for number in range(300):
        content = bytearray(whole[number % 2])
        for _ in range(chance.choice((1, 1, 4))):
            place_of = chance.randrange(len(content))
            how = chance.randrange(3)
            if how == 0:
                content[place_of] ^= 1 << chance.randrange(8)
            elif how == 1:
                del content[place_of : place_of + chance.randrange(1, 40)]
            else:
                content[place_of:place_of] = chance.choice((b"null", b"[", b"{}", b"\\ud800", b"\\u0000", b'"', b"0", b"=", b"\n"))
        broken.append(bytes(content))
    for half, params in enumerate(asked):
        write(place / f"broken-{half}", *broken[half::2])
        seen = verify(bundles=f"broken-{half}", **params)
        rows = json.loads((place / "mlops-out" / "verify" / "evidence" / "statements.json").read_text())
        believed = [row for row in rows if "refused" not in row]
        assert len(rows) == 150
        for row in believed:  # what is broken where nothing reads it, such as the key's hint, may hold: but only for what was signed
            assert (row["id"], row["outcome"]) == ("quality", "passed")
        assert len(believed) <= 15
        assert "verify/signature" in errors(seen)


def test_the_command_line_passes_fails_and_refuses(mlops, place):
    mlops.cwd = place
    told = mlops("verify", "--model", "m.onnx", "--bundles", "bundles", "--key", "pub.pem", "--require", "quality,data=inconclusive")
    assert (told.returncode, "verify: passed" in told.stdout) == (0, True), told.stdout + told.stderr
    (place / "m.onnx").write_bytes(b"other")
    told = mlops("verify", "--model", "m.onnx", "--bundles", "bundles", "--key", "pub.pem", "--require", "quality")
    assert told.returncode == 1
    assert "verify/changed: m.onnx is not what was signed under this name" in told.stdout
    assert f"SHA-256 {sha256(MODEL)[:12]}…" in told.stdout


def test_it_needs_no_network(tmp_path):
    """In a network namespace without any interface, what a workflow signed on real services holds."""
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make network namespaces")
    who = "https://github.com/org/repo/.github/workflows/ml.yml@refs/heads/main"
    asked = ["--identity", who, "--issuer", "http://localhost:8888/github", "--trust-config", SIGNED / "trusted_root.json"]
    what = ["--model", SIGNED / "model", "--bundles", SIGNED / "model_signing-github.sigstore.json", "--assurance", "identity"]
    command = ["unshare", "-rn", sys.executable, "-P", "-m", "mlops_stage", "verify", *asked, *what]
    told = subprocess.run(
        [*map(str, command)], cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert (told.returncode, "verify: passed" in told.stdout) == (0, True), told.stdout + told.stderr


def test_a_plan_says_whom_it_would_believe(place):
    workspace = Workspace(root=place, run_dir=place, out=place, cache=place)
    said = plan(VerifyParams(model="m.onnx", key="pub.pem"), workspace).notes
    assert said[0] == "believes the key pub.pem, and checks m.onnx; no server is asked"
    assert "nothing is required" in said[1]


def test_the_public_sigstores_trust_that_is_nowhere_is_an_error_in_words(verify, monkeypatch):
    from sigstore.errors import TUFError
    from sigstore.models import ClientTrustConfig

    def nowhere(**_):
        raise TUFError("no root")

    monkeypatch.setattr(ClientTrustConfig, "production", nowhere)
    with pytest.raises(StageError, match="verify fetches nothing"):
        verify(key=None, identity=WHO, issuer="https://token.actions.githubusercontent.com")
