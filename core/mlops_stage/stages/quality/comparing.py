"""The model beside its baseline: differences of figures, decisions that changed, slices that got worse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mlops_stage.estimates import Bounded, NotEstimable, Paired, Rate, p_value
from mlops_stage.evidence.redact import HIDDEN
from mlops_stage.report import Finding, Level, Metric
from mlops_stage.stages.quality.divisions import CLASS, all_rows
from mlops_stage.stages.quality.estimating import figures
from mlops_stage.stages.quality.metrics import apart
from mlops_stage.stats.cells import Cells, count_cells
from mlops_stage.stats.classification import BINARY_STATISTICS, MULTICLASS_STATISTICS
from mlops_stage.stats.linear import paired_difference
from mlops_stage.stats.paired import (
    MOST_CLASSES,
    change_axes,
    changed_accuracy,
    changed_mean,
    changed_rates,
    changed_recall,
    changed_statistics,
    false_discoveries,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Slice
    from mlops_stage.stages.quality.divisions import Division
    from mlops_stage.stages.quality.estimating import Answers, Figures
    from mlops_stage.stats.cells import Codes


class Comparison(Protocol):
    """What the model's figures are compared with."""

    def versus(self, found: Figures) -> list[dict[str, Estimate]]:
        """The difference of every figure to the baseline's, for each group."""

    def versus_by_class(self, found: Figures) -> dict[str, dict[str, Estimate]]:
        """The same for each class."""


@dataclass(frozen=True)
class ByFigures:
    """A baseline of which only figures are known, or the answers for other rows: each difference takes both for independent."""

    earlier: Mapping[tuple[str, Slice], Estimate]
    """By name and slice."""

    def versus(self, found: Figures) -> list[dict[str, Estimate]]:
        """See `Comparison`."""
        return [self._of(estimates, found.division.slice(group)) for group, estimates in enumerate(found.by_group)]

    def versus_by_class(self, found: Figures) -> dict[str, dict[str, Estimate]]:
        """See `Comparison`."""
        return {name: self._of(estimates, ((CLASS, name),)) for name, estimates in found.by_class.items()}

    def _of(self, estimates: Mapping[str, Estimate], where: Slice) -> dict[str, Estimate]:
        return {name: apart(estimate, self.earlier[name, where]) for name, estimate in estimates.items() if (name, where) in self.earlier}


@dataclass(frozen=True)
class Withheld:
    """A baseline that nothing can be compared with, because its figures are in doubt."""

    reason: str

    def versus(self, found: Figures) -> list[dict[str, Estimate]]:
        """See `Comparison`."""
        return [dict.fromkeys(estimates, NotEstimable(None, self.reason)) for estimates in found.by_group]

    def versus_by_class(self, found: Figures) -> dict[str, dict[str, Estimate]]:
        """See `Comparison`."""
        return {name: dict.fromkeys(estimates, NotEstimable(None, self.reason)) for name, estimates in found.by_class.items()}


@dataclass(frozen=True)
class ByRows:
    """A baseline's answers for the same rows: what both models have in common cancels."""

    new: Answers
    old: Answers
    """For the same rows in the same order, with the same labels and classes."""
    draws: int
    seed: int

    def versus(self, found: Figures) -> list[dict[str, Estimate]]:
        """See `Comparison`."""
        division = found.division
        earlier = figures(self.old, division, draws=self.draws, seed=self.seed) if division.column else self.whole
        linear = {
            name: paired_difference(division.groups, figure, earlier.linear[name])
            for name, figure in found.linear.items()
            if name in earlier.linear
        }
        decided = self._decisions(division)
        differences: list[dict[str, Estimate]] = []
        for group, level in enumerate(division.levels):
            old, new = earlier.by_group[group], found.by_group[group]
            every = {name: apart(estimate, old[name]) for name, estimate in new.items() if name in old}
            every |= {name: figure.estimate(group) for name, figure in linear.items()}
            every |= decided[group]
            differences.append(dict.fromkeys(every, HIDDEN) if level in division.hidden else every)
        return differences

    def versus_by_class(self, found: Figures) -> dict[str, dict[str, Estimate]]:
        """See `Comparison`."""
        earlier = self.whole.by_class
        differences: dict[str, dict[str, Estimate]] = {}
        for index, (name, estimates) in enumerate(found.by_class.items()):
            old = earlier.get(name, {})
            differences[name] = {figure: apart(estimate, old[figure]) for figure, estimate in estimates.items() if figure in old}
            differences[name]["recall"] = changed_recall(self.changes, index, f"no rows of class {name}")
        return differences

    @cached_property
    def whole(self) -> Figures:
        """The baseline's figures of all rows."""
        return figures(self.old, all_rows(self.new.predictions), draws=self.draws, seed=self.seed)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.new.predictions.classes)

    @cached_property
    def axes(self) -> tuple[Codes, Codes, Codes]:
        """Label, whether the old decision was right, whether the new one is, of each row."""
        return change_axes(self.new.label, self.old.decision, self.new.decision)

    @cached_property
    def changes(self) -> Cells:
        """Those counted, shape (K, 2, 2)."""
        return count_cells(self.axes, (self.classes, 2, 2), self.new.predictions.weight)

    def _decisions(self, division: Division) -> list[dict[str, Estimate]]:
        """How the figures of decisions changed, for each group."""
        if self.new.predictions.task == "regression":
            return [{} for _ in division.levels]
        statistics = self._statistics(division)
        size, groups = self.classes, division.groups
        if groups.codes is None:
            return [{**self._rates(self.changes), **statistics[0]}]
        changes = count_cells((groups.codes, *self.axes), (groups.size, size, 2, 2), groups.weight)
        return [{**self._rates(changes[group]), **statistics[group]} for group in range(groups.size)]

    def _rates(self, changes: Cells) -> Mapping[str, Estimate]:
        if self.new.predictions.task == "binary":
            return changed_rates(changes)
        names = self.new.predictions.classes
        recalls = [changed_recall(changes, index, f"no rows of class {name}") for index, name in enumerate(names)]
        accuracy = changed_accuracy(changes)
        return {
            "accuracy": accuracy,
            "recall_weighted": accuracy,
            "recall_macro": changed_mean(recalls),
            "balanced_accuracy": changed_mean([recalls[index] for index in self.new.occurring]),
        }

    def _statistics(self, division: Division) -> list[Mapping[str, Estimate]]:
        """Figures whose denominators differ between the two, for each group; among many classes of all rows only."""
        binary, size, groups = self.new.predictions.task == "binary", self.classes, division.groups
        if not binary and (division.column or size > MOST_CLASSES):
            return [{} for _ in division.levels]
        everywhere = np.zeros(groups.rows, dtype=np.uint8) if groups.codes is None else groups.codes
        axes = everywhere, self.new.label, self.old.decision, self.new.decision
        triples = count_cells(axes, (groups.size, size, size, size), groups.weight)
        statistics = BINARY_STATISTICS if binary else MULTICLASS_STATISTICS
        return [changed_statistics(triples[group], statistics, draws=self.draws, seed=self.seed) for group in range(groups.size)]


def changed_decisions(rows: ByRows) -> tuple[list[Metric], list[Finding]]:
    """Decisions that changed, split into fixes and breaks."""
    change = changed_accuracy(rows.changes)
    if not isinstance(change, Paired):
        return [], []
    counts = rows.changes.rows.sum(axis=0)
    fixes, breaks = int(counts[0, 1]), int(counts[1, 0])
    differing = int((rows.old.decision != rows.new.decision).sum())
    total = rows.new.predictions.n
    other = f", {differing - fixes - breaks:,} from one wrong answer to another" if differing > fixes + breaks else ""
    message = (
        f"{differing:,} of {total:,} decisions differ from the baseline's: {fixes:,} fixes (wrong before, right now), "
        f"{breaks:,} breaks (right before, wrong now){other}"
    )
    metrics = [
        Metric(name="fixes", estimate=Rate(change.gained, change.n), direction="higher"),
        Metric(name="breaks", estimate=Rate(change.lost, change.n), direction="lower"),
    ]
    return metrics, [Finding(rule="quality/changed-decisions", level=Level.NOTE, message=message)]


def worse_slices(metrics: Sequence[Metric], name: str) -> list[Finding]:
    """Slices whose figure is worse than the baseline's, among all that were looked at; at most one in twenty by chance alone."""
    looked_at: list[tuple[Metric, Bounded]] = []
    for metric in metrics:
        own = metric.name == name and metric.slice and metric.slice[0][0] != CLASS
        if own and isinstance(metric.versus, Bounded):
            looked_at.append((metric, metric.versus))
    p_values = [p_value(change, 0.0, ">=" if metric.direction == "higher" else "<=") for metric, change in looked_at]
    stand = false_discoveries(p_values)
    return [_worse(metric, change) for (metric, change), stands in zip(looked_at, stand, strict=True) if stands]


def _worse(metric: Metric, change: Bounded) -> Finding:
    low, high = change.bound(0.025), change.bound(0.975)
    moved = "fell" if metric.direction == "higher" else "rose"
    interval = f"95 % interval {_shift(low)} to {_shift(high)}, {change.n:,.0f} rows"
    message = f"{metric.label} {moved} by {abs(change.value):.3g} against the baseline ({interval})"
    return Finding(
        rule="quality/slice-got-worse", level=Level.WARNING, message=message, hint="look at what changed in these rows, or gate that slice"
    )


def _shift(difference: float) -> str:
    """`0.228 lower`."""
    return f"{abs(difference):.3g} {'lower' if difference < 0 else 'higher'}"
