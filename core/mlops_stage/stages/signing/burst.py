"""Signing with an identity: one certificate, and every signature while it is good."""

from __future__ import annotations

import base64
import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sigstore.dsse import Statement
from sigstore.errors import Error, MetadataError, VerificationError
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityError, IdentityToken
from sigstore.sign import Signer, SigningContext

from mlops_stage.stages.signing.patience import Patience, RefusedError, in_parallel
from mlops_stage.stages.signing.tokens import AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def sign(job: Mapping[str, Any], token: str, patience: Patience, emit: Callable[[Mapping[str, Any]], None]) -> None:
    """Sign the job's statements and emit each bundle as it comes.

    Raises:
        RefusedError: the token is none, or a service says no.
        GivenUpError: a service failed each time.
    """
    context = _context(job["config"])
    identity = _identity(token)
    authorities = context._tsa_clients  # noqa: SLF001  (the library has no door to its sessions and does not bound them)
    for authority in authorities:  # before anything is logged: without its stamp an entry may be of no use
        patience.ask("the time-stamp authority", partial(authority.request_timestamp, os.urandom(32)))
    patience.bound(context._fulcio.session)  # noqa: SLF001  (as above)
    signer = patience.ask("the certificate authority", lambda: _certified(identity, context))

    def one(item: Mapping[str, str]) -> None:
        patience.bound(context._rekor._session)  # type: ignore[attr-defined]  # noqa: SLF001  (as above; each thread has its own)
        statement = Statement(base64.b64decode(item["statement"]))
        bundle = patience.ask("the transparency log", lambda: _bundle(signer, statement, stamped=bool(authorities)))
        emit({"name": item["name"], "bundle": bundle})

    in_parallel(one, job["items"])


def _context(config: str) -> SigningContext:
    try:
        return SigningContext.from_trust_config(ClientTrustConfig.from_json(config))
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise RefusedError(f"Sigstore's client cannot use {field} of the trust config") from error
    except (Error, ValueError) as error:
        raise RefusedError("Sigstore's client cannot use the trust config: it lacks a service or a key") from error


def _identity(token: str) -> IdentityToken:
    try:
        return IdentityToken(token, AUDIENCE)
    except IdentityError as error:
        raise RefusedError(
            f"the identity token cannot be used: it has expired, was made for another audience than '{AUDIENCE}', or is none"
        ) from error


def _certified(identity: IdentityToken, context: SigningContext) -> Signer:
    """With a certificate that a trusted log holds, which sigstore looks at when it gets one."""
    try:
        return Signer(identity, context)
    except (MetadataError, VerificationError) as error:
        raise RefusedError(
            "no log of certificates that is trusted has the signer's certificate: the ctlogs of the trust config are absent, broken or of another deployment"
        ) from error


def _bundle(signer: Signer, statement: Statement, *, stamped: bool) -> str:
    """A bundle with all that was asked for: where the time-stamp authority fails, the library goes on without it."""
    made = signer.sign_dsse(statement).to_json()
    held = json.loads(made)["verificationMaterial"].get("timestampVerificationData") or {}
    if stamped and not held.get("rfc3161Timestamps"):
        raise ValueError("the time-stamp authority failed")
    return made
