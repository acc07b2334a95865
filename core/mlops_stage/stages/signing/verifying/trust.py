"""Whom a verifier trusts: certificate authorities, logs and time-stamping authorities, from a file that it was given beforehand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mlops_stage.errors import InputError, StageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.regular import read_regular
from mlops_stage.stages.signing.verifying.identity import UNREADABLE
from mlops_stage.stages.signing.verifying.plain import Reader, parsed
from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_RULE = "trust"
_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_SIGNING = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
_PUBLIC = frozenset({"https://fulcio.sigstore.dev"})
_MOST_BYTES = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class LogKey:
    """The public key of a transparency log."""

    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    start: datetime
    end: datetime | None

    def trusted(self, moment: datetime) -> bool:
        """Whether the key was in use then."""
        return self.start <= moment and (self.end is None or moment <= self.end)

    def signed(self, content: bytes, signature: bytes) -> bool:
        """Whether the log signed these bytes."""
        try:
            if isinstance(self.key, ec.EllipticCurvePublicKey):
                self.key.verify(signature, content, ec.ECDSA(SHA256()))
            else:
                self.key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class StampAuthority:
    """A time-stamping authority: its own certificate first, its root last, and when it is trusted."""

    chain: tuple[x509.Certificate, ...]
    start: datetime
    end: datetime | None


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """An authority that issues certificates of identities."""

    uri: str
    certificates: tuple[x509.Certificate, ...]

    def issued(self, certificate: x509.Certificate) -> bool:
        """Whether one of its certificates signed this one."""
        for one in self.certificates:
            try:
                certificate.verify_directly_issued_by(one)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return True
        return False


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What a trusted root says."""

    plain: Mapping[str, Any] = field(repr=False)
    """The trusted root itself."""
    logs: Mapping[bytes, LogKey]
    """By the id of the log."""
    issuers: tuple[Issuer, ...]
    authorities: tuple[StampAuthority, ...]

    def public(self, certificate: x509.Certificate) -> bool:
        """Whether the public Sigstore issued it, and not an instance of one's own: a trusted root may name both."""
        found = [one.uri for one in self.issuers if one.issued(certificate)]
        return bool(found) and all(uri in _PUBLIC for uri in found)

    def config(self) -> str:
        """The same as sigstore's client wants it, without any service to sign with."""
        services: dict[str, Any] = {"mediaType": _SIGNING, "rekorTlogConfig": {"selector": "ANY"}, "tsaConfig": {"selector": "ANY"}}
        return json.dumps({"mediaType": _CONFIG, "trustedRoot": self.plain, "signingConfig": services})


def open_trust(path: Path, name: str) -> Trust:
    """The trust in a file: a client trust config, or a trusted root alone.

    Raises:
        InputError: unreadable, or neither of the two.
    """
    hint = "give Sigstore's client trust config or trusted root, as JSON"
    try:
        content = read_regular(path, _MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read the trust config {shown(name)}: {error.strerror}", hint) from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"the trust config {shown(name)} has more than {_MOST_BYTES:,} bytes", hint)
    try:
        return from_json(content)
    except RefusalError as error:
        raise InputError(f"{shown(name)}: {error.message}", hint) from error


def from_json(content: bytes) -> Trust:
    """The trust that the bytes spell.

    Raises:
        RefusalError: neither a client trust config nor a trusted root.
    """
    whole = Reader(parsed(content, _RULE, "the trust config"), _RULE, "the trust config")
    root = whole.inner("trustedRoot", "the trusted root") if whole.has("trustedRoot") else whole
    if "trustedroot" not in root.text("mediaType"):
        raise RefusalError(_RULE, f"{shown(root.text('mediaType'))} is no trusted root")
    for log in root.items("ctlogs"):
        _public_key(Reader(log, _RULE, "a log of certificates"))  # it is for sigstore to use, and for us to say that it cannot be
    return Trust(
        plain=root.plain,
        logs=dict(_log(Reader(log, _RULE, "a log")) for log in root.items("tlogs")),
        issuers=tuple(_issuer(Reader(one, _RULE, "a certificate authority")) for one in root.items("certificateAuthorities")),
        authorities=tuple(_authority(Reader(one, _RULE, "a time-stamping authority")) for one in root.items("timestampAuthorities")),
    )


def public_trust() -> Trust:
    """That of the public Sigstore, from what its client has on this machine; nothing is fetched.

    Raises:
        StageError: it was never fetched here.
    """
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig

    try:
        root = ClientTrustConfig.production(offline=True).trusted_root
    except (Error, OSError, ValueError) as error:
        raise StageError(
            "the trusted root of the public Sigstore is not on this machine, and verify fetches nothing",
            "give trust_config: a file; or fetch it once with `python -m sigstore trust-instance` or `cosign initialize`",
        ) from error
    return from_json(root._inner.to_json().encode())  # noqa: SLF001  (its own verifier reads it there as well; there is no public door)


def _chain(authority: Reader) -> tuple[x509.Certificate, ...]:
    found = authority.inner("certChain").items("certificates")
    try:
        return tuple(x509.load_der_x509_certificate(Reader(one, _RULE, "a certificate").content("rawBytes")) for one in found)
    except UNREADABLE as error:
        raise RefusalError(_RULE, f"a certificate of {authority.what} cannot be read") from error


def _issuer(authority: Reader) -> Issuer:
    return Issuer(uri=authority.text("uri") if authority.has("uri") else "", certificates=_chain(authority))


def _public_key(log: Reader) -> PublicKeyTypes:
    try:
        return load_der_public_key(log.inner("publicKey").content("rawBytes"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RefusalError(_RULE, f"the key of {log.what} cannot be read") from error


def _log(log: Reader) -> tuple[bytes, LogKey]:
    key = _public_key(log)
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise RefusalError(_RULE, "the key of a log is neither ECDSA nor Ed25519")
    start, end = log.inner("publicKey").validity()
    return log.inner("logId").content("keyId"), LogKey(key=key, start=start, end=end)


def _authority(authority: Reader) -> StampAuthority:
    certificates = _chain(authority)
    if len(certificates) < 2:  # noqa: PLR2004  (its own and its root)
        raise RefusalError(_RULE, "the chain of a time-stamping authority lacks its root")
    start, end = authority.validity()
    return StampAuthority(chain=certificates, start=start, end=end)
