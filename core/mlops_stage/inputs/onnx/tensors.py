"""Tensors of an ONNX file: name, type, shape and where their numbers lie; of small ones the numbers, when they may be a size."""

from __future__ import annotations

import re
import struct

from mlops_stage.inputs.onnx.facts import DTYPES, ExternalData, Tensor
from mlops_stage.inputs.onnx.wire import BYTES, FIXED32, FIXED64, VARINT, MalformedError, Wire, enum, fields, signed, text, varints

MAX_RANK = 64
"""Far above what a runtime takes; without it a product of dimensions could have a million digits."""
MAX_DIMENSION = 2**48
"""No file holds a tensor with a larger one."""
_SMALL = 16
_MAX_PAIRS = 64
_RAW = 9
_NUMBERS = {4: FIXED32, 5: VARINT, 7: VARINT, 10: FIXED64}
"""Fields of TensorProto with numbers of one type, and how one of them stands on the wire when it is not packed."""
_PACKED = {1: "<f", 6: "<i", 7: "<q", 11: "<d"}
"""Types whose raw bytes are read: float, int32, int64, double."""
_INTEGER = re.compile(r"-?[0-9]{1,19}")


def tensor(view: memoryview, message: Wire) -> Tensor:
    """One TensorProto, as protobuf would read it: of a field that may stand once, the last counts.

    Raises:
        MalformedError: no tensor, or one of impossible rank or dimension.
    """
    dims: list[int] = []
    dtype, name, outside = 0, "", False
    pairs: list[tuple[str, str]] = []
    raw: Wire | None = None
    payload: list[Wire] = []
    stored = 0
    for one in fields(view, message.start, message.end):
        if one.number == 1:
            tensor_dims(view, dims, one)
        elif one.kind == VARINT and one.number in {2, 14}:
            dtype, outside = (enum(one.value), outside) if one.number == 2 else (dtype, enum(one.value) == 1)  # noqa: PLR2004  (TensorProto.data_type)
        elif one.kind == BYTES and one.number == 8:  # noqa: PLR2004  (TensorProto.name)
            name = text(view, one)
        elif one.kind == BYTES and one.number == _RAW:
            raw = one
        elif one.kind == BYTES and one.number == 13 and len(pairs) < _MAX_PAIRS:  # noqa: PLR2004  (TensorProto.external_data)
            pairs.append(pair(view, one))
        elif one.number in {4, 5, 6, 7, 10, 11}:
            stored += one.end - one.start
            if len(payload) <= _SMALL:
                payload.append(one)
    return Tensor(
        name=name,
        dtype=DTYPES.get(dtype, f"type {dtype}"),
        dims=tuple(dims),
        stored=stored if raw is None else raw.end - raw.start,
        raw=raw is not None,
        external=_external(pairs) if outside or pairs else None,
        values=_raw_values(view, dtype, raw) if raw is not None else _values(view, payload),
    )


def pair(view: memoryview, message: Wire) -> tuple[str, str]:
    """A StringStringEntryProto: key and value."""
    found = {one.number: text(view, one) for one in fields(view, message.start, message.end) if one.kind == BYTES}
    return found.get(1, ""), found.get(2, "")


def tensor_dims(view: memoryview, dims: list[int], one: Wire) -> None:
    """Add one occurrence of the field `dims`, packed or not.

    Raises:
        MalformedError: more dimensions, or a larger one, than any tensor has.
    """
    for number in [one.value] if one.kind == VARINT else varints(view, one.start, one.end) if one.kind == BYTES else ():
        dims.append(signed(number))
        if len(dims) > MAX_RANK:
            raise MalformedError(f"a tensor has more than {MAX_RANK} dimensions")
        if abs(dims[-1]) > MAX_DIMENSION:
            raise MalformedError(f"a tensor has a dimension of {dims[-1]:,}")


def _raw_values(view: memoryview, dtype: int, raw: Wire) -> tuple[int, ...] | None:
    form = _PACKED.get(dtype)
    width = struct.calcsize(form) if form else 0
    size = raw.end - raw.start
    if form is None or size > _SMALL * width or size % width:
        return None
    return _whole([number for (number,) in struct.iter_unpack(form, view[raw.start : raw.end])])


def _values(view: memoryview, payload: list[Wire]) -> tuple[int, ...] | None:
    """The numbers of a tensor that holds them one by one, or packed."""
    found: list[float] = []
    for one in payload:
        kind = _NUMBERS.get(one.number)
        if kind is None or one.end - one.start > _SMALL * 10:
            return None
        if kind == VARINT:
            found += [signed(one.value)] if one.kind == VARINT else map(signed, varints(view, one.start, one.end))
        else:
            form = "<f" if kind == FIXED32 else "<d"
            if (one.end - one.start) % struct.calcsize(form):
                return None
            found += [number for (number,) in struct.iter_unpack(form, view[one.start : one.end])]
    return _whole(found) if len(found) <= _SMALL else None


def _whole(numbers: list[float]) -> tuple[int, ...] | None:
    """Numbers that may be sizes; None where one is no whole number."""
    if any(number != number or abs(number) > 2.0**62 for number in numbers):  # noqa: PLR0124  (NaN differs from itself)
        return None
    return tuple(int(number) for number in numbers)


def _external(pairs: list[tuple[str, str]]) -> ExternalData:
    found = dict(pairs)
    fault = "says twice where its numbers lie" if len(found) < len(pairs) or len(pairs) >= _MAX_PAIRS else ""
    numbers: dict[str, int] = {}
    for key in ("offset", "length"):
        if key in found and not _INTEGER.fullmatch(found[key]):
            fault = fault or f"has {found[key]!r} for its {key}, which is no number"
        elif key in found:
            numbers[key] = int(found[key])
    return ExternalData(location=found.get("location", ""), offset=numbers.get("offset", 0), length=numbers.get("length"), fault=fault)
