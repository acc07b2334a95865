"""The protobuf wire format: fields of a message without a schema, without copies, without trust."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
MAX_TEXT = 2**20
"""Longer texts are read no further."""

# Short texts one by one, those of the lengths of LEAF and BRANCH_LEQ first, for a tree ensemble has one for each node.
_TEXTS = b"|".join(b"\\x%02x.{%d}" % (length, length) for length in sorted(range(64), key=lambda length: length not in {4, 10}))
# Possessive, so that a run of millions costs no memory: the numbers of a tree ensemble are such runs.
_RUNS = {
    (9 << 3) | BYTES: re.compile(rb"(?:\x4a(?:" + _TEXTS + rb"))++", re.DOTALL),
    (7 << 3) | FIXED32: re.compile(rb"(?:\x3d.{4})++", re.DOTALL),
    (8 << 3) | VARINT: re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])++"),
}


class MalformedError(ValueError):
    """The bytes are no protobuf message, or one that was cut short."""


class Wire(NamedTuple):
    """One field: a number in `value`, or the bytes from `start` to `end`."""

    number: int
    kind: int
    value: int
    start: int
    end: int


def fields(view: memoryview, start: int, end: int) -> Iterator[Wire]:
    """The fields of the message between two offsets.

    Raises:
        MalformedError: a field that runs beyond its message, a group, or a number of more than ten bytes.
    """
    at = start
    while at < end:
        key, at = varint(view, at, end)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, stop = varint(view, at, end)
            yield Wire(number, kind, value, at, stop)
        elif kind == BYTES:
            length, at = varint(view, at, end)
            stop = at + length
            if stop > end:
                raise MalformedError("a field runs beyond the end")
            yield Wire(number, kind, 0, at, stop)
        elif kind in {FIXED64, FIXED32}:
            stop = at + (8 if kind == FIXED64 else 4)
            if stop > end:
                raise MalformedError("a field runs beyond the end")
            yield Wire(number, kind, int.from_bytes(view[at:stop], "little"), at, stop)
        else:
            raise MalformedError(f"a field is of a kind that ONNX files do not have (wire type {kind})")
        if number == 0:
            raise MalformedError("a field has the number 0")
        at = stop


def fields_but_runs(view: memoryview, start: int, end: int) -> Iterator[Wire]:
    """As `fields`, but of an attribute's numbers and short texts (fields 7, 8 and 9, one by one on the wire) only the first of each run, with the end of the run as its end."""
    at = start
    while at < end:
        run = _RUNS.get(view[at])
        found = run.match(view, at, end) if run else None
        if found is None:
            one = next(fields(view, at, end))
            yield one
            at = one.end
        else:
            yield next(fields(view, at, end))._replace(end=found.end())
            at = found.end()


def varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """A base-128 number and the offset behind it."""
    value = 0
    for place in range(_MAX_VARINT_BYTES):
        if at + place >= end:
            raise MalformedError("a number is cut short")
        byte = view[at + place]
        value |= (byte & 127) << (7 * place)
        if byte < 128:  # noqa: PLR2004  (the bit that says more follows)
            return value & (2**64 - 1), at + place + 1
    raise MalformedError("a number has more than ten bytes")


def varints(view: memoryview, start: int, end: int) -> Iterator[int]:
    """The numbers of a packed field."""
    at = start
    while at < end:
        value, at = varint(view, at, end)
        yield value


def signed(value: int) -> int:
    """An int64 as protobuf writes it: two's complement."""
    return value - 2**64 if value >= 2**63 else value


def text(view: memoryview, field: Wire) -> str:
    """A string field; bytes that are no UTF-8 are shown, never an error."""
    return bytes(view[field.start : min(field.end, field.start + MAX_TEXT)]).decode("utf-8", errors="backslashreplace")


def enum(value: int) -> int:
    """An int32 or an enumeration: protobuf keeps the low 32 bits of a longer number, and so must whoever wants to see what it sees."""
    return value & 0xFFFFFFFF
