"""Envelopes and bundles: the bytes that are signed, and the file that carries them with their signature."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""Media type of an in-toto statement."""
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
"""Media type of a Sigstore bundle, version 0.3."""
SUFFIX = ".sigstore.json"
"""How the file of a bundle ends."""

MOST_STATEMENT_BYTES = 16 * 2**20
"""A statement that is larger is neither signed nor verified."""
MOST_BUNDLE_BYTES = 2 * MOST_STATEMENT_BYTES
"""A bundle that is larger is not even parsed: base64 adds a third, certificates and log entries some kilobytes."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a verifier needs besides the public key, in a bundle that a key of one's own has signed."""

    hint: str
    """Lower-case hexadecimal SHA-256 of the public key as PEM; it helps to find the key and proves nothing."""
    entries: Sequence[Mapping[str, Any]] = ()
    """Entries of transparency logs, as a Rekor v2 log answers them."""
    stamps: Sequence[bytes] = ()
    """Time-stamp responses over the signature (RFC 3161, DER)."""


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding, version 1.

    Source: Dead Simple Signing Envelope, protocol 1.0.0.
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def key_bundle(statement: bytes, signature: bytes, material: Material) -> bytes:
    """The bundle of a statement that a key of one's own has signed, as JSON.

    Args:
        statement: an in-toto statement, the very bytes that were signed.
        signature: over `pae(statement)`; of an ECDSA key in DER.
        material: what goes with it.
    """
    verification: dict[str, Any] = {"publicKey": {"hint": material.hint}, "tlogEntries": [dict(entry) for entry in material.entries]}
    if material.stamps:
        stamps = [{"signedTimestamp": encoded(stamp)} for stamp in material.stamps]
        verification["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    envelope = {
        "payload": encoded(statement),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": encoded(signature), "keyid": ""}],
    }
    plain = {"mediaType": BUNDLE_TYPE, "verificationMaterial": verification, "dsseEnvelope": envelope}
    return json.dumps(plain, separators=(",", ":")).encode() + b"\n"


def encoded(content: bytes) -> str:
    """Base64 as JSON carries it."""
    return base64.b64encode(content).decode("ascii")


def check_size(statement: bytes, name: str) -> None:
    """Refuse to sign what no verifier here would read.

    Raises:
        InputError: larger than `MOST_STATEMENT_BYTES`.
    """
    if len(statement) > MOST_STATEMENT_BYTES:
        raise InputError(
            f"the statement {name} has {len(statement):,} bytes, and none above {MOST_STATEMENT_BYTES:,} is signed",
            "keep large evidence out of what is attested",
        )
