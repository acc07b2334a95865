"""What kind of model it is, decided from its graph: which attacks and which closed forms apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlops_stage.inputs.model import Model
from mlops_stage.stages.adversarial.affine import affine_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.inputs.onnx.facts import OnnxFacts
    from mlops_stage.inputs.served import Served
    from mlops_stage.stages.adversarial.affine import Affine

KindName = Literal["linear", "tree ensemble", "differentiable", "opaque", "remote"]
TREES = frozenset({"ai.onnx.ml::TreeEnsembleClassifier", "ai.onnx.ml::TreeEnsembleRegressor", "ai.onnx.ml::TreeEnsemble"})


def _named(domain: str, names: str) -> frozenset[str]:
    return frozenset(f"{domain}::{name}" for name in names.split())


_SHAPES = _named(
    "ai.onnx",
    """
    Identity Cast Reshape Flatten Squeeze Unsqueeze Transpose Concat Split Slice Gather Shape Constant ConstantOfShape Expand Dropout
    Tile Where
    """,
)
_DECISIONS = _named(
    "ai.onnx",
    """
    ArgMax Softmax LogSoftmax Sigmoid TopK Equal Greater Less GreaterOrEqual LessOrEqual Not And Or
    """,
)
_ARITHMETIC = _named(
    "ai.onnx",
    """
    Add Sub Mul Div Neg Sum Mean Min Max Clip Abs Pow Sqrt Exp Log Reciprocal ReduceSum ReduceMean ReduceMax ReduceMin ReduceL2
    """,
)
_PREPARING = _named(
    "ai.onnx.ml",
    """
    Scaler Normalizer Imputer FeatureVectorizer ArrayFeatureExtractor ZipMap LabelEncoder CategoryMapper OneHotEncoder
    LinearClassifier LinearRegressor
    """,
)
_LAYERS = _named(
    "ai.onnx",
    """
    MatMul Gemm Conv ConvTranspose Einsum Relu LeakyRelu PRelu Elu Selu Celu Gelu Tanh Softplus Softsign HardSigmoid HardSwish Mish
    Swish Erf Sin Cos MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool BatchNormalization LayerNormalization
    InstanceNormalization GroupNormalization RMSNormalization LpNormalization LRN Pad Resize Upsample LSTM GRU RNN Attention
    """,
)
_AROUND_TREES = _SHAPES | _DECISIONS | _ARITHMETIC | _PREPARING
_SMOOTH = _AROUND_TREES | _LAYERS
MOST_BYTES = 64 * 2**20
"""A larger file is not read for a closed form."""


@dataclass(frozen=True)
class Kind:
    """The kind, and a few words on what it was told from."""

    name: KindName
    why: str
    affine: Affine | None = None
    """What a linear model computes."""


def kind_of(model: Model | Served, decision: str) -> Kind:
    """The kind of a model.

    Args:
        model: a file or a served model.
        decision: the output that labels are taken from: the one with labels, else the one with scores.

    Returns:
        `linear` only where its weights were read and give a closed form; `opaque` where an operator is neither known to be differentiable nor a tree.
    """
    if not isinstance(model, Model):
        return Kind("remote", "served: only its answers are seen")
    facts = model.facts
    operators = frozenset(facts.operators)
    if facts.functions:
        return Kind("opaque", f"it defines functions of its own: {_few(facts.functions)}")
    if operators & TREES:
        rest = operators - TREES - _AROUND_TREES
        return Kind("opaque", f"trees beside {_few(rest)}") if rest else Kind("tree ensemble", _few(operators & TREES))
    affine = affine_of(model.path, facts, decision) if _small(model) else None
    if affine is not None:
        return Kind("linear", f"{affine.told}: every score is a weighted sum of the inputs", affine)
    rest = operators - _SMOOTH
    if rest or _takes_text(facts):
        return Kind("opaque", f"{_few(rest)} has no gradient" if rest else "it takes text")
    return Kind("differentiable", f"each of its {len(operators)} operators has a gradient")


def _takes_text(facts: OnnxFacts) -> bool:
    return any(port.dtype == "string" for port in facts.inputs)


def _small(model: Model) -> bool:
    return model.path.stat().st_size <= MOST_BYTES


def _few(operators: Iterable[str]) -> str:
    names = sorted(name.rpartition("::")[2] for name in operators)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004  (the three just named)
