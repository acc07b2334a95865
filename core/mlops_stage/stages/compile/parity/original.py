"""The model's ONNX form beside what it answered in the framework that trained it: most of what goes wrong goes wrong in that conversion."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.stages.compile.parity.tiers import agree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.inputs.answers import Predictions
    from mlops_stage.stages.compile.parity.near import Tier
    from mlops_stage.stages.compile.parity.tiers import Agreement


def agree_with_original(original: Predictions, converted: Predictions, tier: Tier = "exact") -> Agreement:
    """Compare the predictions that the framework wrote with those of the model's ONNX form.

    Decisions are compared as names of classes; scores where both have them. Rows are matched by `row_id` where both have one, else by their order.

    Args:
        original: from `inputs.predictions.read`.
        converted: from `drop.predictions_of`, or `inputs.predictions.score`, on the same data.
        tier: how near they must be; a conversion to single precision is expected to be `exact` but for ties.

    Raises:
        InputError: they are of other rows, or of another task.
    """
    if original.task != converted.task:
        raise InputError(
            f"the original predictions are of another task ({original.task}) than the model's ({converted.task})",
            "name the columns of labels and predictions with label and prediction, and declare task",
        )
    places = _matched(original, converted)
    agreement = agree(_plain(original, converted), _plain(converted, original, places), tier)
    return replace(
        agreement, reasons=tuple(reason.replace("the tier 'exact'", "rounding to single precision") for reason in agreement.reasons)
    )


def _plain(one: Predictions, other: Predictions, places: NDArray[np.intp] | None = None) -> dict[str, NDArray[Any]]:
    """Predictions as outputs of a model."""
    rows = np.arange(one.n) if places is None else places
    if one.task == "regression":
        return {"prediction": one.prediction[rows].astype(np.float64)}
    found: dict[str, NDArray[Any]] = {"label": np.array(one.classes, dtype=object)[one.prediction[rows].astype(np.intp)]}
    if one.score is None or other.score is None or one.score.ndim != other.score.ndim:
        return found
    if one.score.ndim == 1:
        return {
            **found,
            "score": (one.score[rows] if one.classes[1] == max(one.classes) else 1 - one.score[rows]).astype(np.float64),
        }  # of the same class in both
    common = sorted({*one.classes} & {*other.classes})
    columns = np.array([one.classes.index(name) for name in common], dtype=np.intp)
    return {**found, "score": one.score[np.ix_(rows, columns)].astype(np.float64)}


def _matched(original: Predictions, converted: Predictions) -> NDArray[np.intp]:
    """For each original row the place of the same row in the converted predictions."""
    if original.row_id is not None and converted.row_id is not None:
        order = np.argsort(converted.row_id)
        found = np.searchsorted(converted.row_id[order], original.row_id)
        places = order[np.minimum(found, converted.n - 1)]
        if not np.array_equal(converted.row_id[places], original.row_id):
            raise InputError("the original predictions have rows that data does not have", "write them for the rows of data")
        return places
    if original.n != converted.n:
        raise InputError(
            f"the original predictions are of {original.n:,} rows, data has {converted.n:,}",
            "write them for the rows of data, in that order, or name a row_id that both have",
        )
    return np.arange(original.n)
