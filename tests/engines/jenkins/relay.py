"""`mlops-stage` for what a JVM starts: it lets no descriptor through, so the process that is fixtures/warm.py is reached by a name."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE = 1 << 20
"""Bytes that an order may have."""
COMMAND = """\
#!{python} -IS
import json, os, socket, sys
args = sys.argv[4:] if sys.argv[1:4] == ["-P", "-m", "mlops_stage"] else sys.argv[1:]  # an environment's Python is asked for the module
channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
channel.connect({name!r})
order = {{"args": args, "cwd": os.getcwd(), "env": dict(os.environ)}}
socket.send_fds(channel, [json.dumps(order).encode()], [1, 2])
os._exit(int(channel.recv(64)))
"""


@contextmanager
def command(channel: int, folder: Path) -> Iterator[Path]:
    """The file `mlops-stage` in this folder, which works as long as the block does."""
    file = folder / "mlops-stage"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening, tempfile.TemporaryDirectory() as short:
        listening.bind(f"{short}/warm")  # a socket's name may have a hundred bytes
        file.write_text(COMMAND.format(python=sys.executable, name=listening.getsockname()), encoding="utf-8")
        file.chmod(0o755)
        listening.listen()
        thread = threading.Thread(target=_relay, args=(listening, channel))
        thread.start()
        try:
            yield file
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _relay(listening: socket.socket, channel: int) -> None:
    """Hand on each order with its streams, and the answer back, until nobody listens any more."""
    with socket.socket(fileno=os.dup(channel)) as warm:
        warm.settimeout(240)
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return
            with one:
                order, streams, _, _ = socket.recv_fds(one, ONE, 2)
                socket.send_fds(warm, [order], streams)
                for stream in streams:
                    os.close(stream)
                one.send(warm.recv(64))
