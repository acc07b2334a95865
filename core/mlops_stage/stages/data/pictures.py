"""What the report draws: missing cells of each column, and distributions against the profile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import NotEstimable
from mlops_stage.evidence.redact import MINIMUM_COUNT, masked_levels, shown
from mlops_stage.inputs.tables import profile as profiles
from mlops_stage.report import Bar, Bars
from mlops_stage.stats import drift as distances
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.report import Figure
    from mlops_stage.stages.data.drift import Effect
    from mlops_stage.stages.data.outcomes import Checked

_MOST_COLUMNS = 30
_MOST_PICTURES = 8
_MOST_BARS = 12
_SCORE = 1.96
_WORDS = {"ks": ("largest distance of the distributions", "Kolmogorov-Smirnov"), "linf": ("largest difference of a share", "L∞")}


def missing(checked: Checked, profile: profiles.Profile | None) -> list[Figure]:
    """The share of missing cells of every column that has some, the most first."""
    shares = sorted(
        ((nulls, name) for name, nulls in checked.nulls.items() if nulls >= MINIMUM_COUNT), key=lambda pair: (-pair[0], pair[1])
    )
    if not shares:
        return []
    few = sum(0 < nulls < MINIMUM_COUNT for nulls in checked.nulls.values())
    told = f" {counted(few, 'column')} with fewer than {MINIMUM_COUNT} missing cells {'is' if few == 1 else 'are'} left out." if few else ""
    rest = len(shares) - _MOST_COLUMNS
    more = f" Of the columns with the fewest {rest} {'is' if rest == 1 else 'are'} left out." if rest > 0 else ""
    bars = tuple(_missing(name, nulls, checked.rows, profile) for nulls, name in shares[:_MOST_COLUMNS])
    return [
        Bars(
            name="missing",
            title="Missing cells",
            caption=f"The share of each column's cells that are missing.{told}{more}",
            x_label="column",
            y_label="share of rows",
            bars=bars,
            band="what the profile leads to expect, 95 %" if any(bar.high is not None for bar in bars) else "",
        )
    ]


def _missing(name: str, nulls: int, rows: int, profile: profiles.Profile | None) -> Bar:
    column = profile.column(name) if profile else None
    if column is None or profile is None or not profile.rows:
        return Bar(label=shown(name, 40), value=nulls / rows, n=rows)
    low, high = _band(column.nulls, profile.rows, rows)
    return Bar(label=shown(name, 40), value=nulls / rows, low=low, high=high, n=rows)


def distributions(profile: profiles.Profile, checked: Checked, effects: Sequence[Effect]) -> list[Figure]:
    """The columns that lie farthest from the profile, each with the band in which its bars were expected."""
    found: list[Figure] = []
    gated = [one for one in effects if one.name in {"ks", "linf"} and not isinstance(one.estimate, NotEstimable)]
    for effect in sorted(gated, key=lambda one: (-_value(one), one.column))[:_MOST_PICTURES]:
        column = profile.column(effect.column)
        if isinstance(column, profiles.Numbers | profiles.Categories):
            found += _picture(column, checked, effect)
    return found


def _told(effect: Effect) -> str:
    words, method = _WORDS[effect.name]
    return f"The {words} is {_value(effect):.3g} ({method})"


def _value(effect: Effect) -> float:
    return 0.0 if isinstance(effect.estimate, NotEstimable) else effect.estimate.value


def _picture(column: profiles.Numbers | profiles.Categories, checked: Checked, effect: Effect) -> list[Figure]:
    counts = checked.bins[column.name][0]
    if isinstance(column, profiles.Numbers):
        earlier = np.array(column.counts, dtype=np.int64)
        bands = distances.merged(earlier, _MOST_BARS)
        labels = [_interval(column.edges, first, last) for first, last in bands]
        was, now = distances.banded(earlier, bands).tolist(), distances.banded(counts, bands).tolist()
    else:
        top = min(_MOST_BARS - 1, len(column.levels))
        labels = [f"value {place}" if column.hidden else shown(level, 30) for place, level in enumerate(column.levels[:top], 1)]
        labels.append("other values")
        was = [*column.counts[:top], sum(column.counts[top:]) + column.others]
        now = [*counts[:top].tolist(), int(counts[top:].sum())]
    total, before = sum(now), sum(was)
    if total < MINIMUM_COUNT or not before:
        return []
    hidden = masked_levels({str(place): count for place, count in enumerate(now)})
    bars = []
    for place, label in enumerate(labels):
        low, high = _band(was[place], before, total)
        value = None if str(place) in hidden else now[place] / total
        bars.append(Bar(label=label, value=value, low=low, high=high, n=total))
    if len(bars) == 1 or all(bar.value is None for bar in bars):
        return []
    told = f" Bars of fewer than {MINIMUM_COUNT} rows are left out, and those from which they could be worked out." if hidden else ""
    return [
        Bars(
            name=f"distribution_of_{column.name}",
            title=f"{shown(column.name, 40)} against the profile",
            caption=f"{_told(effect)}. Bars that leave the band are more or less frequent than the profile leads to expect.{told}",
            x_label=shown(column.name, 40),
            y_label="share of cells",
            bars=tuple(bars),
            band="what the profile leads to expect, 95 %",
        )
    ]


def _interval(edges: Sequence[float], first: int, last: int) -> str:
    low = f"{edges[first - 1]:g}" if first else ""
    high = f"{edges[last - 1]:g}" if last - 1 < len(edges) else ""
    return f"to {high}" if not low else f"above {low}" if not high else f"{low} to {high}"


def _band(earlier: int, before: int, rows: int) -> tuple[float, float]:
    """Where a share of so many rows lies 95 times in 100, if nothing changed since the profile."""
    share = (earlier + 0.5) / (before + 1)
    reach = _SCORE * math.sqrt(share * (1 - share) * (1 / before + 1 / max(rows, 1)))
    return max(share - reach, 0.0), min(share + reach, 1.0)
