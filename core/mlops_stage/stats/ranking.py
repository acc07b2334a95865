"""How well scores rank positives above negatives: ROC AUC and average precision, by group, from one sort."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlops_stage.stats.cells import Flags, Floats, Places, effective
from mlops_stage.stats.linear import Linear

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.stats.linear import Groups

Masses: TypeAlias = NDArray[Any]
"""Numbers of rows, exact integers; or sums of weights."""


_NOTHING = np.zeros(0)
_PIECE = 2**15
"""Rows gone through at a time: their arrays stay in the processor's cache."""
_KEPT = 2**18
"""Rows of a group whose pieces are kept for the second pass."""
_ROUNDING = 1e-13


@dataclass(frozen=True)
class Ranking:
    """Rows in rising order of score within each group."""

    order: Places
    """The row at each place; rows without weight have none."""
    bounds: Places
    """The place at which each group begins, and the number of places: shape (groups + 1,)."""
    score: Floats
    """By row, as the two below."""
    positive: Flags
    weight: Floats | None


def rising(score: Floats) -> Places:
    """The order of rows by score, shared by all rankings of the same scores; no figure depends on the order within a tie."""
    return np.argsort(score)


def rank(groups: Groups, order: Places, score: Floats, positive: Flags) -> Ranking:
    """Rank the rows of each group.

    Args:
        groups: of the rows.
        order: of the rows by score alone, from `rising`.
        score: shape (rows,), without NaN.
        positive: shape (rows,).
    """
    if groups.weight is not None:
        order = order[groups.weight[order] > 0]
    return Ranking(*groups.arrange(order), score, positive, groups.weight)


def rank_figures(ranking: Ranking, *, influence: bool = False) -> dict[str, Linear]:
    """Both figures by group, on the logit scale.

    `roc_auc` is the share of pairs in which the positive has the higher score, ties counted half; its variance is DeLong's
    (1988, Biometrics 44:837), its denominator the smaller class. `average_precision` is the mean precision over the positives as
    scikit-learn defines it: not interpolated, tied scores taken together; its variance is the infinitesimal jackknife's
    (scale: Boyd, Eng and Page 2013), its denominator the positives. `influence` asks for that of each row, for paired comparison.
    """
    parts = [_group_figures(ranking, group, influence=influence) for group in range(len(ranking.bounds) - 1)]
    reasons = tuple(part.missing for part in parts)
    found = {}
    for index, name in enumerate(("roc_auc", "average_precision")):
        value, n, se = (np.array([part.figures[index][field] for part in parts]) for field in range(3))
        rows = None
        if influence:
            rows = np.zeros(len(ranking.score))
            rows[ranking.order] = np.concatenate([part.influences[index] for part in parts])
        found[name] = Linear(value, n, se, np.zeros(len(parts)), "share", reasons, rows)
    return found


@dataclass(frozen=True)
class _Part:
    """Value, denominator and standard error of both figures of one group, and the influences of its rows by place."""

    missing: str
    figures: tuple[tuple[float, float, float], tuple[float, float, float]] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    influences: tuple[Floats, Floats] = (_NOTHING, _NOTHING)


@dataclass(frozen=True)
class _Totals:
    """Of the positives and the negatives of one group: their masses, and Kish's effective numbers."""

    positives: float
    negatives: float
    effective: tuple[float, float]

    @property
    def missing(self) -> str:
        """Why there is nothing to rank; empty where there is."""
        if self.positives > 0 and self.negatives > 0:
            return ""
        return "no positives" if self.negatives > 0 else "no negatives" if self.positives > 0 else "no rows"


@dataclass(frozen=True)
class _Blocks:
    """Some rows of one group in rising order; those with the same score form a block. Arrays have the shape (blocks,)."""

    masses: tuple[Masses, Masses]
    """Positives and negatives, as in the two below."""
    squares: tuple[Masses, Masses]
    """The sums of squared weights."""
    before: tuple[Masses, Masses]
    """The masses of the group's rows with a lower score."""
    selected: tuple[Masses, Masses]
    """Those with this score or a higher one, summed from above: what is left of a large sum would be no more than its rounding."""
    sizes: Places
    """Rows."""
    positive: Flags
    """Whether the row at each place is positive, shape (rows,)."""


def _group_figures(ranking: Ranking, group: int, *, influence: bool) -> _Part:
    """Two passes over the pieces, which are kept where they are few: the values, then their slopes by the mass of each row."""
    totals = _totals(ranking, group)
    kept = list(_pieces(ranking, group, totals)) if ranking.bounds[group + 1] - ranking.bounds[group] <= _KEPT else None
    if totals.missing:
        return _Part(totals.missing, influences=(np.zeros(np.diff(ranking.bounds)[group]),) * 2)
    area: float = 0
    precision: float = 0
    for blocks in kept or _pieces(ranking, group, totals):
        area += (blocks.masses[0] * (2 * blocks.before[1] + blocks.masses[1])).sum().item()  # doubled: exact without weights
        precision += (blocks.masses[0] * _precision(blocks)[0]).sum().item()
    area = _rounded(area / (2 * totals.positives * totals.negatives))
    precision = _rounded(precision / totals.positives)
    variances = np.zeros((2, 2))
    carried = [0.0, 0.0]
    places: list[tuple[Floats, Floats]] = []
    for blocks in kept or _pieces(ranking, group, totals):
        slopes = _area_slopes(blocks, totals, area), _precision_slopes(blocks, totals, precision, carried)
        for row, pair in enumerate(slopes):
            variances[row] += [(square * slope**2).sum() for square, slope in zip(blocks.squares, pair, strict=True)]
        if influence:
            places.append((_by_place(blocks, slopes[0], totals), _by_place(blocks, slopes[1], totals)))
    positives, negatives = totals.effective
    area_variance = variances[0, 0] * _unbiased(positives) + variances[0, 1] * _unbiased(negatives)
    precision_variance = variances[1].sum() * _unbiased(positives + negatives)
    found = (area, min(totals.effective), float(np.sqrt(area_variance))), (precision, positives, float(np.sqrt(precision_variance)))
    if not influence:
        return _Part("", found)
    return _Part("", found, (np.concatenate([pair[0] for pair in places]), np.concatenate([pair[1] for pair in places])))


def _area_slopes(blocks: _Blocks, totals: _Totals, area: float) -> tuple[Floats, Floats]:
    """The derivative of ROC AUC by the mass of a positive and of a negative in each block."""
    of_positives = (blocks.before[1] + 0.5 * blocks.masses[1]) / totals.negatives - area
    of_negatives = 1 - (blocks.before[0] + 0.5 * blocks.masses[0]) / totals.positives - area
    return of_positives / totals.positives, of_negatives / totals.negatives


def _precision_slopes(blocks: _Blocks, totals: _Totals, value: float, carried: list[float]) -> tuple[Floats, Floats]:
    """The same of average precision. A row also changes the precision at lower scores: `carried` has the sums over blocks before."""
    precision, selected = _precision(blocks)
    gain = blocks.masses[0] / selected
    gained = np.cumsum(gain) + carried[0]
    lost = np.cumsum(gain * precision) + carried[1]
    carried[:] = gained[-1].item(), lost[-1].item()
    return (gained - lost + precision - value) / totals.positives, -lost / totals.positives


def _precision(blocks: _Blocks) -> tuple[Floats, Masses]:
    """Precision when all rows from this score up are selected, and the mass of these."""
    selected = blocks.selected[0] + blocks.selected[1]
    return blocks.selected[0] / selected, selected


def _rounded(share: float) -> float:
    """Exactly 0 or 1 where sums of weights fall beside it."""
    return float(round(share)) if abs(share - round(share)) < _ROUNDING else share


def _by_place(blocks: _Blocks, slopes: tuple[Floats, Floats], totals: _Totals) -> Floats:
    of_positives, of_negatives = (np.repeat(slope, blocks.sizes) for slope in slopes)
    return np.where(blocks.positive, of_positives, of_negatives) * (totals.positives + totals.negatives)


def _totals(ranking: Ranking, group: int) -> _Totals:
    rows = ranking.order[ranking.bounds[group] : ranking.bounds[group + 1]]
    positive = ranking.positive[rows]
    if ranking.weight is None:
        counts = int(np.count_nonzero(positive)), int(np.count_nonzero(~positive))
        return _Totals(*counts, counts)
    mine = ranking.weight[rows[positive]], ranking.weight[rows[~positive]]
    masses = mine[0].sum().item(), mine[1].sum().item()
    squares = (mine[0] ** 2).sum().item(), (mine[1] ** 2).sum().item()
    return _Totals(*masses, (effective(masses[0], squares[0]), effective(masses[1], squares[1])))


def _pieces(ranking: Ranking, group: int, totals: _Totals) -> Iterator[_Blocks]:
    """The blocks of a group, some at a time; no block is cut."""
    rows = ranking.order[ranking.bounds[group] : ranking.bounds[group + 1]]
    begin = 0
    before: tuple[float, float] = (0, 0)
    while begin < len(rows):
        end = min(begin + _PIECE, len(rows))
        if end < len(rows):
            end = bisect_right(rows, ranking.score[rows[end - 1]], lo=end, key=ranking.score.__getitem__)
        left = (totals.positives - before[0], totals.negatives - before[1]) if end < len(rows) else None
        blocks = _blocks(ranking, rows[begin:end], before, left)
        yield blocks
        begin = end
        before = (blocks.before[0][-1] + blocks.masses[0][-1]).item(), (blocks.before[1][-1] + blocks.masses[1][-1]).item()


def _blocks(ranking: Ranking, rows: Places, before: tuple[float, float], left: tuple[float, float] | None) -> _Blocks:
    """The blocks of these rows.

    Args:
        ranking: of the rows.
        rows: in rising order of score.
        before: the masses of positives and negatives with lower scores.
        left: those of all others; None where these rows are the last.
    """
    score, positive = ranking.score[rows], ranking.positive[rows]
    starts = np.flatnonzero(np.concatenate([[True], score[1:] != score[:-1]]))
    sizes = np.diff(starts, append=len(rows))
    masses: tuple[Masses, Masses]
    if ranking.weight is None:
        below = np.concatenate([[0], np.cumsum(positive)])[starts]
        positives = np.diff(below, append=np.count_nonzero(positive))
        masses = squares = (positives, sizes - positives)
        earlier: tuple[Masses, Masses] = (below + before[0], starts - below + before[1])
    else:
        weight = ranking.weight[rows]
        masses, squares = _by_class(positive, weight, starts), _by_class(positive, weight**2, starts)
        earlier = (np.cumsum(masses[0]) - masses[0] + before[0], np.cumsum(masses[1]) - masses[1] + before[1])
    higher = (0, 0) if left is None else tuple(max(all_ - mine.sum().item(), 0) for all_, mine in zip(left, masses, strict=True))
    selected = _summed_from_above(masses[0], higher[0]), _summed_from_above(masses[1], higher[1])
    return _Blocks(masses, squares, earlier, selected, sizes, positive)


def _summed_from_above(masses: Masses, higher: float) -> Masses:
    found: Masses = np.cumsum(masses[::-1])[::-1]
    found += higher
    return found


def _by_class(positive: Flags, parts: Floats, starts: Places) -> tuple[Floats, Floats]:
    return np.add.reduceat(np.where(positive, parts, 0.0), starts), np.add.reduceat(np.where(positive, 0.0, parts), starts)


def _unbiased(n: float) -> float:
    """The factor n / (n - 1); 0 where one row shows no spread, and the figure is not estimable."""
    return n / (n - 1) if n > 1 else 0.0
