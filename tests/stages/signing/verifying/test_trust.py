"""Whom a trusted root trusts, for what, and until when; and certificates that the library stumbles over."""

import datetime as dt
import json
from copy import deepcopy
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from mlops_stage.errors import InputError
from mlops_stage.stages.signing.verifying.asking import asked_of
from mlops_stage.stages.signing.verifying.identity import Expected
from mlops_stage.stages.signing.verifying.keyless import IdentitySigner
from mlops_stage.stages.signing.verifying.params import VerifyParams
from mlops_stage.stages.signing.verifying.trust import from_json

FILES = {"m.onnx": b"graph", "w.bin": b"weights"}
PUBLIC = "https://fulcio.sigstore.dev"


def trusting(double, change):
    root = deepcopy(double.trusted_root())
    change(root)
    return from_json(json.dumps(root).encode())


def rules(found):
    return [one.error.rule for one in found.refused][:1]


@pytest.mark.parametrize("rekor", [1, 2])
@pytest.mark.parametrize("stamps", [False, True])
@pytest.mark.parametrize(
    "validity",
    [{"start": "1999-01-01T00:00:00Z", "end": "2000-01-01T00:00:00Z"}, {"start": "2999-01-01T00:00:00Z"}],
    ids=["retired", "not yet"],
)
def test_a_log_is_not_believed_outside_its_key_s_time(shared_double, making, key, owner, checked, rekor, stamps, validity):
    def change(root):
        for log in root["tlogs"]:
            log["publicKey"]["validFor"] = validity

    bundle = making.by_key(shared_double, making.statement(FILES), key, logged=True, rekor=rekor, stamps=stamps)
    assert checked(owner, bundle).refused == ()
    assert rules(checked(replace(owner, trust=trusting(shared_double, change)), bundle)) == ["verify/log-unknown"]


def test_an_identity_is_public_only_if_the_public_authority_issued_it(shared_double, making, checked):
    def level(change):
        signer = IdentitySigner(Expected(identity=making.WHO, issuer=shared_double.url), trusting(shared_double, change))
        return checked(signer, making.by_identity(shared_double, making.statement(FILES))).level

    def both(root):
        [own] = root["certificateAuthorities"]
        root["certificateAuthorities"].append({**root["timestampAuthorities"][0], "uri": PUBLIC})
        assert own["uri"] != PUBLIC

    def twice(root):
        root["certificateAuthorities"].append({**root["certificateAuthorities"][0], "uri": PUBLIC})

    assert level(both) == "identity"
    assert level(twice) == "identity"
    assert level(lambda root: root["certificateAuthorities"][0].update(uri=PUBLIC)) == "public_identity"


def certificate(key, *extensions):
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 5, now, now + dt.timedelta(minutes=9))
    for one in extensions:
        made = made.add_extension(one, critical=False)
    return made.sign(key, SHA256()).public_bytes(Encoding.DER)


def doubled(key):
    first, second = (x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{n}"), b"\x0c\x01a") for n in (8, 9))
    return certificate(key, first, second).replace(bytes.fromhex("83bf300109"), bytes.fromhex("83bf300108"))


def unknown_name(key):
    return certificate(key, x509.UnrecognizedExtension(x509.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3004a3020500")))


def version_9(key):
    return certificate(key).replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020109"), 1)


@pytest.mark.parametrize("spoilt", [doubled, unknown_name, version_9])
def test_a_certificate_that_cannot_be_read_is_refused_and_no_crash(shared_double, making, someone, checked, spoilt):
    own = ec.generate_private_key(ec.SECP256R1())
    bundle = making.by_identity(shared_double, making.statement(FILES))
    bundle["dsseEnvelope"] = making.envelope(making.statement(FILES), own)
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = making.b64(spoilt(own))
    found = checked(someone, bundle)
    assert found.believed == ()
    assert rules(found)[0] in {"verify/certificate", "verify/no-identity"}


BROKEN = {
    "no authority": (lambda root: root.pop("certificateAuthorities"), "names no certificate authority"),
    "no log of certificates": (lambda root: root.update(ctlogs=[]), "names no log of certificates"),
    "no log": (lambda root: root.update(tlogs=[]), "names no transparency log"),
    "an authority's certificate that is none": (
        lambda root: root["certificateAuthorities"][0]["certChain"]["certificates"][0].update(rawBytes="AAAA"),
        "a certificate of a certificate authority cannot be read",
    ),
    "an authority without a chain": (lambda root: root["certificateAuthorities"][0].pop("certChain"), "certChain is missing"),
    "a log of certificates whose key is none": (
        lambda root: root["ctlogs"][0]["publicKey"].update(rawBytes="AAAA"),
        "key of a log of certificates",
    ),
    "a log of certificates that lacks its key": (lambda root: root["ctlogs"][0].pop("publicKey"), "publicKey is missing"),
    "a log of an unknown kind": (
        lambda root: root["tlogs"][0]["publicKey"].update(keyDetails="NONE"),
        "trustedRoot.tlogs.0.publicKey.keyDetails",
    ),
    "an authority that is a text": (lambda root: root.update(certificateAuthorities=["x"]), "is no JSON object"),
    "a time-stamping authority's certificate that is none": (
        lambda root: root["timestampAuthorities"][0]["certChain"]["certificates"][1].update(rawBytes="AAAA"),
        "a certificate of a time-stamping authority cannot be read",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_trusted_root_that_is_broken_is_no_fault_of_the_bundles(shared_double, making, tmp_path, name):
    change, words = BROKEN[name]
    root = deepcopy(shared_double.trusted_root())
    change(root)
    (tmp_path / "root.json").write_text(json.dumps(root))
    params = VerifyParams(identity=making.WHO, issuer=shared_double.url, trust_config="root.json")
    with pytest.raises(InputError, match=words) as caught:
        asked_of(params, tmp_path)
    assert "\n" not in caught.value.message
    assert "validation error" not in caught.value.message
