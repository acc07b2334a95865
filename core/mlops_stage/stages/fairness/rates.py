"""Which shares of a group's rows are compared, and what each is a share of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.evidence.redact import MINIMUM_COUNT, window
from mlops_stage.stages.fairness.tallies import Tallies
from mlops_stage.stats.cells import Cells
from mlops_stage.stats.classification import BINARY_RATES
from mlops_stage.stats.overall import Beside
from mlops_stage.stats.shares import Ranged, Shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.report import Direction
    from mlops_stage.stages.fairness.hiding import Ranges
    from mlops_stage.stats.cells import Flags, Floats

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
class Limits:
    """What may be told of the counts of a rate, where some must not be told exactly; arrays of shape (G,)."""

    part: tuple[Floats, Floats]
    """What counts, at least and at most."""
    rest: tuple[Floats, Floats]
    """What of the denominator does not count."""
    whole: tuple[Floats, Floats]
    unknown: Flags
    withheld: Flags
    total: tuple[float, float]
    """Of all rows: what counts, and the denominator."""


@dataclass(frozen=True, eq=False)
class Rate:
    """One rate of every group, of one class against all others."""

    name: str
    shares: Shares | Ranged
    besides: tuple[Beside, ...]
    """Each group beside the rest of all rows: as counted, or, where counts are told as ranges, at its lowest, middle and highest."""
    rows: Floats
    """Shape (G,): the denominator in rows, whatever their weights."""
    of: str
    """What the denominator counts: `positives`."""
    label: str = ""
    """The class, in a multi-class task."""
    told: Flags | None = None
    """Shape (G,): the groups whose counts may be told exactly; None is all."""
    withheld: Flags | None = None
    """Shape (G,): the groups whose denominator is hidden; None is none."""
    weighted: bool = False

    def is_told(self, group: int) -> bool:
        """Whether the share of a group may be told exactly."""
        return self.told is None or bool(self.told[group])

    def is_withheld(self, group: int) -> bool:
        """Whether nothing may be told of a group."""
        return self.withheld is not None and bool(self.withheld[group])

    def compared(self, groups: Flags, least: int) -> Flags:
        """Those of the groups of which something may be told, and that have so many rows."""
        kept = groups & (self.rows >= least)
        return kept if self.withheld is None else kept & ~self.withheld


def rates_of(cells: Cells, classes: Sequence[str], told: Ranges | None = None, total: Ranges | None = None) -> list[Rate]:
    """All rates by group, in a binary task of the positive class, else of each class and, once, the accuracy.

    Args:
        cells: shape (G, K, K): group, label, decision.
        classes: names of the K classes.
        told: what may be told of the groups' counts; None is everything.
        total: the same of all rows.
    """
    tallies = Tallies(len(classes))

    def limits(name: str, index: int) -> Limits | None:
        return None if told is None or total is None else _limits(told, total, tallies.rate(name, index))

    if tallies.binary:
        return [_rate(cells, name, _OF.get(name, "rows"), limits(name, 1)) for name in RATES]
    found = [_accuracy(cells, limits("accuracy", 0))]
    for index, label in enumerate(classes):
        table = _against_rest(cells, index)
        found += [
            _rate(table, name, _OF_CLASS.get(name, "rows").format(repr(label)), limits(name, index), label)
            for name in RATES
            if name != "accuracy"
        ]
    return found


def calibration_rates(cells: Cells, unsure: Flags | None = None) -> list[Rate]:
    """The share of positives among rows of about the same score, by group: one rate for each part of the scores.

    Args:
        cells: from `count_scores`, shape (G, B, 2).
        unsure: shape (G,), the groups whose labels are not told exactly; None tells every count, also small ones.
    """
    found = []
    for part in range(cells.rows.shape[1]):
        mass, squares, rows = (table[:, part] for table in (cells.mass, cells.squares, cells.rows))
        sums = [mass[:, 1], mass.sum(axis=1), squares.sum(axis=1), rows.sum(axis=1)]
        limits = None if unsure is None else _limits_of_labels(rows, unsure)
        found.append(_shared("calibration", sums, "rows of some range of scores", str(part), limits))
    return found


def _limits(told: Ranges, total: Ranges, kinds: tuple[int, int, int]) -> Limits | None:
    """What is told of a rate's counts; None where that is all of them."""
    unknown: Flags = np.logical_or.reduce(told.unknown[:, kinds], axis=1)
    if not unknown.any():
        return None
    part, rest, whole = ((told.low[:, kind].astype(np.float64), told.high[:, kind].astype(np.float64)) for kind in kinds)
    middle, _, everything = ((float(total.low[0, kind]) + float(total.high[0, kind])) / 2 for kind in kinds)
    return Limits(part, rest, whole, unknown, told.hidden[:, kinds[2]], (middle, everything))


def _limits_of_labels(rows: np.ndarray, unsure: Flags) -> Limits:
    """The same of rows by group and label, shape (G, 2): small counts, and all of groups whose labels are not told."""
    small = (rows > 0) & (rows < MINIMUM_COUNT)
    below, above = window(rows)
    low = np.where(small, 1, np.where(unsure[:, None], below, rows)).astype(np.float64)
    high = np.where(small, MINIMUM_COUNT - 1, np.where(unsure[:, None], above, rows)).astype(np.float64)
    whole, sums = rows.sum(axis=1), (low.sum(axis=1), high.sum(axis=1))
    hidden: Flags = (whole > 0) & (whole < MINIMUM_COUNT)
    unknown: Flags = np.logical_or.reduce(small, axis=1) | unsure
    return Limits(
        (low[:, 1], high[:, 1]),
        (low[:, 0], high[:, 0]),
        sums,
        unknown,
        hidden,
        (float(low[:, 1].sum()), float(low.sum())),
    )


def total(cells: Cells) -> Cells:
    """All groups as one, shape (1, K, K)."""
    rows = cells.rows.sum(axis=0, keepdims=True)
    if cells.mass is cells.rows:
        return Cells(rows, rows, rows)
    return Cells(rows, cells.mass.sum(axis=0, keepdims=True), cells.squares.sum(axis=0, keepdims=True))


def _rate(cells: Cells, name: str, of: str, limits: Limits | None, label: str = "") -> Rate:
    part, whole, _ = BINARY_RATES[name]
    groups = len(cells.rows)
    rows, mass, squares = (table.reshape(groups, 4) for table in (cells.rows, cells.mass, cells.squares))
    sums = [table[:, list(some)].sum(axis=1) for table, some in ((mass, part), (mass, whole), (squares, whole), (rows, whole))]
    return _shared(name, sums, of, label, limits)


def _accuracy(cells: Cells, limits: Limits | None) -> Rate:
    """Of all classes together."""
    hits = np.trace(cells.mass, axis1=1, axis2=2)
    sums = [hits, *(table.sum(axis=(1, 2)) for table in (cells.mass, cells.squares, cells.rows))]
    return _shared("accuracy", sums, "rows", "", limits)


def _shared(name: str, sums: Sequence[np.ndarray], of: str, label: str, limits: Limits | None) -> Rate:
    """From the mass that counts, the mass it is a share of, and the squares and the number of rows of the latter."""
    *sums, rows = sums
    everything = [table.sum() for table in sums]
    whole = sums[1].astype(np.float64)
    exact = _shares(*sums)
    rest = _shares(*(table - some for table, some in zip(everything, sums, strict=True)))
    beside = Beside(exact, rest, _part(whole, float(everything[1])))
    if limits is None:
        return Rate(name, exact, (beside,), rows, of, label)
    weighted = sums[1] is not rows and not np.array_equal(sums[1], rows)
    if weighted:
        limits = _effective(exact, limits)
    shares = _ranged(exact, limits)
    besides = (beside,) if weighted else tuple(_beside(one, limits.total) for one in (shares.lowest, shares.middle, shares.highest))
    return Rate(name, shares, besides, rows, of, label, ~limits.unknown, limits.withheld, weighted)


def _part(whole: Floats, total: float) -> Floats:
    share = np.full(len(whole), np.nan)
    np.divide(whole, total, out=share, where=total > 0)
    return share


def _beside(group: Shares, total: tuple[float, float]) -> Beside:
    """With the rest of all rows as it follows from what is told."""
    whole = np.maximum(total[1] - group.whole, 0.0)
    return Beside(group, Shares(np.clip(total[0] - group.part, 0.0, whole), whole), np.minimum(_part(group.whole, total[1]), 1.0))


def _effective(exact: Shares, limits: Limits) -> Limits:
    """Of weighted rows ranges of the effective numbers, as wide as those of counts."""
    part, rest = (np.maximum(np.floor((table - 5) / 10) * 10, 0.0) for table in (exact.part, exact.whole - exact.part))
    return replace(
        limits,
        part=(np.where(limits.unknown, part, exact.part), np.where(limits.unknown, part + 20, exact.part)),
        rest=(np.where(limits.unknown, rest, exact.whole - exact.part), np.where(limits.unknown, rest + 20, exact.whole - exact.part)),
        whole=(np.where(limits.unknown, part + rest, exact.whole), np.where(limits.unknown, part + rest + 40, exact.whole)),
    )


def _ranged(exact: Shares, limits: Limits) -> Ranged:
    """The lowest, a middle and the highest share that fit what is told; nothing of groups whose denominator is hidden."""
    (few, many), (less, more), (least, most) = limits.part, limits.rest, limits.whole
    middle = (few + many) / 2
    whole = np.clip(middle + (less + more) / 2, least, most)
    ends = [
        (few, few + np.minimum(more, most - few)),
        (np.minimum(middle, whole), whole),
        (many, many + np.maximum(less, least - many)),
    ]
    found = [
        Shares(
            np.where(limits.withheld, 0.0, np.where(limits.unknown, part, exact.part)),
            np.where(limits.withheld, 0.0, np.where(limits.unknown, total, exact.whole)),
        )
        for part, total in ends
    ]
    return Ranged(*found)


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
