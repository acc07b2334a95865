"""Who a certificate names, and whether it is exactly whom we expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from cryptography import x509

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULCIO = "1.3.6.1.4.1.57264.1."
_ISSUER, _OLD_ISSUER, _REPOSITORY, _USERNAME = f"{_FULCIO}8", f"{_FULCIO}1", f"{_FULCIO}12", f"{_FULCIO}7"
_UTF8 = 0x0C
UNREADABLE = (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion)
"""What reading a certificate of a stranger may raise; most of the library's errors are no ValueError."""


def absent(identity: str) -> bool:
    """Whether an identity was made of a claim that was not there: Fulcio writes `<nil>` then, the same for every workflow of the host."""
    return "<nil>" in unquote(identity).lower()


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Exactly one identity of one issuer; no pattern, for patterns match more than one means."""

    identity: str
    issuer: str
    repository: str = ""
    """Where workflows are shared, the identity is the shared one: this names the repository that called it."""

    def __post_init__(self) -> None:
        if absent(self.identity):
            raise UsageError("the identity to expect holds <nil>, which every workflow may get", "name the workflow: its file and branch")

    def verify(self, certificate: x509.Certificate) -> None:
        """Hold a certificate against it; also called by sigstore's verifier, as its policy.

        Raises:
            RefusalError: `verify/no-identity`, `verify/identity`, `verify/issuer` or `verify/repository`.

        Source: Fulcio's certificate specification (docs/certificate-specification.md, docs/oid-info.md).
        """
        found = identity_of(certificate)
        if absent(found):
            raise RefusalError("verify/no-identity", f"the certificate names {shown(found)}, which every workflow may get")
        issuer = issuer_of(certificate)
        if issuer != self.issuer:
            raise RefusalError(
                "verify/issuer", f"{_whole(issuer or 'nobody')} vouched for the signer, and {_whole(self.issuer)} is expected"
            )
        if found != self.identity:
            raise RefusalError("verify/identity", f"{_whole(found)} signed, and {_whole(self.identity)} is expected")
        repository = _text(certificate, _REPOSITORY)
        if self.repository and repository != self.repository:
            raise RefusalError(
                "verify/repository",
                f"the workflow ran for {shown(repository or 'no repository')}, and {shown(self.repository)} is expected",
            )


def _whole(name: str) -> str:
    """An identity with its middle, where the difference may lie."""
    return shown(name, 400)


def identity_of(certificate: x509.Certificate) -> str:
    """The one name in the certificate.

    Raises:
        RefusalError: `verify/no-identity`: none, or several.
    """
    try:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (x509.ExtensionNotFound, *UNREADABLE) as error:
        raise RefusalError("verify/no-identity", "the certificate names nobody") from error
    found = list(_names(names))
    if len(found) != 1 or len(names) != 1:
        raise RefusalError("verify/no-identity", f"the certificate names {len(names)} where exactly one identity belongs")
    return found[0]


def issuer_of(certificate: x509.Certificate) -> str:
    """Who vouched for the identity; empty where it does not say, or says two things."""
    new, old = _text(certificate, _ISSUER), _raw(certificate, _OLD_ISSUER).decode("utf-8", "replace")
    return "" if new and old and new != old else new or old


def _names(names: list[x509.GeneralName]) -> Iterator[str]:
    for name in names:
        if isinstance(name, x509.UniformResourceIdentifier | x509.RFC822Name):
            yield name.value
        elif isinstance(name, x509.OtherName) and name.type_id.dotted_string == _USERNAME:
            yield _utf8(name.value)


def _raw(certificate: x509.Certificate, dotted: str) -> bytes:
    try:
        extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(dotted)).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return b""
    return extension.value if isinstance(extension, x509.UnrecognizedExtension) else b""


def _text(certificate: x509.Certificate, dotted: str) -> str:
    return _utf8(_raw(certificate, dotted))


def _utf8(der: bytes) -> str:
    """The text of a DER UTF8String; empty where it is none."""
    if len(der) < 2 or der[0] != _UTF8:  # noqa: PLR2004  (tag and length)
        return ""
    size, start = der[1], 2
    if size & 0x80:
        start = 2 + (size & 0x7F)
        size = int.from_bytes(der[2:start], "big")
    content = der[start:]
    return content.decode("utf-8", "replace") if len(content) == size else ""
