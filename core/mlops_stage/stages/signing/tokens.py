"""The identity token of a CI job: found, looked at, and never shown."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_stage.stages.signing.patience import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIENCE = "sigstore"
MOUNTED = Path("/var/run/sigstore/cosign/oidc-token")
"""Where Kubernetes, and so Tekton, mounts one for cosign."""

_IDENTITIES = (
    "https://%(host)s/%(job_workflow_ref)s",
    "https://github.com/%(job_workflow_ref)s",
    "https://%(ci_config_ref_uri)s",
    "https://buildkite.com/%(organization_slug)s/%(pipeline_slug)s",
    "https://circleci.com/api/v2/projects/%(oidc.circleci.com/project-id)s/pipeline-definitions/%(oidc.circleci.com/pipeline-definition-id)s",
    "https://kubernetes.io/namespaces/%(kubernetes.io/namespace)s/serviceaccounts/%(kubernetes.io/account)s",
)
"""What a certificate names a job of GitHub, GitLab, Buildkite, CircleCI and Kubernetes, made of the claims of its token."""
_FIELD = re.compile(r"%\((.*?)\)s")


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

    Source: Fulcio, docs/oidc.md: the subject or address; config/identity/config.yaml for what CI systems say instead; Dex's connector for the issuer.
    """
    said = _claims(token)
    issuers = [said.get("iss"), _inner(said, "federated_claims").get("connector_id")]
    parts = _parts(said)
    identities: list[Any] = [one % parts for one in _IDENTITIES if parts.keys() >= set(_FIELD.findall(one))] or [
        said.get("email") or said.get("sub")
    ]
    return {
        "identities": [one for one in identities if isinstance(one, str) and one],
        "issuers": [one for one in issuers if isinstance(one, str) and one],
    }


def _parts(said: Mapping[str, Any]) -> dict[str, str]:
    """What identities are made of: the claims that are text, the host of the issuer, and the service account of a pod."""
    pod = _inner(said, "kubernetes.io")
    made = {
        **said,
        "host": urlsplit(str(said.get("iss"))).hostname,
        "kubernetes.io/namespace": pod.get("namespace"),
        "kubernetes.io/account": _inner(pod, "serviceaccount").get("name"),
    }
    return {name: value for name, value in made.items() if isinstance(value, str) and value}


def _inner(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = said.get(name)
    return inner if isinstance(inner, dict) else {}


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
