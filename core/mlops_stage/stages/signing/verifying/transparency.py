"""Entries of transparency logs: is it this signature that was entered, and did the log sign that it was."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.verifying.plain import Reader, decoded, parsed
from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.stages.signing.verifying.bundle import Bundle
    from mlops_stage.stages.signing.verifying.trust import LogKey, Trust

_ENTRY, _PROOF, _CHECKPOINT, _PROMISE = "verify/log-entry", "verify/inclusion-proof", "verify/checkpoint", "verify/inclusion-promise"
_NAMED = "give the trust_config that names this log"
_DIGEST_BYTES = 32
_SIGNATURE = re.compile("\N{EM DASH} ([^ \n]+) ([A-Za-z0-9+/=]+)\n")


@dataclass(frozen=True, kw_only=True)
class _Proof:
    """Where in the tree the entry is, and the hashes that lead to its root."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


def check_entry(plain: Mapping[str, Any], bundle: Bundle, signer: bytes, trust: Trust, stamped: Sequence[datetime]) -> datetime | None:
    """Hold an entry against the bundle and the log's key; returns when the log says that it was entered, where it promises that.

    Args:
        plain: the entry as the bundle has it.
        bundle: whose entry it is.
        signer: the certificate, or of a key of one's own the public key (DER), that must stand in the entry.
        trust: the logs that are known.
        stamped: when trusted authorities say that the signature was there.

    Raises:
        RefusalError: `verify/log-unknown`, `verify/log-entry`, `verify/inclusion-proof`, `verify/checkpoint`, `verify/inclusion-promise`.

    Source: RFC 6962, 2.1.1 and 3.2; C2SP tlog-checkpoint; Rekor's types dsse 0.0.1 and hashedrekord 0.0.2.
    """
    entry = Reader(plain, _ENTRY, "the entry of the log")
    name = entry.inner("logId").content("keyId")
    log = trust.logs.get(name)
    if log is None:
        raise RefusalError(
            "verify/log-unknown",
            f"the signature was entered in a log that is not among those trusted: {name.hex()[:16]}…",
            _NAMED,
        )
    body = entry.content("canonicalizedBody")
    _check_body(entry.inner("kindVersion"), body, bundle, signer)
    proof = _proof(entry)
    if _root(hashlib.sha256(b"\0" + body).digest(), proof) != proof.root:
        raise RefusalError(_PROOF, "the hashes that should prove the entry's place in the log do not lead to the root that they name")
    _check_checkpoint(proof, name, log)
    promised = _promised(entry, name, body, log)
    known = [*stamped, *([promised] if promised else [])]
    if not all(log.trusted(moment) for moment in known or [datetime.now(UTC)]):  # where nothing says when, it may have been now
        raise RefusalError("verify/log-unknown", "the key of the log was not trusted when the signature was entered", _NAMED)
    return promised


def _check_body(kind: Reader, body: bytes, bundle: Bundle, signer: bytes) -> None:
    """The entry is of this payload, signature and signer; otherwise anybody's entry would do for anything."""
    said = (kind.text("kind"), kind.text("version"))
    spec = Reader(parsed(body, _ENTRY, "the body of the log's entry"), _ENTRY, "the body of the log's entry")
    if (spec.text("kind"), spec.text("apiVersion")) != said:
        raise RefusalError(_ENTRY, "the entry of the log says of its body what it is not")
    if said == ("dsse", "0.0.1"):
        _check_dsse(spec.inner("spec"), bundle, signer)
    elif said == ("hashedrekord", "0.0.2"):
        _check_hashed(spec.inner("spec").inner("hashedRekordV002"), bundle, signer)
    else:
        raise RefusalError(_ENTRY, f"the log's entry is of the kind {shown(' '.join(said))}, which says nothing of an envelope")


def _check_dsse(spec: Reader, bundle: Bundle, signer: bytes) -> None:
    digest = spec.inner("payloadHash")
    if (digest.text("algorithm"), digest.text("value")) != ("sha256", hashlib.sha256(bundle.payload).hexdigest()):
        raise RefusalError(_ENTRY, "the log's entry is of another statement")
    signatures = [Reader(one, _ENTRY, "a signature in the log's entry") for one in spec.items("signatures")]
    if [one.content("signature") for one in signatures] != [bundle.signature]:
        raise RefusalError(_ENTRY, "the log's entry is of another signature")
    if signatures[0].content("verifier") != _pem(signer, certificate=bundle.certificate is not None):
        raise RefusalError(_ENTRY, "the log's entry is of another signer")


def _check_hashed(spec: Reader, bundle: Bundle, signer: bytes) -> None:
    data, signature = spec.inner("data"), spec.inner("signature")
    if (data.text("algorithm"), data.content("digest")) != ("SHA2_256", hashlib.sha256(bundle.signed).digest()):
        raise RefusalError(_ENTRY, "the log's entry is of another statement")
    if signature.content("content") != bundle.signature:
        raise RefusalError(_ENTRY, "the log's entry is of another signature")
    if signature.inner("verifier").inner("x509Certificate" if bundle.certificate else "publicKey").content("rawBytes") != signer:
        raise RefusalError(_ENTRY, "the log's entry is of another signer")


def _pem(signer: bytes, *, certificate: bool) -> bytes:
    if certificate:
        return x509.load_der_x509_certificate(signer).public_bytes(Encoding.PEM)
    return load_der_public_key(signer).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _proof(entry: Reader) -> _Proof:
    if not entry.has("inclusionProof"):
        raise RefusalError(_PROOF, "nothing proves that the entry stands in the log")
    proof = Reader(entry.plain["inclusionProof"], _PROOF, "the proof of the log's entry")
    hashes = tuple(decoded(one, _PROOF, "a hash of the proof") for one in proof.items("hashes"))
    found = _Proof(
        index=proof.number("logIndex") if proof.has("logIndex") else 0,
        size=proof.number("treeSize"),
        root=proof.content("rootHash"),
        hashes=hashes,
        checkpoint=Reader(proof.plain.get("checkpoint"), _CHECKPOINT, "the log's checkpoint").text("envelope"),
    )
    if found.index >= found.size:
        raise RefusalError(_PROOF, f"the proof is of place {found.index} in a log of {found.size} entries")
    if any(len(one) != _DIGEST_BYTES for one in (found.root, *hashes)):
        raise RefusalError(_PROOF, "the proof of the log's entry holds something that is no SHA-256")
    return found


def _root(leaf: bytes, proof: _Proof) -> bytes:
    """The root that the hashes lead to (RFC 9162, 2.1.3.2)."""
    index, last, found = proof.index, proof.size - 1, leaf
    for one in proof.hashes:
        if last == 0:
            raise RefusalError(_PROOF, "the proof of the log's entry holds more hashes than its place asks for")
        if index & 1 or index == last:
            found = hashlib.sha256(b"\1" + one + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + one).digest()
        index, last = index >> 1, last >> 1
    if last:
        raise RefusalError(_PROOF, "the proof of the log's entry holds fewer hashes than its place asks for")
    return found


def _check_checkpoint(proof: _Proof, name: bytes, log: LogKey) -> None:
    """The log signed a tree of this size with this root."""
    note, blank, tail = proof.checkpoint.partition("\n\n")
    lines = note.split("\n")
    if not blank or len(lines) < 3:  # noqa: PLR2004  (origin, size, root)
        raise RefusalError(_CHECKPOINT, "the log's checkpoint is none")
    signatures = [decoded(content, _CHECKPOINT, "the signature on the log's checkpoint") for _, content in _SIGNATURE.findall(tail)]
    ours = [one[4:] for one in signatures if one[:4] == name[:4]]
    if not ours:
        raise RefusalError(_CHECKPOINT, "the log's checkpoint is not signed by that log")
    if not any(log.signed(f"{note}\n".encode(), one) for one in ours):
        raise RefusalError(_CHECKPOINT, "the signature on the log's checkpoint is wrong")
    if (lines[1], lines[2]) != (str(proof.size), base64.b64encode(proof.root).decode()):
        raise RefusalError(_CHECKPOINT, "the log's checkpoint is of another tree than the proof")


def _promised(entry: Reader, name: bytes, body: bytes, log: LogKey) -> datetime | None:
    """When the log says that the entry was made; None where it promises nothing, as Rekor does from version 2."""
    if not entry.has("inclusionPromise"):
        return None
    promise = Reader(entry.plain["inclusionPromise"], _PROMISE, "the log's promise").content("signedEntryTimestamp")
    seconds = entry.number("integratedTime")
    index = entry.number("logIndex") if entry.has("logIndex") else 0
    plain = {"body": base64.b64encode(body).decode(), "integratedTime": seconds, "logID": name.hex(), "logIndex": index}
    content = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()  # what RFC 8785 makes of ASCII text and small numbers
    if not log.signed(content, promise):
        raise RefusalError(_PROMISE, "the log's signature on the entry and its time is wrong")
    return datetime.fromtimestamp(seconds, tz=UTC)
