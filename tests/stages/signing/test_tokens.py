"""Where an identity token comes from, and which one is refused."""

import base64
import json

import pytest

from mlops_stage.stages.signing import tokens
from mlops_stage.stages.signing.patience import RefusedError


def token(**claims):
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{middle}.signature"


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch, tmp_path):
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "BUILDKITE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sigstore.oidc.detect_credential", lambda: None)
    monkeypatch.setattr(tokens, "MOUNTED", tmp_path / "oidc-token")


def test_a_given_one_is_taken_without_asking_anybody():
    assert tokens.token_of(token(sub="a") + "\n", ambient=True) == token(sub="a")


def test_the_one_that_kubernetes_mounts_only_when_asked_for(tmp_path):
    (tmp_path / "oidc-token").write_text(token(sub="pod") + "\n")
    assert tokens.token_of("", ambient=True) == token(sub="pod")
    with pytest.raises(RefusedError, match="there is no identity token"):
        tokens.token_of("", ambient=False)


def test_none_anywhere_is_said():
    with pytest.raises(RefusedError, match="no CI system that is known here offers one"):
        tokens.token_of("", ambient=True)


def test_one_of_a_job_in_which_strangers_run_code_is_refused():
    with pytest.raises(RefusedError, match="code of a stranger can run"):
        tokens.token_of(token(event_name="pull_request_target"), ambient=False)
    assert tokens.token_of(token(event_name="push"), ambient=False)


@pytest.mark.parametrize("text", ["x", "a.b.c", "a.!!!!.c", "a." + base64.urlsafe_b64encode(b"[1]").decode() + ".c", "a.é.c"])
def test_what_is_no_token_is_left_to_who_reads_it_next(text):
    assert tokens.token_of(text, ambient=False) == text


@pytest.mark.parametrize(
    ("claims", "identities", "issuers"),
    [
        ({"sub": "a", "iss": "https://i"}, ["a"], ["https://i"]),
        ({"sub": "a", "email": "a@b.example", "iss": "d", "federated_claims": {"connector_id": "c"}}, ["a@b.example"], ["d", "c"]),
        (
            {"sub": "a", "ci_config_ref_uri": "gitlab.com/g/p//ci.yml@refs/heads/main"},
            ["https://gitlab.com/g/p//ci.yml@refs/heads/main"],
            [],
        ),
        (
            {"sub": "repo:o/r", "job_workflow_ref": "o/r/w.yml@refs/heads/main", "iss": "https://git.example/_services/token"},
            ["https://git.example/o/r/w.yml@refs/heads/main", "https://github.com/o/r/w.yml@refs/heads/main"],
            ["https://git.example/_services/token"],
        ),
        (
            {
                "sub": "organization:o:pipeline:p:commit:c",
                "organization_slug": "o",
                "pipeline_slug": "p",
                "iss": "https://agent.buildkite.com",
            },
            ["https://buildkite.com/o/p"],
            ["https://agent.buildkite.com"],
        ),
        (
            {"sub": "org/1/project/2", "oidc.circleci.com/project-id": "2", "oidc.circleci.com/pipeline-definition-id": "3"},
            ["https://circleci.com/api/v2/projects/2/pipeline-definitions/3"],
            [],
        ),
        (
            {"sub": "system:serviceaccount:ci:signer", "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "signer"}}},
            ["https://kubernetes.io/namespaces/ci/serviceaccounts/signer"],
            [],
        ),
        ({"sub": "pod", "kubernetes.io": {"serviceaccount": {"name": 3}}}, ["pod"], []),
        ({"sub": "pod", "kubernetes.io": 3, "organization_slug": "o"}, ["pod"], []),
        ({"sub": 1, "iss": []}, [], []),
    ],
)
def test_whom_a_token_names(claims, identities, issuers):
    assert tokens.names(token(**claims)) == {"identities": identities, "issuers": issuers}
