"""Bundles that an identity has signed: sigstore's verifier decides, and our own checks before it name the reason."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from pydantic import ValidationError

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.verifying.identity import UNREADABLE, identity_of, issuer_of
from mlops_stage.stages.signing.verifying.origin import Origin
from mlops_stage.stages.signing.verifying.refusal import RefusalError
from mlops_stage.stages.signing.verifying.stamping import check_stamps
from mlops_stage.stages.signing.verifying.transparency import check_entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sigstore.verify import Verifier

    from mlops_stage.stages.signing.verifying.bundle import Bundle
    from mlops_stage.stages.signing.verifying.identity import Expected
    from mlops_stage.stages.signing.verifying.trust import Trust

_SAID = (
    ("failed to load bundle", "verify/bundle", "the bundle has a field that sigstore's reader does not take"),
    ("SCT", "verify/certificate-log", "no trusted log has the signer's certificate"),
    ("certificate chain", "verify/certificate", "no trusted authority issued the signer's certificate for that time"),
    ("sage", "verify/certificate", "the signer's certificate is not for signing code"),
)
"""What sigstore's verifier alone checks: a part of what it says, our rule and our words."""
_NEEDED = {
    "certificateAuthorities": "certificate authority",
    "ctlogs": "log of certificates",
    "tlogs": "transparency log",
}
_ROOT_HINT = "give trust_config as your Sigstore instance publishes it, or as `cosign trusted-root create` writes it"


@dataclass(frozen=True)
class IdentitySigner:
    """An identity that is believed."""

    expected: Expected
    trust: Trust

    def verify(self, bundle: Bundle) -> Origin:
        """Who signed the envelope, and since when.

        Raises:
            RefusalError: the first of the reasons not to believe it.
        """
        certificate = _certificate(bundle)
        _check_signature(bundle, certificate)
        self.expected.verify(certificate)
        moments = self._moments(bundle, certificate)
        self._confirmed(bundle)
        return Origin(
            signer=identity_of(certificate),
            issuer=issuer_of(certificate),
            public=self.trust.public(certificate),
            moments=tuple(moments),
            logged=True,
        )

    def _moments(self, bundle: Bundle, certificate: x509.Certificate) -> Sequence[datetime]:
        if len(bundle.entries) != 1:
            raise RefusalError("verify/log-entry", f"the bundle holds {len(bundle.entries)} entries of logs, and exactly one is read")
        stamped = check_stamps(bundle.stamps, bundle.signature, self.trust)
        logged = check_entry(bundle.entries[0], bundle, bundle.certificate or b"", self.trust, stamped)
        moments = [*stamped, *([logged] if logged else [])]
        if not moments:
            raise RefusalError("verify/no-time", "nothing says when the signature was made, and its certificate was good for minutes only")
        if not all(certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc for moment in moments):
            raise RefusalError("verify/expired", "the signature was made when the signer's certificate was not valid")
        return moments

    def _confirmed(self, bundle: Bundle) -> None:
        """The whole of it by sigstore's verifier, which checks the certificate's chain and its log besides."""
        from sigstore.errors import Error, MetadataError
        from sigstore.models import Bundle as Theirs

        verifier = self.verifier
        try:
            kind, payload = verifier.verify_dsse(Theirs.from_json(_spelt_out(bundle)), self.expected)
        except MetadataError as error:
            raise _useless(error) from error
        except (Error, x509.ExtensionNotFound, *UNREADABLE) as error:
            text = str(error) or type(error).__name__
            rule, words = next(
                ((rule, words) for part, rule, words in _SAID if part in text), ("verify/refused", f"sigstore refuses it: {shown(text)}")
            )
            raise RefusalError(rule, words) from error
        if (kind, payload) != (bundle.payload_type, bundle.payload):
            raise RefusalError("verify/bundle", "two readers read two statements in the bundle")

    @cached_property
    def verifier(self) -> Verifier:
        """Sigstore's own.

        Raises:
            InputError: the trusted root lacks something, or sigstore cannot read it.
        """
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig
        from sigstore.verify import Verifier

        lacking = [words for field, words in _NEEDED.items() if not self.trust.plain.get(field)]
        if lacking:
            raise InputError(f"the trusted root names no {lacking[0]}, so that no identity can be believed", _ROOT_HINT)
        try:
            return Verifier(trusted_root=ClientTrustConfig.from_json(self.trust.config()).trusted_root)
        except (Error, *UNREADABLE, TypeError, KeyError, UnsupportedAlgorithm) as error:
            raise _useless(error) from error


def _useless(error: Exception) -> InputError:
    """What sigstore says of a trusted root that it cannot use, in one line: of its fields that are wrong the first."""
    said = str(error) or type(error).__name__
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return InputError(f"the trusted root cannot be used: {shown(' '.join(said.split()), 200)}", _ROOT_HINT)


def _spelt_out(bundle: Bundle) -> str:
    """The bundle with the zeros that cosign leaves out, as protocol buffers may, and that sigstore's reader asks for: those of a log's first entry."""
    plain = json.loads(bundle.raw)
    for entry in plain["verificationMaterial"]["tlogEntries"]:
        entry.setdefault("logIndex", "0")
        entry["inclusionProof"].setdefault("logIndex", "0")
        entry["inclusionProof"].setdefault("hashes", [])
    return json.dumps(plain)


def _certificate(bundle: Bundle) -> x509.Certificate:
    if bundle.certificate is None:
        hint = "give key instead of identity and issuer, if that key is what you trust"
        raise RefusalError("verify/other-signer", "a key signed the bundle, and an identity is expected", hint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)  # what no authority issues, and the library still reads
            return x509.load_der_x509_certificate(bundle.certificate)
    except (*UNREADABLE, CryptographyDeprecationWarning) as error:
        raise RefusalError("verify/certificate", "the signer's certificate cannot be read") from error


def _check_signature(bundle: Bundle, certificate: x509.Certificate) -> None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RefusalError("verify/certificate", "the key in the signer's certificate cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise RefusalError("verify/certificate", "the signer's certificate is not of an ECDSA key")
    try:
        key.verify(bundle.signature, bundle.signed, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise RefusalError("verify/signature", "the signature is not of this certificate over this statement") from error
