"""How far each column lies from the profile: the distance that gates look at, and others beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Estimate, NotEstimable, Rate
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables import profile as profiles
from mlops_stage.report import Criterion, Metric
from mlops_stage.stages.data import rules as r
from mlops_stage.stats import drift as distances
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from mlops_stage.stages.data.outcomes import Checked

FAMILY = "drift"
"""Holm's correction runs over all columns."""
MISSING, NEW, ODD = "missing_shift", "new_category_share", "odd_shift"
_GATED = {"ks", "linf", MISSING, NEW, ODD}
_INFORMS = ("js", "cramers_v", "wasserstein")
"""Distances whose bounds miss their 5 % by far (`benchmarks/drift.py`): nothing can pass or fail on them."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One distance of one column."""

    column: str
    name: str
    """Of the metric: `ks`, `linf`, `psi` …"""
    estimate: Estimate
    threshold: float
    culprit: str = ""
    """Where the distance is largest, in a few words."""

    @property
    def metric(self) -> Metric:
        """As a report shows it."""
        return Metric(name=self.name, estimate=self.estimate, slice=(("column", self.column),), direction="lower")

    def criterion(self, source: str, number: float | None = None, *, strict: bool = False) -> Criterion:
        """The gate on it."""
        limit = self.threshold if number is None else number
        return Criterion(
            metric=self.name, op="<" if strict else "<=", number=limit, slice=(("column", self.column),), source=source, family=FAMILY
        )

    @property
    def gated(self) -> bool:
        """Whether a gate looks at it where nobody declared which."""
        return self.name in _GATED


def effects(profile: profiles.Profile, checked: Checked, wanted: Mapping[str, Iterable[str]], seed: int) -> list[Effect]:
    """The distances of every column that the profile has a distribution of and the table has.

    Args:
        profile: the earlier data.
        checked: the later data, counted into the profile's bins.
        wanted: methods by column beyond those that are always measured.
        seed: of the bootstrap behind PSI, JS, Cramér's V and Wasserstein.
    """
    found: list[Effect] = []
    for column in profile.columns:
        if isinstance(column, profiles.Omitted) or column.name not in checked.bins:
            continue
        counts, nulls, odd = checked.bins[column.name]
        methods = dict.fromkeys(["ks" if isinstance(column, profiles.Numbers) else "linf", "psi", *wanted.get(column.name, ())])
        found += [_effect(column, counts, method, seed) for method in methods]
        if isinstance(column, profiles.Categories):
            found.append(_new(column.name, odd, int(counts.sum())))
        elif odd or column.odd:
            found.append(_odd(column, profile.rows, odd, checked.rows))
        if nulls or column.nulls:
            found.append(_missing(column, profile.rows, nulls, checked.rows))
    return found


def untold(rule: r.Rule, method: str, profile: profiles.Profile, checked: Checked) -> Effect:
    """What a rule demands of a distance that there is none of: no rule is passed over."""
    name = rule.columns[0]
    column = profile.column(name)
    if name not in checked.nulls:
        reason = "the table has no such column"
    elif column is None:
        reason = "the profile does not know this column"
    elif isinstance(column, profiles.Omitted):
        reason = f"the profile keeps no distribution of it: {shown(column.reason)}"
    else:
        reason = "it was not measured"
    return Effect(column=name, name=method, estimate=NotEstimable(None, reason), threshold=distances.THRESHOLD[method])


def to_gate(effect: Effect) -> Effect:
    """The effect as a gate may look at it: a distance that only informs is none that can be judged."""
    if effect.name not in _INFORMS:
        return effect
    reason = f"{effect.name} informs only, for its bounds are too rough to judge by; declare the method ks, linf or psi"
    return replace(effect, name=f"{effect.name}_gate", estimate=NotEstimable(None, reason))


def method_of(rule: r.Rule, profile: profiles.Profile | None) -> str:
    """The method of a rule; `auto` follows the column's kind."""
    check = rule.check
    method = check.method if isinstance(check, r.Drift) else "auto"
    if method != "auto":
        return method
    return "linf" if profile and isinstance(profile.column(rule.columns[0]), profiles.Categories) else "ks"


def _effect(column: profiles.Numbers | profiles.Categories, counts: NDArray[Any], method: str, seed: int) -> Effect:
    numbers = isinstance(column, profiles.Numbers)
    earlier = np.array(column.counts if isinstance(column, profiles.Numbers) else [*column.counts, column.others], dtype=np.int64)
    bands = distances.merged(earlier) if numbers else [(place, place + 1) for place in range(len(earlier))]
    a, b = distances.banded(earlier, bands), distances.banded(counts, bands)
    estimate: Estimate
    edges = column.edges if isinstance(column, profiles.Numbers) else ()
    if method in {"ks", "wasserstein"} and not numbers:
        estimate = NotEstimable(None, f"{method} is a distance of numbers, and this column holds categories")
    elif method == "ks":
        points = np.array([profiles.is_point(edges, place) for place in range(len(earlier))], dtype=np.bool_)
        estimate = distances.ks(earlier, counts, points)
    elif method == "wasserstein":
        estimate = distances.wasserstein(earlier, counts, np.array(edges), seed)
    elif method == "linf":
        estimate = distances.linf(a, b)
    else:
        estimate = {"psi": distances.psi, "js": distances.js, "cramers_v": distances.cramers_v}[method](a, b, seed)
    where = _culprit(column, earlier, counts, method)
    return Effect(column=column.name, name=method, estimate=estimate, threshold=distances.THRESHOLD[method], culprit=where)


def _culprit(column: profiles.Numbers | profiles.Categories, earlier: NDArray[Any], now: NDArray[Any], method: str) -> str:
    """Where the change is largest: a number below which more or fewer cells lie, or a category."""
    if not now.sum() or not earlier.sum():
        return ""
    if isinstance(column, profiles.Numbers):
        if method != "ks":
            return ""
        below, before = np.cumsum(now) / now.sum(), np.cumsum(earlier) / earlier.sum()
        place = int(np.argmax(np.abs(below - before)))
        place = min(place, len(column.edges) - 1)
        reach = (
            f"below {column.edges[place + 1]:g}" if profiles.is_point(column.edges, place + 1) else f"at or below {column.edges[place]:g}"
        )
        return f"{below[place]:.1%} of its cells lie {reach}; in the profile {before[place]:.1%} did"
    place = distances.culprit(earlier, now)
    known = place < len(column.levels)
    name = (
        "the other values"
        if not known
        else "one of its values"  # a digest could be guessed with the salt that the profile holds
        if column.hidden
        else repr(shown(column.levels[place], 40))
    )
    return (
        f"{name} {'have' if not known else 'has'} {now[place] / now.sum():.1%} of the cells, and had {earlier[place] / earlier.sum():.1%}"
    )


def _new(name: str, new: int, present: int) -> Effect:
    estimate = Rate(new, present) if present else NotEstimable(0, "every cell is missing")
    told = f"{new:,} of {counted(present, 'cell')}" if new else ""
    return Effect(column=name, name=NEW, estimate=estimate, threshold=distances.NEW_SHARE, culprit=told)


def _odd(column: profiles.Numbers, earlier_rows: int, odd: int, rows: int) -> Effect:
    """Cells that are no finite number, which no distance of numbers sees."""
    earlier, now = np.array([column.odd, earlier_rows - column.odd]), np.array([odd, rows - odd])
    told = f"{odd / max(rows, 1):.1%} of its cells are text, NaN or infinite, and {column.odd / max(earlier_rows, 1):.1%} were"
    return Effect(column=column.name, name=ODD, estimate=distances.linf(earlier, now), threshold=distances.THRESHOLD["linf"], culprit=told)


def _missing(column: profiles.Numbers | profiles.Categories, earlier_rows: int, nulls: int, rows: int) -> Effect:
    earlier, now = np.array([column.nulls, earlier_rows - column.nulls]), np.array([nulls, rows - nulls])
    told = f"{nulls / max(rows, 1):.1%} of its cells are missing, and {column.nulls / max(earlier_rows, 1):.1%} were"
    return Effect(
        column=column.name, name=MISSING, estimate=distances.linf(earlier, now), threshold=distances.THRESHOLD["linf"], culprit=told
    )
