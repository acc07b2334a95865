"""What a linear model computes, read from its graph: every score as a weighted sum of the model's inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.inputs.onnx.nodes import graph_of
from mlops_stage.inputs.onnx.wire import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.onnx.facts import OnnxFacts
    from mlops_stage.inputs.onnx.nodes import Node

    Matrix = NDArray[np.float64]

_MATRIX = 2
_UNCHANGED = frozenset({"Identity", "Cast", "Dropout", "Flatten"})
_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div"})
_ORDER_KEPT = frozenset({"Softmax", "LogSoftmax", "Normalizer", "ZipMap"})
"""Operators that leave the order of the scores of a row as it is."""
_AFTER_DECISION = frozenset(
    {"Identity", "Cast", "Reshape", "ArrayFeatureExtractor", "LabelEncoder", "Squeeze", "ZipMap", "Normalizer", "Flatten"}
)


@dataclass(frozen=True, eq=False)
class Affine:
    """Scores of a model as weights @ inputs + intercepts; the largest decides."""

    inputs: tuple[str, ...]
    """Names of the model's inputs, whose columns stand beside one another in this order."""
    weights: Matrix
    """(columns of all inputs, K)."""
    intercepts: Matrix
    """(K,)."""
    told: str
    """The operators that it was read from."""

    def scores(self, fed: Mapping[str, NDArray[Any]]) -> Matrix:
        """(n, K), in double precision, of what the model would be given."""
        columns = [np.asarray(fed[name], dtype=np.float64) for name in self.inputs]
        found: Matrix = np.concatenate(columns, axis=1) @ self.weights + self.intercepts
        return found


@dataclass(frozen=True, eq=False)
class _Sum:
    """A tensor (n, k) that is inputs @ weights + intercepts."""

    weights: Matrix
    intercepts: Matrix


@dataclass(frozen=True, eq=False)
class _Decided:
    """A label, or scores in the order of these sums."""

    scores: _Sum


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of the tensors of a graph, by name."""

    held: dict[str, _Sum | _Decided]
    constants: dict[str, NDArray[Any]]

    def sum(self, name: str) -> _Sum | None:
        """The tensor if it is a sum."""
        one = self.held.get(name)
        return one if isinstance(one, _Sum) else None


def affine_of(path: Path, facts: OnnxFacts, decision: str) -> Affine | None:
    """The sums that decide, or None where the model computes anything else.

    Args:
        path: of a model that passed the screen.
        facts: of the same.
        decision: the output that labels are taken from.
    """
    if facts.functions or any(name.rpartition("::")[2] not in _KNOWN for name in facts.operators):
        return None
    try:
        with memoryview(path.read_bytes()) as view:
            graph = graph_of(view)
    except (OSError, MalformedError):
        return None
    held = _inputs(facts)
    if held is None:
        return None
    known = _Known(held, graph.tensors)
    for node in graph.nodes:
        _follow(node, known)
    found = held.get(decision)
    sums = found.scores if isinstance(found, _Decided) else found
    if sums is None:
        return None
    if sums.weights.shape[1] == 1:  # a bare number says class 1 from one half on, as the oracle takes it
        sums = _two(sums if isinstance(found, _Decided) else _Sum(sums.weights, sums.intercepts - 0.5))
    told = ", ".join(dict.fromkeys(node.operator.rpartition("::")[2] for node in graph.nodes))
    return Affine(tuple(port.name for port in facts.inputs), sums.weights, sums.intercepts, told)


def _inputs(facts: OnnxFacts) -> dict[str, _Sum | _Decided] | None:
    """Each input as the sum of its own columns; None where one is no matrix of numbers of known width."""
    widths = []
    for port in facts.inputs:
        width = port.shape[-1] if port.shape is not None and len(port.shape) == _MATRIX else None
        if port.dtype not in {"float32", "float64"} or not isinstance(width, int) or width < 1:
            return None
        widths.append(width)
    every = np.eye(sum(widths))
    ends = np.cumsum(widths)
    return {
        port.name: _Sum(every[:, end - width : end], np.zeros(width)) for port, width, end in zip(facts.inputs, widths, ends, strict=True)
    }


def _follow(node: Node, known: _Known) -> None:
    """What the outputs of a node are, where that is known; where it is not, whatever uses them is not known either."""
    operator = node.operator.rpartition("::")[2]
    if operator == "Constant" and isinstance(node.attributes.get("value"), np.ndarray):
        known.constants[node.outputs[0]] = np.asarray(node.attributes["value"])
        return
    given = [known.held.get(name) for name in node.inputs]
    decided = next((one for one in given if isinstance(one, _Decided)), None)
    if decided is not None:
        if operator in _AFTER_DECISION | _ORDER_KEPT or operator == "ArgMax":
            known.held.update(dict.fromkeys(node.outputs, decided))
        return
    sums = [one for one in given if isinstance(one, _Sum)]
    rule = _RULES.get(operator)
    if not sums or rule is None:
        return
    found = rule(node, known)
    if found is not None:
        known.held.update(dict.fromkeys(node.outputs, found))


def _same(node: Node, known: _Known) -> _Sum | None:
    one = known.sum(node.inputs[0])
    kept = node.operator.rpartition("::")[2] != "Cast" or node.attributes.get("to") in {1, 11}  # to float32 or float64
    return one if kept else None


def _decide(node: Node, known: _Known) -> _Decided | None:
    one = known.sum(node.inputs[0])
    return _Decided(one) if one is not None and one.weights.shape[1] > 1 and node.attributes.get("axis", 1) in {1, -1} else None


def _sigmoid(node: Node, known: _Known) -> _Decided | None:
    one = known.sum(node.inputs[0])
    return _Decided(one) if one is not None and one.weights.shape[1] == 1 else None


def _elementwise(node: Node, known: _Known) -> _Sum | None:
    """A sum and a constant; a constant first, as in 1 - x, too."""
    operator = node.operator.rpartition("::")[2]
    first, second = node.inputs
    swapped = first in known.constants
    one, constant = known.sum(second if swapped else first), known.constants.get(first if swapped else second)
    if one is None or constant is None or constant.size not in {1, one.weights.shape[1]} or (swapped and operator == "Div"):
        return None
    values = np.broadcast_to(constant.reshape(-1).astype(np.float64), one.weights.shape[1])
    if operator == "Mul" or operator == "Div":  # noqa: PLR1714  (one word is clearer than a set)
        factor = values if operator == "Mul" else 1 / values
        return _Sum(one.weights * factor, one.intercepts * factor)
    if operator == "Add":
        return _Sum(one.weights, one.intercepts + values)
    return _Sum(-one.weights, values - one.intercepts) if swapped else _Sum(one.weights, one.intercepts - values)


def _product(node: Node, known: _Known) -> _Sum | None:
    """MatMul and Gemm with a constant on the right."""
    one, matrix = known.sum(node.inputs[0]), known.constants.get(node.inputs[1])
    if one is None or matrix is None or matrix.ndim != _MATRIX or node.attributes.get("transA", 0):
        return None
    right = (matrix.T if node.attributes.get("transB", 0) else matrix).astype(np.float64)
    if right.shape[0] != one.weights.shape[1]:
        return None
    right = right * _number(node.attributes.get("alpha"), 1.0)
    shift: Any = 0.0
    if len(node.inputs) > _MATRIX:
        added = known.constants.get(node.inputs[2])
        if added is None or added.size not in {1, right.shape[1]}:
            return None
        shift = added.reshape(-1).astype(np.float64) * _number(node.attributes.get("beta"), 1.0)
    return _Sum(one.weights @ right, one.intercepts @ right + shift)


def _scaler(node: Node, known: _Known) -> _Sum | None:
    one = known.sum(node.inputs[0])
    offset, scale = node.attributes.get("offset"), node.attributes.get("scale")
    if one is None or not isinstance(offset, np.ndarray) or not isinstance(scale, np.ndarray):
        return None
    if {offset.size, scale.size} - {1, one.weights.shape[1]}:
        return None
    return _Sum(one.weights * scale, (one.intercepts - offset) * scale)


def _beside(node: Node, known: _Known) -> _Sum | None:
    """Concat of sums along the columns."""
    parts = [one for one in (known.sum(name) for name in node.inputs) if one is not None]
    if node.attributes.get("axis", 1) not in {1, -1} or len(parts) < len(node.inputs):
        return None
    return _Sum(np.concatenate([one.weights for one in parts], axis=1), np.concatenate([one.intercepts for one in parts]))


def _classifier(node: Node, known: _Known) -> _Decided | None:
    """LinearClassifier with one set of coefficients per class."""
    one, coefficients = known.sum(node.inputs[0]), node.attributes.get("coefficients")
    if one is None or not isinstance(coefficients, np.ndarray) or coefficients.size % one.weights.shape[1]:
        return None
    right = coefficients.reshape(-1, one.weights.shape[1]).T
    intercepts = node.attributes.get("intercepts")
    shift = intercepts if isinstance(intercepts, np.ndarray) else np.zeros(right.shape[1])
    if right.shape[1] < 2 or shift.size != right.shape[1]:  # noqa: PLR2004  (of a single set, what is compared depends on the runtime)
        return None
    return _Decided(_Sum(one.weights @ right, one.intercepts @ right + shift))


def _two(one: _Sum) -> _Sum:
    """Scores of both classes of which the larger decides, from the single one that is compared with 0."""
    return _Sum(np.concatenate([np.zeros_like(one.weights), one.weights], axis=1), np.concatenate([[0.0], one.intercepts]))


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


_RULES: dict[str, Callable[[Node, _Known], _Sum | _Decided | None]] = {
    **dict.fromkeys(_UNCHANGED, _same),
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    "MatMul": _product,
    "Gemm": _product,
    "Scaler": _scaler,
    "Concat": _beside,
    "LinearClassifier": _classifier,
    "Softmax": _decide,
    "LogSoftmax": _decide,
    "ArgMax": _decide,
    "Sigmoid": _sigmoid,
}
_KNOWN = frozenset({*_RULES, *_ORDER_KEPT, *_AFTER_DECISION, "Constant"})
