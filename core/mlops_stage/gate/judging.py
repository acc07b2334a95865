"""Verdicts: each criterion against its metric's bounds, Holm's correction within a family, one outcome."""

from __future__ import annotations

import difflib
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Bounded, Estimate, NotEstimable, Point, holds, p_value, rows_needed
from mlops_stage.gate import words
from mlops_stage.gate.aliases import meant
from mlops_stage.gate.case import ALPHA, Case, Rules, Ruling
from mlops_stage.gate.grammar import spell
from mlops_stage.gate.ranges import outside
from mlops_stage.report import Criterion, Gate, Judgement, Metric, NoFinding, Observations, Verdict, metric_label, outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_stage.report import Slice


_NAMED = 8
"""Names that a hint lists: about what fits on a line of a terminal; a column may hold thousands of values."""


def judge(observations: Observations, criteria: Iterable[Criterion | NoFinding], rules: Rules) -> Judgement:
    """The verdict on what a stage observed.

    A gate passes where its one-sided 95 % bound meets the criterion, fails where the opposite one misses it, and is
    inconclusive otherwise. Within a family, claims of failure are adjusted by Holm's method (1979, Scand J Stat 6:65).

    Raises:
        UsageError: a gate on a metric, a slice or a baseline that is not there.
    """
    criteria = tuple(criteria)
    known = {_key(metric): metric for metric in reversed(observations.metrics)}
    cases = _adjusted([_case(one, observations, known) for one in criteria if isinstance(one, Criterion)], rules)
    waiting = iter(cases)
    judged = [_finding_gate(one, observations) if isinstance(one, NoFinding) else _gate(next(waiting), rules) for one in criteria]
    gates = tuple(gate for gate, _ in judged)
    return Judgement(outcome=outcome_of(gates), summary=words.summary(judged), gates=gates)


def _key(subject: Metric | Criterion) -> tuple[str, Slice]:
    """Name and slice; the order of columns in the brackets does not matter."""
    return subject.metric if isinstance(subject, Criterion) else subject.name, tuple(sorted(subject.slice))


def _case(criterion: Criterion, observations: Observations, known: Mapping[tuple[str, Slice], Metric]) -> Case:
    metric = known.get(_key(criterion))
    if metric is None:
        raise _unknown(criterion, observations.metrics)
    _refuse_impossible(criterion, metric)
    if not criterion.baseline:
        return Case(criterion=criterion, metric=metric, estimate=metric.estimate)
    if metric.versus is None and criterion.source == "default":
        nothing = NotEstimable(None, f"nothing to compare with, the baseline has no {metric.label}")
        return Case(criterion=criterion, metric=metric, estimate=nothing)  # nobody wrote this gate, so nobody wrote it wrongly
    if metric.versus is None:
        if any(other.versus for other in observations.metrics):
            raise UsageError(f"gate {spell(criterion)!r}: the baseline has no {metric.label}", "compare a metric that both have")
        hint = "name one with baseline: the report, predictions or model to compare with, or git:<ref>:<path>"
        raise UsageError(f"gate {spell(criterion)!r}: there is no baseline", hint)
    return Case(criterion=criterion, metric=metric, estimate=metric.versus)


def _refuse_impossible(criterion: Criterion, metric: Metric) -> None:
    """Refuse a number that the metric cannot have; one whose own value lies elsewhere is another metric of the same name."""
    own = metric.estimate
    if metric.unit or (not isinstance(own, NotEstimable) and outside(metric.name, own.value)):
        return
    fault = outside(metric.name, criterion.number, difference=criterion.baseline)
    if fault:
        raise UsageError(f"gate {spell(criterion)!r} can never decide: {fault.message}", fault.hint)


def _unknown(criterion: Criterion, metrics: Sequence[Metric]) -> UsageError:
    label = metric_label(criterion.metric, criterion.slice)
    message = f"gate {spell(criterion)!r}: there is no metric {label}"
    same = [metric for metric in metrics if metric.name == criterion.metric]
    if same and criterion.slice and not any({c for c, _ in criterion.slice} == {c for c, _ in metric.slice} for metric in same):
        columns = ",".join(column for column, _ in criterion.slice)
        return UsageError(message, f"{criterion.metric} is not reported by {columns}; to do so: slices: {columns}")
    values = _values(criterion, same)
    if values:
        return UsageError(message, values)
    other = None if same else meant(criterion.metric, {metric.name for metric in metrics})
    if other:
        return UsageError(message, f"did you mean {other}?")
    known = dict.fromkeys(metric.label for metric in (same or metrics))
    nearest = difflib.get_close_matches(label, known, n=1, cutoff=0.5)
    if nearest:
        return UsageError(message, f"did you mean {nearest[0]}?")
    return UsageError(message, f"there are {_some(known)}" if known else "this stage reports no metrics")


def _some(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:_NAMED]) + (" …" if len(known) > _NAMED else "")


def _values(criterion: Criterion, same: Sequence[Metric]) -> str:
    """What the columns of a gate's slice hold, where only a value is wrong; a near name may be just the other group."""
    asked = dict(criterion.slice)
    alike = [dict(metric.slice) for metric in same if {column for column, _ in metric.slice} == set(asked)]
    for column, value in criterion.slice:
        known = sorted({where[column] for where in alike})
        if known and value not in known:
            first = dict.fromkeys((*difflib.get_close_matches(value, known, n=3), *known))
            return f"the values of {column} are {_some(first)}"
    return ""


def _enough(estimate: Estimate, rules: Rules) -> bool:
    return estimate.n is None or estimate.n >= rules.min_denominator


def _adjusted(cases: list[Case], rules: Rules) -> list[Case]:
    """Each case with the level at which Holm's method tests it; a case without a family stays alone."""
    families: dict[str, list[int]] = {}
    for index, case in enumerate(cases):
        if case.criterion.family and isinstance(case.estimate, Bounded) and (_enough(case.estimate, rules) or case.metric.incomplete):
            families.setdefault(case.criterion.family, []).append(index)
    for members in families.values():
        tested = [cases[index] for index in members]
        for index, alpha in zip(members, holm([_p(case) for case in tested]), strict=True):
            cases[index] = replace(cases[index], alpha=alpha)
    return cases


def _p(case: Case) -> float:
    if not isinstance(case.estimate, Bounded):
        raise TypeError(type(case.estimate).__name__)
    return p_value(case.estimate, case.criterion.number, case.criterion.op)


def holm(p_values: Sequence[float], alpha: float = ALPHA) -> list[float]:
    """The level at which Holm's step-down method tests each p-value; those it does not reject share the step where it stopped."""
    levels = [alpha] * len(p_values)
    stopped: float | None = None
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        level = stopped if stopped is not None else alpha / (len(p_values) - rank)
        levels[index] = level
        if stopped is None and p_values[index] > level:
            stopped = level
    return levels


def _gate(case: Case, rules: Rules) -> tuple[Gate, str]:
    """The gate, and what the summary would say of it."""
    ruling = _ruling(case, rules)
    gate = Gate(
        criterion=spell(case.criterion),
        verdict=ruling.verdict,
        sentence=words.sentence(case, ruling),
        source=case.criterion.source,
        value=None if isinstance(case.estimate, NotEstimable) else float(case.estimate.value),
        bound=ruling.bound,
        needed=ruling.needed,
    )
    return gate, words.brief(case, ruling)


def _ruling(case: Case, rules: Rules) -> Ruling:
    estimate, op, number = case.estimate, case.criterion.op, case.criterion.number
    if isinstance(estimate, NotEstimable):
        return Ruling(verdict=Verdict.INCONCLUSIVE, ground="none")
    if case.metric.incomplete:
        return _ruling_on_part(case, estimate, rules)
    if not _enough(estimate, rules):
        needed = _needed(case, estimate) if isinstance(estimate, Bounded) and rules.mode == "evidence" else None
        return Ruling(verdict=Verdict.INCONCLUSIVE, ground="few", needed=max(rules.min_denominator, needed or 0))
    if isinstance(estimate, Point) or rules.mode == "point":
        return Ruling(verdict=Verdict.PASSED if holds(estimate.value, op, number) else Verdict.FAILED, ground="value")
    return _ruling_on_bounds(case, estimate)


def _ruling_on_bounds(case: Case, estimate: Bounded) -> Ruling:
    op, number = case.criterion.op, case.criterion.number
    cautious = estimate.bound(ALPHA if op in {">=", ">"} else 1 - ALPHA)
    generous = _generous(case, estimate)
    if holds(cautious, op, number):
        return Ruling(verdict=Verdict.PASSED, ground="bounds", bound=cautious)
    if not holds(generous, op, number):
        return Ruling(verdict=Verdict.FAILED, ground="bounds", bound=generous)
    missing = cautious if holds(estimate.value, op, number) else generous
    told = missing if math.isfinite(missing) else None  # a ratio may have no upper bound
    return Ruling(verdict=Verdict.INCONCLUSIVE, ground="bounds", bound=told, needed=_needed(case, estimate))


def _ruling_on_part(case: Case, estimate: Bounded | Point, rules: Rules) -> Ruling:
    """What is known may fail, whatever is missing; to pass, nothing may be missing.

    Whoever says that a metric is incomplete sees to it that its bounds against the gate rest on enough rows.
    """
    bounded = isinstance(estimate, Bounded) and rules.mode == "evidence"
    if isinstance(estimate, Point) or not bounded:
        return Ruling(verdict=Verdict.INCONCLUSIVE, ground="part")
    generous = _generous(case, estimate)
    if not holds(generous, case.criterion.op, case.criterion.number):
        return Ruling(verdict=Verdict.FAILED, ground="bounds", bound=generous)
    return Ruling(verdict=Verdict.INCONCLUSIVE, ground="part", needed=max(rules.min_denominator, _needed(case, estimate) or 0))


def _generous(case: Case, estimate: Bounded) -> float:
    """The bound that has to miss the criterion for a claim of failure."""
    return estimate.bound(1 - case.alpha if case.criterion.op in {">=", ">"} else case.alpha)


def _needed(case: Case, estimate: Bounded) -> int | None:
    op, number = case.criterion.op, case.criterion.number
    alpha = ALPHA if holds(estimate.value, op, number) else case.alpha
    return rows_needed(estimate, number, op, confidence=1 - alpha)


def _finding_gate(criterion: NoFinding, observations: Observations) -> tuple[Gate, str]:
    """A gate on findings needs no statistics: they are there or not."""
    found = [
        finding
        for finding in observations.findings
        if finding.level.gravity >= criterion.level.gravity and criterion.rule in {"", finding.rule}
    ]
    told = words.findings(criterion, found)
    verdict = Verdict.FAILED if found else Verdict.PASSED
    gate = Gate(criterion=spell(criterion), verdict=verdict, sentence=words.sentence_case(told) + ".", source=criterion.source)
    return gate, told
