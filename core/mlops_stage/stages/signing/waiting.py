"""The other end of the worker: what it hands over, until it is done or its time is up."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError, StageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.signers import OutageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlops_stage.stages.signing.params import SignParams
    from mlops_stage.workspace import Workspace

WORKER = "mlops_stage.stages.signing.worker"
PATIENCE: dict[str, float] = {"connect": 5.0, "read": 30.0, "attempts": 4, "pause": 0.5}
_MOST_BYTES = 256 * 2**20
_AGAIN = "try again when it is back; the status of the public services stands at status.sigstore.dev"


@dataclass(frozen=True, kw_only=True)
class Worker:
    """How the worker is run: for how long, and in which environment."""

    deadline: float
    """Seconds for all jobs together, whatever the services do."""
    env: Mapping[str, str]
    begun: float = field(default_factory=time.monotonic)

    def results(self, job: Mapping[str, Any], meanwhile: Callable[[], None] = lambda: None) -> Iterator[dict[str, Any]]:
        """Each result as it comes; the last one has `done`.

        Args:
            job: what the worker is told.
            meanwhile: done here while the worker starts.

        Raises:
            OutageError: a service failed, or the time is up.
            StageError: a service says no, or the worker broke.
        """
        until = self.begun + self.deadline
        with subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**self.env, "PYTHONHASHSEED": "0"}
        ) as process:
            try:
                assert process.stdin is not None  # noqa: S101  (opened as a pipe above)
                assert process.stdout is not None  # noqa: S101  (as above)
                with suppress(BrokenPipeError):
                    process.stdin.write(json.dumps({**job, "patience": PATIENCE}).encode() + b"\n")
                    process.stdin.close()
                meanwhile()
                for line in _lines(process.stdout.fileno(), until):
                    result = result_of(line)
                    yield result
                    if "done" in result:
                        return
            finally:
                process.kill()
        if time.monotonic() >= until:
            raise OutageError(f"the services did not finish within {self.deadline:g} s", f"{_AGAIN}; or raise deadline")
        raise StageError("the process that talks to the services ended without a word", "--verbose shows what it printed")


def worker_of(params: SignParams, workspace: Workspace) -> Worker:
    """A worker that sees in its environment neither password nor token; what the CI system gives for a token is there only where it was asked for."""
    hidden = {params.identity_token_env, params.key_password_env}
    return Worker(deadline=params.deadline, env={name: value for name, value in workspace.env.items() if name not in hidden})


def _lines(descriptor: int, until: float) -> Iterator[bytes]:
    """Whole lines, until the other end closes or the time is up."""
    buffer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            piece = os.read(descriptor, 1 << 20)
            if not piece:
                return
            buffer += piece
            if len(buffer) > _MOST_BYTES:
                return
            *lines, rest = bytes(buffer).split(b"\n")
            buffer = bytearray(rest)
            yield from lines


def result_of(line: bytes) -> dict[str, Any]:
    """What one line of the worker says.

    Raises:
        OutageError: that a service failed.
        StageError: that a service says no, or nothing that can be read.
    """
    try:
        result = json.loads(line)
    except ValueError:
        result = None
    if not isinstance(result, dict):
        raise StageError("the process that talks to the services said something that is no result", "--verbose shows what it printed")
    if "failure" in result:
        raise _failure(result)
    return result


def _failure(result: Mapping[str, Any]) -> StageError:
    message = shown(result["message"], 300)
    if result["failure"] == "outage":
        return OutageError(message, _AGAIN)
    return InputError(message, "see docs/how-to/sign-in-ci.md")
