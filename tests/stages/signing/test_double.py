"""The double is a Sigstore deployment to sigstore's own client: it signs there, and what is signed verifies."""

import json

import pytest
import requests
from sigstore._internal.fulcio.client import FulcioClientError
from sigstore._internal.rekor import RekorClientError
from sigstore.dsse import Statement
from sigstore.errors import Error, VerificationError
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

WHO = "https://ci.example/org/repo/.ci/ml.yml@refs/heads/main"
STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "m.onnx", "digest": {"sha256": "ab" * 32}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {"result": "PASSED"},
    }
).encode()


def signed(double, rekor=1, *, stamps=True):
    context = SigningContext.from_trust_config(ClientTrustConfig.from_json(double.trust_config(rekor, stamps=stamps)))
    with context.signer(IdentityToken(double.token(WHO))) as signer:
        return signer.sign_dsse(Statement(STATEMENT)).to_json()


@pytest.mark.parametrize(("rekor", "stamps"), [(1, False), (1, True), (2, True)])
def test_what_is_signed_there_verifies(shared_double, rekor, stamps):
    bundle = signed(shared_double, rekor, stamps=stamps)
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(shared_double.trust_config(rekor, stamps=stamps)).trusted_root)
    kind, payload = verifier.verify_dsse(Bundle.from_json(bundle), Identity(identity=WHO, issuer=shared_double.url))
    assert (kind, payload) == ("application/vnd.in-toto+json", STATEMENT)
    with pytest.raises(VerificationError):
        verifier.verify_dsse(Bundle.from_json(bundle), Identity(identity=f"{WHO}s", issuer=shared_double.url))


def test_trees_of_any_size_prove_their_entries(shared_double):
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(shared_double.trust_config()).trusted_root)
    bundles = [signed(shared_double) for _ in range(6)]
    expected = Identity(identity=WHO, issuer=shared_double.url)
    assert [verifier.verify_dsse(Bundle.from_json(one), expected)[1] for one in bundles] == [STATEMENT] * 6
    entries = [json.loads(one)["verificationMaterial"]["tlogEntries"][0]["inclusionProof"] for one in bundles]
    assert len({int(one["treeSize"]) for one in entries}) == 6, "each is proved in a tree of its own size"


@pytest.mark.parametrize("part", ["fulcio", "rekor"])
@pytest.mark.parametrize("how", ["refuse", "502", "html"])
def test_parts_fail_as_asked_and_heal(double, part, how):
    double.fail(part, how)
    with pytest.raises((Error, FulcioClientError, RekorClientError, requests.RequestException, ValueError)):
        signed(double)
    assert double.asked(part)
    double.heal()
    assert signed(double)


def test_a_lost_answer_leaves_its_entry_in_the_log(double):
    double.fail("rekor", "lose", after=1, times=1)
    assert signed(double)
    with pytest.raises(requests.RequestException):
        signed(double)
    assert signed(double)
    assert len(double.logs[1].leaves) == 3


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_part_that_does_not_answer_keeps_its_client_waiting(double, how):
    double.fail("issuer", how)
    with pytest.raises(requests.RequestException):  # a dripping part sends its first byte at once, and each further one just in time
        requests.get(f"{double.servers['issuer'].url}/.well-known/openid-configuration", timeout=(1, 0.1))
