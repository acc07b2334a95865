"""Which shares of a group's rows are compared, and what each is a share of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.stats.cells import Cells
from mlops_stage.stats.classification import BINARY_RATES
from mlops_stage.stats.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.report import Direction
    from mlops_stage.stats.cells import Floats

RATES: Mapping[str, Direction] = {
    "selection_rate": "",
    "tpr": "higher",
    "fpr": "lower",
    "fnr": "lower",
    "tnr": "higher",
    "precision": "higher",
    "accuracy": "higher",
}
"""Which way each is better."""
COMPOSITES: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("tpr",),
    "equalized_odds": ("tpr", "fpr"),
}
"""Fairlearn's names of the gaps in one or two of the rates; of two the worse gap counts."""
_OF = {"tpr": "positives", "fnr": "positives", "fpr": "negatives", "tnr": "negatives", "precision": "rows predicted positive"}
_OF_CLASS = {
    "tpr": "rows of class {}",
    "fnr": "rows of class {}",
    "fpr": "rows of other classes than {}",
    "tnr": "rows of other classes than {}",
    "precision": "rows predicted as {}",
}


@dataclass(frozen=True, eq=False)
class Rate:
    """One rate of every group, of one class against all others."""

    name: str
    shares: Shares
    rest: Shares
    """For each group the same rate of all rows that are not of it."""
    part: Floats
    """Shape (G,): each group's part of the denominator of all rows; NaN where there is none."""
    rows: Floats
    """Shape (G,): the denominator in rows, whatever their weights."""
    of: str
    """What the denominator counts: `positives`."""
    label: str = ""
    """The class, in a multi-class task."""


def rates_of(cells: Cells, classes: Sequence[str]) -> list[Rate]:
    """All rates by group, in a binary task of the positive class, else of each class and, once, the accuracy.

    Args:
        cells: shape (G, K, K): group, label, decision.
        classes: names of the K classes.
    """
    if len(classes) == 2:  # noqa: PLR2004  (a binary task)
        return [_rate(cells, name, _OF.get(name, "rows")) for name in RATES]
    found = [_accuracy(cells)]
    for index, label in enumerate(classes):
        table = _against_rest(cells, index)
        found += [_rate(table, name, _OF_CLASS.get(name, "rows").format(repr(label)), label) for name in RATES if name != "accuracy"]
    return found


def calibration_rates(cells: Cells) -> list[Rate]:
    """The share of positives among rows of about the same score, by group: one rate for each part of the scores.

    Args:
        cells: from `count_scores`, shape (G, B, 2).
    """
    found = []
    for part in range(cells.rows.shape[1]):
        mass, squares, rows = (table[:, part] for table in (cells.mass, cells.squares, cells.rows))
        sums = [mass[:, 1], mass.sum(axis=1), squares.sum(axis=1), rows.sum(axis=1)]
        found.append(_shared("calibration", sums, "rows of some range of scores", str(part)))
    return found


def total(cells: Cells) -> Cells:
    """All groups as one, shape (1, K, K)."""
    rows = cells.rows.sum(axis=0, keepdims=True)
    if cells.mass is cells.rows:
        return Cells(rows, rows, rows)
    return Cells(rows, cells.mass.sum(axis=0, keepdims=True), cells.squares.sum(axis=0, keepdims=True))


def _rate(cells: Cells, name: str, of: str, label: str = "") -> Rate:
    part, whole, _ = BINARY_RATES[name]
    groups = len(cells.rows)
    rows, mass, squares = (table.reshape(groups, 4) for table in (cells.rows, cells.mass, cells.squares))
    sums = [table[:, list(some)].sum(axis=1) for table, some in ((mass, part), (mass, whole), (squares, whole), (rows, whole))]
    return _shared(name, sums, of, label)


def _accuracy(cells: Cells) -> Rate:
    """Of all classes together."""
    hits = np.trace(cells.mass, axis1=1, axis2=2)
    return _shared("accuracy", [hits, *(table.sum(axis=(1, 2)) for table in (cells.mass, cells.squares, cells.rows))], "rows", "")


def _shared(name: str, sums: Sequence[np.ndarray], of: str, label: str) -> Rate:
    """From the mass that counts, the mass it is a share of, and the squares and the number of rows of the latter."""
    *sums, rows = sums
    everything = [table.sum() for table in sums]
    whole = sums[1].astype(np.float64)
    share = np.full(len(whole), np.nan)
    np.divide(whole, everything[1], out=share, where=everything[1] > 0)
    rest = _shares(*(table - some for table, some in zip(everything, sums, strict=True)))
    return Rate(name, _shares(*sums), rest, share, rows, of, label)


def _shares(part: np.ndarray, mass: np.ndarray, squares: np.ndarray) -> Shares:
    """With weights both counts are scaled to the effective number of rows, `mass² / squares` (Kish 1965, Survey Sampling, 8.2)."""
    part, mass, squares = (np.maximum(table, 0).astype(np.float64) for table in (part, mass, squares))
    if (mass == squares).all():
        return Shares(part, mass)
    whole = np.divide(mass * mass, squares, out=np.zeros(len(mass)), where=squares > 0)
    return Shares(np.minimum(np.divide(part * whole, mass, out=np.zeros(len(mass)), where=mass > 0), whole), whole)


def _against_rest(cells: Cells, index: int) -> Cells:
    """One class against all others, shape (G, 2, 2)."""
    rows = _two(cells.rows, index)
    if cells.mass is cells.rows:
        return Cells(rows, rows, rows)
    return Cells(rows, _two(cells.mass, index), _two(cells.squares, index))


def _two(table: np.ndarray, index: int) -> np.ndarray:
    hit, label, decision = table[:, index, index], table[:, index, :].sum(axis=1), table[:, :, index].sum(axis=1)
    neither = table.sum(axis=(1, 2)) - label - decision + hit
    return np.stack([neither, decision - hit, label - hit, hit], axis=1).reshape(-1, 2, 2)
