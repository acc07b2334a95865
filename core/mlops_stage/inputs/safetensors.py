"""The header of a safetensors file: whether lengths, offsets and names add up; the numbers are never read.

Format: eight bytes with the header's length, the header as JSON, then the tensors without gaps (safetensors' own description of the format).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MOST_HEADER = 100_000_000
"""Bytes of header that the format allows; models of a thousand layers need one million."""
_MOST_ENTRIES = 4_000_000
"""Colons in a header: four for each tensor, so that a million of them are read, in memory that is bounded."""
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
_LARGEST = 2**48


class HeaderError(ValueError):
    """The header cannot be read at all."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a sound header says."""

    elements: Mapping[str, int]
    """Type as the format calls it (`F32`, `BF16` …) -> numbers of that type in all tensors."""
    metadata: Mapping[str, str]


def looks_like(head: bytes, size: int) -> bool:
    """Whether the first bytes of a file of that size may be those of a safetensors file."""
    return len(head) > 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= size - 8  # noqa: PLR2004  (`{}` is the shortest header)


def faults(header: bytes, rest: int) -> Iterator[str]:
    """What is wrong with a header, in words; `rest` is the number of bytes behind it.

    Raises:
        HeaderError: it is no JSON object, or holds a name twice.
    """
    yield from _faults(_parsed(header), rest)


def read_header(path: Path) -> Header:
    """What the header of a file says, once nothing is found wrong with it.

    Raises:
        InputError: it cannot be read, or something is wrong with it.
    """
    try:
        told, rest = _read(path)
        fault = next(_faults(dict(told), rest), "")
    except OSError as error:
        raise InputError(f"cannot read {shown(path.name)}: {error.strerror}", "check the permissions of the file") from error
    except HeaderError as error:
        told, fault = {}, str(error)
    if fault:
        raise InputError(f"{shown(path.name)} is no sound safetensors file: {fault}", "write it again, or check the download")
    metadata = told.pop("__metadata__", {})
    elements: Counter[str] = Counter()
    for about in told.values():
        elements[about["dtype"]] += prod(about["shape"])
    return Header(elements=dict(elements), metadata=metadata)


def _read(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a file, and how many bytes follow."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        rest = path.stat().st_size - 8 - length
        if not 2 <= length <= MOST_HEADER or rest < 0:  # noqa: PLR2004  (`{}` is the shortest header)
            raise HeaderError("its header is cut short or far too long")
        return _parsed(stream.read(length)), rest


def _faults(told: dict[str, Any], rest: int) -> Iterator[str]:
    metadata = told.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        yield "its __metadata__ is no table of texts"
    spans = []
    for name, about in told.items():
        fault, span = _tensor(name, about, rest)
        if fault:
            yield fault
        else:
            spans.append(span)
    yield from _gaps(sorted(spans), rest)


def _parsed(header: bytes) -> dict[str, Any]:
    if header.count(b":") > _MOST_ENTRIES:
        raise HeaderError(f"its header holds more than {_MOST_ENTRIES:,} entries")
    try:
        found = json.loads(header, object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise HeaderError("its header is not valid JSON" if not isinstance(error, HeaderError) else str(error)) from error
    if not isinstance(found, dict):
        raise HeaderError("its header is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise HeaderError("its header holds a name twice: readers would not agree on what it says")
    return found


def _refused(text: str) -> float:
    raise HeaderError(f"its header holds {text}, which is no number of JSON")


def _tensor(name: str, about: Any, rest: int) -> tuple[str, tuple[int, int]]:
    """A fault, or the span of bytes that the tensor takes."""
    what, nowhere = f"tensor {shown(name)}", (0, 0)
    if not isinstance(about, dict) or set(about) != {"dtype", "shape", "data_offsets"}:
        return f"{what} is not described by dtype, shape and data_offsets", nowhere
    bits = _BITS.get(about["dtype"]) if isinstance(about["dtype"], str) else None
    if bits is None:
        return f"{what} has the unknown type {shown(about['dtype'])}", nowhere
    shape, offsets = about["shape"], about["data_offsets"]
    if not _counts(shape) or not _counts(offsets) or len(offsets) != 2 or len(shape) > 64:  # noqa: PLR2004  (begin and end; far above any rank)
        return f"{what} has a shape or offsets that are no list of counts", nowhere
    begin, end = offsets
    if end < begin or end > rest:
        return f"{what} reads bytes {begin:,} to {end:,} of {rest:,}", nowhere
    if prod(shape) * bits != (end - begin) * 8:
        return f"{what} declares {counted(prod(shape) * bits // 8, 'byte')} and takes {end - begin:,}", nowhere
    return "", (begin, end)


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < _LARGEST for one in value)


def _gaps(spans: list[tuple[int, int]], rest: int) -> Iterator[str]:
    """The format has no holes, in which something else could hide, and no overlaps."""
    end = 0
    for begin, stop in spans:
        if begin < end:
            yield f"two tensors share the bytes from {begin:,}"
            return
        if begin > end:
            yield f"bytes {end:,} to {begin:,} belong to no tensor"
            return
        end = stop
    if end != rest:
        yield f"{counted(rest - end, 'byte')} behind the last tensor belong{'s' if rest - end == 1 else ''} to none"
