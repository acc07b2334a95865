"""Time stamps (RFC 3161): did an authority that is trusted sign that this signature existed, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rfc3161_client import TimeStampResponse

    from mlops_stage.stages.signing.verifying.trust import StampAuthority, Trust

_RULE = "verify/time-stamp"


def check_stamps(stamps: Sequence[bytes], signature: bytes, trust: Trust) -> tuple[datetime, ...]:
    """The moments of the stamps over a signature.

    Raises:
        RefusalError: `verify/time-stamp`: one of them is of something else, of nobody trusted, or out of its authority's time.
    """
    if stamps and not trust.authorities:
        raise RefusalError(
            _RULE, "the signature is stamped, and no time-stamping authority is trusted", "give a trust_config that names it"
        )
    return tuple(_moment(stamp, signature, trust.authorities) for stamp in stamps)


def _moment(stamp: bytes, signature: bytes, authorities: Sequence[StampAuthority]) -> datetime:
    from rfc3161_client import decode_timestamp_response

    try:
        response = decode_timestamp_response(stamp)
        moment = response.tst_info.gen_time
    except ValueError as error:
        raise RefusalError(_RULE, "a time stamp cannot be read") from error
    faults = [_fault(response, signature, authority) for authority in authorities]
    if all(faults):
        raise RefusalError(_RULE, f"a time stamp is not believed: {faults[0]}")
    return moment


def _fault(response: TimeStampResponse, signature: bytes, authority: StampAuthority) -> str:
    """Why one authority does not vouch for it; empty where it does."""
    from rfc3161_client import VerificationError, VerifierBuilder

    builder = VerifierBuilder().tsa_certificate(authority.chain[0]).add_root_certificate(authority.chain[-1])
    for certificate in authority.chain[1:-1]:
        builder = builder.add_intermediate_certificate(certificate)
    try:
        builder.build().verify_message(response, signature)
    except VerificationError as error:
        return "it is of another signature" if "Mismatch" in str(error) else "no trusted authority signed it"
    moment = response.tst_info.gen_time
    within = authority.start <= moment and (authority.end is None or moment < authority.end)
    return "" if within else "its authority was not trusted at that time"
