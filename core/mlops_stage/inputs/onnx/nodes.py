"""The nodes of a small ONNX graph with their attributes and weights, for whoever must know what a model computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.inputs.onnx.facts import DTYPES
from mlops_stage.inputs.onnx.wire import BYTES, VARINT, MalformedError, Wire, fields, signed, text, varints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Value = float | int | str | tuple[str, ...] | np.ndarray[Any, Any]
_FIELDS = {4: "<f4", 5: "<i4", 7: "<i8", 10: "<f8"}
"""Fields of TensorProto with numbers of one type."""
_PLAIN = {"float32": "<f4", "float64": "<f8", "int32": "<i4", "int64": "<i8"}
_FLOATS, _INTS, _STRINGS = 7, 8, 9
_RAW, _EXTERNAL = 9, 14


@dataclass(frozen=True, eq=False)
class Node:
    """One operation."""

    operator: str
    """`domain::Operator`, as in `OnnxFacts.operators`."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Value]
    """Numbers, text, tuples of text and arrays; those of other types are left out."""


@dataclass(eq=False)
class Graph:
    """The nodes of the main graph in their order, and the weights that the file holds."""

    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)


def graph_of(view: memoryview) -> Graph:
    """The graph of a model in memory, one that `reader.facts_of` took; meant for models of few and small weights.

    Raises:
        MalformedError: no ONNX model.
    """
    found = Graph()
    for one in fields(view, 0, len(view)):
        if one.number == 7 and one.kind == BYTES:  # noqa: PLR2004  (ModelProto.graph)
            for part in fields(view, one.start, one.end):
                if part.number == 1 and part.kind == BYTES:
                    found.nodes.append(_node(view, part))
                elif part.number == 5 and part.kind == BYTES:  # noqa: PLR2004  (GraphProto.initializer)
                    name, values = _tensor(view, part)
                    if values is not None:
                        found.tensors[name] = values
    return found


def _node(view: memoryview, message: Wire) -> Node:
    words: dict[int, list[str]] = {1: [], 2: [], 4: [""], 7: [""]}
    attributes: dict[str, Value] = {}
    for one in fields(view, message.start, message.end):
        if one.kind == BYTES and one.number in words:
            words[one.number].append(text(view, one))
        elif one.kind == BYTES and one.number == 5:  # noqa: PLR2004  (NodeProto.attribute)
            name, value = _attribute(view, one)
            if value is not None:
                attributes[name] = value
    return Node(
        operator=f"{words[7][-1] or 'ai.onnx'}::{words[4][-1]}", inputs=tuple(words[1]), outputs=tuple(words[2]), attributes=attributes
    )


def _attribute(view: memoryview, message: Wire) -> tuple[str, Value | None]:
    name = ""
    value: Value | None = None
    many: dict[int, list[Wire]] = {_FLOATS: [], _INTS: [], _STRINGS: []}
    for one in fields(view, message.start, message.end):
        match one.number:
            case 1:
                name = text(view, one)
            case 2:
                value = float(np.array([one.value], dtype="<u4").view("<f4")[0])
            case 3:
                value = signed(one.value)
            case 4:
                value = text(view, one)
            case 5:
                value = _tensor(view, one)[1]
            case 7 | 8 | 9:
                many[one.number].append(one)
    return name, value if not any(many.values()) else _several(view, many)


def _several(view: memoryview, many: Mapping[int, list[Wire]]) -> Value:
    """The numbers or texts of an attribute with many."""
    if many[_FLOATS]:
        return _numbers(view, many[_FLOATS], "<f4").astype(np.float64)
    if many[_INTS]:
        return _numbers(view, many[_INTS], "<i8")
    return tuple(text(view, one) for one in many[_STRINGS])


def _numbers(view: memoryview, parts: list[Wire], dtype: str) -> NDArray[Any]:
    """Numbers of a repeated field, packed or one by one."""
    pieces: list[NDArray[Any]] = []
    for one in parts:
        if dtype.startswith("<i"):
            found = [one.value] if one.kind == VARINT else varints(view, one.start, one.end)
            pieces.append(np.array([signed(number) for number in found], dtype=dtype))
        elif one.kind == BYTES:
            pieces.append(_read(view, one, dtype))
        else:
            pieces.append(np.array([one.value], dtype="<u4" if dtype == "<f4" else "<u8").view(dtype))
    return np.concatenate(pieces)


def _read(view: memoryview, one: Wire, dtype: str) -> NDArray[Any]:
    if (one.end - one.start) % np.dtype(dtype).itemsize:
        raise MalformedError("a tensor ends within a number")
    return np.frombuffer(view[one.start : one.end], dtype=dtype)


def _tensor(view: memoryview, message: Wire) -> tuple[str, NDArray[Any] | None]:
    """Name and values; None for other types than plain numbers, and for what the file does not hold."""
    dims: list[int] = []
    name, kind, pieces = "", "", []
    for one in fields(view, message.start, message.end):
        if one.number == 1:
            dims += [signed(number) for number in ([one.value] if one.kind == VARINT else varints(view, one.start, one.end))]
        elif one.number == 2:  # noqa: PLR2004  (TensorProto.data_type)
            kind = DTYPES.get(one.value, "")
        elif one.number == 8:  # noqa: PLR2004  (TensorProto.name)
            name = text(view, one)
        elif one.number == _RAW and kind in _PLAIN:
            pieces.append(_read(view, one, _PLAIN[kind]))
        elif one.number in _FIELDS and _FIELDS[one.number] == _PLAIN.get(kind):
            pieces.append(_numbers(view, [one], _FIELDS[one.number]))
        elif one.number == _EXTERNAL and one.value:
            return name, None
    found = np.concatenate(pieces) if pieces else np.empty(0)
    if kind not in _PLAIN or found.size != np.prod(dims, dtype=np.int64):
        return name, None
    return name, np.array(found.reshape(dims))
