"""The process that talks to the services: it is told one job, hands each result over as it comes, and may be killed at any moment."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.patience import GivenUpError, Patience, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Job = dict[str, Any]


def main() -> None:
    """One job from standard input, one line of JSON for each result, a last one that says how it ended."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no result
    job = json.loads(sys.stdin.buffer.readline())
    lock = threading.Lock()

    def emit(line: Mapping[str, Any]) -> None:
        with lock:
            _write(channel, line)

    emit(ending(job, emit))
    os._exit(0)  # threads that still wait for a service have nothing left to say


def _write(channel: BinaryIO, line: Mapping[str, Any]) -> None:
    view = memoryview(json.dumps(line).encode() + b"\n")
    while view:
        view = view[channel.write(view) :]


def ending(job: Job, emit: Callable[[Mapping[str, Any]], None]) -> Mapping[str, Any]:
    """Do the job; whatever goes wrong becomes a line, in which no token stands."""
    secret = ""
    patience = Patience(**job["patience"])
    try:
        if job["verb"] == "config":
            return {"done": True, "config": _public_config(patience)}
        if job["verb"] == "endorse":
            from mlops_stage.stages.signing.endorsing import endorse

            endorse(job, patience, emit)
            return {"done": True}
        from mlops_stage.stages.signing.tokens import names, token_of

        secret = token_of(job["token"], ambient=job["ambient"])
        if job["verb"] == "names":
            return {"done": True, **names(secret)}
        from mlops_stage.stages.signing.burst import sign

        sign(job, secret, patience, emit)
    except (RefusedError, GivenUpError) as error:
        return _failure("refused" if isinstance(error, RefusedError) else "outage", str(error), secret)
    except Exception as error:  # noqa: BLE001  (the parent makes an error of it that a person can read)
        return _failure("refused", f"signing failed: {type(error).__name__}: {error}", secret)
    return {"done": True}


def _failure(kind: str, message: str, secret: str) -> Mapping[str, Any]:
    plain = message.replace(secret, "***") if secret else message
    return {"failure": kind, "message": shown(" ".join(plain.split()), 300)}


def _public_config(patience: Patience) -> str:
    """The public Sigstore's client trust config, fetched by its own update protocol."""
    from sigstore.models import ClientTrustConfig

    config = patience.ask("the public Sigstore's trust repository", ClientTrustConfig.production)
    return config._inner.to_json()  # noqa: SLF001  (there is no public door)


if __name__ == "__main__":
    main()
