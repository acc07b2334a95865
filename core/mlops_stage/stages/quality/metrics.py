"""Figures as metrics of a report: which way is better, and which one leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.estimates import Difference, NotEstimable, Point
from mlops_stage.report import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Direction, Slice

_HIGHER = (
    "balanced_accuracy",
    "accuracy",
    "roc_auc",
    "roc_auc_ovr",
    "average_precision",
    "precision",
    "recall",
    "f1",
    "tpr",
    "tnr",
    "matthews_corrcoef",
    "cohen_kappa",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
    "r2",
)
_LOWER = (
    "fpr",
    "fnr",
    "log_loss",
    "brier_score_loss",
    "expected_calibration_error",
    "mean_absolute_error",
    "root_mean_squared_error",
    "mean_squared_error",
    "median_absolute_error",
    "mean_absolute_percentage_error",
    "breaks",
)
DIRECTIONS: Mapping[str, Direction] = {**dict.fromkeys(_HIGHER, "higher"), **dict.fromkeys(_LOWER, "lower"), "fixes": "higher"}
"""Neither way is better for what is not here: `selection_rate`, `bias`."""

PRIMARY = ("r2", "balanced_accuracy", "roc_auc", "roc_auc_ovr")
"""The first of these that a report has leads it."""
OF_SCORES = frozenset({"roc_auc", "roc_auc_ovr", "average_precision", "log_loss", "brier_score_loss", "expected_calibration_error"})
"""The figures that do not depend on where scores become decisions."""
GAPS = ("accuracy", "balanced_accuracy", "roc_auc", "log_loss", "r2", "root_mean_squared_error")
"""The figures whose gap between training and test data is reported."""


def as_metrics(found: Mapping[str, Estimate], where: Slice, versus: Mapping[str, Estimate]) -> list[Metric]:
    """Metrics of one slice, those that lead first."""
    names = sorted(found, key=_place)
    return [
        Metric(name=name, estimate=found[name], slice=where, direction=DIRECTIONS.get(name, ""), versus=versus.get(name)) for name in names
    ]


def _place(name: str) -> int:
    return _ORDER.get(name, len(_ORDER))


_ORDER = {name: place for place, name in enumerate((*_HIGHER[:8], "selection_rate", *_HIGHER[8:], "bias", *_LOWER))}


def gaps(train: Mapping[str, Estimate], test: Mapping[str, Estimate]) -> list[Metric]:
    """`<name>_gap`: the figure on training data less the figure on test data."""
    found = []
    for name in GAPS:
        if name in train and name in test:
            better: Direction = "lower" if DIRECTIONS[name] == "higher" else "higher"
            found.append(Metric(name=f"{name}_gap", estimate=apart(train[name], test[name]), direction=better))
    return found


def apart(a: Estimate, b: Estimate) -> Estimate:
    """`a - b` of two estimates from different rows."""
    if isinstance(a, NotEstimable):
        return a
    if isinstance(b, NotEstimable):
        return NotEstimable(b.n, f"in what it is compared with: {b.reason}")
    if isinstance(a, Point) or isinstance(b, Point):
        return Point(a.value - b.value, None if a.n is None or b.n is None else min(a.n, b.n))
    return Difference(a, b)
