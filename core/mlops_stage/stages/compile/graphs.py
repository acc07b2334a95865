"""An ONNX model as onnx holds it: walked through with its subgraphs, read from and written to files with its weights, wherever they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf has no types

from mlops_stage.errors import InputError
from mlops_stage.evidence.paths import inside
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHOLE_BYTES = 1_500_000_000
"""A model with more weights than this keeps them in a file beside it: protobuf holds 2 GiB and no more."""
WEIGHTS = "model.onnx.data"


def read_model(path: Path) -> onnx.ModelProto:
    """The model in a file with all its weights, those of other files among them.

    Raises:
        InputError: no ONNX model.
    """
    content = _bytes(path, path.name)
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise InputError(f"{shown(path.name)} is no ONNX model: {shown(error)}", "export it again") from error
    held: dict[str, bytes] = {}
    for tensor in tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            _embed(tensor, path.parent, held)
    return model


def _bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {shown(name)}: {error.strerror}", "check that it is there and may be read") from error


def _embed(tensor: onnx.TensorProto, folder: Path, held: dict[str, bytes]) -> None:
    """Take the numbers of a tensor out of the other file that holds them."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    name = said.get("location", "")
    if name not in held:
        held[name] = _bytes(inside(folder, name), name)
    offset = int(said.get("offset", 0))
    length = int(said.get("length", len(held[name]) - offset))
    if offset < 0 or length < 0 or offset + length > len(held[name]):
        raise InputError(f"tensor {shown(tensor.name)} reads beyond the end of {shown(name)!r}", "export the model again")
    tensor.raw_data = held[name][offset : offset + length]
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


def write_model(model: onnx.ModelProto, path: Path, whole_bytes: int = WHOLE_BYTES) -> None:
    """Write a model to one file, or a large one to two: the graph, and beside it its weights in `WEIGHTS`."""
    if weight_bytes(model) <= whole_bytes:
        path.write_bytes(model.SerializeToString(deterministic=True))
        return
    apart = onnx.ModelProto()
    apart.CopyFrom(model)
    onnx.save_model(apart, path, save_as_external_data=True, all_tensors_to_one_file=True, location=WEIGHTS, size_threshold=1024)


def keep_metadata(model: onnx.ModelProto, source: onnx.ModelProto) -> None:
    """Let a model say of itself what the one says that it was made of, and nothing that a tool added."""
    del model.metadata_props[:]
    model.metadata_props.extend(source.metadata_props)


def weight_bytes(model: onnx.ModelProto) -> int:
    """Bytes of the numbers that a model holds."""
    return sum(tensor.ByteSize() for tensor in tensors(model))


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The main graph, then all that stand within nodes."""
    yield from _within(model.graph)


def _within(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from _within(inner)


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that stand in the attributes of a node, such as the branches of If."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            yield from attribute.graphs


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that a model holds: initializers, and values of attributes."""
    for graph in graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield sparse.values
            yield sparse.indices
        for node in graph.node:
            yield from _of_node(node)
    for function in model.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_node(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.TENSOR:
            yield attribute.t
        elif attribute.type == onnx.AttributeProto.TENSORS:
            yield from attribute.tensors
        elif attribute.type == onnx.AttributeProto.SPARSE_TENSOR:
            yield attribute.sparse_tensor.values
            yield attribute.sparse_tensor.indices


def opset(model: onnx.ModelProto, domain: str = "") -> int:
    """The version of an operator set that a model asks for; 0 for none."""
    return max((entry.version for entry in model.opset_import if _plain(entry.domain) == domain), default=0)


def _plain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain
