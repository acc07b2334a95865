"""A project with one scanned model, and what other tools make of its statements."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

from issuer import IDENTITIES, URL

MODEL = Path(__file__).parents[3] / "docs" / "examples" / "income" / "baseline.onnx"


class Project:
    """A folder with `model/m.onnx` and a run of `scan` over it; with `there`, one that somebody else has filled and run stages in."""

    def __init__(self, sigstore, root, *, there=False):
        self.sigstore, self.root = sigstore, root
        if there:
            return
        (root / "model").mkdir()
        shutil.copy(MODEL, root / "model" / "m.onnx")
        self.stage("scan", "--model", "model")

    def stage(self, *argv, **how):
        return self.sigstore.stage(*argv, cwd=self.root, **how)

    def sign(self, shape="github", **how):
        (self.root / "token").write_text(self.sigstore.token(shape))
        trust = self.sigstore.folder / "trust_config.json"
        return self.stage("sign", "--model", "model", "--identity-token-file", "token", "--trust-config", trust, **how)

    def verify(self, *argv, shape="github", **how):
        who = ["--identity", IDENTITIES[shape], "--issuer", f"{URL}/{shape}", "--trust-config", self.sigstore.folder / "trust_config.json"]
        return self.stage("verify", "--model", "model", *who, *argv, **how)

    @property
    def bundles(self):
        return sorted((self.root / "mlops-out" / "attestations").glob("*.sigstore.json"))

    def cosign(self, bundle, *argv, shape="github", file="model/m.onnx", check=True):
        """Let cosign verify a bundle, where no network is."""
        payload = json.loads(base64.b64decode(json.loads(bundle.read_text())["dsseEnvelope"]["payload"]))
        who = argv or ("--certificate-identity", IDENTITIES[shape], "--certificate-oidc-issuer", f"{URL}/{shape}")
        asked = ["verify-blob-attestation", "--bundle", bundle, "--type", payload["predicateType"]]
        trusted = ["--trusted-root", self.sigstore.folder / "trusted_root.json"]
        return self.sigstore.cosign(*asked, *trusted, *who, file, cwd=self.root, alone=True, check=check)
