"""Two models on the same rows: what changed, with intervals that know what both have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import NotEstimable, Paired, Sampled
from mlops_stage.stats.cells import Cells, effective
from mlops_stage.stats.classification import denominator, undefined
from mlops_stage.stats.resampling import bootstrap, sampled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.stats.cells import Codes, Floats
    from mlops_stage.stats.classification import Statistic

MOST_CLASSES = 64
"""With more classes the table of label, old and new decision has too many cells to be drawn anew."""


def change_axes(label: Codes, old: Codes, new: Codes) -> tuple[Codes, Codes, Codes]:
    """The axes of a table of shape (K, 2, 2): label, whether the old decision was right, whether the new one is."""
    return label, old == label, new == label


def paired_rate(gained: float, lost: float, mass: float, squares: float, reason: str) -> Paired | NotEstimable:
    """The difference of two shares of the same rows; with weights all counts are scaled to the effective number of rows."""
    if mass <= 0:
        return NotEstimable(0, reason)
    n = effective(mass, squares)
    return Paired(gained, lost, n) if n == mass else Paired(n * gained / mass, n * lost / mass, n)


def changed_recall(changes: Cells, label: int, reason: str) -> Paired | NotEstimable:
    """How the recall of one class changed; `changes` has the shape (K, 2, 2) of `change_axes`."""
    mass, squares = changes.mass[label], changes.squares[label]
    return paired_rate(mass[0, 1].item(), mass[1, 0].item(), mass.sum().item(), squares.sum().item(), reason)


def changed_accuracy(changes: Cells) -> Paired | NotEstimable:
    """How the accuracy changed; its gains are the fixes, its losses the breaks."""
    mass = changes.mass.sum(axis=0)
    return paired_rate(mass[0, 1].item(), mass[1, 0].item(), mass.sum().item(), changes.squares.sum().item(), "no rows")


def changed_mean(terms: Sequence[Paired | NotEstimable]) -> Sampled | NotEstimable:
    """How the average of the recalls of several classes changed: classes are independent, bounds by square-and-add."""
    missing = next((term for term in terms if isinstance(term, NotEstimable)), None)
    if missing is not None:
        return missing
    known = [term for term in terms if isinstance(term, Paired)]
    return Sampled.from_sum([(1 / len(known), term) for term in known])


def changed_rates(changes: Cells) -> dict[str, Paired | Sampled | NotEstimable]:
    """How the rates of binary decisions changed whose denominators are the same for both; `changes` has the shape (2, 2, 2)."""
    tnr, tpr = changed_recall(changes, 0, "no negatives"), changed_recall(changes, 1, "no positives")
    mass = changes.mass
    more, fewer = mass[1, 0, 1] + mass[0, 1, 0], mass[1, 1, 0] + mass[0, 0, 1]
    return {
        "accuracy": changed_accuracy(changes),
        "balanced_accuracy": changed_mean([tnr, tpr]),
        "recall": tpr,
        "tpr": tpr,
        "fnr": _reversed(tpr),
        "tnr": tnr,
        "fpr": _reversed(tnr),
        "selection_rate": paired_rate(more.item(), fewer.item(), mass.sum().item(), changes.squares.sum().item(), "no rows"),
    }


def _reversed(change: Paired | NotEstimable) -> Paired | NotEstimable:
    return change if isinstance(change, NotEstimable) else Paired(change.lost, change.gained, change.n)


def changed_statistics(triples: Cells, statistics: Mapping[str, Statistic], *, draws: int, seed: int) -> dict[str, Sampled | NotEstimable]:
    """How figures changed that are no rates of the same rows, by a bootstrap of whole rows: label, old and new decision together.

    Args:
        triples: of shape (K, K, K): label, old decision, new decision.
        statistics: of tables (…, K, K), by name.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    old, new = (Cells(triples.rows.sum(axis), triples.mass.sum(axis), triples.squares.sum(axis)) for axis in (2, 1))
    reasons = {name: undefined(new, name) or undefined(old, name) for name in statistics}
    found: dict[str, Sampled | NotEstimable] = {name: NotEstimable(0, reason) for name, reason in reasons.items() if reason}
    differences = {name: _difference(statistic) for name, statistic in statistics.items() if name not in found}
    if differences:
        mass = triples.mass.astype(np.float64)
        rows = effective(triples.mass.sum().item(), triples.squares.sum().item())
        drawn = bootstrap(mass, rows, differences, draws=draws, seed=seed)
        for name, difference in differences.items():
            n = min(denominator(old, name), denominator(new, name))
            found[name] = sampled(difference(mass).item(), n, drawn[name])
    return found


def _difference(statistic: Statistic) -> Statistic:
    def change(triples: Floats) -> Floats:
        return statistic(triples.sum(-2)) - statistic(triples.sum(-1))

    return change


def false_discoveries(p_values: Sequence[float], rate: float = 0.05) -> list[bool]:
    """Which of many claims stand when at most that share of them may be false on average (Benjamini and Hochberg 1995, JRSS B 57:289)."""
    ranked = sorted(range(len(p_values)), key=lambda index: p_values[index])
    standing = max((place for place, index in enumerate(ranked, 1) if p_values[index] <= rate * place / len(ranked)), default=0)
    stand = set(ranked[:standing])
    return [index in stand for index in range(len(p_values))]
