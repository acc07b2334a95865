"""The services themselves: what one well-known client signs, the other verifies, and nothing leads out."""

import hashlib
import json
import sys

import pytest
from issuer import IDENTITIES, URL
from project import Project

pytestmark = pytest.mark.interop
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
SUBJECT = {"name": "weights", "digest": {"sha256": hashlib.sha256(b"weights").hexdigest()}}
STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [SUBJECT],
    "predicateType": PREDICATE,
    "predicate": {"result": "PASSED"},
}
SIGN = """
import json
import sys
from pathlib import Path
from sigstore.dsse import Statement
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

config, tokens = Path(sys.argv[1]).read_text(), json.loads(sys.argv[2])
for shape, token in tokens.items():
    with SigningContext.from_trust_config(ClientTrustConfig.from_json(config)).signer(IdentityToken(token)) as signer:
        Path(f"{shape}.json").write_text(signer.sign_dsse(Statement(Path("statement.json").read_bytes())).to_json())
"""


@pytest.fixture(scope="module")
def signed(sigstore, tmp_path_factory):
    """A folder with a file, and for each identity a bundle of it as sigstore-python makes them."""
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "weights").write_bytes(b"weights")
    (folder / "statement.json").write_text(json.dumps(STATEMENT))
    tokens = json.dumps({shape: sigstore.token(shape) for shape in IDENTITIES})
    sigstore.run(sys.executable, "-c", SIGN, sigstore.folder / "trust_config.json", tokens, cwd=folder)
    return folder


@pytest.mark.parametrize("shape", IDENTITIES)
def test_cosign_verifies_without_a_network_what_sigstore_python_signed(sigstore, signed, shape):
    asked = ["verify-blob-attestation", "--bundle", f"{shape}.json", "--trusted-root", sigstore.folder / "trusted_root.json"]
    who = ["--type", PREDICATE, "--certificate-oidc-issuer", f"{URL}/{shape}", "--certificate-identity"]
    sigstore.cosign(*asked, *who, IDENTITIES[shape], "weights", cwd=signed, alone=True)
    refused = sigstore.cosign(*asked, *who, IDENTITIES[shape] + "x", "weights", cwd=signed, alone=True, check=False)
    assert refused.returncode != 0


def test_nothing_but_loopback_is_reachable(sigstore):
    reach = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    assert "Network is unreachable" in sigstore.run(sys.executable, "-c", reach, check=False).stderr


def test_a_command_that_is_alone_reaches_not_even_the_services(sigstore, tmp_path):
    done = Project(sigstore, tmp_path).sign(alone=True, check=False)
    assert done.returncode == 3, done.stdout
    assert "the time-stamp authority" in done.stdout + done.stderr
