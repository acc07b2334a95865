"""Bundles made by hand with the double's keys, so that each of their parts can be made wrong."""

import base64
import hashlib
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from rfc3161_client import TimestampRequestBuilder

from mlops_stage.stages.signing import keys, manifest
from mlops_stage.stages.signing.dsse import BUNDLE_TYPE, PAYLOAD_TYPE, pae
from mlops_stage.stages.signing.statements import STATEMENT_TYPE, TEST_RESULT

WHO = "https://ci.example/org/repo/.ci/ml.yml@refs/heads/main"
KEY_DETAILS = "PKIX_ECDSA_P256_SHA_256"


def b64(content):
    return base64.b64encode(content).decode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def statement(files, name="quality", outcome="passed", **changes):
    """A report's statement about files (name -> content)."""
    digests = {path: sha256(content) for path, content in files.items()}
    word = {"passed": "PASSED", "inconclusive": "WARNED", "failed": "FAILED"}[outcome]
    plain = {
        "_type": STATEMENT_TYPE,
        "subject": [
            *({"name": path, "digest": {"sha256": digest}} for path, digest in digests.items()),
            {"name": manifest.NAME, "digest": {"sha256": manifest.digest(manifest.from_folder(digests))}},
        ],
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": word,
            "configuration": [{"name": "test.csv", "digest": {"sha256": sha256(b"rows")}, "annotations": {"role": "data"}}],
            "mlops_stage": {"stage": name, "id": name, "outcome": outcome},
        },
    }
    return json.dumps({**plain, **changes}).encode()


def listing(files, **changes):
    """A model signature of a folder."""
    resources = [{"name": name, "algorithm": "sha256", "digest": sha256(content)} for name, content in sorted(files.items())]
    whole = sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources))
    predicate = {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False}, "resources": resources}
    plain = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "model", "digest": {"sha256": whole}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {**predicate, **changes},
    }
    return json.dumps(plain).encode()


def envelope(payload, key, payload_type=PAYLOAD_TYPE):
    signature = key.sign(pae(payload, payload_type), ec.ECDSA(SHA256()))
    return {"payload": b64(payload), "payloadType": payload_type, "signatures": [{"sig": b64(signature), "keyid": ""}]}


def signature_of(held):
    return base64.b64decode(held["signatures"][0]["sig"])


def stamp(double, signature):
    return {"signedTimestamp": b64(double.stamps.answer(TimestampRequestBuilder().data(signature).build().as_bytes()))}


def entry(double, held, verifier, version):
    """The log's answer, as a bundle carries it."""
    log, payload = double.logs[version], base64.b64decode(held["payload"])
    if version == 2:
        digest = hashlib.sha256(pae(payload, held["payloadType"])).digest()
        signed = {"content": held["signatures"][0]["sig"], "verifier": {**verifier, "keyDetails": KEY_DETAILS}}
        return log.entry({"hashedRekordRequestV002": {"digest": b64(digest), "signature": signed}})
    proposed = {"envelope": json.dumps(held), "verifiers": [b64(_pem(verifier))]}
    [found] = log.entry({"kind": "dsse", "apiVersion": "0.0.1", "spec": {"proposedContent": proposed}}).values()
    proof = found["verification"]["inclusionProof"]
    return {
        "logIndex": str(found["logIndex"]),
        "logId": {"keyId": b64(bytes.fromhex(found["logID"]))},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": str(found["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": found["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": b64(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [b64(bytes.fromhex(one)) for one in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": found["body"],
    }


def _pem(verifier):
    if "publicKey" in verifier:
        public = load_der_public_key(base64.b64decode(verifier["publicKey"]["rawBytes"]))
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return x509.load_der_x509_certificate(base64.b64decode(verifier["x509Certificate"]["rawBytes"])).public_bytes(Encoding.PEM)


def by_identity(double, payload, *, rekor=2, stamps=True, sub=WHO, payload_type=PAYLOAD_TYPE, certificate=None, **claims):
    """A bundle of an identity; `certificate(public key, claims)` takes the place of the double's authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    issue = certificate or double.authority.certificate
    verifier = {
        "x509Certificate": {"rawBytes": b64(issue(key.public_key(), {"sub": sub, "iss": double.url, **claims}).public_bytes(Encoding.DER))}
    }
    held = envelope(payload, key, payload_type)
    material = {"certificate": verifier["x509Certificate"], "tlogEntries": [entry(double, held, verifier, rekor)]}
    return _bundle(double, held, material, stamps=stamps)


def by_key(double, payload, key, *, stamps=False, logged=False, rekor=2, payload_type=PAYLOAD_TYPE):
    """A bundle of a key of one's own."""
    held = envelope(payload, key, payload_type)
    public = {"publicKey": {"rawBytes": b64(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))}}
    entries = [entry(double, held, public, rekor)] if logged else []
    return _bundle(double, held, {"publicKey": {"hint": keys.hint(key.public_key())}, "tlogEntries": entries}, stamps=stamps)


def _bundle(double, held, material, *, stamps):
    if stamps:
        material["timestampVerificationData"] = {"rfc3161Timestamps": [stamp(double, signature_of(held))]}
    return {"mediaType": BUNDLE_TYPE, "verificationMaterial": material, "dsseEnvelope": held}


def write(path, *bundles):
    """Bundles as files `0.sigstore.json`, … in a folder; mappings or raw bytes."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(bundles):
        (folder / f"{number}.sigstore.json").write_bytes(one if isinstance(one, bytes) else json.dumps(one).encode())
    return folder
