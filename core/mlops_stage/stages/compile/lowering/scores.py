"""What the classifiers and regressors of `ai.onnx.ml` do with their sums: transform them, and choose a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from mlops_stage.stages.compile.lowering.builder import Attributes, Builder

TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX")


def transform_of(said: Attributes) -> str:
    """The transform that a node asks for.

    Raises:
        BuildError: one that is not lowered.
    """
    found = said.word("post_transform", "NONE")
    if found not in TRANSFORMS:
        raise said.refuse(f"has post_transform {found}")
    return found


def transformed(build: Builder, scores: str, transform: str, output: str) -> str:
    """Scores (n, K) after the transform of that name, one of `TRANSFORMS`."""
    if transform == "SOFTMAX":
        return build.add("Softmax", [scores], output, axis=1)
    return build.add("Sigmoid" if transform == "LOGISTIC" else "Identity", [scores], output)


def answer_of(node: onnx.NodeProto, said: Attributes) -> Answer:
    """What a classifier gives; linear ones and trees name their classes differently.

    Raises:
        BuildError: there are none.
    """
    numbers = said.numbers("classlabels_int64s" if "classlabels_int64s" in said else "classlabels_ints", np.int64)
    words = said.words("classlabels_strings")
    if not (len(numbers) or words):
        raise said.refuse("names no classes")
    classes = np.array(words, dtype=object) if words else numbers
    return Answer(label=node.output[0], scores=node.output[1], classes=classes)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a classifier gives."""

    label: str
    """The output of labels (n,)."""
    scores: str
    """The output of scores (n, K)."""
    classes: NDArray[Any]
    """The labels, whole numbers or text."""


def chosen(build: Builder, place: str, answer: Answer) -> None:
    """The labels (n,) at places (n,) in the list of classes."""
    build.add("Gather", [build.constant(answer.classes, "classes"), place], answer.label, axis=0)


def of_one_score(build: Builder, score: str, transform: str, answer: Answer, *, share: bool) -> None:
    """Label and two columns of scores from a single score (n, 1), as ONNX Runtime makes them.

    Args:
        build: what it is added to.
        score: a share from 0 to 1, beside which its complement stands; or any number, and then its negative.
        transform: `NONE` or `LOGISTIC`.
        answer: what comes out.
        share: which of both the score is.
    """
    half = build.constant(np.array(0.5 if share else 0, np.float32))
    second = build.add("Cast", [build.add("Greater", [score, half])], to=TensorProto.INT64)
    chosen(build, build.add("Reshape", [second, build.constant(np.array([-1]))]), answer)
    if share:
        plain = transformed(build, score, transform, "")
        other = build.add("Sub", [build.constant(np.array(1, np.float32)), plain])
        build.add("Concat", [other, plain], answer.scores, axis=1)
    else:
        both = build.add("Concat", [build.add("Neg", [score]), score], axis=1)
        transformed(build, both, transform, answer.scores)


def of_scores(build: Builder, scores: str, transform: str, answer: Answer) -> None:
    """Label and transformed scores from one score for each class (n, K)."""
    chosen(build, build.add("ArgMax", [scores], axis=1, keepdims=0), answer)
    transformed(build, scores, transform, answer.scores)
