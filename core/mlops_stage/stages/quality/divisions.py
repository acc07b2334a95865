"""Rows by the levels of one column, small groups hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import masked_levels, shown
from mlops_stage.stats.linear import Groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.report import Slice

CLASS = "class"
"""The column that figures of single classes are reported by, in a multi-class task."""
MOST_LEVELS = 1_000
"""More values of a column are no groups that anybody would look at."""


@dataclass(frozen=True)
class Division:
    """All rows, or the rows by the levels of one column."""

    column: str
    """Empty for all rows."""
    levels: tuple[str, ...]
    groups: Groups
    hidden: frozenset[str] = frozenset()
    """Levels whose figures are masked: small ones, and others from which these could be worked out."""
    guarded: frozenset[str] = frozenset()
    """Levels with few rows of some class, by label or by decision, and others from which these counts could be worked out: only figures over all
    their rows are shown."""

    def slice(self, group: int) -> Slice:
        """As it stands in a metric."""
        return ((self.column, self.levels[group]),) if self.column else ()


def all_rows(predictions: Predictions) -> Division:
    """One group of all rows."""
    return Division("", ("",), Groups(predictions.n, weight=predictions.weight))


def by_column(predictions: Predictions) -> Iterator[Division]:
    """One division for each column to report by.

    Raises:
        UsageError: a column with too many values, or one whose name is taken.
    """
    for column, (codes, levels) in predictions.slices.items():
        if len(levels) > MOST_LEVELS:
            raise UsageError(
                f"slices: the column {shown(column)!r} has {len(levels):,} values", f"name a column of at most {MOST_LEVELS:,}"
            )
        if column == CLASS and predictions.task == "multiclass":
            raise UsageError(f"slices: {CLASS!r} already means the classes of the label", "give the column another name")
        counts = np.bincount(codes, minlength=len(levels)).tolist()
        hidden = masked_levels(dict(zip(levels, counts, strict=True)))
        groups = Groups(predictions.n, codes, len(levels), predictions.weight)
        yield Division(column, levels, groups, hidden, _guarded(predictions, codes, levels) - hidden)


def small_classes(predictions: Predictions) -> frozenset[str]:
    """The classes of few labels or few decisions, and others from which these counts could be worked out."""
    if predictions.task == "regression":
        return frozenset()
    return frozenset().union(
        *(
            masked_levels(dict(zip(predictions.classes, np.bincount(axis, minlength=len(predictions.classes)).tolist(), strict=True)))
            for axis in (predictions.label, predictions.prediction.astype(np.int64, copy=False))
        )
    )


def _guarded(predictions: Predictions, codes: np.ndarray, levels: tuple[str, ...]) -> frozenset[str]:
    if predictions.task == "regression":
        return frozenset()
    found: set[str] = set()
    size = len(predictions.classes)
    for axis in (predictions.label, predictions.prediction):
        counts = np.bincount(codes * size + axis.astype(np.int64, copy=False), minlength=len(levels) * size).reshape(len(levels), size)
        for of_class in counts.T.tolist():
            found |= masked_levels(dict(zip(levels, of_class, strict=True)))
    return frozenset(found)
