"""Facts of ONNX files: from the one reader of ONNX that all stages use, which never loads weights."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from mlops_stage.inputs.onnx.facts import QUANTISED
from mlops_stage.stages.sbom.extract.scene import Claim, Interface, claim, harmless
from mlops_stage.stages.sbom.extract.several import told_of
from mlops_stage.stages.sbom.facts import Confidence, Port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_stage.inputs.onnx import facts as onnx
    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_INFERRED = Confidence.INFERRED
_MOST_METADATA = 50
_MOST_KINDS = 200
_WORD_OF = {
    "Classifier": "classification",
    "SVMClassifier": "classification",
    "LinearClassifier": "classification",
    "TreeEnsembleClassifier": "classification",
    "SVMRegressor": "regression",
    "LinearRegressor": "regression",
    "TreeEnsembleRegressor": "regression",
}
_FAMILIES: tuple[tuple[str, frozenset[str]], ...] = (
    ("tree ensemble", frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble"})),
    ("support vector machine", frozenset({"SVMClassifier", "SVMRegressor"})),
    ("transformer", frozenset({"Attention", "MultiHeadAttention", "GroupQueryAttention", "RotaryEmbedding"})),
    ("recurrent neural network", frozenset({"LSTM", "GRU", "RNN"})),
    ("convolutional neural network", frozenset({"Conv", "ConvTranspose", "QLinearConv", "ConvInteger"})),
    ("linear model", frozenset({"LinearClassifier", "LinearRegressor"})),
)
_DENSE = frozenset({"Gemm", "MatMul", "FusedGemm", "MatMulNBits", "QLinearMatMul", "MatMulInteger"})
_CURVES = frozenset({"Relu", "Sigmoid", "Tanh", "Gelu", "Elu", "Selu", "LeakyRelu", "Softplus", "HardSwish", "Mish", "Clip"})
_WRITERS = {"skl2onnx": "scikit-learn", "pytorch": "PyTorch", "tf2onnx": "TensorFlow", "OnnxMLTools": "", "keras2onnx": "Keras"}
"""Producer that a file names -> framework that the model was trained with, as far as that follows."""


def extract(scene: Scene) -> Iterator[Found]:
    """What the ONNX file of the model says about it; of several what they agree in, without an interface."""
    part = scene.parts.get("model")
    if part is None:
        return
    if len(part.onnx) == 1:
        (facts,) = part.onnx.values()
        yield Interface(inputs=tuple(map(_port, facts.inputs)), outputs=tuple(map(_port, facts.outputs)))
    yield from told_of([(name, tuple(_told(facts, name))) for name, facts in sorted(part.onnx.items())])


def family(operators: Mapping[str, int]) -> str:
    """The kind of model by its operators; empty where they tell none.

    Args:
        operators: `domain::Operator` -> how many nodes.
    """
    names = {name.rpartition("::")[2] for name in operators}
    known = next((told for told, signs in _FAMILIES if names & signs), "")
    if known and known != "convolutional neural network":
        return known
    if "LayerNormalization" in names and "Softmax" in names and names & _DENSE:
        return "transformer"
    if known:
        return known
    if names & _DENSE:
        return "feed-forward neural network" if names & _CURVES else "linear model"
    return ""


def learned(facts: onnx.OnnxFacts) -> int:
    """Elements of all initializers, and the numbers in attributes: there trees and linear models of `ai.onnx.ml` have what they learned."""
    return facts.parameters + facts.attribute_floats


def precision(facts: onnx.OnnxFacts) -> dict[str, int]:
    """Elements of tensors by type, the commonest first."""
    counts: Counter[str] = Counter()
    for tensor in facts.tensors:
        counts[tensor.dtype] += max(0, prod(tensor.dims))
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _told(facts: onnx.OnnxFacts, source: str) -> Iterator[Claim]:
    yield claim("model", "format", "ONNX", source)
    yield claim("model", "ir_version", facts.ir_version, source)
    yield claim("model", "opset", ",".join(f"{domain}:{version}" for domain, version in sorted(facts.opsets.items())), source)
    yield claim("model", "operators", _counts(dict(sorted(facts.operators.items()))), source)
    yield claim("model", "parameters", learned(facts), source)
    if facts.tensors:
        yield claim("model", "precision", _counts(precision(facts)), source)
    yield claim("model", "functions", len(facts.functions), source)
    names = {name.rpartition("::")[2] for name in facts.operators}
    yield claim("model", "quantised", str(bool(names & QUANTISED)).lower(), source, _INFERRED)
    kind = family(facts.operators)
    if kind:
        yield claim("model", "family", kind, source, _INFERRED)
    yield from _purpose(facts, names, source)
    yield from _origin(facts, source)


def _purpose(facts: onnx.OnnxFacts, names: set[str], source: str) -> Iterator[Claim]:
    """Task and type of training, where the operators leave no doubt."""
    tasks = {_WORD_OF[name] for name in names if name in _WORD_OF} | ({"classification"} if facts.class_labels else set())
    if len(tasks) == 1:
        yield claim("model", "task", tasks.pop(), source, _INFERRED)
        yield claim("model", "training_type", "supervised", source, _INFERRED)


def _origin(facts: onnx.OnnxFacts, source: str) -> Iterator[Claim]:
    if facts.producer:
        yield claim("model", "framework", f"{facts.producer} {facts.producer_version}".strip(), source)
        trained = _WRITERS.get(facts.producer, "")
        if trained:
            yield claim("model", "framework", trained, source, _INFERRED)
    if facts.description:
        yield claim("model", "description", facts.description, source)
    if facts.model_version > 0:
        yield claim("model", "version", facts.model_version, source)
    for key, value in sorted(facts.metadata.items())[:_MOST_METADATA]:
        yield claim("model", "metadata", f"{harmless(key, 100)}={harmless(value, 500)}", source)


def _counts(counts: Mapping[str, int]) -> str:
    listed = list(counts.items())
    more = [f"… and {len(listed) - _MOST_KINDS} more kinds"] if len(listed) > _MOST_KINDS else []
    return ",".join([f"{name}={count}" for name, count in listed[:_MOST_KINDS]] + more)


def _port(port: onnx.Port) -> Port:
    shape = None if port.shape is None else tuple(harmless(dim, 100) if isinstance(dim, str) else dim for dim in port.shape)
    return Port(name=harmless(port.name, 200), dtype=port.dtype, shape=shape)
