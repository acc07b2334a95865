"""LinearClassifier and LinearRegressor: a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.stages.compile.lowering.scores import answer_of, of_scores, transform_of, transformed

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from mlops_stage.stages.compile.lowering.builder import Attributes, Builder


def regressor(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Targets (n, T)."""
    scores = _scores(node, said, build, said.numbers("intercepts"), int(said.number("targets", 1)))
    transformed(build, scores, transform_of(said), node.output[0])


def classifier(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Label (n,) and scores (n, K)."""
    answer = answer_of(node, said)
    said.ignore("multi_class")  # ONNX Runtime does not look at it
    bias = said.numbers("intercepts")
    if len(bias) != len(answer.classes):
        raise said.refuse("has another number of scores than of classes")
    scores = _scores(node, said, build, bias, len(bias))
    of_scores(build, scores, transform_of(said), answer)


def _scores(node: onnx.NodeProto, said: Attributes, build: Builder, bias: NDArray[Any], rows: int) -> str:
    weights = said.numbers("coefficients").reshape(rows, -1).astype(np.float32)
    x = build.floats(node.input[0])
    product = build.add("MatMul", [x, build.constant(np.ascontiguousarray(weights.T), "coefficients")])
    return build.add("Add", [product, build.constant(bias.astype(np.float32), "intercepts")]) if len(bias) else product
