"""Files of folders that come from elsewhere: read and copied as regular files of a known size and digest, without following a link."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mlops_stage.errors import InputError, StageError
from mlops_stage.evidence.paths import inside
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 2**20
_WHOLE = "hand on the whole folder, as its stage wrote it"


def read_foreign(folder: Path, name: str, most: int) -> bytes:
    """The content of a file in a folder that a stranger may have filled.

    Raises:
        InputError: it lies elsewhere, is a link or no regular file, cannot be read, or has more than `most` bytes.
    """
    with _opened(folder, name) as stream:
        size = os.fstat(stream.fileno()).st_size
        content = b"".join(_blocks(stream)) if size <= most else b""
    if size > most:
        raise InputError(f"{shown(folder / name)} has more than {most:,} bytes", "leave it out of what is handed on")
    return content


def digest_foreign(folder: Path, name: str) -> str:
    """The SHA-256 of such a file, in lower-case hexadecimal.

    Raises:
        InputError: as for `read_foreign`.
    """
    total = hashlib.sha256()
    with _opened(folder, name) as stream:
        for block in _blocks(stream):
            total.update(block)
    return total.hexdigest()


def copy_foreign(folder: Path, name: str, to: Path) -> str:
    """Copy such a file; returns the SHA-256 of what was copied.

    Raises:
        InputError: as for `read_foreign`, or it has more bytes than there is room for.
        StageError: it cannot be written.
    """
    total = hashlib.sha256()
    with _opened(folder, name) as stream:
        size = os.fstat(stream.fileno()).st_size
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            about = os.statvfs(to.parent)
            if size > about.f_bavail * about.f_frsize:
                raise InputError(
                    f"{shown(folder / name)} has {size:,} bytes, and there is no room for them", "free some space on that disk"
                )
            with to.open("xb") as copy:
                for block in _blocks(stream):
                    total.update(block)
                    copy.write(block)
        except OSError as error:
            raise StageError(f"cannot write {shown(to)}: {error.strerror}", "free some space on that disk, or write elsewhere") from error
    return total.hexdigest()


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """What the file held when it was opened; one that grows is not followed."""
    left = os.fstat(stream.fileno()).st_size
    while left > 0 and (block := stream.read(min(_BLOCK, left))):
        left -= len(block)
        yield block


def _opened(folder: Path, name: str) -> IO[bytes]:
    path = inside(folder, name)
    for part in (path, *path.parents[: len(Path(name).parts) - 1]):
        if os.path.islink(part):  # noqa: PTH114  (Path.is_symlink raises when the name is too long)
            raise InputError(f"{shown(path)} is, or lies behind, a link", "hand on the file itself")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"cannot read {shown(path)}: {error.strerror}", _WHOLE) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{shown(path)} is no regular file", _WHOLE)
    return os.fdopen(descriptor, "rb")
