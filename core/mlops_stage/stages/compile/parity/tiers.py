"""How near a compiled model's answers must be to those of its source, by how exact it claims to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_stage.estimates import NotEstimable, Rate
from mlops_stage.evidence.redact import shown
from mlops_stage.report.words import counted
from mlops_stage.stages.compile.parity.decisions import decisions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Outputs = Mapping[str, NDArray[Any]]

Tier = Literal["exact", "reduced", "quantised"]
Verdict = Literal["passed", "failed", "inconclusive"]
TIERS: dict[str, Tier] = {"fp32": "exact", "fp16": "reduced", "bf16": "reduced", "int8": "quantised"}
"""By precision."""
LABELS: dict[Tier, float] = {"exact": 1.0, "reduced": 0.999, "quantised": 0.99}
"""The least share of rows with the same decision; shown by the one-sided 95 % bound, except that in `exact` one row is one too many."""
ABSOLUTE, RELATIVE = 1e-5, 1e-4
"""`exact`: |difference| ≤ 1e-5 + 1e-4 · |reference|, number by number."""
REDUCED = 1e-2
"""`reduced`: |difference| ≤ 1 % of the largest number in the same row of that output, or of the output's typical row where that is larger."""
MOST_NAMED = 100
"""Rows that are named; the rest are counted."""
_CONFIDENCE = 0.05


@dataclass(frozen=True)
class Worst:
    """The number that differs most, measured by what its tier allows."""

    output: str
    row: int
    reference: float
    candidate: float
    difference: float
    """Absolute."""
    of_allowed: float
    """Times what is allowed: above 1 it is too much. In `quantised`, where single numbers may differ, times what `reduced` allows."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What a comparison of two forms of a model found."""

    tier: Tier
    rows: int
    ties: int
    """Rows whose decision is not compared, because two classes are as good as equal in the reference: rounding alone may choose either."""
    labels: Rate | NotEstimable
    """Rows with the same decision, of those that are no ties."""
    largest: float
    """The largest absolute difference of a finite number, over all outputs."""
    worst: Worst | None
    """None where there are no numbers to compare."""
    failing_rows: tuple[int, ...]
    """Places of rows that are not near enough, from 0: those with other decisions first; at most 100."""
    failing: int
    """How many there are."""
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why it did not pass, one line each."""

    @property
    def passed(self) -> bool:
        """Whether the candidate was shown to be near enough."""
        return self.verdict == "passed"


def agree(reference: Outputs, candidate: Outputs, tier: Tier, *, decides: bool = True) -> Agreement:
    """Compare two forms of a model, output by output and row by row.

    A number that is NaN or infinite in one must be so in the other, in every tier: fp16 overflows above 65,504.

    Args:
        reference: name of an output -> tensor whose first axis is rows; labels are whole numbers or text.
        candidate: the same of the compiled model, for the same rows.
        tier: how near they must be.
        decides: whether the model decides on a class; False for a regression of several numbers, whose largest is no decision.
    """
    rows = len(next(iter(reference.values())))
    missing = _misshapen(reference, candidate)
    if missing:
        nothing = NotEstimable(0, missing[0])
        return Agreement(
            tier=tier, rows=rows, ties=0, labels=nothing, largest=0.0, worst=None, failing_rows=tuple(range(min(rows, MOST_NAMED))),
            failing=rows, verdict="failed", reasons=tuple(missing),
        )  # fmt: skip
    excess, worst, largest = _numbers(reference, candidate, tier)
    far = np.zeros(rows, dtype=bool) if tier == "quantised" else excess > 1
    broken = ~np.isfinite(excess)
    labels, ties, differing = _labels(reference, candidate, tier, decides=decides)
    reasons = _reasons(tier, far & ~broken, broken, labels, differing)
    bad = far | broken | differing
    listed = [*np.flatnonzero(differing).tolist(), *np.flatnonzero(bad & ~differing).tolist()][:MOST_NAMED]
    decisive = far.any() or broken.any() or _refuted(labels, tier)
    verdict: Verdict = "failed" if decisive else "inconclusive" if reasons else "passed"
    return Agreement(
        tier=tier, rows=rows, ties=ties, labels=labels, largest=largest, worst=worst, failing_rows=tuple(listed),
        failing=int(bad.sum()), verdict=verdict, reasons=tuple(reasons),
    )  # fmt: skip


def _misshapen(reference: Outputs, candidate: Outputs) -> list[str]:
    """Outputs that cannot be compared at all."""
    found = []
    for name, values in reference.items():
        other = candidate.get(name)
        if other is None:
            found.append(f"output {shown(name)!r} is missing")
        elif other.shape != values.shape:
            found.append(f"output {shown(name)!r} has the shape {other.shape}, not {values.shape}")
        elif _is_text(values) != _is_text(other):
            found.append(
                f"output {shown(name)!r} holds {'numbers' if _is_text(values) else 'text'}, not {'text' if _is_text(values) else 'numbers'}"
            )
    return found


def _is_text(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "OUS"


def allowed(values: NDArray[Any], tier: Tier) -> NDArray[np.float64]:
    """By how much a number may differ, for each of the reference's, shape (n, k); in `quantised` as in `reduced`."""
    size = np.abs(np.where(np.isfinite(values), values, 0)).astype(np.float64)
    if tier == "exact":
        return ABSOLUTE + RELATIVE * size
    rows = size.max(axis=1, initial=0)
    typical = float(np.median(rows)) if len(rows) else 0.0
    return np.broadcast_to(np.maximum(REDUCED * np.maximum(rows, typical), ABSOLUTE)[:, None], size.shape)


def _numbers(reference: Outputs, candidate: Outputs, tier: Tier) -> tuple[NDArray[np.float64], Worst | None, float]:
    """For each row the largest difference as a multiple of what is allowed, infinite where NaN or infinity is not the same; and the worst of all."""
    excess = np.zeros(len(next(iter(reference.values()))))
    worst: Worst | None = None
    largest = 0.0
    for name, values in reference.items():
        if values.dtype.kind != "f" or not values.size:
            continue
        before, after = (one.reshape(len(values), -1).astype(np.float64) for one in (values, candidate[name]))
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.abs(after - before)
        same = (before == after) | (np.isnan(before) & np.isnan(after))
        difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
        over = difference / allowed(before, tier)
        largest = max(largest, float(np.max(difference, where=np.isfinite(difference), initial=0.0)))
        excess = np.maximum(excess, over.max(axis=1))
        row, place = np.unravel_index(int(np.argmax(over)), over.shape)
        if worst is None or over[row, place] > worst.of_allowed:
            told = (float(one[row, place]) for one in (before, after, difference, over))
            worst = Worst(name, int(row), *told)
    return excess, worst, largest


def _labels(reference: Outputs, candidate: Outputs, tier: Tier, *, decides: bool) -> tuple[Rate | NotEstimable, int, NDArray[np.bool_]]:
    """The share of rows with the same decision, how many ties were left out, and the rows that differ and are no ties."""
    rows = len(next(iter(reference.values())))
    decided = decisions_of(reference, lambda values: allowed(values, "exact" if tier == "quantised" else tier)) if decides else None
    if decided is None:
        return NotEstimable(0, "the model decides on no class"), 0, np.zeros(rows, dtype=bool)
    differing = (decided.labels(reference) != decided.labels(candidate)) & ~decided.ties
    compared = rows - int(decided.ties.sum())
    if not compared:
        return NotEstimable(0, "two classes are as good as equal in every row"), rows, differing
    return Rate(compared - int(differing.sum()), compared), rows - compared, differing


def _refuted(labels: Rate | NotEstimable, tier: Tier) -> bool:
    """Whether too many decisions differ, by the upper bound; in `exact`, any."""
    if isinstance(labels, NotEstimable):
        return False
    return labels.value < 1 if tier == "exact" else labels.bound(1 - _CONFIDENCE) < LABELS[tier]


def _reasons(
    tier: Tier, far: NDArray[np.bool_], broken: NDArray[np.bool_], labels: Rate | NotEstimable, differing: NDArray[np.bool_]
) -> list[str]:
    rows = len(far)
    found = []
    if broken.any():
        found.append(f"a number is NaN or infinite in one and not in the other in {counted(int(broken.sum()), 'row')} of {rows:,}")
    if far.any():
        found.append(f"numbers differ by more than the tier {tier!r} allows in {counted(int(far.sum()), 'row')} of {rows:,}")
    if isinstance(labels, NotEstimable):
        return found
    if tier == "exact":
        if differing.any():
            found.append(f"the decision is another in {counted(int(differing.sum()), 'row')} of {labels.n:,.0f}")
    elif labels.bound(_CONFIDENCE) < LABELS[tier]:
        found.append(f"{labels.k:,.0f} of {labels.n:,.0f} decisions are the same, which does not show {LABELS[tier]:.1%}")
    return found
