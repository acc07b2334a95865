"""Reading a file that a stranger may have put there: nothing is waited for, and nothing but a regular file is read."""

from __future__ import annotations

import errno
import os
import stat
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
