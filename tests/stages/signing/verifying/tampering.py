"""What an attacker does to bundles: each way by name, with the reason that must be told.

A way is `(base, change, rule, words)`: `base` makes a good bundle from a bench, `change` spoils it in place or returns another one.
"""

import base64
import datetime as dt
import json
from copy import deepcopy

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

FILES = {"m.onnx": b"graph", "w.bin": b"weights"}


class Bench:
    """The double, the key that is believed, another deployment and another key, and good bundles of each kind."""

    def __init__(self, double, other, key, making):
        self.double, self.other, self.key, self.making = double, other, key, making
        self.stranger = ec.generate_private_key(ec.SECP256R1())
        self.payload = making.statement(FILES)
        for rekor in (1, 2):  # so that a proof of inclusion has hashes, whatever other tests have logged
            making.by_identity(double, making.statement(FILES, "earlier"), rekor=rekor)
        self.good = {
            "v1": making.by_identity(double, self.payload, rekor=1, stamps=False),
            "v2": making.by_identity(double, self.payload, rekor=2),
            "key": making.by_key(double, self.payload, key, stamps=True, logged=True),
        }
        making.by_identity(double, making.statement(FILES, "later"))  # so that no tree ends with a good one

    def base(self, name):
        return deepcopy(self.good[name])


def unchanged(_bundle, _bench):
    """The bundle is good, and not what is asked for."""


def flip(text, place=20):
    """Base64 with one bit of one byte changed."""
    content = bytearray(base64.b64decode(text))
    content[place % len(content)] ^= 1
    return base64.b64encode(content).decode()


def material(bundle):
    return bundle["verificationMaterial"]


def logged(bundle):
    return material(bundle)["tlogEntries"][0]


def proof(bundle):
    return logged(bundle)["inclusionProof"]


def body(change):
    """A change of what the log's entry says, with the entry's own proof left as it is."""

    def changed(bundle, _):
        plain = json.loads(base64.b64decode(logged(bundle)["canonicalizedBody"]))
        change(plain)
        logged(bundle)["canonicalizedBody"] = base64.b64encode(json.dumps(plain).encode()).decode()

    return changed


def put(*path, to):
    """Set a field: a value, or a function of what stands there."""

    def changed(bundle, _):
        place = bundle
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to(place[path[-1]]) if callable(to) else to

    return changed


def drop(*path):
    def changed(bundle, _):
        place = bundle
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return changed


def stamped(bundle, content):
    material(bundle)["timestampVerificationData"]["rfc3161Timestamps"] = content


def borrowed(field):
    """Something that belongs to another good bundle of the same kind."""

    def changed(bundle, bench):
        other = bench.making.by_identity(bench.double, bench.making.statement(FILES, "other"))
        material(bundle)[field] = material(other)[field]

    return changed


def signed(**asked):
    """A bundle made wrong from the start, by somebody who may sign."""

    def changed(_, bench):
        return bench.making.by_identity(bench.double, bench.payload, **asked)

    return changed


def said(**changes):
    """A statement that is signed as it should be and says something odd."""

    def changed(_, bench):
        return bench.making.by_key(bench.double, bench.making.statement(FILES, **changes), bench.key)

    return changed


def raw(change):
    """A change of the file's bytes."""
    return lambda bundle, _: change(json.dumps(bundle).encode())


def strange_certificate(**wrong):
    """A certificate of the double with one thing wrong, as a flawed authority might issue it."""

    def changed(_, bench):
        def issue(key, claims):
            return bench.double.authority.certificate(key, claims, **wrong)

        return bench.making.by_identity(bench.double, bench.payload, certificate=issue)

    return changed


def other_authority(_, bench):
    return bench.making.by_identity(bench.double, bench.payload, certificate=bench.other.authority.certificate)


def self_signed(_, bench):
    def issue(key, claims):
        good = bench.double.authority.certificate(key, claims)
        builder = x509.CertificateBuilder(subject_name=good.subject, issuer_name=good.issuer, public_key=key)
        builder = (
            builder.serial_number(good.serial_number).not_valid_before(good.not_valid_before_utc).not_valid_after(good.not_valid_after_utc)
        )
        for extension in good.extensions:
            builder = builder.add_extension(extension.value, critical=extension.critical)
        return builder.sign(bench.stranger, hashes.SHA256())

    return bench.making.by_identity(bench.double, bench.payload, certificate=issue)


def other_ct_log(_, bench):
    authority, kept = bench.double.authority, bench.double.authority.ct
    authority.ct = bench.stranger
    try:
        return bench.making.by_identity(bench.double, bench.payload)
    finally:
        authority.ct = kept


def at_another_time(hours):
    """Signed and stamped when the certificate was not valid."""

    def changed(_, bench):
        authority, kept = bench.double.authority, bench.double.authority.clock
        authority.clock = lambda: kept() + dt.timedelta(hours=hours)
        try:
            return bench.making.by_identity(bench.double, bench.payload)
        finally:
            authority.clock = kept

    return changed


def other_stamp(bundle, bench):
    signature = bench.making.signature_of(bundle["dsseEnvelope"])
    stamped(bundle, [bench.making.stamp(bench.other, signature)])


def stamp_of_something_else(bundle, bench):
    stamped(bundle, [bench.making.stamp(bench.double, b"something else")])


def other_log(bundle, bench):
    certificate = {"x509Certificate": material(bundle)["certificate"]}
    material(bundle)["tlogEntries"] = [bench.making.entry(bench.other, bundle["dsseEnvelope"], certificate, 2)]


def other_log_of_key(bundle, bench):
    bundle.update(bench.making.by_key(bench.other, bench.payload, bench.key, logged=True))


def entry_of_another_signer(bundle, bench):
    other = bench.making.by_identity(bench.double, bench.payload)
    certificate = {"x509Certificate": material(other)["certificate"]}
    material(bundle)["tlogEntries"] = [bench.making.entry(bench.double, bundle["dsseEnvelope"], certificate, 2)]


def entry_of_another_signature(bundle, bench):
    held = bench.making.envelope(bench.payload, bench.stranger)
    certificate = {"x509Certificate": material(bundle)["certificate"]}
    material(bundle)["tlogEntries"] = [bench.making.entry(bench.double, held, certificate, 2)]


def signed_checkpoint(size=None, root=None):
    """A checkpoint that the log did sign, of another tree."""

    def changed(bundle, bench):
        log = bench.double.logs[2]
        there = proof(bundle)
        checkpoint = log.checkpoint(size or there["treeSize"], root or base64.b64decode(there["rootHash"]))
        there["checkpoint"] = {"envelope": checkpoint}

    return changed


def unsigned_checkpoint(bundle, _):
    envelope = proof(bundle)["checkpoint"]["envelope"]
    proof(bundle)["checkpoint"]["envelope"] = envelope.partition("\n\n")[0] + "\n\n"


def flipped_checkpoint(bundle, _):
    head, mark, tail = proof(bundle)["checkpoint"]["envelope"].rpartition(" ")
    proof(bundle)["checkpoint"]["envelope"] = head + mark + flip(tail.strip()) + "\n"


def second_key(bundle, _):
    text = json.dumps(bundle)
    twice = text.replace('"payload":', '"payload": "e30=", "payload":', 1)
    return twice.encode()


def payload(bundle, content):
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(content).decode()


def other_outcome(bundle, bench):
    payload(bundle, bench.making.statement(FILES, outcome="failed").replace(b"failed", b"passed").replace(b"FAILED", b"PASSED") + b" ")


def resigned(bundle, bench):
    bundle["dsseEnvelope"] = bench.making.envelope(bench.payload, bench.stranger)


def by_stranger(_, bench):
    return bench.making.by_key(bench.double, bench.payload, bench.stranger)


def chain(bundle, _):
    certificate = material(bundle).pop("certificate")
    material(bundle)["x509CertificateChain"] = {"certificates": [certificate]}


def garbage_certificate(bundle, _):
    material(bundle)["certificate"]["rawBytes"] = "AAAA"


def file_signature(bundle, _):
    del bundle["dsseEnvelope"]
    bundle["messageSignature"] = {"messageDigest": {"algorithm": "SHA2_256", "digest": "AAAA"}, "signature": "AAAA"}


def of_type(payload_type):
    def changed(_, bench):
        return bench.making.by_key(bench.double, bench.payload, bench.key, payload_type=payload_type)

    return changed


def of_bytes(content):
    def changed(_, bench):
        return bench.making.by_key(bench.double, content, bench.key)

    return changed


def listed(**changes):
    def changed(_, bench):
        return bench.making.by_key(bench.double, bench.making.listing(FILES, **changes), bench.key)

    return changed


AB = "ab" * 32
SUBJECT = {"name": "m.onnx", "digest": {"sha256": AB}}
ENVELOPE = "dsseEnvelope"
ENTRY = ("verificationMaterial", "tlogEntries", 0)
PROOF = (*ENTRY, "inclusionProof")

WAYS = {
    # the envelope
    "payload changed": ("v2", other_outcome, "verify/signature", "not of this certificate over this statement"),
    "payload changed, of a key": ("key", other_outcome, "verify/signature", "not of this key over this statement"),
    "payload type changed": ("key", put(ENVELOPE, "payloadType", to="application/vnd.in-toto+jsom"), "verify/signature", "not of this key"),
    "signature flipped": ("v2", put(ENVELOPE, "signatures", 0, "sig", to=flip), "verify/signature", "not of this certificate"),
    "signed by another key than the certificate's": ("v2", resigned, "verify/signature", "not of this certificate"),
    "signed by another key": ("key", by_stranger, "verify/signature", "not of this key"),
    "signature empty": ("v2", put(ENVELOPE, "signatures", 0, "sig", to=""), "verify/bundle", "no a text as sig"),
    "no signature": ("key", put(ENVELOPE, "signatures", to=[]), "verify/bundle", "holds 0 signatures"),
    "two signatures": ("key", put(ENVELOPE, "signatures", to=lambda old: old * 2), "verify/bundle", "holds 2 signatures"),
    "payload no base64": ("key", put(ENVELOPE, "payload", to="%%%"), "verify/bundle", "payload is no base64"),
    # the bundle
    "cut off": ("key", raw(lambda content: content[:-5]), "verify/bundle", "ends in the middle"),
    "a list": ("key", raw(lambda content: b"[" + content + b"]"), "verify/bundle", "is no JSON object"),
    "no UTF-8": ("key", raw(lambda content: content.replace(b"keyid", b"key\xff")), "verify/bundle", "is not UTF-8"),
    "deep": ("key", raw(lambda _: b"[" * 200_000), "verify/bundle", "is no JSON"),
    "too large": ("key", raw(lambda content: content + b" " * 2**25), "verify/too-large", "the bundle has"),
    "a key twice": ("key", second_key, "verify/bundle", "names 'payload' twice"),
    "an older version": (
        "v2",
        put("mediaType", to="application/vnd.dev.sigstore.bundle+json;version=0.1"),
        "verify/bundle",
        "is of the media type",
    ),
    "an unknown field": ("v2", put("comment", to="trust me"), "verify/bundle", "unknown here: 'comment'"),
    "an unknown field of the material": ("v2", put("verificationMaterial", "skip", to=True), "verify/bundle", "unknown here: 'skip'"),
    "a chain": ("v2", chain, "verify/bundle", "names x509CertificateChain where"),
    "a certificate and a key": (
        "v2",
        put("verificationMaterial", "publicKey", to={"hint": "x"}),
        "verify/bundle",
        "certificate and publicKey",
    ),
    "no signer": ("v2", drop("verificationMaterial", "certificate"), "verify/bundle", "names no signer"),
    "a signature of a file": ("v2", file_signature, "verify/no-envelope", "holds no statement"),
    "two contents": ("v2", put("messageSignature", to={"signature": "AAAA"}), "verify/bundle", "a bare signature at once"),
    "key for identity": ("key for identity", unchanged, "verify/other-signer", "a key signed the bundle"),
    "identity for key": ("identity for key", unchanged, "verify/other-signer", "an identity signed the bundle"),
    # who
    "another workflow": ("v2", signed(sub="https://ci.example/org/repo/.ci/other.yml@refs/heads/main"), "verify/identity", "other.yml"),
    "another branch": ("v2", signed(sub="https://ci.example/org/repo/.ci/ml.yml@refs/heads/mainly"), "verify/identity", "mainly"),
    "a workflow whose name begins alike": (
        "v2",
        signed(sub="https://ci.example.evil.example/https://ci.example/org/repo/.ci/ml.yml@refs/heads/main"),
        "verify/identity",
        "signed, and",
    ),
    "an e-mail address": ("v2", signed(sub="someone@ci.example"), "verify/identity", "someone@ci.example"),
    "another issuer": ("v2", signed(iss="https://issuer.example"), "verify/issuer", "issuer.example"),
    "the issuer of a slash more": ("slash", unchanged, "verify/issuer", "/"),
    "nil": ("v2", signed(sub="https://github.com/%3Cnil%3E"), "verify/no-identity", "which every workflow may get"),
    "nil in plain letters": ("v2", signed(sub="https://github.com/<nil>"), "verify/no-identity", "which every workflow may get"),
    "another repository": ("repository", unchanged, "verify/repository", "for no repository"),
    # the certificate
    "another authority": ("v2", other_authority, "verify/certificate", "no trusted authority issued"),
    "a certificate signed by the attacker": ("v2", self_signed, "verify/certificate", "no trusted authority issued"),
    "a certificate that cannot be read": ("v2", garbage_certificate, "verify/certificate", "cannot be read"),
    "a certificate in no log": ("v2", strange_certificate(promised=False), "verify/certificate-log", "no trusted log has"),
    "a certificate of another log": ("v2", other_ct_log, "verify/certificate-log", "no trusted log has"),
    "a certificate for servers": (
        "v2",
        strange_certificate(purpose=ExtendedKeyUsageOID.SERVER_AUTH),
        "verify/certificate",
        "is not for signing code",
    ),
    "a certificate with two names": (
        "v2",
        strange_certificate(names=[x509.UniformResourceIdentifier("https://evil.example")]),
        "verify/no-identity",
        "names 2 where",
    ),
    "expired": ("v2", at_another_time(-2), "verify/expired", "was not valid"),
    "not yet valid": ("v2", at_another_time(2), "verify/expired", "was not valid"),
    # time
    "the stamp taken away": ("v2", drop("verificationMaterial", "timestampVerificationData"), "verify/no-time", "nothing says when"),
    "the promise taken away": ("v1", drop(*ENTRY, "inclusionPromise"), "verify/no-time", "nothing says when"),
    "a stamp of another authority": ("v2", other_stamp, "verify/time-stamp", "no trusted authority signed it"),
    "a stamp of something else": ("v2", stamp_of_something_else, "verify/time-stamp", "of another signature"),
    "a stamp of something else, of a key": ("key", stamp_of_something_else, "verify/time-stamp", "of another signature"),
    "a borrowed stamp": ("v2", borrowed("timestampVerificationData"), "verify/time-stamp", "of another signature"),
    "a stamp that cannot be read": (
        "v2",
        lambda bundle, _: stamped(bundle, [{"signedTimestamp": "AAAA"}]),
        "verify/time-stamp",
        "cannot be read",
    ),
    "a flipped stamp": (
        "v2",
        put("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp", to=lambda old: flip(old, -3)),
        "verify/time-stamp",
        "a time stamp is not believed",
    ),
    "a stamp twice": (
        "v2",
        put("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", to=lambda old: old * 2),
        "verify/time-stamp",
        "the same time stamp twice",
    ),
    "stamps without end": (
        "v2",
        put("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", to=lambda old: old * 40),
        "verify/time-stamp",
        "holds 40 time stamps",
    ),
    # the log
    "no entry": ("v2", put("verificationMaterial", "tlogEntries", to=[]), "verify/log-entry", "holds 0 entries"),
    "two entries": ("v2", put("verificationMaterial", "tlogEntries", to=lambda old: old * 2), "verify/log-entry", "holds 2 entries"),
    "a borrowed entry": ("v2", borrowed("tlogEntries"), "verify/log-entry", "of another statement"),
    "an entry of another signer": ("v2", entry_of_another_signer, "verify/log-entry", "of another signer"),
    "an entry of another signature": ("v2", entry_of_another_signature, "verify/log-entry", "of another signature"),
    "an entry of another kind": ("v2", put(*ENTRY, "kindVersion", "kind", to="dsse"), "verify/log-entry", "what it is not"),
    "an entry of a log that nobody knows": ("v2", other_log, "verify/log-unknown", "not among those trusted"),
    "an entry of a log that nobody knows, of a key": ("key", other_log_of_key, "verify/log-unknown", "not among those trusted"),
    "an entry that says more": ("v2", body(lambda plain: plain.update(extra=1)), "verify/inclusion-proof", "do not lead to the root"),
    "no proof": ("v2", drop(*PROOF), "verify/inclusion-proof", "nothing proves"),
    "another root": ("v2", put(*PROOF, "rootHash", to=flip), "verify/inclusion-proof", "do not lead to the root"),
    "a hash flipped": ("v2", put(*PROOF, "hashes", 0, to=flip), "verify/inclusion-proof", "do not lead to the root"),
    "a hash less": ("v2", put(*PROOF, "hashes", to=lambda old: old[:-1]), "verify/inclusion-proof", "fewer hashes"),
    "a hash more": ("v2", put(*PROOF, "hashes", to=lambda old: [*old, old[0]]), "verify/inclusion-proof", "more hashes"),
    "a hash that is none": ("v2", put(*PROOF, "hashes", 0, to="AAAA"), "verify/inclusion-proof", "no SHA-256"),
    "a place behind the end": ("v2", put(*PROOF, "logIndex", to="99999"), "verify/inclusion-proof", "of place 99999"),
    "a size that is none": ("v2", put(*PROOF, "treeSize", to="-1"), "verify/inclusion-proof", "a number as treeSize"),
    "no checkpoint": ("v2", drop(*PROOF, "checkpoint"), "verify/checkpoint", "is no JSON object"),
    "a checkpoint that is none": ("v2", put(*PROOF, "checkpoint", "envelope", to="log"), "verify/checkpoint", "is none"),
    "a checkpoint without signature": ("v2", unsigned_checkpoint, "verify/checkpoint", "not signed by that log"),
    "a flipped signature on the checkpoint": ("v2", flipped_checkpoint, "verify/checkpoint", "checkpoint is wrong"),
    "a checkpoint of another size": ("v2", signed_checkpoint(size=10_000), "verify/checkpoint", "of another tree"),
    "a checkpoint of another root": ("v2", signed_checkpoint(root=b"0" * 32), "verify/checkpoint", "of another tree"),
    "a flipped promise": ("v1", put(*ENTRY, "inclusionPromise", "signedEntryTimestamp", to=flip), "verify/inclusion-promise", "is wrong"),
    "another time in the entry": ("v1", put(*ENTRY, "integratedTime", to="1600000000"), "verify/inclusion-promise", "is wrong"),
    "another place in the entry": ("v1", put(*ENTRY, "logIndex", to="4711"), "verify/inclusion-promise", "is wrong"),
    # what is said
    "an older statement": ("key", said(_type="https://in-toto.io/Statement/v0.1"), "verify/statement-type", "Statement/v0.1"),
    "another payload": ("key", of_type("text/plain"), "verify/payload-type", "text/plain"),
    "a statement that is no JSON": ("key", of_bytes(b"hello"), "verify/statement", "is no JSON"),
    "a statement that names a thing twice": ("key", of_bytes(b'{"_type": "a", "_type": "b"}'), "verify/statement", "names '_type' twice"),
    "no predicate type": ("key", said(predicateType=""), "verify/statement", "as predicateType"),
    "a field of the statement that nobody knows": ("key", said(predicates={}), "verify/statement", "unknown here: 'predicates'"),
    "no subject": ("key", said(subject=[]), "verify/subject", "speaks of nothing"),
    "a subject without digest": ("key", said(subject=[{"name": "m.onnx"}]), "verify/subject", "without a SHA-256 digest"),
    "a subject with another digest": ("key", said(subject=[{"name": "m", "digest": {"sha1": "ab" * 20}}]), "verify/subject", "sha256"),
    "a subject with half a digest": (
        "key",
        said(subject=[{"name": "m.onnx", "digest": {"sha256": "ab"}}]),
        "verify/subject",
        "m.onnx without a SHA-256",
    ),
    "a subject in upper case": (
        "key",
        said(subject=[{"name": "m.onnx", "digest": {"sha256": AB.upper()}}]),
        "verify/subject",
        "m.onnx without a SHA-256",
    ),
    "a name with two digests": (
        "key",
        said(subject=[SUBJECT, {**SUBJECT, "digest": {"sha256": "cd" * 32}}]),
        "verify/subject",
        "m.onnx with two different digests",
    ),
    "a name that leads out": ("key", said(subject=[{**SUBJECT, "name": "../m.onnx"}]), "verify/path", "leads out of its folder"),
    "an absolute name": ("key", said(subject=[{**SUBJECT, "name": "/etc/m.onnx"}]), "verify/path", "absolute"),
    "two outcomes at once": (
        "key",
        said(predicate={"result": "PASSED", "mlops_stage": {"id": "quality", "outcome": "failed"}}),
        "verify/statement",
        "PASSED and failed at once",
    ),
    "an id that is none": (
        "key",
        said(predicate={"result": "PASSED", "mlops_stage": {"id": "../quality", "outcome": "passed"}}),
        "verify/statement",
        "which is no id",
    ),
    "a list of files that is another": (
        "key",
        listed(resources=[{"name": "m.onnx", "algorithm": "sha256", "digest": AB}]),
        "verify/listing",
        "are not those that its subject is made of",
    ),
    "a list with a file twice": (
        "key",
        listed(resources=[{"name": "m.onnx", "algorithm": "sha256", "digest": AB}] * 2),
        "verify/listing",
        "lists a file twice",
    ),
    "a list of shards": (
        "key",
        listed(resources=[{"name": "m.onnx:0:7", "algorithm": "sha256-sharded", "digest": AB}]),
        "verify/listing",
        "without a SHA-256 digest",
    ),
    "a list that leads out": (
        "key",
        listed(resources=[{"name": "../../m.onnx", "algorithm": "sha256", "digest": AB}]),
        "verify/path",
        "leads out of its folder",
    ),
}
