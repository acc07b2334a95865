"""ZIP and tar archives: what lies in them, and what is wrong with how they say so; nothing is unpacked onto the disk by name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, BinaryIO, cast

from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.pickles.source import FOLDED_BYTES, FOLDED_RATIO, BombError
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_stage.inputs.pickles.source import Stream

MOST_ENTRIES = 100_000
_MOST_DIRECTORY = 2**26
_TAIL = 2**16 + 22
_READ = 2**18
_PIECE = 2**13
FAULTS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    KeyError,
    IndexError,
)
"""What the standard library raises for archives that are broken or forged."""

Fault = tuple[str, str]
"""Rule and message."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file in an archive."""

    name: str
    size: int
    folded: int | None
    """Bytes it takes in the archive, where it is compressed."""
    opened: Callable[[], BinaryIO]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What an archive holds."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]


def zip_listing(stream: BinaryIO, size: int) -> Listing:
    """The files of a ZIP archive.

    Raises:
        ValueError, zipfile.BadZipFile and others of `FAULTS`: it cannot be read.
    """
    _bounded_directory(stream, size)
    archive = zipfile.ZipFile(stream)
    items = archive.infolist()
    if len(items) > MOST_ENTRIES:
        raise BombError(f"it holds more than {MOST_ENTRIES:,} entries")
    faults = [*_zip_faults(items, size)]
    entries = tuple(
        Entry(
            name=item.filename,
            size=item.file_size,
            folded=item.compress_size if item.compress_type != zipfile.ZIP_STORED else None,
            opened=partial(_opened, archive, item),
        )
        for item in items
        if not item.is_dir() and not item.flag_bits & 1 and not stat.S_ISLNK(item.external_attr >> 16)
    )
    return Listing(entries=entries, faults=tuple(dict.fromkeys(faults)))


def _opened(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> BinaryIO:
    return cast("BinaryIO", archive.open(item))  # offers what a file opened for reading does


def _extracted(archive: tarfile.TarFile, item: tarfile.TarInfo) -> BinaryIO:
    return cast("BinaryIO", archive.extractfile(item))  # never None, for only regular files get here


def tar_listing(stream: BinaryIO) -> Listing:
    """The files of a tar archive that is not compressed.

    Raises:
        tarfile.TarError and others of `FAULTS`: it cannot be read.
    """
    archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115  (lives as long as its entries)
    entries, faults = [], []
    for count, item in enumerate(archive):
        if count >= MOST_ENTRIES:
            raise BombError(f"it holds more than {MOST_ENTRIES:,} entries")
        faults += [*_path_faults(item.name)]
        if item.issym() or item.islnk():
            faults.append(("scan/archive-link", f"the entry {shown(item.name)} is a link to {shown(item.linkname)}"))
        elif item.issparse():
            faults.append(
                ("scan/archive-entry", f"the entry {shown(item.name)} is sparse: it unfolds to {item.size:,} bytes out of nothing")
            )
        elif item.isfile():
            entries.append(Entry(name=item.name, size=item.size, folded=None, opened=partial(_extracted, archive, item)))
        elif not item.isdir():
            faults.append(("scan/archive-link", f"the entry {shown(item.name)} is a device or a pipe"))
    return Listing(entries=tuple(entries), faults=tuple(dict.fromkeys(faults)))


def unfolded(stream: BinaryIO, kind: str) -> Stream:
    """What a compressed stream unfolds to, read piece by piece; `kind` is gzip, bzip2, xz or zlib."""
    if kind == "gzip":
        return _Pieces(gzip.GzipFile(fileobj=stream))
    if kind == "bzip2":
        return _Pieces(bz2.BZ2File(stream))
    return _Pieces(lzma.LZMAFile(stream)) if kind == "xz" else _Zlib(stream)


class _Pieces:
    """A stream read in small pieces, so that a fault at the end does not take what came before it along: loaders carry that out."""

    def __init__(self, stream: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile) -> None:
        self._stream = stream

    def read(self, size: int = _PIECE, /) -> bytes:
        """Some bytes; none at the end."""
        return self._stream.read1(min(size, _PIECE))


class _Zlib:
    """A bare zlib stream, as joblib writes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._unfold = zlib.decompressobj()

    def read(self, size: int = _READ, /) -> bytes:
        """Up to `size` bytes."""
        while not self._unfold.eof:
            folded = self._unfold.unconsumed_tail or self._stream.read(_READ)
            if not folded:
                raise EOFError("the compressed stream ends early")
            found = self._unfold.decompress(folded, min(size, _PIECE))
            if found:
                return found
        return b""


def _bounded_directory(stream: BinaryIO, size: int) -> None:
    """Refuse a directory too large to be held, before the standard library reads it whole."""
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise ValueError("its directory is missing: it was cut short")
    claimed = int.from_bytes(tail[at + 12 : at + 16], "little")
    if claimed == 2**32 - 1:  # ZIP64: the true size stands in a record of its own
        wide = tail.rfind(b"PK\x06\x06", 0, at)
        claimed = int.from_bytes(tail[wide + 40 : wide + 48], "little") if wide >= 0 else size
    if claimed > _MOST_DIRECTORY:
        raise BombError(f"its directory claims {claimed:,} bytes")
    stream.seek(0)


def _zip_faults(items: list[zipfile.ZipInfo], size: int) -> Iterator[Fault]:
    for item in items:
        yield from _path_faults(item.orig_filename)
        if stat.S_ISLNK(item.external_attr >> 16):
            yield "scan/archive-link", f"the entry {shown(item.filename)} is a link"
        if item.flag_bits & 1:
            yield "scan/not-examined", f"the entry {shown(item.filename)} is encrypted"
    twice = [name for name, count in Counter(item.filename for item in items).items() if count > 1]
    if twice:
        yield "scan/archive-entry", f"the entry {shown(twice[0])} is there twice: readers would not agree on which counts"
    total = sum(item.file_size for item in items)
    if total > max(FOLDED_BYTES, size * FOLDED_RATIO):
        yield "scan/decompression-bomb", f"its {counted(size, 'byte unfolds', 'bytes unfold')} to {total:,}"
    ends = 0
    for item in sorted(items, key=lambda one: one.header_offset):
        if item.header_offset < ends:
            yield "scan/archive-entry", f"the entry {shown(item.filename)} overlaps another"
            return
        ends = item.header_offset + item.compress_size


def _path_faults(name: str) -> Iterator[Fault]:
    parts, windows = PurePosixPath(name).parts, PureWindowsPath(name)
    if name.startswith("/") or "\0" in name or ".." in (*parts, *windows.parts) or windows.drive or windows.root:
        yield "scan/archive-path", f"the entry {shown(name)!r} would be unpacked outside its folder"
