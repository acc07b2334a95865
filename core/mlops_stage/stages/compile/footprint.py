"""How much memory a model takes while it answers, worked out from its shapes: weights, and the most that is alive at once of what lies between."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import onnx

from mlops_stage.inputs.onnx.facts import DTYPES, bits
from mlops_stage.stages.compile.graphs import subgraphs
from mlops_stage.stages.compile.normalise import inferred

if TYPE_CHECKING:
    from collections.abc import Mapping


def alive_bytes(model: onnx.ModelProto, rows: int) -> int:
    """Bytes of the weights and of the most that is alive of inputs, outputs and what lies between, for so many rows at once.

    A tensor is alive from the node that makes it to the last that takes it. Dimensions that nobody knows count as the number of rows, which is what
    they nearly always are.
    """
    graph = _sized(model, rows).graph
    held = {tensor.name for tensor in graph.initializer}
    sizes = {port.name: _bytes(port, rows) for port in (*graph.value_info, *graph.output, *graph.input)}
    alive = {port.name: sizes.get(port.name, 0) for port in graph.input if port.name not in held}
    last = _last_use(graph)
    now = most = sum(alive.values())
    for place, node in enumerate(graph.node):
        made = {name: sizes.get(name, 0) for name in node.output if name}
        now += sum(made.values())
        most = max(most, now)
        alive |= made
        for name in [name for name in (*node.input, *node.output) if name in alive and last.get(name, place) <= place]:
            now -= alive.pop(name)
    return int(model.ByteSize()) + most


def _last_use(graph: onnx.GraphProto) -> Mapping[str, int]:
    """Tensor -> the last node that takes it; outputs of the graph live to the end."""
    last = {name: place for place, node in enumerate(graph.node) for name in _taken(node)}
    return {**last, **dict.fromkeys((port.name for port in graph.output), len(graph.node))}


def _taken(node: onnx.NodeProto) -> set[str]:
    """What a node takes, in its subgraphs too."""
    within = {name for graph in subgraphs(node) for inner in graph.node for name in _taken(inner)}
    return {*node.input, *within}


def _sized(model: onnx.ModelProto, rows: int) -> onnx.ModelProto:
    """The model with its shapes for so many rows."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.value_info[:]
    for port in found.graph.input:
        for dimension in port.type.tensor_type.shape.dim[:1]:
            if dimension.dim_value <= 0:
                dimension.dim_value = rows
    for port in found.graph.output:
        if port.type.HasField("tensor_type"):
            port.type.tensor_type.ClearField("shape")
    return inferred(found)


def _bytes(port: onnx.ValueInfoProto, rows: int) -> int:
    kind = port.type.tensor_type
    sizes = [dimension.dim_value if dimension.dim_value > 0 else rows for dimension in kind.shape.dim]
    return (prod(sizes) * bits(DTYPES.get(kind.elem_type, "")) + 7) // 8
