"""The identity token of a CI job: found, looked at, and never shown."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_stage.stages.signing.patience import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIENCE = "sigstore"
MOUNTED = Path("/var/run/sigstore/cosign/oidc-token")
"""Where Kubernetes, and so Tekton, mounts one for cosign."""


def token_of(given: str, *, ambient: bool) -> str:
    """The token that was given, or that of the CI system.

    Raises:
        RefusedError: there is none, or it comes from a job in which strangers run their code.
    """
    found = given.strip() or (_ambient() if ambient else "")
    if not found:
        raise RefusedError("there is no identity token: no CI system that is known here offers one to this job")
    if _claims(found).get("event_name") == "pull_request_target":
        raise RefusedError("the identity token is of a pull_request_target job, in which code of a stranger can run: sign in another job")
    return found


def names(token: str) -> Mapping[str, list[str]]:
    """The identities and issuers that a certificate for this token may name, as far as the token alone tells, unverified.

    Source: Fulcio, docs/oidc.md: the subject or address, GitHub's workflow, GitLab's pipeline file; Dex's connector for the issuer.
    """
    said = _claims(token)
    federated = said.get("federated_claims")
    issuers = [said.get("iss"), federated.get("connector_id") if isinstance(federated, dict) else None]
    identities = [said.get("email") or said.get("sub")]
    if isinstance(workflow := said.get("job_workflow_ref"), str):
        identities = [f"https://{urlsplit(str(said.get('iss'))).hostname}/{workflow}", f"https://github.com/{workflow}"]
    elif isinstance(pipeline := said.get("ci_config_ref_uri"), str):
        identities = [f"https://{pipeline}"]
    return {
        "identities": [one for one in identities if isinstance(one, str) and one],
        "issuers": [one for one in issuers if isinstance(one, str) and one],
    }


def _ambient() -> str:
    from sigstore.oidc import IdentityError, detect_credential

    try:
        found = detect_credential()
    except IdentityError as error:
        raise RefusedError(f"the CI system gives no identity token: {error}") from error
    if found:
        return found
    return MOUNTED.read_text(encoding="ascii").strip() if MOUNTED.is_file() else ""


def _claims(token: str) -> Mapping[str, Any]:
    """What a token says, unverified; empty where it is none, which whoever reads it next will say."""
    try:
        middle = token.split(".")[1]
        plain = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (ValueError, IndexError):
        return {}
    return plain if isinstance(plain, dict) else {}
