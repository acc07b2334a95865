"""Entries in a transparency log of version 2 for signatures of a key of one's own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from mlops_stage.stages.signing.dsse import encoded, pae

if TYPE_CHECKING:
    import requests


def entry(statement: bytes, signature: bytes, public: bytes, url: str, session: requests.Session) -> dict[str, Any]:
    """The log's entry for a signature, as it goes into the bundle; who reads it verifies it.

    The log is sent digest, signature and public key, and never the statement.

    Args:
        statement: what was signed.
        signature: over `pae(statement)`, DER.
        public: the public key (SubjectPublicKeyInfo, DER).
        url: the log's address, without `/api/v2`.
        session: with time-outs of its own.

    Raises:
        requests.RequestException: no answer, or an error.
        ValueError: an answer that is no entry.

    Source: Rekor v2, `HashedRekordRequestV002`.
    """
    request = {
        "hashedRekordRequestV002": {
            "digest": encoded(hashlib.sha256(pae(statement)).digest()),
            "signature": {
                "content": encoded(signature),
                "verifier": {"publicKey": {"rawBytes": encoded(public)}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
            },
        }
    }
    answer = session.post(f"{url.rstrip('/')}/api/v2/log/entries", json=request)
    answer.raise_for_status()
    made = answer.json()
    if not isinstance(made, dict) or "inclusionProof" not in made:
        raise ValueError("the log answered with something that is no entry")
    return made
