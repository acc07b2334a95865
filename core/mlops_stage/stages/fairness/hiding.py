"""What the report does not tell, because it would tell of few people; the counts themselves are private evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_stage.estimates import Point
from mlops_stage.evidence.redact import HIDDEN, MINIMUM_COUNT, Cell, Withheld, blurred, count_range, withheld
from mlops_stage.stages.fairness.grouping import BY, CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Metric
    from mlops_stage.report.observed import Slice
    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stats.cells import Cells

LABEL = "\N{NULL}label"
"""The axis of labels; no column has that name."""
DECISION = "\N{NULL}decision"
_RATES = {"tpr": LABEL, "fnr": LABEL, "fpr": LABEL, "tnr": LABEL, "precision": DECISION}
_OF_OTHERS = ("fpr", "tnr")
"""Rates of the rows that are labelled otherwise."""
_SUFFIXES = (
    "_p_value",
    "_difference_by_chance",
    "_difference_bootstrap",
    "_ratio_bootstrap",
    "_difference_to_overall",
    "_ratio_to_overall",
    "_difference_to_reference",
    "_ratio_to_reference",
    "_difference",
    "_ratio",
)
_OF_CHANCE = ("_p_value", "_difference_by_chance")
"""Of no group's rate, but of a denominator."""
_PARTS = {
    "recall_macro": ("tpr",),
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("tpr",),
    "equalized_odds": ("tpr", "fpr"),
}
_TOLD, _BLURRED, _HIDDEN = range(3)


@dataclass(frozen=True)
class Counted:
    """A grouping with its cells, shape (G, K, K)."""

    grouping: Grouping
    cells: Cells


@dataclass(frozen=True)
class Secrets:
    """Which of the counts that are published together must not be told."""

    classes: tuple[str, ...]
    counts: Mapping[Cell, int]
    """Rows by group; by group and label; by group and decision: the denominators of all rates."""
    kept: Withheld

    def groups(self, grouping: Grouping) -> frozenset[int]:
        """The groups of so few rows that nothing is told of them."""
        return frozenset(group for group in range(grouping.size) if frozenset(grouping.slice(group)) in self.kept.hidden)

    def told(self, metric: Metric, grouping: Grouping, reference: Mapping[str, str]) -> Metric:
        """The metric of a grouping as far as it may be told: itself, rounded, or hidden.

        A figure between groups leaves hidden groups out when it is made; it is rounded where it may be that of a group whose count must be blurred.
        """
        where = dict(metric.slice)
        of_class = where.pop(CLASS, None)
        names = _base(metric.name)
        if BY in where:
            cells = [frozenset(grouping.slice(group)) for group in range(grouping.size)]
            look = max(
                (min(self._look(name, cell, of_class), _BLURRED) for name in names for cell in cells if self._known(cell)), default=0
            )
        else:
            cells = [frozenset(where.items())]
            if metric.name.endswith("_to_reference"):
                cells.append(frozenset((column, reference[column]) for column in where))
            look = max(self._look(name, cell, of_class) for name in names for cell in cells)
        if look == _TOLD:
            return metric
        if isinstance(metric.estimate, Point) and metric.name.endswith(_OF_CHANCE):
            return replace(metric, estimate=Point(metric.estimate.value, blurred(metric.estimate).n))
        return replace(metric, estimate=HIDDEN if look == _HIDDEN else blurred(metric.estimate))

    def estimate(self, estimate: Estimate, names: Sequence[str], groups: Sequence[Slice]) -> Estimate:
        """A figure of some groups as far as it may be told, where its denominators are those of the rates of these names."""
        look = max(self._look(name, frozenset(group), None) for name in names for group in groups)
        return estimate if look == _TOLD else HIDDEN if look == _HIDDEN else blurred(estimate)

    def range(self, cell: Cell) -> int | tuple[int, int]:
        """A count as it may be told: exactly, or between which numbers it lies."""
        low, high = count_range(self.counts[cell], hidden=cell in self.kept.hidden, blurred=cell in self.kept.blurred)
        return low if low == high else (low, high)

    def _known(self, cell: Cell) -> bool:
        return cell not in self.kept.hidden

    def _look(self, name: str, group: Cell, of_class: str | None) -> int:
        """How the denominator of a rate of a group may be told."""
        axis = _RATES.get(name)
        if axis is None or not self._known(group):
            return self._of(group)
        if len(self.classes) == 2:  # noqa: PLR2004  (binary)
            return self._of(group | {(axis, self.classes[0 if name in _OF_OTHERS else 1])})
        looks = []
        for one in [of_class] if of_class else self.classes:
            cell = group | {(axis, one)}
            if name not in _OF_OTHERS:
                looks.append(self._of(cell))
            elif 0 < self.counts[group] - self.counts[cell] < MINIMUM_COUNT:
                looks.append(_HIDDEN)
            else:
                looks.append(min(max(self._of(cell), self._of(group)), _BLURRED))
        return max(looks)

    def _of(self, cell: Cell) -> int:
        return _HIDDEN if cell in self.kept.hidden else _BLURRED if cell in self.kept.blurred else _TOLD


def secrets(counted: Iterable[Counted], classes: Sequence[str]) -> Secrets:
    """What must not be told of some groupings that are published together, and with all rows."""
    counts: dict[Cell, int] = {}
    for one in counted:
        rows = one.cells.rows
        for group in range(one.grouping.size):
            _count(counts, frozenset(one.grouping.slice(group)), rows[group], classes)
        _count(counts, frozenset(), rows.sum(axis=0), classes)
    return Secrets(tuple(classes), counts, withheld(counts))


def _count(counts: dict[Cell, int], where: Cell, table: NDArray[np.int64], classes: Sequence[str]) -> None:
    counts[where] = int(table.sum())
    for axis, sums in ((LABEL, table.sum(axis=1)), (DECISION, table.sum(axis=0))):
        for name, count in zip(classes, sums.tolist(), strict=True):
            counts[where | {(axis, name)}] = count


def _base(name: str) -> tuple[str, ...]:
    """The rates that a figure is made of."""
    stem = next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)
    return _PARTS.get(stem, (stem,))
