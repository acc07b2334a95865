"""The opcodes of pickles, as Python's `pickletools` describes them, and readers of what follows each; long values are passed over."""

from __future__ import annotations

import codecs
import pickletools
import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_stage.inputs.pickles.source import Source

_TEXT = 1024
"""No module or class has a longer name; longer texts are passed over."""
_WHOLE = re.compile(rb"(0|-?[1-9]\d{0,17})L?")
"""Numbers as every pickler writes them; what is spelled otherwise (`0x10`, `1_0`, `010`) readers do not agree on."""


class BrokenError(ValueError):
    """The bytes are no pickle from here on."""


def _line(source: Source) -> bytes | None:
    return source.line(_TEXT, lenient=True)


def _read_raw(source: Source) -> bytes:
    """The key of a memo; too long a line is read as none."""
    return _line(source) or b""


def _read_number(source: Source) -> int | None:
    found = _WHOLE.fullmatch(_line(source) or b"")
    return int(found[1]) if found else None


def _read_text(source: Source) -> str | None:
    """A text in quotes, as `repr` of bytes writes it."""
    line = _line(source)
    if line is None or len(line) < 2 or line[0] != line[-1] or line[:1] not in {b"'", b'"'}:  # noqa: PLR2004  (two quotes)
        return None
    try:
        return _unescaped(line[1:-1]).decode("ascii", "backslashreplace")
    except ValueError as error:
        raise BrokenError(f"the text before byte {source.at:,} has a broken escape") from error


def _unescaped(text: bytes) -> bytes:
    """As pickle itself reads a text of protocol 0."""
    if b"\\" not in text:
        return text
    with warnings.catch_warnings(action="ignore"):  # escapes that Python does not know are none of the user's concern
        return codecs.escape_decode(text)[0]


def _read_unicode(source: Source) -> str | None:
    line = _line(source)
    try:
        return None if line is None else line.decode("raw-unicode-escape")
    except ValueError as error:
        raise BrokenError(f"the text before byte {source.at:,} has a broken escape") from error


def _read_other(source: Source) -> None:
    _line(source)


def _read_pair(source: Source) -> Any:
    lines = [_line(source), _line(source)]
    return [None if line is None else line.decode("utf-8", "backslashreplace") for line in lines]


def _counted(width: int, made: Callable[[bytes], Any], *, signed: bool = False) -> Callable[[Source], Any]:
    """A reader of a length in `width` bytes and what follows."""

    def read(source: Source) -> Any:
        size = int.from_bytes(source.read(width), "little", signed=signed)
        if size < 0:
            raise BrokenError(f"byte {source.at:,} declares a negative length")
        if size > _TEXT:
            source.skip(size)
            return None
        return made(source.read(size))

    return read


def _two_complement(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _unicode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace")


def _ascii(raw: bytes) -> str:
    return raw.decode("ascii", "backslashreplace")


def _fixed(width: int, *, signed: bool) -> Callable[[Source], Any]:
    return lambda source: int.from_bytes(source.read(width), "little", signed=signed)


def _passed(width: int) -> Callable[[Source], Any]:
    def read(source: Source) -> None:
        source.skip(width)

    return read


_READERS: dict[str, Callable[[Source], Any]] = {
    "uint1": _fixed(1, signed=False),
    "uint2": _fixed(2, signed=False),
    "int4": _fixed(4, signed=True),
    "uint4": _fixed(4, signed=False),
    "uint8": _fixed(8, signed=False),
    "float8": _passed(8),
    "stringnl_noescape_pair": _read_pair,
    "stringnl": _read_text,
    "unicodestringnl": _read_unicode,
    **dict.fromkeys(("decimalnl_short", "decimalnl_long"), _read_number),
    **dict.fromkeys(("stringnl_noescape", "floatnl"), _read_other),
    "string1": _counted(1, _ascii),
    "string4": _counted(4, _ascii, signed=True),
    **{f"bytes{width}": _counted(width, bytes) for width in (1, 4, 8)},
    "bytearray8": _counted(8, bytes),
    **{f"unicodestring{width}": _counted(width, _unicode) for width in (1, 4, 8)},
    "long1": _counted(1, _two_complement),
    "long4": _counted(4, _two_complement, signed=True),
}


class Opcode(NamedTuple):
    """An opcode as the walk needs it."""

    name: str
    read: Callable[[Source], Any]
    takes: int
    """Values taken from the stack, below those up to a mark."""
    to_mark: bool
    leaves: int


def _described(info: pickletools.OpcodeInfo) -> Opcode:
    to_mark = pickletools.markobject in info.stack_before
    takes = info.stack_before.index(pickletools.markobject) if to_mark else len(info.stack_before)
    read = _passed(0)
    if info.arg:
        read = _read_raw if info.name in {"PUT", "GET"} else _READERS[info.arg.name]
    return Opcode(info.name, read, takes, to_mark, len(info.stack_after))


OPCODES = {ord(info.code): _described(info) for info in pickletools.opcodes}
