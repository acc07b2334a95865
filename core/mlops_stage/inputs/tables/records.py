"""Count the records of a text file without the reader that is to be checked: bytes, quotes as RFC 4180 has them, line ends."""

from __future__ import annotations

import codecs
import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_CHUNK = 4 * 2**20
_QUOTE, _COMMA, _END = 34, 44, 10


@dataclass(frozen=True, kw_only=True)
class Count:
    """What the bytes of one file say."""

    records: int
    """Lines that are not blank, or in CSV records, the header among them; line ends inside quotes end no record."""
    commas: int
    """Commas outside quotes; of JSONL 0."""
    sound: bool
    """Valid UTF-8 without NUL, every quote at the beginning of a cell and closed."""


def delimited(path: Path) -> Count:
    """The count of a CSV file, `.gz` unpacked.

    Raises:
        InputError: a damaged archive.
    """
    state = _Quoted()
    for chunk in _chunks(path):
        state.take(chunk)
    return state.count()


def lines(path: Path) -> Count:
    """The count of a file of lines, such as JSONL, `.gz` unpacked.

    Raises:
        InputError: a damaged archive.
    """
    found, sound, rest = 0, True, b""
    text = _Text()
    for chunk in _chunks(path):
        sound &= text.valid(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        found += sum(1 for line in whole if line.strip())
    return Count(records=found + bool(rest.strip()), commas=0, sound=sound and text.whole())


def unpacked(path: Path) -> BinaryIO:
    """The bytes of a file or of what a gzip archive holds."""
    return cast("BinaryIO", gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


class _Text:
    """UTF-8, checked piece by piece."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._good = True

    def valid(self, chunk: bytes) -> bool:
        """Whether all so far is valid; the last character may be cut."""
        if self._good and not (chunk.isascii() and self._decoder.getstate() == (b"", 0)):
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError:
                self._good = False
        return self._good and b"\0" not in chunk

    def whole(self) -> bool:
        """Whether nothing is cut at the end."""
        return self._good and self._decoder.getstate() == (b"", 0)


class _Quoted:
    """A CSV file, piece by piece: a line end counts where the number of quotes before it is even."""

    def __init__(self) -> None:
        self._text = _Text()
        self._sound = True
        self._inside = False
        self._records = 0
        self._commas = 0
        self._empty = True
        """Whether the record that is open holds no byte yet."""
        self._held = b""
        self._last = _END
        """The byte before the piece that comes next."""

    def take(self, chunk: bytes) -> None:
        self._sound &= self._text.valid(chunk)
        chunk = self._held + chunk
        self._held = chunk[-1:] if chunk.endswith(b"\r") else b""  # its \n may stand in the next piece
        chunk = chunk[: len(chunk) - len(self._held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if chunk:
            self._add(np.frombuffer(chunk, dtype=np.uint8))

    def count(self) -> Count:
        if self._held:
            self._add(np.array([_END], dtype=np.uint8))
        last = 0 if self._empty else 1
        return Count(records=self._records + last, commas=self._commas, sound=self._sound and self._text.whole() and not self._inside)

    def _add(self, marks: NDArray[np.uint8]) -> None:
        ends, commas = marks == _END, marks == _COMMA
        quotes = marks == _QUOTE
        if self._inside or quotes.any():
            self._sound &= self._well_opened(marks, np.flatnonzero(quotes))
            inside = (np.cumsum(quotes, dtype=np.int32) & 1).astype(np.bool_) ^ self._inside
            ends &= ~inside
            commas &= ~inside
            self._inside = bool(inside[-1])
        self._last = int(marks[-1])
        self._commas += int(np.count_nonzero(commas))
        places = np.flatnonzero(ends)
        if not len(places):
            self._empty = False
            return
        blank = int(np.count_nonzero(np.diff(places) == 1)) + (1 if self._empty and places[0] == 0 else 0)
        self._records += len(places) - blank
        self._empty = bool(places[-1] == len(marks) - 1)

    def _well_opened(self, marks: NDArray[np.uint8], quotes: NDArray[np.intp]) -> bool:
        """Whether every quote that opens stands at the beginning of a cell, or doubles the one before it."""
        opening = quotes[1 if self._inside else 0 :: 2]
        before = np.where(opening > 0, marks[np.maximum(opening, 1) - 1], self._last)
        return bool(np.isin(before, (_COMMA, _END, _QUOTE)).all())


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with unpacked(path) as stream:
            first = stream.read(_CHUNK).removeprefix(codecs.BOM_UTF8)
            while first:
                yield first
                first = stream.read(_CHUNK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{shown(path.name)}: the gzip archive is damaged or cut short", "write or download the file again") from error
