"""What cosign, model_signing and sigstore's client signed on real services (tests/fixtures/signed) is believed for what it is."""

from pathlib import Path

import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.required import parse
from mlops_stage.stages.signing.verifying.checking import Asked, check
from mlops_stage.stages.signing.verifying.identity import Expected
from mlops_stage.stages.signing.verifying.key import KeySigner, open_public_key
from mlops_stage.stages.signing.verifying.keyless import IdentitySigner
from mlops_stage.stages.signing.verifying.levels import Level
from mlops_stage.stages.signing.verifying.shelf import bundles_at
from mlops_stage.stages.signing.verifying.trees import read_tree
from mlops_stage.stages.signing.verifying.trust import open_trust

SIGNED = Path(__file__).parents[3] / "fixtures" / "signed"
URL = "http://localhost:8888"
IDENTITIES = {
    "github": "https://github.com/org/repo/.github/workflows/ml.yml@refs/heads/main",
    "gitlab": "https://gitlab.com/org/repo//.gitlab-ci.yml@refs/heads/main",
    "email": "dev@example.com",
    "kubernetes": "https://kubernetes.io/namespaces/ci/serviceaccounts/signer",
}


@pytest.fixture(scope="module")
def verified():
    trust = open_trust(SIGNED / "trusted_root.json", "trusted_root.json")
    tree = read_tree(SIGNED / "model")

    def run(name, shape=None, *require, assurance="key", **changed):
        if shape is None:
            signer = KeySigner(key=open_public_key(SIGNED / "signing.pub", "signing.pub"), trust=trust)
        else:
            signer = IdentitySigner(Expected(**{"identity": IDENTITIES[shape], "issuer": f"{URL}/{shape}", **changed}), trust)
        asked = Asked(signer=signer, require=tuple(map(parse, require)), assurance=Level(assurance))
        return check(bundles_at(SIGNED / f"{name}.sigstore.json"), tree, asked)

    return run


@pytest.mark.parametrize("shape", IDENTITIES)
def test_cosigns_attestations_by_identity(verified, shape):
    found = verified(f"cosign-{shape}", shape, "quality", assurance="identity")
    assert found.refused == ()
    assert found.about[0].origin.signer == IDENTITIES[shape]


def test_what_sigstores_client_signed_on_real_services(verified):
    assert verified("sigstore-github", "github", "quality").refused == ()


@pytest.mark.parametrize(("name", "level"), [("plain", "key"), ("stamped", "stamped"), ("logged", "logged")])
def test_cosigns_attestations_by_key(verified, name, level):
    found = verified(f"cosign-key-{name}", None, "quality", assurance=level)
    assert (found.refused, found.level) == ((), level)


@pytest.mark.parametrize("shape", ["github", None])
def test_model_signings_of_folders(verified, shape):
    found = verified(f"model_signing-{shape or 'key'}", shape, "https://model_signing/signature/v1.0")
    assert found.refused == ()


def test_our_own_key_mode(verified):
    assert verified("ours-key", None, "quality").refused == ()


def test_a_workflow_of_a_repository_is_told_from_one_that_it_shares(verified):
    assert verified("cosign-github", "github", repository="https://github.com/org/repo").refused == ()
    [refused, *_] = verified("cosign-github", "github", repository="https://github.com/org/other").refused
    assert refused.error.rule == "verify/repository"


@pytest.mark.parametrize(
    ("name", "rule"),
    [("cosign-nil", "verify/no-identity"), ("cosign-old-statement", "verify/statement-type"), ("cosign-file", "verify/no-envelope")],
)
def test_what_cosign_signs_and_nobody_should_believe(verified, name, rule):
    assert verified(name, "github").refused[0].error.rule == rule


@pytest.mark.parametrize("name", sorted(path.name.removesuffix(".sigstore.json") for path in SIGNED.glob("*.sigstore.json")))
def test_nothing_of_it_is_believed_of_another(verified, name):
    """Each bundle against a signer who did not make it."""
    other = "email" if "key" in name or "email" not in name else "github"
    assert verified(name, other).believed == ()
    if "key" not in name:
        assert verified(name, None).believed == ()


def test_half_of_what_is_accepted_was_made_by_others():
    made = [path.name for path in SIGNED.glob("*.sigstore.json")]
    refused = {"cosign-nil", "cosign-old-statement", "cosign-file"}
    accepted = [name for name in made if name.removesuffix(".sigstore.json") not in refused]
    assert 2 * sum(name.startswith(("cosign", "model_signing")) for name in accepted) >= len(accepted)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"mediaType": "x"}', b'{"trustedRoot": 1}', b"{" * 100_000])
def test_a_trust_config_that_is_none_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(InputError, match=r"^t\.json: "):
        open_trust(tmp_path / "t.json", "t.json")


def test_an_identity_that_everybody_gets_cannot_be_expected():
    with pytest.raises(UsageError, match="<nil>"):
        Expected(identity="https://github.com/%3Cnil%3E", issuer=URL)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"-----BEGIN PRIVATE KEY-----", UsageError, "is a private key"),
        (b"hello", InputError, "is no PEM file"),
        (b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA" + b"A" * 43 + b"=\n-----END PUBLIC KEY-----\n", UsageError, "not an ECDSA key"),
    ],
)
def test_a_key_that_is_none_is_refused_in_one_line(tmp_path, content, kind, words):
    (tmp_path / "k").write_bytes(content)
    with pytest.raises(kind, match=words):
        open_public_key(tmp_path / "k", "k")
