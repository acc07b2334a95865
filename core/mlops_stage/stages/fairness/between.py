"""The gaps between all groups of a grouping: the largest difference, the smallest ratio, and what chance alone would make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import NotEstimable, Point, Sampled
from mlops_stage.evidence.redact import HIDDEN, shown
from mlops_stage.report import Between, Metric
from mlops_stage.stages.fairness.grouping import CLASS
from mlops_stage.stages.fairness.rates import COMPOSITES, RATES
from mlops_stage.stages.fairness.tallies import CORRECT, FALSE, HIT, MISSED, Tallies
from mlops_stage.stats import redrawn
from mlops_stage.stats.chance import Chance, chance
from mlops_stage.stats.classification import BINARY_RATES
from mlops_stage.stats.gaps import largest_difference, smallest_ratio
from mlops_stage.stats.resampling import FEWEST_DRAWS
from mlops_stage.stats.shares import Means

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Slice
    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stages.fairness.rates import Rate
    from mlops_stage.stages.fairness.terms import Terms
    from mlops_stage.stats.cells import Cells, Flags, Places
    from mlops_stage.stats.shares import GroupFigure, Ranged, Shares

_MOST_NAMED = 3
MACRO = "recall_macro"
"""The mean recall of all classes, in a multi-class task."""


@dataclass(frozen=True, eq=False)
class _Part:
    """One figure of the groups in which it is compared."""

    name: str
    label: str
    """The class that it is of, if it is of one."""
    groups: Places
    """Shape (g,)."""
    figure: GroupFigure
    """Of those groups."""

    def spread(self, kind: str) -> tuple[float, Places]:
        """The difference of its ends, or how far their ratio lies below 1; and the groups at the ends, the lowest first."""
        places = np.flatnonzero(self.figure.known)
        values = self.figure.values[places]
        if len(values) < 2:  # noqa: PLR2004  (two groups)
            return -np.inf, self.groups[:0]
        low, high = (int(pick(values)) for pick in (np.argmin, np.argmax))
        wide = np.ptp(values) if kind == "difference" else 1 - values[low] / values[high] if values[high] > 0 else -np.inf
        return float(wide), self.groups[places[[low, high]]]


@dataclass(frozen=True, eq=False)
class _Compared:
    """What is compared between groups, and why that may not be all there is to compare."""

    parts: tuple[_Part, ...]
    incomplete: str

    @property
    def figures(self) -> list[GroupFigure]:
        """One for each part."""
        return [part.figure for part in self.parts]


def between_groups(cells: Cells, rates: Sequence[Rate], grouping: Grouping, terms: Terms) -> list[Metric]:
    """The figures `[by=…]` that `metrics_of` describes."""
    shown_groups = _shown(grouping, terms)
    found: list[Metric] = []
    known: dict[str, list[Metric]] = {}
    for name in RATES:
        own = [rate for rate in rates if rate.name == name]
        known[name] = list(_gaps(name, _compared(own, shown_groups, grouping, terms), grouping, terms))
        found += known[name]
        for rate in own if len(own) > 1 else ():
            found += _gaps(name, _compared([rate], shown_groups, grouping, terms), grouping, terms, ((CLASS, rate.label),))
    if len(rates) > len(RATES):
        found += _gaps(MACRO, _macro(rates, shown_groups, grouping, terms), grouping, terms)
    for name, parts in COMPOSITES.items():
        own = [rate for rate in rates if rate.name in parts]
        if len(parts) == 1:
            found += [_renamed(metric, parts[0], name) for metric in known[parts[0]]]
        else:
            found += _gaps(name, _compared(own, shown_groups, grouping, terms), grouping, terms)
    found += _by_chance(rates, shown_groups, grouping, terms)
    if terms.bootstrap and len(rates) == len(RATES):
        found += _bootstrapped(cells, shown_groups, grouping, terms)
    return found


def calibration_between(rates: Sequence[Rate], grouping: Grouping, terms: Terms) -> list[Metric]:
    """`calibration_difference` and `_ratio`: the gaps in the share of positives among rows of about the same score, over all ranges of scores."""
    return list(_gaps("calibration", _compared(rates, _shown(grouping, terms), grouping, terms), grouping, terms))


def _shown(grouping: Grouping, terms: Terms) -> Flags:
    """The groups that are compared."""
    shown_groups = np.zeros(grouping.size, dtype=np.bool_)
    shown_groups[[group for group in grouping.inside.tolist() if group not in terms.hidden]] = True
    return shown_groups


def _renamed(metric: Metric, old: str, new: str) -> Metric:
    return replace(metric, name=metric.name.replace(old, new, 1))


def _gaps(name: str, compared: _Compared, grouping: Grouping, terms: Terms, of_class: Slice = ()) -> Iterator[Metric]:
    """Largest difference and smallest ratio."""
    difference = largest_difference(compared.figures, terms.min_denominator)
    ratio = smallest_ratio(compared.figures, terms.min_denominator)
    few = compared.incomplete or "there are no two groups to compare"
    short = any(figure.known.sum() < 2 for figure in compared.figures)  # noqa: PLR2004  (two groups)
    none = few if short or difference is None else "it is 0 in every group, so there is no ratio"
    for kind, estimate, lacking in (("difference", difference, few), ("ratio", ratio, none)):
        yield Metric(
            name=f"{name}_{kind}",
            estimate=estimate or NotEstimable(0, lacking),
            slice=(*grouping.by, *of_class),
            direction="higher" if kind == "ratio" else "lower",
            incomplete=compared.incomplete if estimate else "",
            between=_farthest(compared, kind, grouping) if estimate else None,
        )


def _farthest(compared: _Compared, kind: str, grouping: Grouping) -> Between:
    """The groups that the gap lies between, by the values that are told."""
    part = max(compared.parts, key=lambda one: one.spread(kind)[0])
    low, high = (grouping.slice(group) for group in part.spread(kind)[1].tolist())
    return Between(figure=part.name, low=low, high=high, label=part.label)


def _compared(rates: Sequence[Rate], groups: Flags, grouping: Grouping, terms: Terms) -> _Compared:
    """Rates with the groups that are compared; those of a class that no row has, or none is predicted as, are nobody's disadvantage."""
    rates = tuple(rate for rate in rates if not rate.label or rate.shares.whole.sum() > 0) or tuple(rates[:1])
    reasons = (_lacking(rate, grouping, terms) for rate in rates)
    parts = tuple(
        _part(rate.name, rate.label if rate.name in RATES else "", rate.compared(groups, terms.least), rate.shares) for rate in rates
    )
    return _Compared(parts, "; ".join(dict.fromkeys(reason for reason in reasons if reason)))


def _part(name: str, label: str, groups: Flags, figure: GroupFigure) -> _Part:
    return _Part(name, label, np.flatnonzero(groups), figure.of(groups))


def _macro(rates: Sequence[Rate], groups: Flags, grouping: Grouping, terms: Terms) -> _Compared:
    recalls = [rate for rate in rates if rate.name == "tpr" and rate.shares.whole.sum() > 0]
    told = np.logical_and.reduce([groups, *(rate.compared(groups, terms.least) for rate in recalls)])
    parts = (_part(MACRO, "", told, Means([rate.shares for rate in recalls])),) if recalls else ()
    return _Compared(parts, _compared(recalls, groups, grouping, terms).incomplete)


def _lacking(rate: Rate, grouping: Grouping, terms: Terms) -> str:
    """Which groups are too small to be compared, in words that tell no count."""
    whole, of, inside = rate.shares.whole, rate.of, grouping.inside.tolist()
    enough = max(terms.min_denominator, terms.least)
    none = [
        group for group in inside if rate.rows[group] <= 0 and not rate.is_withheld(group) and group not in terms.hidden
    ]  # of few people even a zero would tell
    few = [group for group in inside if whole[group] < enough and group not in none and group not in terms.hidden]
    withheld = [group for group in inside if group in terms.hidden and group not in {*none, *few}]
    told = []
    for groups, have, has in (
        (none, f"have no {of}", f"has no {of}"),
        (few, f"have fewer than {enough:g} {of}", f"has fewer than {enough:g} {of}"),
        (withheld, "are masked, for they are small", "is masked, for it is small"),
    ):
        if groups:
            names = ", ".join(repr(shown(grouping.label(group), 40)) for group in groups[:_MOST_NAMED])
            more = f" and {len(groups) - _MOST_NAMED} more" if len(groups) > _MOST_NAMED else ""
            told.append(f"group {names} {has}" if len(groups) == 1 else f"groups {names}{more} {have}")
    return ", ".join(told)


def _by_chance(rates: Sequence[Rate], groups: Flags, grouping: Grouping, terms: Terms) -> Iterator[Metric]:
    """How likely so large a gap is where all groups are the same; over several rates by Bonferroni's inequality."""
    drawn: dict[str, list[tuple[Shares | Ranged, Chance]]] = {}
    names = dict.fromkeys(name for parts in COMPOSITES.values() for name in parts)
    for name in names:
        shares = [rate.shares.of(rate.compared(groups, terms.least)) for rate in rates if rate.name == name]
        drawn[name] = [(one, chance(one, terms.draws, terms.seed)) for one in shares if one.known.sum() > 1]
        if drawn[name]:
            widest = max(expected.difference for _, expected in drawn[name])
            rows = float(min(one.whole[one.known].min() for one, _ in drawn[name]))
            yield Metric(name=f"{name}_difference_by_chance", estimate=Point(widest, rows), slice=grouping.by)
    for name, parts in COMPOSITES.items():
        tests = [test for part in parts for test in drawn[part]]
        if tests:
            p_value = min(1.0, len(tests) * min(expected.p_value for _, expected in tests))
            rows = float(min(one.whole[one.known].min() for one, _ in tests))
            yield Metric(name=f"{name}_p_value", estimate=Point(p_value, rows), slice=grouping.by)


def _bootstrapped(cells: Cells, groups: Flags, grouping: Grouping, terms: Terms) -> Iterator[Metric]:
    """What a bootstrap of rows gives for the gaps; its percentiles lie too high for small gaps, so it informs only."""
    mass = _mass(cells, groups, terms)
    if mass is None:
        for name in COMPOSITES:
            yield from (Metric(name=f"{name}_{kind}_bootstrap", estimate=HIDDEN, slice=grouping.by) for kind in ("difference", "ratio"))
        return
    rows = (
        float(mass.sum())
        if cells.mass is cells.rows
        else float(mass.sum()) ** 2 / float(cells.squares[groups].sum())
        if mass.any()
        else 0.0
    )
    drawn: dict[str, list[np.ndarray]] = {}
    for tables in redrawn.redrawn(mass, rows, max(terms.draws, FEWEST_DRAWS), terms.seed) if rows else ():
        by_rate = {name: redrawn.between(redrawn.rates(tables, *BINARY_RATES[name][:2])) for parts in COMPOSITES.values() for name in parts}
        for name, parts in COMPOSITES.items():
            drawn.setdefault(f"{name}_difference", []).append(np.maximum.reduce([by_rate[part][0] for part in parts]))
            drawn.setdefault(f"{name}_ratio", []).append(np.minimum.reduce([by_rate[part][1] for part in parts]))
    for name, pieces in drawn.items():
        draws = np.concatenate(pieces)
        if np.isfinite(draws).all():
            estimate: Estimate = Sampled.from_draws(float(np.median(draws)), rows, np.sort(draws).tolist())
        else:
            estimate = NotEstimable(0, "in some draws no two groups could be compared")
        yield Metric(name=f"{name}_bootstrap", estimate=estimate, slice=grouping.by)


def _mass(cells: Cells, groups: Flags, terms: Terms) -> np.ndarray | None:
    """The cells of some groups, shape (g, 2, 2), as they are told: in the middle of their ranges; None where weighted ones cannot be."""
    exact = cells.mass[groups]
    if terms.told is None or not terms.told.unknown[groups].any():
        return exact
    if cells.mass is not cells.rows:
        return None
    kinds = [Tallies(2).of(kind) for kind in (CORRECT, FALSE, MISSED, HIT)]
    middle: np.ndarray = (terms.told.low[groups][:, kinds] + terms.told.high[groups][:, kinds]) / 2
    return middle.reshape(exact.shape)
