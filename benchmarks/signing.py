"""How long `sign` takes for 50 statements, and how many certificates, against sigstore's client on the same deployment on loopback.

    python benchmarks/signing.py [--statements 50]

Prints JSON: for a log of version 1, of version 1 with stamps and of version 2 with stamps, seconds of the whole stage (its process for the services included), requests for
certificates, seconds of sigstore's own client that signs one after another in a warm process, and the ratio of the two; then seconds of a second run that finds everything signed.
Services are those of tests/fixtures/sigstore_double, which share the processor with what is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS / "fixtures"))

from signed_project import reported, workspace  # noqa: E402  (the path above)
from sigstore_double import Double  # noqa: E402  (the path above)

KINDS = {"log 1": (1, False), "log 1 and stamps": (1, True), "log 2 and stamps": (2, True)}


def ours(double: Any, kind: tuple[int, bool], statements: int, project: Path) -> dict[str, Any]:
    """The stage, in an empty output folder and then once more."""
    from mlops_stage.stages.signing.act import act
    from mlops_stage.stages.signing.params import SignParams

    (project / "model.onnx").write_bytes(b"weights")
    (project / "token").write_text(double.token())
    place = workspace(project, *(reported(project, f"quality{number}") for number in range(statements)))
    asked = {"identity_token_file": "token", "trust_config": str(double.trust_file(kind[0], stamps=kind[1]))}
    params = SignParams.model_validate(asked)
    before, begun = double.asked("fulcio"), time.perf_counter()
    seen = act(params, place)
    seconds = time.perf_counter() - begun
    assert seen.outputs["signed"] == str(statements)
    begun = time.perf_counter()
    act(params, place)
    return {"seconds": seconds, "again": time.perf_counter() - begun, "certificates": double.asked("fulcio") - before}


def theirs(double: Any, kind: tuple[int, bool], project: Path) -> float:
    """Sigstore's client over the same statements."""
    from sigstore.dsse import Statement
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import SigningContext

    contents = [path.read_bytes() for path in sorted((project / "mlops-out" / "attestations").glob("quality*[0-9].json"))]
    context = SigningContext.from_trust_config(ClientTrustConfig.from_json(double.trust_config(kind[0], stamps=kind[1])))
    begun = time.perf_counter()
    with context.signer(IdentityToken(double.token())) as signer:
        for content in contents:
            signer.sign_dsse(Statement(content))
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=50)
    asked = parser.parse_args()
    told: dict[str, Any] = {}
    for name, kind in KINDS.items():
        with tempfile.TemporaryDirectory() as folder, Double(Path(folder) / "sigstore") as double:
            made = ours(double, kind, asked.statements, Path(folder))
            peer = theirs(double, kind, Path(folder))
            told[name] = {**made, "sigstore_one_by_one": peer, "ratio": made["seconds"] / peer}
    print(json.dumps({"statements": asked.statements, "kinds": told}, indent=1))


if __name__ == "__main__":
    main()
