"""Values that a metric can have, as far as its name tells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from mlops_stage.gate.grammar import spell_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHARES = (
    "accuracy",
    "attack_success_rate",
    "average_precision",
    "balanced_accuracy",
    "breaks",
    "brier_score_loss",
    "clean_accuracy",
    "expected_calibration_error",
    "f1",
    "f1_macro",
    "f1_weighted",
    "fixes",
    "fnr",
    "fpr",
    "precision",
    "precision_macro",
    "precision_weighted",
    "recall",
    "recall_macro",
    "recall_weighted",
    "robust_accuracy",
    "roc_auc",
    "roc_auc_ovr",
    "selection_rate",
    "tnr",
    "tpr",
)
_ERRORS = (
    "log_loss",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "median_absolute_error",
    "root_mean_squared_error",
)
_GAPS = (
    *("accuracy", "fnr", "fpr", "precision", "selection_rate", "tnr", "tpr"),
    "demographic_parity",
    "equal_opportunity",
    "equalized_odds",
)
_RANGES: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(_SHARES, (0.0, 1.0)),
    **dict.fromkeys(_ERRORS, (0.0, math.inf)),
    **dict.fromkeys((f"{name}_{kind}" for name in _GAPS for kind in ("difference", "ratio")), (0.0, 1.0)),
    "matthews_corrcoef": (-1.0, 1.0),
    "cohen_kappa": (-1.0, 1.0),
    "r2": (-math.inf, 1.0),
}
_PERCENT = 100


class Fault(NamedTuple):
    """Why a number cannot be, and what to write."""

    message: str
    hint: str


def outside(metric: str, number: float, *, difference: bool = False) -> Fault | None:
    """What is wrong with a number for that metric, or with a difference of two of its values; None where it is possible or nothing is known."""
    if metric not in _RANGES:
        return None
    low, high = _RANGES[metric]
    if difference:
        low, high = low - high, high - low
    if low <= number <= high:
        return None
    what = f"a difference in {metric}" if difference else metric
    told = f"{what} is {_between(low, high)}"
    percent = metric in _SHARES and 1 < abs(number) <= _PERCENT
    return Fault(told, f"write {spell_number(round(abs(number) / _PERCENT, 12))}" if percent else "write a number in that range")


def _between(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{low:g} or more"
    return f"{high:g} or less" if math.isinf(low) else f"between {low:g} and {high:g}"
