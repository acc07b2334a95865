"""Criteria, and the verdicts on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mlops_stage.report.observed import Level, Slice

if TYPE_CHECKING:
    from collections.abc import Sequence


class Outcome(StrEnum):
    """What a report says; `passed` and `failed` need evidence."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"
    ERROR = "error"


class Verdict(StrEnum):
    """What one gate says."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


Op = Literal[">=", ">", "<=", "<"]


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """`metric[slice] op number`, or `metric[slice] op baseline + number` when `baseline` is set."""

    metric: str
    op: Op
    number: float
    slice: Slice = ()
    baseline: bool = False
    source: str = "default"
    """Where it was declared: `default`, `gates`, a standard, a contract …"""
    family: str = ""
    """Criteria of one declaration share a family; Holm's correction runs within it."""
    claim: str = ""
    """What it demands, for a reader who is no developer and without a full stop: `age is never missing`; empty where the metric says it."""
    kind: Literal["criterion"] = "criterion"


@dataclass(frozen=True, kw_only=True)
class NoFinding:
    """No finding of that level or above, optionally of one rule only."""

    level: Level = Level.ERROR
    rule: str = ""
    source: str = "default"
    kind: Literal["no_finding"] = "no_finding"


AnyCriterion = Annotated[Criterion | NoFinding, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One criterion with its verdict."""

    criterion: str
    """As written in `gates`, in canonical spelling."""
    verdict: Verdict
    sentence: str
    """One plain sentence for a reader who is no developer."""
    source: str
    value: float | None = None
    bound: float | None = None
    """The one-sided 95 % bound that decided, or would have to."""
    needed: int | None = None
    """When inconclusive: how many rows of the metric's own denominator would decide; None when none would."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one report's observations."""

    outcome: Outcome
    summary: str
    gates: tuple[Gate, ...]


def outcome_of(gates: Sequence[Gate]) -> Outcome:
    """What gates say together: one that failed decides, and where one is open, or there is none, nobody can tell."""
    verdicts = {gate.verdict for gate in gates}
    if Verdict.FAILED in verdicts:
        return Outcome.FAILED
    return Outcome.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts or not gates else Outcome.PASSED
