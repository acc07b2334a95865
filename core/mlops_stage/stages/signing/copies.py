"""Private copies of files, that nobody writes to once they are hashed."""

from __future__ import annotations

import os
import tempfile
from pathlib import PurePosixPath
from threading import Lock

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.verifying.trees import digest

MEMORY = 2**30
"""Bytes of copies that lie in memory unless the caller says otherwise."""
_BLOCK = 2**20


class Copies:
    """Copies of files, up to a number of bytes in memory, and above it in files without a name."""

    def __init__(self, memory: int) -> None:
        self.held: dict[str, int] = {}
        """Name -> a descriptor to read from."""
        self._left = memory
        self._lock = Lock()  # files are taken by several threads

    def take(self, name: str, source: int) -> str:
        """Copy what a descriptor reads, close the copy for writing, and digest the copy; what grows meanwhile is not followed.

        Raises:
            InputError: there is no room for it.
        """
        size = os.fstat(source).st_size
        writer, sealed = self._place(name, size)
        try:
            _copy(source, writer, size)
            if sealed:
                _seal(writer)
            self.held[name] = opened_anew(writer)
        except OSError as error:
            where = "let less of it lie in memory" if sealed else "point TMPDIR to a folder with room"
            raise InputError(f"there is no room for a copy of {shown(name)}: {error.strerror}", where) from error
        finally:
            os.close(writer)
        return digest(name, self.held[name])  # of the copy and not on the way to it: until it was closed, others could write to it

    def close(self) -> None:
        """Forget all of them."""
        for descriptor in self.held.values():
            os.close(descriptor)

    def _place(self, name: str, size: int) -> tuple[int, bool]:
        """Where a file is copied to, and whether that can be closed for writing (memory on Linux)."""
        with self._lock:
            fits = hasattr(os, "memfd_create") and size <= self._left
            self._left -= size if fits else 0
        if fits:
            return os.memfd_create(PurePosixPath(name).name[:60], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), True
        with tempfile.TemporaryFile() as stream:
            return os.dup(stream.fileno()), False


def opened_anew(descriptor: int) -> int:
    """A descriptor of the same file with a position of its own, to read from; where the system has none, a duplicate at the beginning."""
    if os.path.exists("/proc/self/fd"):  # noqa: PTH110  (looked at for each file)
        return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.dup(descriptor)


def _copy(source: int, to: int, size: int) -> None:
    """At most one byte more than the file had, by which it is seen that it has grown."""
    left = size + 1
    while left and (block := os.read(source, min(_BLOCK, left))):
        left -= len(block)
        view = memoryview(block)
        while view:
            view = view[os.write(to, view) :]


def _seal(descriptor: int) -> None:
    import fcntl

    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
