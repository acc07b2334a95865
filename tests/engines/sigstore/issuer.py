"""An OpenID Connect issuer on loopback that speaks for several CI systems."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

if TYPE_CHECKING:
    from pathlib import Path

PORT = 8888
URL = f"http://localhost:{PORT}"
_COMMIT = f"{1:040d}"
SHAPES: dict[str, dict[str, Any]] = {
    "github": {
        "sub": "repo:org/repo:ref:refs/heads/main",
        "repository": "org/repo",
        "repository_id": "1",
        "repository_owner": "org",
        "repository_owner_id": "2",
        "repository_visibility": "private",
        "workflow": "ml",
        "workflow_ref": "org/repo/.github/workflows/ml.yml@refs/heads/main",
        "workflow_sha": _COMMIT,
        "job_workflow_ref": "org/repo/.github/workflows/ml.yml@refs/heads/main",
        "job_workflow_sha": _COMMIT,
        "event_name": "push",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "sha": _COMMIT,
        "run_id": "7",
        "run_attempt": "1",
        "runner_environment": "github-hosted",
    },
    "gitlab": {
        "sub": "project_path:org/repo:ref_type:branch:ref:main",
        "ci_config_ref_uri": "gitlab.com/org/repo//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": _COMMIT,
        "runner_environment": "self-hosted",
        "project_path": "org/repo",
        "project_id": "1",
        "project_visibility": "private",
        "namespace_path": "org",
        "namespace_id": "2",
        "sha": _COMMIT,
        "ref": "main",
        "ref_type": "branch",
        "pipeline_source": "push",
        "pipeline_id": "3",
        "job_id": "9",
        "runner_id": 1,
        "user_login": "u",
    },
    "jenkins": {"sub": "http://localhost/job/models/job/main/", "build_number": 7, "nbf": None},
    "kubernetes": {
        "sub": "system:serviceaccount:ci:signer",
        "kubernetes.io": {"namespace": "ci", "pod": {"name": "p", "uid": "u"}, "serviceaccount": {"name": "signer", "uid": "s"}},
    },
    "email": {"sub": "u1", "email": "dev@example.com", "email_verified": True},
}
"""Claims of the tokens of GitHub Actions, GitLab, Jenkins (as the plugin OpenID Connect Provider makes them), Tekton on Kubernetes, and a person."""
IDENTITIES = {
    "github": "https://github.com/org/repo/.github/workflows/ml.yml@refs/heads/main",
    "gitlab": "https://gitlab.com/org/repo//.gitlab-ci.yml@refs/heads/main",
    "jenkins": "http://localhost/job/models/job/main/",
    "kubernetes": "https://kubernetes.io/namespaces/ci/serviceaccounts/signer",
    "email": "dev@example.com",
}
"""What Fulcio makes of them."""


def token(folder: Path, shape: str = "github", **claims: Any) -> str:
    """An identity token, valid for five minutes."""
    now = int(time.time())
    plain = {"iss": f"{URL}/{shape}", "aud": "sigstore", "iat": now, "nbf": now, "exp": now + 300, **SHAPES[shape], **claims}
    told = {name: claim for name, claim in plain.items() if claim is not None}
    return jwt.encode(told, (folder / "oidc.pem").read_bytes(), algorithm="RS256", headers={"kid": "k1"})


def serve(folder: Path) -> ThreadingHTTPServer:
    """Answer discovery and keys until the process ends."""
    numbers = load_pem_private_key((folder / "oidc.pem").read_bytes(), None).public_key().public_numbers()
    keys = {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": _number(numbers.n), "e": _number(numbers.e)}]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shape = self.path.strip("/").split("/")[0]
            plain = keys if self.path == "/keys" else _discovery(f"{URL}/{shape}")
            content = json.dumps(plain).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _discovery(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "jwks_uri": f"{URL}/keys",
        "authorization_endpoint": f"{issuer}/auth",
        "token_endpoint": f"{issuer}/token",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
