"""Where an attacker works on bundles, and how each of their parts is changed: in place, or by another bundle."""

import base64
import datetime as dt
import json
from copy import deepcopy

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

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
