"""How much memory a model takes while it answers, worked out from its shapes: weights, and the most that is alive at once of what lies between."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import onnx

from mlops_stage.inputs.onnx.facts import DTYPES, bits
from mlops_stage.stages.compile.graphs import subgraphs
from mlops_stage.stages.compile.normalise import inferred

if TYPE_CHECKING:
    from collections.abc import Mapping


_UNPACKED = frozenset({"DequantizeLinear"})
"""Operators on weights that runtimes take together with the product behind them."""
_IN_PLACE = frozenset(
    {
        *(
            "Relu",
            "LeakyRelu",
            "Clip",
            "Sigmoid",
            "Tanh",
            "Identity",
            "Reshape",
            "Flatten",
            "Squeeze",
            "Unsqueeze",
            "Dropout",
            "Add",
            "Sub",
            "Mul",
        ),
        *("Div", "Sqrt", "Exp", "Abs", "Neg", "Not", "And", "Or", "BatchNormalization"),
    }
)
"""Operators that runtimes let write over an input that nobody needs any more."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes by kind."""

    weights: int
    """The file: weights and graph; and what is made of weights alone."""
    convolved: int
    """Those of them that convolutions take, which runtimes lay out anew for the processor."""
    alive: int | None
    """The most that is alive at once of inputs, outputs and what lies between; None where the size of one cannot be told."""


def reckoned(model: onnx.ModelProto, rows: int, shapes: Mapping[str, tuple[int, ...]]) -> Memory:
    """What a model takes for so many rows at once.

    A tensor is alive from the node that makes it to the last that takes it. Inputs have the shapes that are given after the first axis. A first
    dimension that nobody knows counts as the number of rows, which is what it nearly always is. What is made of weights alone is made once, and counts as a weight.
    """
    graph = model.graph
    found = _sizes(model, rows, shapes)
    unknown = None in found.values()
    sizes = {name: size or 0 for name, size in found.items()}
    constant = {tensor.name for tensor in graph.initializer}
    alive = {port.name: sizes.get(port.name, 0) for port in graph.input if port.name not in constant}
    given = frozenset(alive)
    last = _last_use(graph)
    most = sum(alive.values())
    held = int(model.ByteSize())
    for place, node in enumerate(graph.node):
        if constant.issuperset(node.input) and not any(subgraphs(node)):
            constant.update(node.output)
            held += 0 if node.op_type in _UNPACKED else sum(sizes.get(name, 0) for name in node.output)
            continue
        made = {name: sizes.get(name, max((alive.get(one, 0) for one in node.input), default=0)) for name in node.output if name}
        dying = [name for name in (*node.input, *made) if last.get(name, place) <= place]
        reused = {alive[name] for name in dying if name in alive and name not in given} if node.op_type in _IN_PLACE else set()
        most = max(most, sum(alive.values()) + sum(size for size in made.values() if size not in reused))
        alive |= made
        for name in dying:
            alive.pop(name, None)
    weights = {tensor.name: tensor.ByteSize() for tensor in graph.initializer}
    convolved = sum(weights.get(name, 0) for node in graph.node if "Conv" in node.op_type for name in node.input)
    return Memory(weights=held, convolved=convolved, alive=None if unknown else most)


def _sizes(model: onnx.ModelProto, rows: int, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int | None]:
    """Bytes of each tensor, None where they cannot be told: by inference anew with that number of rows, and where inference knows no operator by what the file says of shapes."""
    said = {port.name: _bytes(port, rows) for port in (*model.graph.value_info, *model.graph.output)}
    found = _sized(model, rows, shapes).graph
    anew = {port.name: _bytes(port, rows) for port in (*found.value_info, *found.output) if port.type.tensor_type.HasField("shape")}
    return {**said, **anew, **{port.name: _bytes(port, rows) for port in found.input}}


def _last_use(graph: onnx.GraphProto) -> Mapping[str, int]:
    """Tensor -> the last node that takes it; outputs of the graph live to the end."""
    last = {name: place for place, node in enumerate(graph.node) for name in _taken(node)}
    return {**last, **dict.fromkeys((port.name for port in graph.output), len(graph.node))}


def _taken(node: onnx.NodeProto) -> set[str]:
    """What a node takes, in its subgraphs too."""
    within = {name for graph in subgraphs(node) for inner in graph.node for name in _taken(inner)}
    return {*node.input, *within}


def _sized(model: onnx.ModelProto, rows: int, shapes: Mapping[str, tuple[int, ...]]) -> onnx.ModelProto:
    """The model with its shapes for so many rows."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.value_info[:]
    for port in found.graph.input:
        for dimension, size in zip(port.type.tensor_type.shape.dim, (rows, *shapes.get(port.name, ())), strict=False):
            if dimension.dim_value <= 0:
                dimension.dim_value = size
    for port in found.graph.output:
        if port.type.HasField("tensor_type"):
            port.type.tensor_type.ClearField("shape")
    return inferred(found)


def _bytes(port: onnx.ValueInfoProto, rows: int) -> int | None:
    kind = port.type.tensor_type
    sizes = [dimension.dim_value for dimension in kind.shape.dim]
    sizes[:1] = [size if size > 0 else rows for size in sizes[:1]]
    if any(size < 0 or (size == 0 and not dimension.HasField("dim_value")) for size, dimension in zip(sizes, kind.shape.dim, strict=True)):
        return None
    return int(prod(sizes) * bits(DTYPES.get(kind.elem_type, "")) + 7) // 8
