"""Signing with a key of one's own: an ECDSA key on P-256 in a PEM file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.dsse import pae
from mlops_stage.stages.signing.regular import read_secret

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

EXAMPLE = "key 585d0b1f95ddd37b"
"""The key that lies beside the example, as reports name it: everybody has it."""

_MOST_BYTES = 64 * 1024
_OTHER = "sign with another key; to make one, under a name that is still free: openssl ecparam -name prime256v1 -genkey -noout -out NAME"
_PRIVATE = "give the PEM file with the private key, whose first line says PRIVATE KEY"
_LOCKED = ("the password is wrong, or the file is damaged", "check the password in the variable that key_password_env names, then the file")
_DAMAGED = ("the file is damaged", "fetch it again from where the key is kept")
"""What is wrong, and what to do that harms nothing: the file may be the only copy of the key."""
_PUBLIC = {
    b"PUBLIC KEY": "it holds a public key, which can only verify",
    b"BEGIN CERTIFICATE": "it holds a certificate, which can only verify",
}


def open_key(path: Path, name: str, password: str | None) -> EllipticCurvePrivateKey:
    """The private key in a PEM file; the key itself stands in no message.

    Args:
        path: where it is.
        name: the path as messages show it.
        password: for a key that is encrypted.

    Raises:
        UsageError: a password is missing or too much, or the key is of another kind.
        InputError: unreadable, or no PEM file with a private key.
    """
    try:
        content = read_secret(path, _MOST_BYTES)
    except OSError as error:
        raise InputError(f"cannot read the key {shown(name)}: {error.strerror}", "check that the file exists and may be read") from error
    if b"SIGSTORE PRIVATE KEY" in content or b"COSIGN PRIVATE KEY" in content:
        raise UsageError(f"the key {shown(name)} is in cosign's own format, which other tools do not read", _OTHER)
    if b"PRIVATE KEY" not in content:
        raise InputError(f"cannot sign with {shown(name)}: {_instead(content)}", _PRIVATE)
    encrypted = b"ENCRYPTED" in content
    if encrypted and password is None:
        raise UsageError(f"the key {shown(name)} is encrypted", "give key_password_env: the name of the variable with its password")
    if password is not None and not encrypted:
        raise UsageError(f"the key {shown(name)} is not encrypted, and a password was given for it", "leave key_password_env out")
    try:
        key = load_pem_private_key(content, password.encode() if password is not None else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # what the library says may speak of the key, so it is neither shown nor chained
        why, hint = _LOCKED if encrypted else _DAMAGED
        raise InputError(f"cannot open the key {shown(name)}: {why}", hint) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UsageError(f"the key {shown(name)} is no ECDSA key on the curve P-256, which is what verifiers read everywhere", _OTHER)
    return key


def _instead(content: bytes) -> str:
    """What stands there that is no private key."""
    return next((words for mark, words in _PUBLIC.items() if mark in content), "it is no PEM file with a private key")


def public_pem(key: EllipticCurvePublicKey) -> bytes:
    """The public key as a PEM file."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hint(key: EllipticCurvePublicKey) -> str:
    """How a bundle names the key it was signed with: lower-case hexadecimal SHA-256 of its PEM file."""
    return hashlib.sha256(public_pem(key)).hexdigest()


def signature(statement: bytes, key: EllipticCurvePrivateKey) -> bytes:
    """ECDSA with SHA-256 over the envelope's encoding of the statement, in DER."""
    return key.sign(pae(statement), ec.ECDSA(SHA256()))
