"""Text that a model gives as its answer, for runtimes without text: words become their numbers in a list that lies beside the artefact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.backend import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOVED = frozenset(
    {
        *("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Gather", "GatherElements", "GatherND", "Concat", "Slice"),
        *("Where", "Expand", "Tile", "Split", "Equal", "Shape", "Size"),
    }
)
"""Operators that move values and do not look at what they say, or only whether two are the same."""


_TOLD = frozenset({"Equal", "Shape", "Size"})
"""Those of them that give no text."""


def numbered(model: onnx.ModelProto) -> tuple[str, ...]:
    """Put numbers in the place of all text of a model, in place; the words in the order of their numbers, none where it has no text.

    Raises:
        BuildError: text goes in, or an operator reads it.
    """
    graph = model.graph
    for port in graph.input:
        if port.type.tensor_type.elem_type == TensorProto.STRING:
            raise BuildError(f"the input {shown(port.name)!r} is text, which this backend has not", "compile for a target of backend ort")
    words: dict[bytes, int] = {}
    texts = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.STRING}
    for tensor in graph.initializer:
        if tensor.name in texts:
            numbers = [words.setdefault(word, len(words)) for word in tensor.string_data]
            tensor.CopyFrom(numpy_helper.from_array(np.array(numbers, np.int64).reshape(tuple(tensor.dims)), tensor.name))
    for node in graph.node:
        texts |= _texts(node, texts)
    for port in (*graph.output, *graph.value_info):
        if port.name in texts:
            port.type.tensor_type.elem_type = TensorProto.INT64
    return tuple(word.decode("utf-8", "replace") for word in words)


def _texts(node: onnx.NodeProto, texts: set[str]) -> set[str]:
    """What comes out of a node that is text."""
    if texts.isdisjoint(node.input):
        _refuse_maker(node)
        return set()
    if node.op_type not in _MOVED or node.domain:
        raise BuildError(
            f"the operator {shown(node.op_type)} reads text, which this backend has not", "compile for a target of backend ort"
        )
    return set() if node.op_type in _TOLD else set(node.output)


def text_outputs(model: onnx.ModelProto) -> tuple[str, ...]:
    """Outputs that are text."""
    return tuple(port.name for port in model.graph.output if port.type.tensor_type.elem_type == TensorProto.STRING)


def _refuse_maker(node: onnx.NodeProto) -> None:
    """Text may come from nowhere but the model's own constants."""
    attributes: Mapping[str, onnx.AttributeProto] = {attribute.name: attribute for attribute in node.attribute}
    makes = (node.op_type == "Cast" and attributes["to"].i == TensorProto.STRING) or (
        node.op_type == "Constant" and any(name.startswith("value_string") for name in attributes)
    )
    if makes:
        raise BuildError(
            f"the operator {shown(node.op_type)} makes text, which this backend has not", "compile for a target of backend ort"
        )
