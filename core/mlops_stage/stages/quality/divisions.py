"""Rows by the levels of one column, small groups hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import NotEstimable
from mlops_stage.evidence.redact import MINIMUM_COUNT, masked_levels
from mlops_stage.stats.linear import Groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.report import Slice

HIDDEN = NotEstimable(0, f"masked: the figure could name people in a group of fewer than {MINIMUM_COUNT} rows")


@dataclass(frozen=True)
class Division:
    """All rows, or the rows by the levels of one column."""

    column: str
    """Empty for all rows."""
    levels: tuple[str, ...]
    groups: Groups
    hidden: frozenset[str] = frozenset()
    """Levels whose figures are masked: small ones, and others from which these could be worked out."""

    def slice(self, group: int) -> Slice:
        """As it stands in a metric."""
        return ((self.column, self.levels[group]),) if self.column else ()


def all_rows(predictions: Predictions) -> Division:
    """One group of all rows."""
    return Division("", ("",), Groups(predictions.n, weight=predictions.weight))


def by_column(predictions: Predictions) -> Iterator[Division]:
    """One division for each column to report by."""
    for column, (codes, levels) in predictions.slices.items():
        counts = np.bincount(codes, minlength=len(levels)).tolist()
        hidden = masked_levels(dict(zip(levels, counts, strict=True)))
        yield Division(column, levels, Groups(predictions.n, codes, len(levels), predictions.weight), hidden)
