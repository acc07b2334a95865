"""Reading files: one that a stranger may have put there, for which nothing is waited, and one that the user has named, which may be a pipe."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_regular(path: Path, most: int) -> bytes:
    """At most that many bytes of a regular file; a pipe, which would be waited for without an end, is refused.

    Raises:
        OSError: unreadable, or no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return stream.read(most)


def read_secret(path: Path, most: int, patience: float = 30.0) -> bytes:
    """At most that many bytes of a regular file, or of a pipe such as the shell's `<(command)`, through which a secret comes that lies in no file.

    The command may take its time, but no longer than `patience` seconds; a pipe into which nobody writes is empty.

    Raises:
        OSError: unreadable, neither of the two, or not at its end in time.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISREG(kind):
            return stream.read(most)
        if not stat.S_ISFIFO(kind):
            raise OSError(errno.EINVAL, "it is neither a regular file nor a pipe")
        return _drained(descriptor, most, time.monotonic() + patience)


def _drained(descriptor: int, most: int, until: float) -> bytes:
    found = bytearray()
    while len(found) < most:
        try:
            piece = os.read(descriptor, most - len(found))
        except BlockingIOError:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise OSError(errno.ETIMEDOUT, "nothing ended the pipe in time") from None
            continue
        if not piece:
            break
        found += piece
    return bytes(found)
