"""How near a compiled model's answers must be to those of its source, by how exact it claims to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_stage.estimates import NotEstimable, Rate, p_value
from mlops_stage.evidence.redact import shown
from mlops_stage.gate import Rules
from mlops_stage.gate.judging import holm
from mlops_stage.stages.compile.parity.decisions import Decisions, decisions_of
from mlops_stage.stages.compile.parity.near import allowed, blind, distances, is_number, misfits, noise, otherwise
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mlops_stage.estimates import Sampled
    from mlops_stage.stages.compile.parity.near import Distance, Tier, Worst

    Outputs = Mapping[str, NDArray[Any]]
    Flags = NDArray[np.bool_]

Verdict = Literal["passed", "failed", "inconclusive"]
TIERS: dict[str, Tier] = {"fp32": "exact", "fp16": "reduced", "bf16": "reduced", "int8": "quantised"}
"""By precision."""
LABELS: dict[Tier, float] = {"exact": 1.0, "reduced": 0.999, "quantised": 0.99}
"""The least share of rows with the same decision; shown by the one-sided 95 % bound, except that in `exact` one row is one too many."""
NOISE = 0.1**2
"""The most that differences may add to an output's variance (20 dB below it), where single numbers show too little; see `_noisy`."""
MOST_NAMED = 100
"""Rows that are named; the rest are counted."""
_CONFIDENCE = 0.05


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
    curable: bool = False
    """Whether it did not pass for want of rows, so that more may show it."""
    noise: Mapping[str, Sampled | NotEstimable] = field(default_factory=dict)
    """Of each output of which single numbers show too little: the variance that differences add, as a share of its own."""

    @property
    def passed(self) -> bool:
        """Whether the candidate was shown to be near enough."""
        return self.verdict == "passed"


def agree(reference: Outputs, candidate: Outputs, tier: Tier, *, decides: bool = True, fewest: int = Rules.min_denominator) -> Agreement:
    """Compare two forms of a model, output by output and row by row.

    Every output is judged: decisions by their tier; other whole numbers, booleans and text must be the same, except in ties and where the decision differs;
    numbers must be near enough one by one, in `quantised`, and where they vary less than a tier allows, on the whole (`NOISE`). NaN, infinity, shapes and types must be the same in every tier.

    Args:
        reference: name of an output -> tensor whose first axis is rows; labels are whole numbers or text.
        candidate: the same of the compiled model, for the same rows.
        tier: how near they must be.
        decides: whether the model decides on a class; False for a regression of several numbers, whose largest is no decision.
        fewest: rows below which noise is not judged (`min_denominator`).
    """
    missing = misfits(reference, candidate)
    if missing:
        return _incomparable(tier, len(next(iter(reference.values()))), missing)
    near: Tier = "exact" if tier == "quantised" else tier
    decided = decisions_of(reference, lambda values, shared: allowed(values, near, shared=shared)) if decides else None
    shared = decided.scores if decided and decided.shared else ""
    labels, ties, differing = _labels(decided, reference, candidate)
    changed = _changed(reference, candidate, decided.label if decided else "", ties | differing)
    found = distances(reference, candidate, tier, shared)
    excess = np.max([np.zeros(len(ties)), *(one.excess for one in found.values())], axis=0)
    far, broken = (excess > 1) & np.isfinite(excess) & (tier != "quantised"), ~np.isfinite(excess)
    noisy = _noisy(reference, candidate, found, tier, shared)
    much, doubts = _noise_told(noisy, fewest)
    reasons = (
        *_rows_told(tier, far, broken, changed),
        *_labels_told(tier, labels, differing),
        *much,
        *doubts,
        *_unshown(reference, decided),
    )
    curable = bool(doubts or _labels_told(tier, labels, differing))
    bad = np.logical_or.reduce([far, broken, *changed.values()]) & ~differing
    decisive = bad.any() or bool(much) or _refuted(labels, tier)
    return Agreement(
        tier=tier,
        rows=len(ties),
        ties=int(ties.sum()),
        labels=labels,
        noise=noisy,
        largest=max((one.largest for one in found.values()), default=0.0),
        worst=max((one.worst for one in found.values()), key=lambda one: one.of_allowed, default=None),
        failing_rows=tuple([*np.flatnonzero(differing).tolist(), *np.flatnonzero(bad).tolist()][:MOST_NAMED]),
        failing=int((bad | differing).sum()),
        verdict="failed" if decisive else "inconclusive" if reasons else "passed",
        reasons=reasons,
        curable=curable,
    )


def _incomparable(tier: Tier, rows: int, missing: list[str]) -> Agreement:
    """What is said of outputs that are not of one shape or type."""
    return Agreement(
        tier=tier, rows=rows, ties=0, labels=NotEstimable(0, missing[0]), largest=0.0, worst=None,
        failing_rows=tuple(range(min(rows, MOST_NAMED))), failing=rows, verdict="failed", reasons=tuple(missing),
    )  # fmt: skip


def _labels(decided: Decisions | None, reference: Outputs, candidate: Outputs) -> tuple[Rate | NotEstimable, Flags, Flags]:
    """The share of rows with the same decision, the ties that were left out, and the rows that differ and are no ties."""
    none = np.zeros(len(next(iter(reference.values()))), dtype=bool)
    if decided is None:
        return NotEstimable(0, "the model decides on no class"), none, none
    differing = (decided.labels(reference) != decided.labels(candidate)) & ~decided.ties
    compared = int((~decided.ties).sum())
    if not compared:
        return NotEstimable(0, "two classes are as good as equal in every row"), decided.ties, none
    return Rate(compared - int(differing.sum()), compared), decided.ties, differing


def _changed(reference: Outputs, candidate: Outputs, label: str, excused: Flags) -> dict[str, Flags]:
    """Outputs of whole numbers, booleans or text, beside the label, that are another in some row that is not excused."""
    others = {
        name: otherwise(values, candidate[name]) & ~excused for name, values in reference.items() if name != label and not is_number(values)
    }
    return {name: rows for name, rows in others.items() if rows.any()}


def _noisy(
    reference: Outputs, candidate: Outputs, found: Mapping[str, Distance], tier: Tier, shared: str
) -> dict[str, Sampled | NotEstimable]:
    """The noise of the outputs of which single numbers show too little.

    They are those in which numbers may differ by as much as the output varies, and in `quantised` those in which one differs by more than `reduced` allows.
    """
    noisy = {}
    for name, one in found.items():
        alike = name == shared
        far = tier == "quantised" and bool((one.excess > 1).any())
        if far or (one.largest > 0 and blind(reference[name], tier, shared=alike)):
            noisy[name] = noise(reference[name], candidate[name], shared=alike)
    return noisy


def _unshown(reference: Outputs, decided: Decisions | None) -> list[str]:
    """What these rows show nothing about, however alike the answers are."""
    found = [
        f"output {shown(name)!r} holds no finite number in any row, so these rows show nothing of it"
        for name, values in reference.items()
        if is_number(values) and values.size and not np.isfinite(values).any()
    ]
    if decided is not None and decided.ties.all():
        found.append("two classes are as good as equal in every row, so these rows show nothing of decisions")
    return found


def _noise_told(noisy: Mapping[str, Sampled | NotEstimable], fewest: int) -> tuple[list[str], list[str]]:
    """Of which outputs too much noise is shown, after Holm's correction, and of which neither that nor little enough."""
    known = {name: one for name, one in noisy.items() if not isinstance(one, NotEstimable) and one.n >= fewest}
    p_values = [p_value(one, NOISE, "<=") for one in known.values()]
    refuted = {name for name, p, alpha in zip(known, p_values, holm(p_values), strict=True) if p <= alpha}
    much = [
        f"output {shown(name)!r} gains {known[name].value:.1%} of its variance in noise, more than {NOISE:.0%}"
        for name in known
        if name in refuted
    ]
    doubts = [
        f"{counted(round(one.n or 0), 'row')} do not show that output {shown(name)!r} gains at most {NOISE:.0%} of its variance in noise"
        + (f": {one.reason}" if isinstance(one, NotEstimable) else "")
        for name, one in noisy.items()
        if name not in known or (name not in refuted and known[name].bound(1 - _CONFIDENCE) > NOISE)
    ]
    return much, doubts


def _refuted(labels: Rate | NotEstimable, tier: Tier) -> bool:
    """Whether too many decisions differ, by the upper bound; in `exact`, any."""
    if isinstance(labels, NotEstimable):
        return False
    return labels.value < 1 if tier == "exact" else labels.bound(1 - _CONFIDENCE) < LABELS[tier]


def _rows_told(tier: Tier, far: Flags, broken: Flags, changed: Mapping[str, Flags]) -> list[str]:
    def of_all(rows: Flags) -> str:
        return f"in {counted(int(rows.sum()), 'row')} of {len(rows):,}"

    found = [f"output {shown(name)!r} is another {of_all(rows)}" for name, rows in changed.items()]
    if broken.any():
        found.append(f"a number is NaN or infinite in one and not in the other {of_all(broken)}")
    if far.any():
        found.append(f"numbers differ by more than the tier {tier!r} allows {of_all(far)}")
    return found


def _labels_told(tier: Tier, labels: Rate | NotEstimable, differing: Flags) -> list[str]:
    if isinstance(labels, NotEstimable):
        return []
    if tier == "exact":
        return [f"the decision is another in {counted(int(differing.sum()), 'row')} of {labels.n:,.0f}"] if differing.any() else []
    if labels.bound(_CONFIDENCE) >= LABELS[tier]:
        return []
    return [f"{labels.k:,.0f} of {labels.n:,.0f} decisions are the same, which does not show {LABELS[tier]:.1%}"]
