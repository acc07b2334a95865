"""`mlops-stage` beside the services, or where no interface is, without importing it anew: fixtures/warm.py, of which each command first goes there.

python commands.py DESCRIPTOR

Started in the network namespace of the services. An order is told as that process is told it, and whether the command shall be `alone`.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIXTURES = Path(__file__).parents[2] / "fixtures"
_NEW_NETWORK = 0x40000000


class Commands:
    """The process, seen from the tests."""

    def __init__(self, beside: Sequence[str]) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(120)
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONHASHSEED": "0"}
        command = [*beside, sys.executable, "-P", __file__, str(theirs.fileno())]
        self.process = subprocess.Popen(command, env=env, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        theirs.close()

    def run(self, args: Sequence[str], cwd: Path, env: Mapping[str, str], *, alone: bool) -> subprocess.CompletedProcess[str]:
        """What became of one command."""
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            order = json.dumps({"args": args, "cwd": str(cwd), "env": env, "alone": alone}).encode()
            socket.send_fds(self.channel, [order], [stdout.fileno(), stderr.fileno()])
            answer = self.channel.recv(64)
            assert answer, "the process that runs commands has ended"
            return subprocess.CompletedProcess(["mlops-stage", *args], int(answer), _text(stdout), _text(stderr))

    def close(self) -> None:
        """End it."""
        self.channel.close()
        self.process.wait(timeout=10)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


def main(channel: socket.socket) -> None:
    """Answer orders until the other end closes."""
    sys.path.insert(0, str(FIXTURES))
    import sigstore.verify
    import warm

    from mlops_stage.stages.signing import identity_signer, key_signer

    del sigstore, identity_signer, key_signer  # what signing imports when it is asked to, and verifying
    command = warm._command

    def placed(main, order, streams):
        if order["alone"] and ctypes.CDLL(None).unshare(_NEW_NETWORK):
            os._exit(70)
        command(main, order, streams)

    warm._command = placed
    warm.serve(channel)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
