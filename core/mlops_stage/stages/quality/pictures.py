"""Figures in the other sense: what is easier to see than to read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.evidence.redact import MINIMUM_COUNT, masked_cells, masked_levels
from mlops_stage.report import Curve, CurvePoint, Interval, Intervals, Matrix
from mlops_stage.stats.linear import Groups, average, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.report import Figure, Metric
    from mlops_stage.stats.calibration import Calibration
    from mlops_stage.stats.cells import Cells

_MOST_CLASSES = 20
_MOST_ROWS = 40
_DECILES = 10
_LOW, _HIGH = 0.025, 0.975


def confusion(cells: Cells, classes: Sequence[str]) -> list[Figure]:
    """How labels and decisions go together; nothing where there are too many classes to look at."""
    if len(classes) > _MOST_CLASSES:
        return []
    weighted = cells.mass is not cells.rows
    hidden = masked_cells(np.rint(cells.rows).astype(np.int64).tolist())
    values = tuple(
        tuple(None if (i, j) in hidden else whole(round(value, 6)) for j, value in enumerate(row))
        for i, row in enumerate(cells.mass.tolist())
    )
    return [
        Matrix(
            name="confusion",
            title="Labels and decisions",
            caption="Each row is what is true, each column what the model decided: on the diagonal it was right."
            + (" Rows count by their weight." if weighted else "")
            + (f" Cells of 1 to {MINIMUM_COUNT - 1} rows are left out, and those from which they could be worked out." if hidden else ""),
            row_label="label",
            column_label="decision",
            rows=tuple(classes),
            columns=tuple(classes),
            values=values,
        )
    ]


def calibration(found: Calibration, what: str) -> list[Figure]:
    """Predicted probability against what happened; nothing where all groups are small."""
    small = masked_levels({str(place): math.ceil(one.observed.n) for place, one in enumerate(found.bins)})
    points = tuple(
        CurvePoint(x=one.predicted, y=one.observed.value, low=one.observed.bound(_LOW), high=one.observed.bound(_HIGH), n=one.observed.n)
        for place, one in enumerate(found.bins)
        if str(place) not in small
    )
    curve = Curve(
        name="calibration",
        title="Calibration",
        caption="On the diagonal, what the model calls 70 % likely happens 7 times in 10. Bars are 95 % intervals."
        + (f" Groups of fewer than {MINIMUM_COUNT} rows are left out, and those from which they could be worked out." if small else ""),
        x_label=f"predicted probability {what}",
        y_label="observed share",
        points=points,
    )
    return [curve] if points else []


def predicted_against_actual(predictions: Predictions) -> Figure:
    """The mean label of rows with similar predictions, by tenths of the predictions; by fewer parts where these would be small."""
    prediction = predictions.prediction.astype(np.float64, copy=False)
    rows = predictions.n
    size = min(_DECILES, rows // MINIMUM_COUNT)
    codes = np.empty(rows, dtype=np.int64)
    codes[np.argsort(prediction, kind="stable")] = np.arange(rows) * size // rows
    groups = Groups(rows, codes, size, predictions.weight)
    predicted, actual = average(groups, prediction, "plain"), average(groups, predictions.label.astype(np.float64, copy=False), "plain")
    points = []
    for group in range(size):
        estimate = actual.estimate(group)
        if not isinstance(estimate, NotEstimable):
            low, high = estimate.bound(_LOW), estimate.bound(_HIGH)
            points.append(CurvePoint(x=predicted.value[group].item(), y=estimate.value, low=low, high=high, n=estimate.n))
    return Curve(
        name="predicted_against_actual",
        title="Predicted and actual values",
        caption=f"Rows are put into {size} groups of equal size by their prediction; on the diagonal, a group's mean prediction is its mean label.",
        x_label="mean prediction",
        y_label="mean label",
        points=tuple(points),
    )


def by_slice(metrics: Iterable[Metric], name: str, column: str, overall: Estimate) -> list[Figure]:
    """One figure for each level of a column beside that of all rows; of very many levels the lowest and highest."""
    rows = [_row(value, metric.estimate) for metric in metrics if metric.name == name for key, value in metric.slice if key == column]
    if not rows:
        return []
    left_out = len(rows) - _MOST_ROWS
    if left_out > 0:
        ranked = sorted(rows, key=lambda row: (row.value is None, row.value or 0.0))
        kept = {id(row) for row in (*ranked[: _MOST_ROWS // 2], *ranked[-_MOST_ROWS // 2 :])}
        rows = [row for row in rows if id(row) in kept]
    told = f" The {left_out} levels in the middle are left out." if left_out > 0 else ""
    return [
        Intervals(
            name=f"{name}_by_{column}",
            title=f"{_words(name)} by {column}",
            caption=f"One line for each {column}, with its 95 % interval; the vertical line is all rows.{told}",
            x_label=_words(name),
            rows=tuple(rows),
            reference=None if isinstance(overall, NotEstimable) else overall.value,
            reference_label="all rows",
        )
    ]


def against_baseline(metrics: Iterable[Metric]) -> list[Figure]:
    """How every share and area of all rows differs from the baseline's; figures with other units would not fit the scale."""
    rows = [
        _row(_words(metric.name), metric.versus)
        for metric in metrics
        if metric.versus is not None and not metric.slice and _bounded(metric)
    ]
    if not rows:
        return []
    return [
        Intervals(
            name="against_baseline",
            title="Difference to the baseline",
            caption="Right of the line the figure is higher than the baseline's, with its 95 % interval; for error rates, lower is better.",
            x_label="this model less the baseline",
            rows=tuple(rows),
            reference=0.0,
            reference_label="no difference",
        )
    ]


def _bounded(metric: Metric) -> bool:
    """Whether a figure cannot leave -1 … 1, so that differences have a common scale."""
    return metric.name not in {"bias", "r2", "log_loss"} and not metric.name.endswith(("_error", "_gap"))


def _row(label: str, estimate: Estimate) -> Interval:
    if isinstance(estimate, NotEstimable):
        return Interval(label=label, value=None, low=None, high=None, n=estimate.n, note=estimate.reason)
    if isinstance(estimate, Point):
        return Interval(label=label, value=estimate.value, low=None, high=None, n=estimate.n, note="no interval")
    low, high = estimate.bound(_LOW), estimate.bound(_HIGH)
    return Interval(label=label, value=estimate.value, low=low, high=high if math.isfinite(high) else None, n=estimate.n)


def _words(name: str) -> str:
    return name.replace("_", " ")
