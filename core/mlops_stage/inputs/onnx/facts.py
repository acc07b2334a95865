"""What an ONNX file says about itself: frozen facts, no weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8e4m3fn",
    18: "float8e4m3fnuz",
    19: "float8e5m2",
    20: "float8e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4e2m1",
    24: "float8e8m0",
    25: "uint2",
    26: "int2",
}
"""TensorProto.DataType by number (onnx.proto3)."""

QUANTISED = frozenset(
    {
        *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
        *("QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger", "MatMulNBits"),
    }
)
"""Operators that a model has only where some of its numbers are whole ones of few bits."""
_BITS = {"complex128": 128, "complex64": 64, "bool": 8, "bfloat16": 16, "string": 0}


def bits(dtype: str) -> int:
    """Bits of one element; 0 where elements have no fixed size."""
    digits = "".join(mark for mark in dtype.split("e", maxsplit=1)[0] if mark.isdigit())
    return _BITS.get(dtype, int(digits or 0))


@dataclass(frozen=True, kw_only=True)
class ExternalData:
    """Where a tensor's numbers lie outside the model file."""

    location: str
    offset: int = 0
    length: int | None = None
    fault: str = ""
    """Why it cannot be told which bytes are meant; empty where it can."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor in the file: an initializer, or the value of an attribute."""

    name: str
    dtype: str
    dims: tuple[int, ...]
    stored: int
    """Bytes of numbers that the file itself holds for it."""
    raw: bool = False
    """Whether they lie there as the runtime will hold them, so that their number is exact."""
    external: ExternalData | None = None
    values: tuple[int, ...] | None = None
    """The numbers of a small tensor, such as a shape, where all are whole."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of the model; a dimension is a number, a name, or `?`."""

    name: str
    dtype: str
    """`float32`, `string` …; `sequence`, `map` and the like for what is no tensor."""
    shape: tuple[int | str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Maker:
    """A node that makes a tensor of a size that its inputs or its shape attribute say."""

    operator: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Reckoner:
    """A node by which shapes are worked out, such as Mul or Concat."""

    operator: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, kw_only=True)
class OnnxFacts:
    """All that is read from an ONNX file without loading its weights."""

    ir_version: int
    opsets: Mapping[str, int]
    """Operator-set domain -> version; the default domain is `ai.onnx`."""
    producer: str = ""
    producer_version: str = ""
    domain: str = ""
    """The namespace of whoever made the model, in reverse DNS."""
    model_version: int = 0
    description: str = ""
    graph_name: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Port, ...] = ()
    """Those that a caller must give: initializers of the same name taken out."""
    outputs: tuple[Port, ...] = ()
    operators: Mapping[str, int] = field(default_factory=dict)
    """`domain::Operator` -> how many nodes, subgraphs and functions counted in."""
    functions: tuple[str, ...] = ()
    """`domain::Function` that the model defines itself."""
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Function of the model's own -> the operators in its body, and how many nodes of each."""
    twice: tuple[str, ...] = ()
    """What the file says twice although it may say it once only, so that readers need not agree on it."""
    tensors: tuple[Tensor, ...] = ()
    makers: tuple[Maker, ...] = ()
    reckoners: tuple[Reckoner, ...] = ()
    class_labels: tuple[tuple[str, ...], ...] = ()
    """The lists of classes that classifier nodes carry, in the order of the nodes; whole numbers as text."""
    parameters: int = 0
    """Elements of all initializers."""
    attribute_floats: int = 0
    """Numbers with a fraction in lists that are attributes: there trees and linear models of `ai.onnx.ml` have what they learned."""
