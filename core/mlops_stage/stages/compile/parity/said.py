"""What the outputs of a form of a model say: its labels, its numbers, and whose classes those are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.answers import Answers
from mlops_stage.inputs.outputs import Labels, block, classes_of, outputs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model


def said(model: Model, outputs: Mapping[str, NDArray[Any]]) -> Answers:
    """The answers in the outputs of a model, or of a form that was made of it.

    Args:
        model: the source, whose outputs and classes those of every form are.
        outputs: name of an output -> tensor whose first axis is rows.
    """
    label, numbers = outputs_of(model)
    decision, values = None, None
    keys: tuple[str, ...] = ()
    if label is not None:
        labels = Labels()
        labels.add(outputs[label.name], model)
        decision = labels.codes()
    if numbers is not None:
        keys, values = block(outputs[numbers.name], (), model)
    return Answers(decision, values, keys or classes_of(model, decision, values), ())
