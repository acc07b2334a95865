"""A whole model without operators of `ai.onnx.ml`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.graphs import graphs, opset
from mlops_stage.stages.compile.lowering import linear, tables, trees
from mlops_stage.stages.compile.lowering.builder import Attributes, Builder
from mlops_stage.stages.compile.lowering.text import numbered, text_outputs
from mlops_stage.stages.compile.normalise import inferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ML = "ai.onnx.ml"
OPSET = 18
"""The lowest operator set that has all that lowerings write with."""
LOWERINGS: Mapping[str, Callable[[onnx.NodeProto, Attributes, Builder], None]] = {
    "ArrayFeatureExtractor": tables.extractor,
    "Binarizer": tables.binarizer,
    "FeatureVectorizer": tables.vectorizer,
    "Imputer": tables.imputer,
    "LabelEncoder": tables.encoder,
    "LinearClassifier": linear.classifier,
    "LinearRegressor": linear.regressor,
    "Normalizer": tables.normalizer,
    "OneHotEncoder": tables.one_hot,
    "Scaler": tables.scaler,
    "TreeEnsembleClassifier": trees.classifier,
    "TreeEnsembleRegressor": trees.regressor,
}


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A model of standard operators."""

    model: onnx.ModelProto
    words: tuple[str, ...] = ()
    """What the numbers mean that outputs give in the place of text."""
    text_outputs: tuple[str, ...] = ()
    """The outputs that were text."""
    notes: tuple[str, ...] = ()


def unlowered(operators: Iterable[str]) -> tuple[str, ...]:
    """Those `domain::Operator` of `ai.onnx.ml` that cannot be lowered."""
    known = {f"{ML}::{name}" for name in (*LOWERINGS, "ZipMap")}
    return tuple(sorted(operator for operator in operators if operator.startswith(f"{ML}::") and operator not in known))


def lowered(model: onnx.ModelProto) -> Lowered:
    """The model with every operator of `ai.onnx.ml` written out in those of `ai.onnx`; it answers the same up to rounding.

    Args:
        model: normalised.

    Raises:
        BuildError: an operator or attribute that is not lowered, or text where only its answers may be text.
    """
    work = onnx.ModelProto()
    work.CopyFrom(_recent(model))
    found = Counter(node.op_type for node in work.graph.node if node.domain == ML)
    if any(node.domain == ML for graph in [*graphs(work)][1:] for node in graph.node):
        raise BuildError("an operator of ai.onnx.ml stands within If, Loop or Scan, where it is not lowered", "compile for backend ort")
    _lower(work)
    texts = text_outputs(work)
    words = numbered(work)
    notes = tuple(f"{name} written out in standard operators" for name in sorted(found))
    return Lowered(model=inferred(work), words=words, text_outputs=texts, notes=notes)


def _recent(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in an operator set that has what lowerings write with."""
    if opset(model) >= OPSET:
        return model
    from onnx import version_converter

    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError) as error:
        raise BuildError(f"operator set {opset(model)} cannot be put into {OPSET}: {shown(error, 120)}", "export the model anew") from error


def _lower(model: onnx.ModelProto) -> None:
    graph = model.graph
    types = {port.name: port.type for port in (*inferred(model).graph.value_info, *graph.input, *graph.output)}
    for tensor in graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    build = Builder(graph, types)
    for node in graph.node:
        if node.domain != ML:
            build.nodes.append(node)
        elif node.op_type == "ZipMap":
            _matrix(graph, node, build)
        elif node.op_type in LOWERINGS:
            said = Attributes(node)
            LOWERINGS[node.op_type](node, said, build)
            said.finish()
        else:
            raise BuildError(f"{shown(node.op_type)} is not lowered to ai.onnx", "compile for a target of backend ort")
    nodes, weights = [*build.nodes], [*build.weights]
    del graph.node[:]
    graph.node.extend(nodes)
    kept = {name for node in nodes for name in node.input} | {port.name for port in graph.output}
    used = [tensor for tensor in weights if tensor.name in kept]
    del graph.initializer[:]
    graph.initializer.extend(used)
    sets = [entry for entry in model.opset_import if entry.domain != ML]
    del model.opset_import[:]
    model.opset_import.extend(sets)
    del graph.value_info[:]


def _matrix(graph: onnx.GraphProto, node: onnx.NodeProto, build: Builder) -> None:
    """Maps from class to score become a matrix, classes in their order."""
    said = Attributes(node)
    numbers, words = said.numbers("classlabels_int64s", np.int64), said.words("classlabels_strings")
    said.finish()
    order = np.argsort(np.array(words)) if words else np.argsort(numbers)
    build.add("Gather", [node.input[0], build.constant(order.astype(np.int64))], node.output[0], axis=1)
    for port in graph.output:
        if port.name == node.output[0]:
            port.type.CopyFrom(helper.make_tensor_type_proto(TensorProto.FLOAT, [None, len(order)]))
