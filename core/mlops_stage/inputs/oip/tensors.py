"""Tensors of the Open Inference Protocol, as JSON and as the binary extension has them; what comes in is checked before it is believed."""

from __future__ import annotations

import json
import struct
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.oip.link import Reply
    from mlops_stage.inputs.onnx.facts import Port

DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "string",
}
"""The protocol's datatypes (Open Inference Protocol v2, "Tensor Data Types")."""
LENGTH_HEADER = "Inference-Header-Content-Length"
_DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
_OUTSIDE_BINARY = "fill the cell as it was filled when the model was trained, or let the server offer binary_tensor_data"


def request(
    ports: Mapping[str, Port], inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], *, binary: bool
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an inference request.

    Args:
        ports: the model's inputs by name; they say of which type a tensor is sent.
        inputs: name -> array; the first dimension are rows.
        outputs: the wanted ones.
        binary: whether tensors follow the JSON as little-endian bytes.

    Raises:
        InputError: a number that JSON has no word for.
    """
    described, payload = [], []
    for name, values in inputs.items():
        dtype = ports[name].dtype
        entry: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": _DATATYPES[dtype]}
        if binary:
            payload.append(_packed(values, dtype))
            entry["parameters"] = {"binary_data_size": len(payload[-1])}
        else:
            entry["data"] = _listed(values, dtype, name)
        described.append(entry)
    wanted = [{"name": name, "parameters": {"binary_data": True}} if binary else {"name": name} for name in outputs]
    head = json.dumps({"inputs": described, "outputs": wanted}, separators=(",", ":"), allow_nan=False).encode()
    if not binary:
        return head, {"Content-Type": "application/json"}
    return b"".join([head, *payload]), {"Content-Type": "application/octet-stream", LENGTH_HEADER: str(len(head))}


def _packed(values: NDArray[Any], dtype: str) -> bytes:
    if dtype != "string":
        return np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()
    texts = [str(text).encode() for text in values.reshape(-1).tolist()]
    return b"".join(part for text in texts for part in (struct.pack("<I", len(text)), text))


def _listed(values: NDArray[Any], dtype: str, name: str) -> list[Any]:
    if dtype.startswith("float") and not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values.reshape(len(values), -1)).all(axis=1)))
        raise InputError(
            f"row {row + 1} of this call has an empty, NaN or infinite cell for model input {shown(name)!r}, and JSON cannot carry it",
            _OUTSIDE_BINARY,
        )
    flat = values.reshape(-1)
    return [str(text) for text in flat.tolist()] if dtype == "string" else list(flat.astype(dtype, copy=False).tolist())


def tensors(reply: Reply, wanted: Sequence[Port], rows: int) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """The head of an inference response and the wanted tensors, each with `rows` as its first dimension.

    Raises:
        ValueError: not such a response; the text says in what way.
    """
    head, rest = _split(reply)
    found: dict[str, tuple[dict[str, Any], bytes | None]] = {}
    for entry, piece in _entries(head, rest):
        found[str(entry.get("name"))] = entry, piece
    absent = [port.name for port in wanted if port.name not in found]
    if absent:
        raise ValueError(f"it has no output {shown(absent[0])!r}")
    return head, [_tensor(*found[port.name], port, rows) for port in wanted]


def _split(reply: Reply) -> tuple[dict[str, Any], bytes]:
    """The JSON, and the bytes behind it."""
    told = reply.headers.get(LENGTH_HEADER)
    length = len(reply.body)
    if told is not None:
        if not (told.isascii() and told.isdigit() and int(told) <= length):
            raise ValueError(f"its header {LENGTH_HEADER} is {shown(told, 40)} of {length} bytes")
        length = int(told)
    return json_object(reply.body[:length]), reply.body[length:]


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: something else.
    """
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(plain, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  (one kind of error for whatever a server sends)
    return plain


def _entries(head: Mapping[str, Any], rest: bytes) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Each output with its bytes; None where its data stands in the JSON."""
    outputs = head.get("outputs")
    if not isinstance(outputs, list) or not all(isinstance(entry, dict) for entry in outputs):
        raise ValueError("it has no list of outputs")
    start = 0
    for entry in outputs:
        parameters = entry.get("parameters")
        size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
        if size is None:
            yield entry, None
            continue
        if not _is_count(size) or start + size > len(rest):
            raise ValueError(f"the output {shown(entry.get('name'))!r} is said to have {shown(size, 40)} bytes, and they are not there")
        yield entry, rest[start : start + size]
        start += size


def _tensor(entry: Mapping[str, Any], piece: bytes | None, port: Port, rows: int) -> NDArray[Any]:
    where = f"the output {shown(port.name)!r}"
    if DTYPES.get(entry.get("datatype", "")) != port.dtype:
        raise ValueError(f"{where} is of type {shown(entry.get('datatype'), 40)}, not {_DATATYPES.get(port.dtype, port.dtype)}")
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(_is_count(size) for size in shape) or not shape or shape[0] != rows:
        raise ValueError(f"{where} has the shape {shown(shape, 40)} for {counted(rows, 'row')}")
    flat = _flat(entry.get("data"), port.dtype, len(shape), where) if piece is None else _unpacked(piece, port.dtype, where)
    if len(flat) != prod(shape):
        raise ValueError(f"{where} has {counted(len(flat), 'value')} for the shape {shown(shape, 40)}")
    return flat.reshape(shape)


def _flat(data: Any, dtype: str, rank: int, where: str) -> NDArray[Any]:
    """The values of a list, nested or not, of exactly this type; null is NaN where there is such a number."""
    if not isinstance(data, list):
        raise ValueError(f"{where} has no data")  # noqa: TRY004  (as above)
    values = data
    for _ in range(rank - 1):
        if values and all(isinstance(row, list) for row in values):
            values = [*chain.from_iterable(values)]
    kinds: dict[str, set[type]] = {"string": {str}, "bool": {bool}}
    allowed = kinds.get(dtype, {int, float, type(None)} if dtype.startswith("float") else {int})
    if not {*map(type, values)} <= allowed:
        strange = next(value for value in values if type(value) not in allowed)
        raise ValueError(f"{where} holds {shown(strange, 40)}, which is no {dtype}")
    try:
        return np.array(values, dtype=object if dtype == "string" else dtype)
    except OverflowError:
        raise ValueError(f"{where} holds a number too large for {dtype}") from None


def _unpacked(piece: bytes, dtype: str, where: str) -> NDArray[Any]:
    if dtype == "string":
        return np.array([*_texts(piece, where), None], dtype=object)[:-1]  # None keeps numpy from looking into the texts
    kind = np.dtype(dtype).newbyteorder("<")
    if len(piece) % kind.itemsize:
        raise ValueError(f"{where} has {counted(len(piece), 'byte')}, which is no number of {dtype}")
    return np.frombuffer(piece, dtype=kind).astype(dtype)


def _texts(piece: bytes, where: str) -> Iterator[str]:
    start = 0
    while start < len(piece):
        head = piece[start : start + 4]
        length = int.from_bytes(head, "little")
        start += 4
        if len(head) < 4 or start + length > len(piece):  # noqa: PLR2004  (an unsigned 32-bit length stands before every text)
            raise ValueError(f"{where} ends within a text")
        yield piece[start : start + length].decode()  # UnicodeDecodeError is a ValueError
        start += length


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
