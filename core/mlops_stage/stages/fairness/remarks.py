"""What a reader should know about the groups before believing what is said of the gaps between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.evidence.redact import MINIMUM_COUNT, shown
from mlops_stage.report import Finding, Level, metric_label
from mlops_stage.stages.fairness.tallies import NEGATIVE, POSITIVE, ROWS
from mlops_stage.stats.gaps import largest_difference
from mlops_stage.stats.shares import Shares
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stages.fairness.hiding import Counted, Secrets

_MUCH_UNKNOWN = 0.05
_APART = 0.05
_LISTED = 6


def remarks(groupings: Sequence[Counted], secrets: Secrets, min_denominator: int) -> list[Finding]:
    """Findings on the groups: only one, of unknown group, small, without a label, with different base rates, or masked."""
    found: list[Finding] = []
    for one in groupings:
        found += [*_lone(one), *_unknown(one, secrets), *_few(one, secrets, min_denominator), *_undefined(one, secrets)]
        if len(one.grouping.columns) == 1 and len(secrets.classes) == 2:  # noqa: PLR2004  (binary)
            found += _base_rates(one, secrets, min_denominator)
    return [*found, *_masked(secrets)]


def _lone(one: Counted) -> list[Finding]:
    inside = one.grouping.inside.tolist()
    if len(inside) > 1 or len(one.grouping.columns) > 1:
        return []
    (column,) = one.grouping.columns
    told = f"all rows of a known group have {_named(one.grouping, inside[0])}" if inside else f"no row has a known {shown(column)!r}"
    hint = "look for the step that lost the others, or compare by another column"
    return [_finding("fairness/one-group", Level.WARNING, f"{told}: there is nothing to compare", hint)]


def _unknown(one: Counted, secrets: Secrets) -> list[Finding]:
    if len(one.grouping.columns) > 1 or not one.grouping.outside:
        return []
    (column,) = one.grouping.columns
    (group,) = one.grouping.outside
    count, total = secrets.of(one.grouping).of(group, ROWS), int(one.cells.rows.sum())
    share = (count if isinstance(count, int) else count[0]) / total
    told = f"{count:,} of {total:,} rows ({share:.1%})" if isinstance(count, int) else f"{count[0]:,} to {count[1]:,} of {total:,} rows"
    message = f"{told} have no known {shown(column)!r}: they are counted and shown as (unknown), and in no gate"
    return [
        _finding(
            "fairness/unknown-group",
            Level.WARNING if share >= _MUCH_UNKNOWN else Level.NOTE,
            message,
            "find out whose group is missing, and why",
        )
    ]


def _few(one: Counted, secrets: Secrets, min_denominator: int) -> list[Finding]:
    """Groups with too few rows of some label for any verdict; none at all of it is said elsewhere, unless that would tell of few people."""
    told, labels = secrets.of(one.grouping), _labels(secrets)
    fewest, none = told.low[:, labels].min(axis=1), np.logical_or.reduce(told.high[:, labels] <= 0, axis=1)
    inside, hidden = one.grouping.inside.tolist(), secrets.groups(one.grouping)
    small = [group for group in inside if fewest[group] < min_denominator and (group in hidden or not none[group])]
    if not small or len(inside) < 2:  # noqa: PLR2004  (one group is compared with nobody)
        return []
    message = (
        f"{_counted(len(small), len(inside), one.grouping)} fewer than {min_denominator} rows of some label, too few for a verdict on every rate: "
        f"{_listed(one.grouping, small)}"
    )
    level = Level.WARNING if len(one.grouping.columns) == 1 else Level.NOTE
    return [_finding("fairness/small-group", level, message, "collect more rows of these groups, or join groups that belong together")]


def _undefined(one: Counted, secrets: Secrets) -> list[Finding]:
    """Groups in which some label does not occur, so that a rate has no denominator."""
    found, most = [], secrets.of(one.grouping).high
    for place, name in enumerate(secrets.classes):
        kind = secrets.tallies.of_class(POSITIVE, NEGATIVE, place)
        without = [group for group in one.grouping.inside.tolist() if most[group, kind] <= 0]
        if without and len(one.grouping.inside) > 1:
            rate = "true positive rate" if place or len(secrets.classes) > 2 else "false positive rate"  # noqa: PLR2004  (binary)
            rate += f" of {shown(name)!r}" if len(secrets.classes) > 2 else ""  # noqa: PLR2004  (binary)
            message = (
                f"{_counted(len(without), len(one.grouping.inside), one.grouping)} no row labelled {shown(name)!r}, and so no {rate}: "
                f"{_listed(one.grouping, without)}"
            )
            found.append(
                _finding(
                    "fairness/undefined-rate",
                    Level.WARNING if len(one.grouping.columns) == 1 else Level.NOTE,
                    message,
                    "no gate on it can pass",
                )
            )
    return found


def _base_rates(one: Counted, secrets: Secrets, min_denominator: int) -> list[Finding]:
    """Base rates that differ beyond doubt: then precision and error rates cannot all be equal (Chouldechova 2017; Kleinberg and others 2016)."""
    by_label = one.cells.rows.sum(axis=2)
    column, positive = one.grouping.columns[0], secrets.classes[1]
    unsure = secrets.of(one.grouping).unsure_labels
    told = [group for group in one.grouping.inside.tolist() if by_label[group].sum() >= min_denominator and not unsure[group]]
    rates = Shares(by_label[told, 1].astype(np.float64), by_label[told].sum(axis=1).astype(np.float64))
    apart = largest_difference([rates], min_denominator)
    if apart is None or apart.bound(0.05) <= _APART:
        return []
    low, high = (told[int(pick(rates.values))] for pick in (np.argmin, np.argmax))
    base = by_label[:, 1] / np.maximum(by_label.sum(axis=1), 1)
    message = (
        f"{shown(positive)!r} is true of {base[low]:.1%} of the rows with {_named(one.grouping, low)} and of {base[high]:.1%} of those "
        f"with {_named(one.grouping, high)}. Where base rates differ, error rates and precision cannot both be the same in all groups, unless the model "
        "is never wrong: decide which of them matters, and whether these labels themselves are just"
    )
    return [_finding("fairness/base-rates-differ", Level.NOTE, message, f"see the metrics precision, tpr and fpr by {shown(column)}")]


def _labels(secrets: Secrets) -> list[int]:
    """The kinds of counts that are rows of one label."""
    return [secrets.tallies.of_class(POSITIVE, NEGATIVE, place) for place in range(len(secrets.classes))]


def _masked(secrets: Secrets) -> list[Finding]:
    hidden = sum(int(told.hidden.sum()) for told in secrets.ranges.values())
    unknown = sum(int(told.unknown.sum()) for told in secrets.ranges.values())
    if not hidden:
        return []
    others = unknown - hidden
    beside = f" and {counted(others, 'other')} that would give {'it' if hidden == 1 else 'them'} away" if others else ""
    message = (
        f"small counts are masked: {counted(hidden, 'count')} of 1 to {MINIMUM_COUNT - 1} rows (of a group, or of a label, a decision or an answer in it)"
        f"{beside}; told instead are ranges in which they lie, and figures made of them by their outermost bounds"
    )
    return [_finding("fairness/small-counts", Level.NOTE, message, "all counts are in evidence/private/counts.json, which no page shows")]


def _counted(count: int, total: int, grouping: Grouping) -> str:
    return f"{count:,} of {total:,} groups of {shown(grouping.name)} {'has' if count == 1 else 'have'}"


def _listed(grouping: Grouping, groups: Sequence[int]) -> str:
    """Names of some groups; of columns crossed, where there are many and no gate looks unasked, fewer."""
    most = _LISTED // len(grouping.columns) ** 2 or 1
    more = f" and {len(groups) - most:,} more" if len(groups) > most else ""
    return "; ".join(_named(grouping, group) for group in groups[:most]) + more


def _named(grouping: Grouping, group: int) -> str:
    """`sex=female`, as it stands in the brackets of a gate."""
    return shown(metric_label("", grouping.slice(group))[1:-1])


def _finding(rule: str, level: Level, message: str, hint: str) -> Finding:
    return Finding(rule=rule, level=level, message=message, hint=hint)
