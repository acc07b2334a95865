"""Envelopes and bundles."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from mlops_stage.errors import InputError
from mlops_stage.stages.signing import dsse
from mlops_stage.stages.signing.keys import hint, signature


def test_the_signed_bytes_are_those_of_the_published_example():
    assert dsse.pae(b"hello world", "http://example.com/HelloWorld") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_are_counted_in_bytes():
    assert dsse.pae("é".encode(), "t/é") == "DSSEv1 4 t/é 2 é".encode()


def test_a_bundle_of_a_key_carries_the_statement_its_signature_and_the_name_of_the_key():
    key = ec.generate_private_key(ec.SECP256R1())
    material = dsse.Material(hint=hint(key.public_key()))
    plain = json.loads(dsse.key_bundle(b'{"a":1}', signature(b'{"a":1}', key), material))
    envelope = plain["dsseEnvelope"]
    assert plain["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert plain["verificationMaterial"] == {"publicKey": {"hint": hint(key.public_key())}, "tlogEntries": []}
    assert base64.b64decode(envelope["payload"]) == b'{"a":1}'
    held = base64.b64decode(envelope["signatures"][0]["sig"])
    key.public_key().verify(held, dsse.pae(b'{"a":1}'), ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        key.public_key().verify(held, dsse.pae(b'{"a":2}'), ec.ECDSA(SHA256()))


def test_stamps_and_entries_of_logs_go_with_it():
    plain = json.loads(dsse.key_bundle(b"{}", b"sig", dsse.Material(hint="h", entries=({"logIndex": "7"},), stamps=(b"stamp",))))
    assert plain["verificationMaterial"]["tlogEntries"] == [{"logIndex": "7"}]
    stamps = plain["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    assert [base64.b64decode(stamp["signedTimestamp"]) for stamp in stamps] == [b"stamp"]


def test_sizes_are_capped_before_anything_is_signed(monkeypatch):
    monkeypatch.setattr(dsse, "MOST_STATEMENT_BYTES", 10)
    with pytest.raises(InputError, match="the statement quality has 11 bytes"):
        dsse.check_size(b"x" * 11, "quality")
    dsse.check_size(b"x" * 10, "quality")
