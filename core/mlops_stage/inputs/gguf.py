"""The header of a GGUF file, as llama.cpp and its kin read them: keys and tensors; the numbers of weights are never read.

Format: magic, version, counts of tensors and of keys, the keys with their values, then name, shape, type and place of each tensor (docs/gguf.md of the
project ggml). Versions 2 and 3 in little-endian order are read.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, BinaryIO

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = (2, 3)
PLAIN = {0: "float32", 1: "float16", 24: "int8", 25: "int16", 26: "int32", 27: "int64", 28: "float64", 30: "bfloat16"}
"""Types of tensors (`ggml_type`) whose numbers are stored one by one."""
TYPES = {
    **PLAIN, 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K",
    16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0",
    39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
}  # fmt: skip
"""All types of tensors."""
MIXES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S",
    15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S",
    25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
}  # fmt: skip
"""What `general.file_type` calls a file, by the type that most of its tensors have (`llama_ftype`)."""
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_MOST_KEYS = 65_536
_MOST_TENSORS = 1_000_000
_MOST_ITEMS = 16_000_000
"""Values of all arrays; vocabularies have half a million."""
_MOST_NAME = 65_535
_MOST_KEPT = 10_000
"""Bytes of a text that is kept."""
_MOST_LISTED = 100
_MOST_RANK = 8
"""Dimensions; ggml has four."""


class HeaderError(ValueError):
    """The header cannot be right; the message says why."""


@dataclass
class Header:
    """What a header says."""

    version: int
    keys: dict[str, Any] = field(default_factory=dict)
    """Numbers, texts, and short lists of texts; long texts, such as templates of prompts, and all other arrays are passed over, and are None here."""
    elements: Counter[int] = field(default_factory=Counter)
    """Type of tensors -> numbers in all tensors of that type."""


def read_header(path: Path) -> Header:
    """What the header of a file says; of a version that is not read nothing but its number.

    Raises:
        InputError: it cannot be read, or cannot be right.
    """
    try:
        with path.open("rb") as stream:
            return _Reader(stream, path.stat().st_size).header()
    except OSError as error:
        raise InputError(f"cannot read {shown(path.name)}: {error.strerror}", "check the permissions of the file") from error
    except HeaderError as error:
        raise InputError(f"{shown(path.name)} is no sound GGUF file: {error}", "write it again, or check the download") from error


class _Reader:
    """A header, read once from its begin; every length is checked against the size of the file before anything is kept."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size, self._at, self._items = stream, size, 0, 0

    def header(self) -> Header:
        if self._bytes(4) != b"GGUF":
            raise HeaderError("it does not begin with GGUF")
        header = Header(self._number("I"))
        if header.version not in VERSIONS:
            return header
        tensors, keys = self._count(_MOST_TENSORS, "tensors"), self._count(_MOST_KEYS, "keys")
        for _ in range(keys):
            name = self._name()
            if name in header.keys:
                raise HeaderError(f"it holds the key {shown(name)} twice: readers would not agree on what it says")
            header.keys[name] = self._value(self._number("I"))
        seen: set[str] = set()
        for _ in range(tensors):
            name, kind, elements = self._tensor()
            if name in seen:
                raise HeaderError(f"it holds the tensor {shown(name)} twice")
            seen.add(name)
            header.elements[kind] += elements
        return header

    def _tensor(self) -> tuple[str, int, int]:
        """Name, type and numbers of a tensor."""
        name, rank = self._name(), self._number("I")
        if rank > _MOST_RANK:
            raise HeaderError(f"tensor {shown(name)} has {rank:,} dimensions")
        elements = prod(self._number("Q") for _ in range(rank))
        kind, offset = self._number("I"), self._number("Q")
        if offset > self._size or elements > 8 * self._size:  # no type takes less than one bit for a number
            raise HeaderError(f"tensor {shown(name)} is larger than the file")
        return name, kind, elements

    def _value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _TEXT:
            length = self._number("Q")
            return self._text(length) if length <= _MOST_KEPT else self._skip(length)
        if kind == _ARRAY:
            return self._array(self._number("I"), self._number("Q"))
        raise HeaderError(f"a value has the unknown type {kind}")

    def _array(self, kind: int, length: int) -> list[Any] | None:
        self._items += length
        if self._items > _MOST_ITEMS:
            raise HeaderError(f"its arrays hold more than {_MOST_ITEMS:,} values")
        if kind in _SCALARS:
            self._skip(length * struct.calcsize(_SCALARS[kind]))
            return None
        if kind != _TEXT:
            raise HeaderError(f"an array has values of type {kind}")
        if length <= _MOST_LISTED:
            return [self._value(_TEXT) for _ in range(length)]
        for _ in range(length):
            self._skip(int.from_bytes(self._bytes(8), "little"))
        return None

    def _name(self) -> str:
        return self._text(self._count(_MOST_NAME, "bytes of a name"))

    def _text(self, length: int) -> str:
        return self._bytes(length).decode("utf-8", "replace")

    def _count(self, most: int, what: str) -> int:
        count: int = self._number("Q")
        if count > most:
            raise HeaderError(f"it says to hold {count:,} {what}, more than {most:,}")
        return count

    def _number(self, kind: str) -> Any:
        return struct.unpack(f"<{kind}", self._bytes(struct.calcsize(kind)))[0]

    def _bytes(self, length: int) -> bytes:
        self._within(length)
        found = self._stream.read(length)
        if len(found) < length:
            raise HeaderError("it was cut while it was read")
        return found

    def _skip(self, length: int) -> None:
        self._within(length)
        self._stream.seek(length, 1)

    def _within(self, length: int) -> None:
        self._at += length
        if self._at > self._size:
            raise HeaderError("its header is cut short, or a length in it is far too long")
