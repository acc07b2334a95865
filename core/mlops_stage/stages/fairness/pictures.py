"""Figures in the other sense: groups side by side, ratios against a threshold, and groups of two columns crossed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Bounded, NotEstimable, Point, Ratio
from mlops_stage.gate.words import one_line
from mlops_stage.report import Interval, Intervals, Matrix
from mlops_stage.stages.fairness.grouping import BY, CLASS, UNKNOWN
from mlops_stage.stages.fairness.telling import extremes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Figure, Metric
    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stages.fairness.telling import Telling

FOUR_FIFTHS = 0.8
"""The ratio below which 29 CFR 1607.4(D) generally sees adverse impact."""
_MOST_GROUPS = 40
_MOST_LEVELS = 40
_MOST_ACROSS = 8
_LOW, _HIGH = 0.025, 0.975
_UPPER = 0.95
"""A one-sided bound, as verdicts use it."""
_TITLES = {
    "selection_rate": ("Selection rate", "share of rows with a positive decision"),
    "tpr": ("True positive rate", "share found among those who are positive"),
    "fpr": ("False positive rate", "share wrongly taken for positive"),
    "accuracy": ("Accuracy", "share of right decisions"),
    "precision": ("Precision", "share of right ones among positive decisions"),
}
_BINARY = ("selection_rate", "tpr", "fpr")
_MANY = ("accuracy",)


class Told:
    """What may be told of all rows, of gaps, and of every group, also of those that the report does not tell one by one."""

    def __init__(self, metrics: Sequence[Metric], tellings: Sequence[Telling]) -> None:
        self._found = {(metric.name, metric.slice): metric for metric in metrics if not metric.slice or metric.slice[0][0] == BY}
        self._tellings = {one.grouping.columns: one for one in tellings}

    def whole(self, name: str) -> Estimate | None:
        """The figure of all rows."""
        found = self._found.get((name, ()))
        return None if found is None else found.estimate

    def groups(self, grouping: Grouping, name: str, groups: Iterable[int], label: str = "") -> list[Estimate | None]:
        """The figure of some groups; None where there is no such figure."""
        telling = self._tellings[grouping.columns]
        rate = telling.find(name, label)
        return [None for _ in groups] if rate is None else list(telling.estimates(rate, groups))

    def shown(self, grouping: Grouping, name: str) -> list[int]:
        """The groups that a picture shows: all, or of many those with the lowest and the highest values."""
        telling = self._tellings[grouping.columns]
        rate = telling.find(name)
        if rate is None or grouping.size <= _MOST_GROUPS:
            return list(range(grouping.size))
        return sorted(extremes(np.where(telling.masked(rate), np.nan, rate.shares.values), _MOST_GROUPS))

    def ruled_out(self, name: str, grouping: Grouping) -> str:
        """Which gaps between groups these rows speak against, as a sentence; empty where none can be estimated."""
        found = self._found.get((f"{name}_difference", grouping.by))
        if found is None or not isinstance(found.estimate, Bounded):
            return ""
        part = ", among the groups that are large enough to be compared" if found.incomplete else ""
        bound = math.ceil(found.estimate.bound(_UPPER) * 1000) / 1000
        return f" There is no evidence of a gap above {bound:g} at this sample size{part}."


def pictures(metrics: Sequence[Metric], tellings: Sequence[Telling], *, classes: Sequence[str]) -> list[Figure]:
    """For each column groups side by side; in a binary task also ratios of selection rates, and pairs of columns as a map."""
    told, groupings, binary = Told(metrics, tellings), [one.grouping for one in tellings], len(classes) == 2  # noqa: PLR2004  (binary)
    found: list[Figure] = []
    orders = {one.columns[0]: [level for (level,) in one.levels] for one in groupings if len(one.columns) == 1}
    for grouping in groupings:
        if len(grouping.columns) == 1:
            found += [figure for name in (_BINARY if binary else _MANY) for figure in _side_by_side(told, grouping, name)]
            found += _impact_ratios(told, grouping) if binary else _by_class(told, grouping, classes)
    for grouping in groupings:
        if len(grouping.columns) == 2:  # noqa: PLR2004  (a map has two sides)
            found += [
                figure for name in (("selection_rate", "tpr") if binary else _MANY) for figure in _crossed(told, grouping, name, orders)
            ]
    return found


def _side_by_side(told: Told, grouping: Grouping, name: str) -> list[Figure]:
    title, meaning = _TITLES[name]
    (column,) = grouping.columns
    groups = told.shown(grouping, name)
    rows = [
        interval(grouping.label(group), estimate, "not compared" if group in grouping.outside else "")
        for group, estimate in zip(groups, told.groups(grouping, name, groups), strict=True)
        if estimate is not None
    ]
    if not rows:
        return []
    overall = told.whole(name)
    more = (
        f" Of {grouping.size:,} groups the {len(rows)} with the lowest and highest values are shown." if len(rows) < grouping.size else ""
    )
    return [
        Intervals(
            name=f"{name}_by_{column}",
            title=f"{title} by {one_line(column)}",
            caption=f"{title}: {meaning}. Each line is a group with its 95 % interval; where intervals lie apart, chance alone hardly explains it. "
            f"The vertical line is all rows.{told.ruled_out(name, grouping)}{more}",
            x_label=title.lower(),
            rows=tuple(rows),
            reference=None if overall is None or isinstance(overall, NotEstimable) else overall.value,
            reference_label="all rows",
        )
    ]


def _impact_ratios(told: Told, grouping: Grouping) -> list[Figure]:
    """Each group's selection rate divided by that of the group with the highest."""
    groups = [group for group in told.shown(grouping, "selection_rate") if group not in grouping.outside]
    rates = dict(zip(groups, told.groups(grouping, "selection_rate", groups), strict=True))
    known = {group: rate for group, rate in rates.items() if isinstance(rate, Bounded) and rate.value > 0}
    if len(rates) < 2 or not known:  # noqa: PLR2004  (a ratio has two sides)
        return []
    best = max(known, key=lambda group: known[group].value)
    rows = []
    for group, rate in rates.items():
        label = grouping.label(group)
        if group == best:
            rows.append(
                Interval(label=label, value=1.0, low=None, high=None, n=known[best].n, note="highest rate: the others are divided by it")
            )
        elif isinstance(rate, Bounded):
            rows.append(replace(interval(label, Ratio(rate, known[best])), n=rate.n))
        elif rate is not None:
            rows.append(interval(label, rate))
    (column,) = grouping.columns
    return [
        Intervals(
            name=f"impact_ratio_by_{column}",
            title=f"Impact ratio by {one_line(column)}",
            caption="Each group's selection rate divided by the highest one, with its 95 % interval. Below the line at 0.8, the four-fifths rule "
            "of 29 CFR 1607.4(D) generally sees adverse impact; an interval across the line leaves it open at this sample size.",
            x_label="selection rate divided by the highest",
            rows=tuple(rows),
            reference=FOUR_FIFTHS,
            reference_label="four fifths",
        )
    ]


def _crossed(told: Told, grouping: Grouping, name: str, orders: Mapping[str, Sequence[str]]) -> list[Figure]:
    places = {levels: group for group, levels in enumerate(grouping.levels) if UNKNOWN not in levels}
    first, second = ([level for level in orders[column] if level != UNKNOWN] for column in grouping.columns)
    sizes = sorted((len(first), len(second)))
    if sizes[0] < 2 or sizes[0] > _MOST_ACROSS or sizes[1] > _MOST_LEVELS:  # noqa: PLR2004  (one line is no map)
        return []
    turned = len(second) > len(first)  # more levels go down the page than across it
    rows, columns = (second, first) if turned else (first, second)
    cells = [[_cell(told, grouping, name, places.get((column, row) if turned else (row, column))) for column in columns] for row in rows]
    row_label, column_label = reversed(grouping.columns) if turned else grouping.columns
    title, meaning = _TITLES[name]
    return [
        Matrix(
            name=f"{name}_by_{grouping.columns[0]}_and_{grouping.columns[1]}",
            title=f"{title} by {one_line(grouping.columns[0])} and {one_line(grouping.columns[1])}",
            caption=f"{title}: {meaning}. Under each share stands the number of rows that it is of; hatched cells have none, and masked ones would tell of "
            "few people.",
            row_label=row_label,
            column_label=column_label,
            rows=tuple(rows),
            columns=tuple(columns),
            values=tuple(tuple(value for value, _ in line) for line in cells),
            shares=True,
            counts=tuple(tuple(count for _, count in line) for line in cells),
        )
    ]


def _by_class(told: Told, grouping: Grouping, classes: Sequence[str]) -> list[Figure]:
    """In a multi-class task how often each class is found in each group."""
    (column,) = grouping.columns
    if not 0 < len(classes) <= _MOST_ACROSS or grouping.size > _MOST_LEVELS:
        return []
    by_class = [told.groups(grouping, "tpr", range(grouping.size), one) for one in classes]
    cells = [[_share(estimate) for estimate in of_group] for of_group in zip(*by_class, strict=True)]
    return [
        Matrix(
            name=f"tpr_by_{column}_and_class",
            title=f"True positive rate by {one_line(column)} and class",
            caption="How often each class is found where it is the truth. Under each share stands the number of rows that it is of; hatched cells have none, "
            "and masked ones would tell of few people.",
            row_label=column,
            column_label=CLASS,
            rows=tuple(grouping.label(group) for group in range(grouping.size)),
            columns=tuple(classes),
            values=tuple(tuple(value for value, _ in line) for line in cells),
            shares=True,
            counts=tuple(tuple(count for _, count in line) for line in cells),
        )
    ]


def _cell(told: Told, grouping: Grouping, name: str, group: int | None) -> tuple[float | None, float | None]:
    """A share with its denominator; a combination that no row has is a count of 0."""
    return (None, 0.0) if group is None else _share(told.groups(grouping, name, [group])[0])


def _share(estimate: Estimate | None) -> tuple[float | None, float | None]:
    """Value and denominator; without a value the cell is hatched, without either masked."""
    if estimate is None or isinstance(estimate, NotEstimable):
        return None, None if estimate is None else estimate.n
    return estimate.value, estimate.n


def interval(label: str, estimate: Estimate, note: str = "") -> Interval:
    """A row of a forest plot."""
    if isinstance(estimate, NotEstimable):
        return Interval(label=label, value=None, low=None, high=None, n=estimate.n, note=estimate.reason)
    if isinstance(estimate, Point):
        return Interval(label=label, value=estimate.value, low=None, high=None, n=estimate.n, note=note or "no interval")
    low, high = estimate.bound(_LOW), estimate.bound(_HIGH)
    return Interval(label=label, value=estimate.value, low=low, high=high if math.isfinite(high) else None, n=estimate.n, note=note)
