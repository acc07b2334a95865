"""Which rows a page shows when there are thousands: the most telling ones, with a count of those left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING

from mlops_stage.estimates import NotEstimable
from mlops_stage.report import Level
from mlops_stage.reporters.words import interval

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mlops_stage.report import Evidence, Finding, Metric, Report, Slice

OVERALL = 40
"""Metrics over all rows that a page shows per report."""
SLICES = 12
"""Slices that a page shows per metric."""
SLICED = 12
"""Metrics that a page shows by slice, per report."""
RULES = 12
"""Rules whose findings a page shows, per report."""
EXAMPLES = 5
"""Findings that a page shows per rule."""


@dataclass(frozen=True, kw_only=True)
class Sliced:
    """One metric by slice."""

    name: str
    rows: tuple[Metric, ...]
    """Those that a gate names first, then the worst compared with all rows."""
    left_out: int
    unknown: int
    """How many of those left out could not be estimated."""


@dataclass(frozen=True, kw_only=True)
class Single:
    """The metrics that are each known of one slice only: there is nothing to compare them with."""

    where: Slice
    """The slice, where it is the same one for all."""
    rows: tuple[Metric, ...]
    left_out: int


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """The findings of one rule at one level."""

    rule: str
    level: Level
    examples: tuple[Finding, ...]
    left_out: int

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.examples) + self.left_out


def overall(report: Report, named: Collection[tuple[str, Slice]] = ()) -> tuple[tuple[Metric, ...], int]:
    """The metrics over all rows, those that a gate names first, and how many are left out."""
    metrics = [metric for metric in report.metrics if not metric.slice]
    metrics.sort(key=lambda metric: (metric.name, ()) not in named)
    return tuple(metrics[:OVERALL]), max(len(metrics) - OVERALL, 0)


def sliced(report: Report, named: Collection[tuple[str, Slice]] = ()) -> tuple[tuple[Sliced, ...], int]:
    """Each metric by slice, those that a gate names first, and how many metrics are left out."""
    whole = {metric.name: metric for metric in report.metrics if not metric.slice}
    groups = {name: found for name, found in _by_name(report).items() if len(found) > 1 or name in whole}
    asked = {name for name, where in named if where}
    names = sorted(groups, key=lambda name: name not in asked)
    return tuple(_chosen(name, groups[name], whole, named) for name in names[:SLICED]), max(len(names) - SLICED, 0)


def single(report: Report, named: Collection[tuple[str, Slice]] = ()) -> Single | None:
    """The metrics that one slice alone has, those that a gate names first; None where there are none."""
    whole = {metric.name for metric in report.metrics if not metric.slice}
    rows = [found[0] for name, found in _by_name(report).items() if len(found) == 1 and name not in whole]
    if not rows:
        return None
    rows.sort(key=lambda metric: (metric.name, metric.slice) not in named)
    where = rows[0].slice if len({metric.slice for metric in rows}) == 1 else ()
    return Single(where=where, rows=tuple(rows[:OVERALL]), left_out=max(len(rows) - OVERALL, 0))


def _by_name(report: Report) -> dict[str, list[Metric]]:
    """The metrics of slices."""
    groups: dict[str, list[Metric]] = {}
    for metric in report.metrics:
        if metric.slice:
            groups.setdefault(metric.name, []).append(metric)
    return groups


def _chosen(name: str, metrics: list[Metric], whole: Mapping[str, Metric], named: Collection[tuple[str, Slice]]) -> Sliced:
    ranked = sorted(metrics, key=lambda metric: ((metric.name, metric.slice) not in named, -_worse(metric, whole.get(name))))
    rest = ranked[SLICES:]
    return Sliced(
        name=name,
        rows=tuple(ranked[:SLICES]),
        left_out=len(rest),
        unknown=sum(isinstance(metric.estimate, NotEstimable) for metric in rest),
    )


def _worse(metric: Metric, whole: Metric | None) -> float:
    """How much worse than all rows this slice is at the least, by the end of its interval that favours it."""
    low, high = interval(metric.estimate)
    if math.isnan(low):
        return -math.inf
    middle = 0.0 if whole is None or isinstance(whole.estimate, NotEstimable) else whole.estimate.value
    if metric.direction == "higher":
        return middle - high
    if metric.direction == "lower":
        return low - middle
    return max(low - middle, middle - high)


def graver_first(findings: Iterable[Finding]) -> list[Finding]:
    """What puts figures in doubt, then errors, warnings and notes; otherwise as they came."""
    return sorted(findings, key=gravity)


def gravity(finding: Finding) -> tuple[bool, int]:
    """Sorts what puts figures in doubt first, then errors, warnings and notes."""
    return not finding.doubts_figures, -finding.level.gravity


def doubts(report: Report) -> list[Finding]:
    """The findings that put this report's figures in doubt, the gravest first."""
    return graver_first(finding for finding in report.findings if finding.doubts_figures)


def in_doubt(findings: Iterable[Finding]) -> bool:
    """Whether one of them is so grave that figures may be wrong; below that there are reservations."""
    return any(finding.level is Level.ERROR and finding.doubts_figures for finding in findings)


def warning(findings: Sequence[Finding]) -> str:
    """What stands above findings that put figures in doubt."""
    if in_doubt(findings):
        return "Read this first: figures below may be wrong"
    return "Keep in mind: figures below may be slightly off" if any(found.level is Level.WARNING for found in findings) else "Keep in mind"


def reservation(findings: Sequence[Finding], *, passed: bool) -> str:
    """What a headline adds because of such findings."""
    if not in_doubt(findings):
        return ", with a reservation" if findings else ""
    return f", {'but' if passed else 'and'} figures are in doubt"


def ruled(findings: Iterable[Finding]) -> tuple[tuple[Ruled, ...], int]:
    """Findings by rule and level, the gravest first, and how many findings belong to rules left out."""
    groups: dict[tuple[str, Level], list[Finding]] = {}
    for finding in graver_first(findings):
        groups.setdefault((finding.rule, finding.level), []).append(finding)
    shown = [
        Ruled(rule=rule, level=level, examples=tuple(group[:EXAMPLES]), left_out=max(len(group) - EXAMPLES, 0))
        for (rule, level), group in groups.items()
    ]
    return tuple(shown[:RULES]), sum(group.count for group in shown[RULES:])


def public(evidence: Iterable[Evidence]) -> list[Evidence]:
    """The evidence that pages may show: not what lies in `evidence/private/`, which may name people."""
    return [item for item in evidence if "private" not in normpath(item.path).split("/")[:-1]]
