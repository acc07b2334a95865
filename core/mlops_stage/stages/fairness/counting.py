"""Rows counted by group, label and decision: every figure of the stage follows from these counts."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from mlops_stage.stats.cells import Cells, count_cells

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.stages.fairness.grouping import Grouping


def count(predictions: Predictions, grouping: Grouping) -> Cells:
    """The cells of a classifier's answers, of shape (G, K, K): group, label, decision.

    Args:
        predictions: of a binary or multi-class task; class 1 of a binary one is the positive class.
        grouping: of the same rows.
    """
    size = len(predictions.classes)
    axes = grouping.codes, predictions.label.astype("int64", copy=False), predictions.prediction.astype("int64", copy=False)
    return count_cells(axes, (grouping.size, size, size), predictions.weight)


def merged(parts: Iterable[Cells]) -> Cells:
    """The cells of rows that were counted in several parts; without weights the same, to the bit, as counted at once.

    Raises:
        ValueError: no part at all.
    """
    try:
        return reduce(_added, parts)
    except TypeError as error:
        raise ValueError("there is no part to merge") from error


def _added(a: Cells, b: Cells) -> Cells:
    rows = a.rows + b.rows
    if a.mass is a.rows and b.mass is b.rows:
        return Cells(rows, rows, rows)
    return Cells(rows, a.mass + b.mass, a.squares + b.squares)
