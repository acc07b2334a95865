"""Keys and certificates of a Sigstore deployment for tests, kept in a folder so that a restart keeps its root of trust."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "local"
_YEARS = dt.timedelta(days=3650)


def make(folder: Path) -> None:
    """Write the keys of all services, and the chains of the certificate authority (`ca.pem`) and the time-stamp authority (`tsa-chain.pem`)."""
    root, intermediate, stamps, stamp = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    log, identity = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    entries = ed25519.Ed25519PrivateKey.generate()
    top = _certificate("test root", root)
    below = _certificate("test intermediate", intermediate, top, root, usage=ExtendedKeyUsageOID.CODE_SIGNING)
    top_of_stamps = _certificate("test time-stamp root", stamps)
    stamper = _certificate("test time stamps", stamp, top_of_stamps, stamps, usage=ExtendedKeyUsageOID.TIME_STAMPING, leaf=True)
    files = {
        "ca.pem": _pem(below, top),
        "ca-root.pem": _pem(top),
        "ca.key": intermediate.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode())),
        "ct.pem": log.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        "ct.pub": _public(log),
        "rekor.pem": _plain(entries),
        "rekor.pub": _public(entries),
        "tsa.key": _plain(stamp),
        "tsa-chain.pem": _pem(stamper, top_of_stamps),
        "oidc.pem": _plain(identity),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)


def _certificate(
    name: str, key: Any, issuer: Any = None, issuer_key: Any = None, *, usage: Any = None, leaf: bool = False
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "test"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer_key or key
    begun = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begun)
        .not_valid_after(begun + _YEARS)
        .add_extension(x509.BasicConstraints(ca=not leaf, path_length=0 if issuer and not leaf else None), critical=True)
        .add_extension(_key_usage(leaf=leaf), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=leaf)
    return builder.sign(signer, hashes.SHA256())


def _key_usage(*, leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=leaf,
        key_cert_sign=not leaf,
        crl_sign=not leaf,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _plain(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
