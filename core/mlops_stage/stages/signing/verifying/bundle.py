"""Bundles as files: read strictly, before anything in them is believed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.dsse import BUNDLE_TYPE, MOST_BUNDLE_BYTES, MOST_STATEMENT_BYTES, pae
from mlops_stage.stages.signing.verifying.plain import Reader, parsed
from mlops_stage.stages.signing.verifying.refusal import RefusalError
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = frozenset({BUNDLE_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"})
"""Media types that are read; the older ones do not ask for a proof that the signature stands in the log."""
MOST_STAMPS = 32
_RULE = "verify/bundle"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle with an envelope; nothing in it is verified yet."""

    name: str
    """Where it lies, as messages show it."""
    raw: bytes
    payload: bytes
    payload_type: str
    signature: bytes
    certificate: bytes | None
    """The signer's certificate (DER); None where a key of one's own signed."""
    hint: str
    """By what name the bundle calls that key; nobody signed it."""
    entries: tuple[Mapping[str, Any], ...]
    """Of transparency logs."""
    stamps: tuple[bytes, ...]
    """Time-stamp responses (RFC 3161, DER)."""

    @cached_property
    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        return pae(self.payload, self.payload_type)


def read(raw: bytes, name: str) -> Bundle:
    """The bundle in the bytes.

    Args:
        raw: one JSON object.
        name: where it lies.

    Raises:
        RefusalError: `verify/bundle` and why, or `verify/too-large`.
    """
    if len(raw) > MOST_BUNDLE_BYTES:
        raise RefusalError("verify/too-large", f"the bundle has {len(raw):,} bytes, and none above {MOST_BUNDLE_BYTES:,} is read")
    whole = Reader(parsed(raw, _RULE, "the bundle"), _RULE, "the bundle")
    kind = whole.text("mediaType")
    if kind not in KINDS:
        raise RefusalError(
            _RULE, f"the bundle is of the media type {shown(kind)}, which is not read here", f"sign it anew as {BUNDLE_TYPE}"
        )
    whole.only("mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature")
    if not whole.has("dsseEnvelope"):
        raise RefusalError("verify/no-envelope", "the bundle signs a file and holds no statement", "sign a statement about the file")
    if whole.has("messageSignature"):
        raise RefusalError(_RULE, "the bundle holds an envelope and a bare signature at once")
    return _from_parts(whole.inner("verificationMaterial"), whole.inner("dsseEnvelope"), raw, name)


def _from_parts(material: Reader, envelope: Reader, raw: bytes, name: str) -> Bundle:
    material.only("certificate", "publicKey", "x509CertificateChain", "tlogEntries", "timestampVerificationData")
    envelope.only("payload", "payloadType", "signatures")
    held = [field for field in ("certificate", "publicKey", "x509CertificateChain") if material.has(field)]
    if len(held) != 1 or held == ["x509CertificateChain"]:
        raise RefusalError(_RULE, f"the bundle names {' and '.join(held) or 'no signer'} where exactly one certificate or key belongs")
    signatures = envelope.items("signatures")
    if len(signatures) != 1:
        raise RefusalError(_RULE, f"the envelope holds {counted(len(signatures), 'signature')}, and exactly one is read")
    signature = Reader(signatures[0], _RULE, "the signature")
    signature.only("sig", "keyid")
    payload = envelope.content("payload")
    if len(payload) > MOST_STATEMENT_BYTES:
        raise RefusalError("verify/too-large", f"the statement has {len(payload):,} bytes, and none above {MOST_STATEMENT_BYTES:,} is read")
    return Bundle(
        name=name,
        raw=raw,
        payload=payload,
        payload_type=envelope.text("payloadType"),
        signature=signature.content("sig"),
        certificate=material.inner("certificate").content("rawBytes") if held == ["certificate"] else None,
        hint=_hint(material),
        entries=tuple(Reader(entry, "verify/log-entry", "an entry of the log").plain for entry in material.items("tlogEntries")),
        stamps=_stamps(material),
    )


def _hint(material: Reader) -> str:
    key = material.inner("publicKey").plain if material.has("publicKey") else {}
    return str(key.get("hint") or "")


def _stamps(material: Reader) -> tuple[bytes, ...]:
    if not material.has("timestampVerificationData"):
        return ()
    held = material.inner("timestampVerificationData", "the time stamps").items("rfc3161Timestamps")
    if len(held) > MOST_STAMPS:
        raise RefusalError("verify/time-stamp", f"the bundle holds {len(held)} time stamps, and no more than {MOST_STAMPS} are read")
    stamps = tuple(Reader(one, "verify/time-stamp", "a time stamp").content("signedTimestamp") for one in held)
    if len(set(stamps)) < len(stamps):
        raise RefusalError("verify/time-stamp", "the bundle holds the same time stamp twice")
    return stamps
