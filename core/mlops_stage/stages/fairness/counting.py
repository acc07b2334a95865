"""Rows counted by group, label and decision: every figure of the stage follows from these counts."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.stats.cells import Cells, count_cells, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stats.cells import Floats

BINS = 10
"""Parts of about equal size into which rows are cut by their score."""


def count(predictions: Predictions, grouping: Grouping) -> Cells:
    """The cells of a classifier's answers, of shape (G, K, K): group, label, decision.

    Args:
        predictions: of a binary or multi-class task; class 1 of a binary one is the positive class.
        grouping: of the same rows.
    """
    size = len(predictions.classes)
    axes = grouping.codes, predictions.label.astype("int64", copy=False), predictions.prediction.astype("int64", copy=False)
    return count_cells(axes, (grouping.size, size, size), predictions.weight)


def score_edges(score: Floats) -> Floats:
    """Where scores are cut into up to `BINS` parts of about equal size: rising values, each the end of a part; equal scores stay together.

    Shards that are to be merged must be cut at the same edges.
    """
    places = np.arange(1, BINS) * len(score) // BINS
    return np.unique(np.partition(score, places)[places])


def count_scores(predictions: Predictions, grouping: Grouping, edges: Floats) -> Cells:
    """The cells of a binary task's scores, of shape (G, B, 2): group, part of the scores, label.

    Args:
        predictions: with a score of the positive class.
        grouping: of the same rows.
        edges: from `score_edges`; a score that equals one belongs to the part below.

    Raises:
        ValueError: predictions without such a score.
    """
    score = predictions.score
    if score is None or score.ndim != 1:
        raise ValueError("only scores of the positive class can be counted")
    parts = np.empty(len(score), dtype=np.int64)
    for piece in pieces(len(score)):
        parts[piece] = np.searchsorted(edges, score[piece], side="left")
    axes = grouping.codes, parts, predictions.label.astype("int64", copy=False)
    return count_cells(axes, (grouping.size, len(edges) + 1, 2), predictions.weight)


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
