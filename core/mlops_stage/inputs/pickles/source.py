"""Bytes read forward, once, within a budget: of a file, of a member of an archive, of what a compressed stream unfolds to."""

from __future__ import annotations

from typing import Protocol

NPY_MAGIC = b"\x93NUMPY"
"""How files of NumPy arrays begin (NEP 1)."""
_CHUNK = 2**18
MOST_BYTES = 2**36
"""So many bytes of one stream are read before it counts as too large (64 GiB)."""
FOLDED_BYTES, FOLDED_RATIO = 2**27, 100
"""What unfolds to more than 128 MiB and to more than 100 times its own size is a decompression bomb: weights are noise and do not shrink so."""


class BombError(ValueError):
    """A stream that unfolds to far more than it holds."""


class ShortError(ValueError):
    """The bytes end where more were declared."""


class Stream(Protocol):
    """What is needed of a file."""

    def read(self, size: int = ..., /) -> bytes:
        """Up to `size` bytes; none at the end."""


class Source:
    """A stream, read forward; no read holds more than was asked for in memory.

    Args:
        stream: the bytes.
        folded: bytes that they take where they are stored, for a compressed stream; None where they are stored as they are.
        budget: bytes that may be read.
    """

    def __init__(self, stream: Stream, folded: int | None = None, budget: int = MOST_BYTES) -> None:
        self._stream = stream
        self._held = b""
        self._next = 0
        self._taken = 0
        self._budget = budget
        self._most_unfolded = None if folded is None else max(FOLDED_BYTES, folded * FOLDED_RATIO)

    @property
    def at(self) -> int:
        """Bytes read so far."""
        return self._taken - len(self._held) + self._next

    def byte(self) -> int | None:
        """The next byte; None at the end."""
        if self._next >= len(self._held) and not self._fill():
            return None
        value = self._held[self._next]
        self._next += 1
        return value

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay unread; fewer at the end."""
        while len(self._held) - self._next < size and self._fill():
            pass
        return self._held[self._next : self._next + size]

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; `size` is small.

        Raises:
            ShortError: there are fewer.
        """
        found = self.peek(size)
        if len(found) < size:
            raise ShortError("it ends in the middle of a value")
        self._next += size
        return found

    def skip(self, size: int) -> None:
        """Pass over so many bytes, whatever their number, in little memory.

        Raises:
            ShortError: there are fewer.
        """
        while size:
            here = min(size, len(self._held) - self._next)
            self._next += here
            size -= here
            if size and not self._fill():
                raise ShortError("it ends in the middle of a value")

    def take(self) -> bytes:
        """The next piece, of whatever size; none at the end."""
        if self._next >= len(self._held) and not self._fill():
            return b""
        found = self._held[self._next :]
        self._next = len(self._held)
        return found

    def line(self, most: int, *, lenient: bool = False) -> bytes | None:
        """Up to and without the next line feed; None where the line is longer than `most`, which is passed over then.

        Args:
            most: bytes of a line that are held.
            lenient: take a last line without line feed too, less its last byte, as Python's unpicklers do.

        Raises:
            ShortError: there is no line feed.
        """
        found, total = b"", 0
        while True:
            end = self._held.find(b"\n", self._next)
            piece = self._held[self._next :] if end < 0 else self._held[self._next : end]
            total += len(piece)
            found = (found + piece)[: most + 1]
            if end >= 0:
                self._next = end + 1
                return found if total <= most else None
            self._next = len(self._held)
            if not self._fill():
                if lenient:
                    return found[:-1] if total <= most else None
                raise ShortError("it ends in the middle of a line")

    def _fill(self) -> bool:
        """Take one more piece; what was read already is let go."""
        more = self._stream.read(_CHUNK)
        self._taken += len(more)
        if self._taken > self._budget:
            raise BombError(f"it holds more than {self._budget:,} bytes")
        if self._most_unfolded is not None and self._taken > self._most_unfolded:
            raise BombError(f"it unfolds to more than {self._most_unfolded:,} bytes")
        self._held = self._held[self._next :] + more
        self._next = 0
        return bool(more)
