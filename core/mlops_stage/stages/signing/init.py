"""What `mlops-stage init` writes for `sign` and `verify`: each way to sign and to verify, as comments that work, for only a person knows who shall sign."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.repository import files, weights
from mlops_stage.params import JUDGES, Way

if TYPE_CHECKING:
    from pathlib import Path

_ORIGIN = re.compile(r'\[remote "origin"\][^\[]*?url\s*=\s*(\S+)')
_ADDRESS = re.compile(r"(?:\w+://)?(?:[^@/]+@)?(?P<host>[^:/]+)(?::\d+(?=/))?[:/](?P<path>.+?)(?:\.git)?/?")
_BRANCH = re.compile(r"ref: refs/(?:heads|remotes/origin)/(\S+)")


def sign(_root: Path) -> tuple[Way, ...]:
    """As the job itself, with a token that the job was given, or with a key."""
    return (
        Way(
            when=(
                "In CI, as the job itself: there is no key to keep. Its identity comes from: GitHub: `permissions: {id-token: write}` in the job;",
                "GitLab: `id_tokens: {SIGSTORE_ID_TOKEN: {aud: sigstore}}` in the job; Buildkite, CircleCI, Google Cloud: there already;",
                "Tekton: a service-account token for `sigstore`, mounted as /var/run/sigstore/cosign/oidc-token.",
                "Everybody can read in the public log who signed when; with a Sigstore of your own, add `trust_config: trust.json`.",
            ),
            values={"ambient": True},
        ),
        Way(
            when=("Or with a token in a variable, such as Jenkins binds it; of Jenkins only a Sigstore of your own knows.",),
            values={"identity_token_env": "SIGSTORE_ID_TOKEN", "trust_config": "trust.json"},
        ),
        Way(
            when=(
                "Or with a key, from the secret store and never in the repository. It is made once, together with its public half, by:",
                "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -aes256 -out signing.key; openssl ec -in signing.key -pubout -out signing.pub",
            ),
            values={"key": "signing.key", "key_password_env": "SIGNING_PASSWORD"},
        ),
    )


def verify(root: Path) -> tuple[Way, ...]:
    """An identity as this repository's pipeline has it, or a public key."""
    model = weights(files(root))
    what: dict[str, Any] = {"model": model, "require": JUDGES} if model else {}
    identity, issuer = _signer(root)
    return (
        Way(
            when=(
                "Before a deploy: only what this pipeline, on this branch, has signed; both must be equal letter by letter. `require` names the runs that must have passed.",
                "Jenkins: the identity is the `sub` of its token, often the address of the job; Tekton: https://kubernetes.io/namespaces/NAME/serviceaccounts/NAME.",
            ),
            values={**what, "identity": identity, "issuer": issuer},
        ),
        Way(when=("Or only what a key has signed, by its public half.",), values={**what, "key": "signing.pub"}),
    )


def _signer(root: Path) -> tuple[str, str]:
    """Identity and issuer of a job of this repository, as Fulcio names them; on GitHub where nothing says otherwise. What no file tells has the form only."""
    found = _ADDRESS.fullmatch(_said(root / ".git" / "config", _ORIGIN))
    host, path = (found["host"], found["path"]) if found else ("github.com", "OWNER/REPOSITORY")
    branch = _said(root / ".git" / "refs" / "remotes" / "origin" / "HEAD", _BRANCH) or _said(root / ".git" / "HEAD", _BRANCH) or "main"
    if "gitlab" in host or (root / ".gitlab-ci.yml").is_file():
        return f"https://{host}/{path}//.gitlab-ci.yml@refs/heads/{branch}", f"https://{host}"
    workflows = sorted(one.name for one in (root / ".github" / "workflows").glob("*.y*ml"))
    if not workflows and any(one.is_file() for one in root.glob("*enkinsfile*")):
        return "https://jenkins.example/job/NAME/", "https://jenkins.example/oidc"
    if not workflows and any((root / name).is_dir() for name in (".tekton", "tekton")):
        return "https://kubernetes.io/namespaces/NAMESPACE/serviceaccounts/NAME", "https://kubernetes.default.svc.cluster.local"
    workflow = workflows[0] if workflows else "ml.yml"
    return f"https://{host}/{path}/.github/workflows/{workflow}@refs/heads/{branch}", "https://token.actions.githubusercontent.com"


def _said(path: Path, pattern: re.Pattern[str]) -> str:
    """What a file of Git says; empty where it says nothing."""
    with suppress(OSError, UnicodeDecodeError):
        found = pattern.search(path.read_text(encoding="utf-8"))
        return found[1] if found else ""
    return ""
