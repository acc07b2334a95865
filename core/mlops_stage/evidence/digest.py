"""SHA-256 of files, folders and JSON values."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO

_BLOCK = 4 * 2**20
"""Bytes that are read while those before are hashed."""
_LARGE = 8 * _BLOCK
"""From this size on reading ahead saves more time than a thread takes to start."""


def sha256(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file, read in a stream; of a folder: of its manifest.

    The manifest is the JSON list of `[path, digest]`, paths relative to the folder, POSIX, in byte order.
    A link inside a folder counts as the file that it leads to.

    Raises:
        InputError: unreadable, neither file nor folder, or a link that leads out of the folder.
    """
    if path.is_dir():
        files = dict(_files(path))
        digests = sha256_many(files.values())
        return of_json([[name, digests[file]] for name, file in sorted(files.items(), key=lambda pair: os.fsencode(pair[0]))])
    if path.exists() and not path.is_file():
        raise InputError(f"cannot digest {shown(path)}: it is neither a file nor a folder", "give a regular file")
    try:
        with path.open("rb", buffering=0) as stream:
            return of_stream(stream)
    except OSError as error:
        raise InputError(f"cannot read {shown(path)}: {error.strerror}", "check that the file exists and may be read") from error


def sha256_many(paths: Iterable[Path]) -> dict[Path, str]:
    """Digests of many files at once, a thread for each core (hashing releases the interpreter lock); in the order given.

    Raises:
        InputError: as `sha256`, for the first path that fails.
    """
    wanted = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(max_workers=max(1, min(len(wanted), os.cpu_count() or 1))) as pool:
        return dict(zip(wanted, pool.map(sha256, wanted), strict=True))


def of_stream(stream: FileIO) -> str:
    """Lower-case hexadecimal SHA-256 of what is left in an unbuffered file; of a large one, the next block is read while one is hashed."""
    if os.fstat(stream.fileno()).st_size < _LARGE:
        return hashlib.file_digest(stream, "sha256").hexdigest()
    total = hashlib.sha256()
    block, ahead = bytearray(_BLOCK), bytearray(_BLOCK)
    with ThreadPoolExecutor(max_workers=1) as reader:
        size = stream.readinto(block)
        while size:
            following = reader.submit(stream.readinto, ahead)  # both let the interpreter go
            total.update(memoryview(block)[:size])
            size = following.result()
            block, ahead = ahead, block
    return total.hexdigest()


def of_json(value: Any) -> str:
    """SHA-256 of a JSON value in one canonical spelling: keys sorted, no spaces, ASCII.

    Raises:
        ValueError: NaN or infinity.
        TypeError: something JSON has no word for.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder as (POSIX path relative to it, path)."""
    home = folder.resolve()
    for where, folders, names in os.walk(folder, onerror=_unreadable):
        for name in names + [name for name in folders if Path(where, name).is_symlink()]:
            path = Path(where, name)
            if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(home)):
                raise InputError(
                    f"{shown(path)} is a link that leads to a folder, out of its own folder, or nowhere",
                    "replace the link by the file itself",
                )
            yield path.relative_to(folder).as_posix(), path


def _unreadable(error: OSError) -> None:
    raise InputError(f"cannot list {shown(error.filename)}: {error.strerror}", "check that the folder may be read") from error
