"""Time stamps (RFC 3161): an authority says that a signature existed at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response
from rfc3161_client.base import HashAlgorithm

if TYPE_CHECKING:
    import requests


def stamp(signature: bytes, url: str, session: requests.Session) -> bytes:
    """The response of an authority over a signature (DER); who reads it verifies it.

    Args:
        signature: what is stamped, by its SHA-256.
        url: the authority's address, `…/api/v1/timestamp`.
        session: with time-outs of its own.

    Raises:
        requests.RequestException: no answer, or not status 200 or 201.
        ValueError: an answer that is no response, or one that is not to this request.
    """
    request = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA256).data(signature).nonce(nonce=True).build()
    answer = session.post(url, data=request.as_bytes(), headers={"Content-Type": "application/timestamp-query"})
    answer.raise_for_status()
    response = decode_timestamp_response(answer.content)
    if response.status != 0 or response.tst_info.nonce != request.nonce:
        raise ValueError("the time-stamp authority did not answer this request")
    return response.as_bytes()
