"""`mlops-stage` in the jobs of an engine, led to the process of the tests that has imported it already: fixtures/warm.py.

That each stage is a process of its own, started anew in the environment of its lock, test_scenarios.py shows on every engine; what else a
pipeline does around its stages needs no more than this. Engines hand no descriptor on to their jobs, but a socket has a path.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from functools import cache

_MOST = 1 << 20
"""Bytes that an order may have."""
_NO_ANSWER = 70
"""No code of the command: what failed is the way to it, and no gate."""
_MODULE = ["-P", "-m", "mlops_stage"]
"""How the interpreter of an environment is asked for the command."""


def command(channel: int) -> str:
    """What a shell script does that stands for `mlops-stage`, or for the interpreter that runs it: lead it to the process behind `channel`."""
    return f'exec {sys.executable} -IS {__file__} {_served(channel)} "$@"\n'


def _ask(path: str, args: list[str]) -> int:
    """Have the command run there with the folder, the environment and the streams of this process; its exit code."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as there:
        there.connect(path)
        order = {"args": args, "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109  (pathlib takes as long to load as all else here)
        socket.send_fds(there, [json.dumps(order).encode()], [1, 2])
        return int(there.recv(64) or _NO_ANSWER)


@cache
def _served(channel: int) -> str:
    """The path behind which that process, to which `channel` leads, answers one job after the other."""
    import atexit
    import shutil
    import tempfile
    import threading

    folder = tempfile.mkdtemp(prefix="mlops-stage-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"{folder}/relay")
    listener.listen()
    process = socket.socket(fileno=os.dup(channel))
    process.settimeout(240)
    atexit.register(process.close)  # that process ends when nobody can reach it any more
    threading.Thread(target=_pass_on, args=(listener, process), daemon=True).start()
    return f"{folder}/relay"


def _pass_on(listener: socket.socket, process: socket.socket) -> None:
    while True:
        job, _ = listener.accept()
        with job, suppress(OSError):  # the job is told by the end of its connection
            order, streams, _, _ = socket.recv_fds(job, _MOST, 2)
            try:
                socket.send_fds(process, [order], streams)
            finally:
                for stream in streams:
                    os.close(stream)
            job.send(process.recv(64))


if __name__ == "__main__":
    where, *given = sys.argv[1:]
    sys.exit(_ask(where, given[3:] if given[:3] == _MODULE else given))
