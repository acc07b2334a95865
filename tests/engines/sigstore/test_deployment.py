"""The services themselves: what one well-known client signs, the other verifies, and nothing leads out."""

import hashlib
import json
import sys

import pytest
from issuer import IDENTITIES, URL

pytestmark = pytest.mark.interop
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
SIGN = """
import sys
from pathlib import Path
from sigstore.dsse import Statement
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

folder, token = Path(sys.argv[1]), sys.argv[2]
context = SigningContext.from_trust_config(ClientTrustConfig.from_json((folder / "trust_config.json").read_text()))
with context.signer(IdentityToken(token)) as signer:
    print(signer.sign_dsse(Statement(Path("statement.json").read_bytes())).to_json())
"""


@pytest.mark.parametrize("shape", ["github", "gitlab", "jenkins", "kubernetes", "email"])
def test_cosign_verifies_without_a_network_what_sigstore_python_signed(sigstore, tmp_path, shape):
    (tmp_path / "weights").write_bytes(b"weights")
    subject = {"name": "weights", "digest": {"sha256": hashlib.sha256(b"weights").hexdigest()}}
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": PREDICATE,
        "predicate": {"result": "PASSED"},
    }
    (tmp_path / "statement.json").write_text(json.dumps(statement))
    made = sigstore.run(sys.executable, "-c", SIGN, sigstore.folder, sigstore.token(shape), cwd=tmp_path)
    (tmp_path / "bundle.json").write_text(made.stdout)
    asked = [
        "verify-blob-attestation",
        "--bundle",
        "bundle.json",
        "--trusted-root",
        sigstore.folder / "trusted_root.json",
        "--type",
        PREDICATE,
    ]
    who = ["--certificate-identity", IDENTITIES[shape], "--certificate-oidc-issuer", f"{URL}/{shape}"]
    sigstore.cosign(*asked, *who, "weights", cwd=tmp_path, alone=True)
    refused = sigstore.cosign(*asked, *who[:1], IDENTITIES[shape] + "x", *who[2:], "weights", cwd=tmp_path, alone=True, check=False)
    assert refused.returncode != 0


def test_nothing_but_loopback_is_reachable(sigstore):
    reach = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    assert "Network is unreachable" in sigstore.run(sys.executable, "-c", reach, check=False).stderr
