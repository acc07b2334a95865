"""The opcodes of pickles, as Python's `pickletools` describes them, and readers of what follows each; long values are passed over."""

from __future__ import annotations

import pickletools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_stage.inputs.pickles.source import Source

_TEXT = 1024
"""No module or class has a longer name; longer texts are passed over."""
_NUMBER = re.compile(rb"[+-]?\d{1,20}[Ll]?")


class BrokenError(ValueError):
    """The bytes are no pickle from here on."""


def _read_line(source: Source) -> Any:
    line = source.line(_TEXT)
    if line is None:
        return None
    number = _NUMBER.fullmatch(line.strip())
    if number:
        return int(number[0].rstrip(b"Ll"))
    text = line.decode("utf-8", "backslashreplace").strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _read_pair(source: Source) -> Any:
    lines = [source.line(_TEXT), source.line(_TEXT)]
    return [None if line is None else line.decode("utf-8", "backslashreplace") for line in lines]


def _counted(width: int, *, number: bool, signed: bool = False) -> Callable[[Source], Any]:
    """A reader of a length in `width` bytes and what follows: a text, or a number in two's complement."""

    def read(source: Source) -> Any:
        size = int.from_bytes(source.read(width), "little", signed=signed)
        if size < 0:
            raise BrokenError(f"byte {source.at:,} declares a negative length")
        if size > _TEXT:
            source.skip(size)
            return None
        raw = source.read(size)
        return int.from_bytes(raw, "little", signed=True) if number else raw.decode("utf-8", "backslashreplace")

    return read


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
    "uint8": _passed(8),
    "float8": _passed(8),
    "stringnl_noescape_pair": _read_pair,
    **dict.fromkeys(("stringnl", "stringnl_noescape", "unicodestringnl", "decimalnl_short", "decimalnl_long", "floatnl"), _read_line),
    **{f"{kind}1": _counted(1, number=False) for kind in ("string", "bytes", "unicodestring")},
    "string4": _counted(4, number=False, signed=True),
    **{f"{kind}4": _counted(4, number=False) for kind in ("bytes", "unicodestring")},
    **{f"{kind}8": _counted(8, number=False) for kind in ("bytes", "bytearray", "unicodestring")},
    "long1": _counted(1, number=True),
    "long4": _counted(4, number=True, signed=True),
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
    read = _READERS[info.arg.name] if info.arg else _passed(0)
    return Opcode(info.name, read, takes, to_mark, len(info.stack_after))


OPCODES = {ord(info.code): _described(info) for info in pickletools.opcodes}
