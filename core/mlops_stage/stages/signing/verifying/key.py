"""Bundles that a key of one's own has signed: a verifier of our own, for sigstore's wants a certificate."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.regular import read_regular
from mlops_stage.stages.signing.verifying.origin import Origin
from mlops_stage.stages.signing.verifying.refusal import RefusalError
from mlops_stage.stages.signing.verifying.stamping import check_stamps
from mlops_stage.stages.signing.verifying.transparency import check_entry

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.stages.signing.verifying.bundle import Bundle
    from mlops_stage.stages.signing.verifying.trust import Trust

_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class KeySigner:
    """A public key that is believed, and what may confirm when and where it signed."""

    key: ec.EllipticCurvePublicKey
    trust: Trust | None = None

    @property
    def public(self) -> bytes:
        """The key (DER)."""
        return self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def _hints(self) -> frozenset[str]:
        """What bundles call this key: ours and model_signing's name, and cosign's."""
        pem = self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return frozenset({hashlib.sha256(pem).hexdigest(), base64.b64encode(hashlib.sha256(self.public).digest()).decode()})

    def verify(self, bundle: Bundle) -> Origin:
        """Who signed the envelope, and since when.

        Raises:
            RefusalError: `verify/other-signer`, `verify/signature`, `verify/time-stamp`, or why its entry in a log is not believed.
        """
        if bundle.certificate is not None:
            hint = "give identity and issuer instead of key, if that identity is whom you trust"
            raise RefusalError("verify/other-signer", "an identity signed the bundle, and a key is expected", hint)
        try:
            self.key.verify(bundle.signature, bundle.signed, ec.ECDSA(SHA256()))
        except InvalidSignature as error:
            other = bool(bundle.hint) and bundle.hint not in self._hints
            hint = (
                "the bundle names another key: give the public half of the one that signed"
                if other
                else "the statement was changed, or another key signed it"
            )
            raise RefusalError("verify/signature", "the signature is not of this key over this statement", hint) from error
        name = f"key {hashlib.sha256(self.public).hexdigest()[:16]}"
        if self.trust is None:
            return Origin(signer=name, unchecked=_named(bundle))
        stamped = check_stamps(bundle.stamps, bundle.signature, self.trust)
        moments = list(stamped)
        for entry in bundle.entries:
            moment = check_entry(entry, bundle, self.public, self.trust, stamped)
            moments += [moment] if moment else []
        return Origin(signer=name, moments=tuple(moments), logged=bool(bundle.entries))


def open_public_key(path: Path, name: str) -> ec.EllipticCurvePublicKey:
    """The public key in a PEM file.

    Raises:
        UsageError: a private key, or one of another kind.
        InputError: unreadable, or no PEM file with a public key.
    """
    hint = "give the public half of the key, PEM: openssl ec -in signing.key -pubout -out signing.pub"
    try:
        content = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise InputError(f"cannot read the key {shown(name)}: {error.strerror}", "check that the file exists and may be read") from error
    if b"PRIVATE KEY" in content:
        raise UsageError(f"{shown(name)} is a private key, which no verifier should have", hint)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{shown(name)} is no PEM file with a public key", hint) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UsageError(f"the key {shown(name)} is not an ECDSA key on P-256", hint)
    return key


def _named(bundle: Bundle) -> tuple[str, ...]:
    return ("a time stamp",) * bool(bundle.stamps) + ("an entry in a log",) * bool(bundle.entries)
