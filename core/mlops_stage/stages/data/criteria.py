"""Rules as metrics and gates: one gate for each rule that may fail a run, at the line that declared it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Criterion, Metric, NoFinding, Observations
from mlops_stage.stages.data import rules as r

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mlops_stage.report import Op
    from mlops_stage.stages.data.outcomes import Outcome
    from mlops_stage.stages.data.params import DataParams

UNREADABLE, LOST, EMPTY, VANISHED = "unreadable_records", "lost_records", "empty_columns", "vanished_columns"
NAMES: Mapping[type, str] = {
    r.Present: "absent",
    r.NoOthers: "undeclared_columns",
    r.Typed: "wrongly_typed",
    r.Nulls: "nulls",
    r.NotNumber: "not_a_number",
    r.Infinite: "infinite",
    r.Empty: "empty_text",
    r.Sentinels: "sentinels",
    r.Range: "out_of_range",
    r.MultipleOf: "no_multiple",
    r.OneOf: "outside_set",
    r.Pattern: "pattern_misses",
    r.Length: "wrong_length",
    r.DistinctItems: "repeated_items",
    r.Duplicates: "duplicate_keys",
    r.RowCount: "row_count",
    r.Fresh: "age",
    r.ClassShare: "class_share",
    r.Sql: "query",
    r.NewCategories: "new_categories",
    r.SharedRows: "shared_rows",
    r.SharedKeys: "shared_keys",
}
"""The metric of each check."""


@dataclass(frozen=True, kw_only=True)
class Held(Observations):
    """What was observed of a table, and the gates that its contract, profile and training data declare."""

    declared: Annotated[tuple[Criterion | NoFinding, ...], Field(exclude=True)] = ()


def criteria(params: DataParams, observations: Observations) -> tuple[Criterion | NoFinding, ...]:
    """The gates that were declared; of source `default` without a contract: no unreadable record and no empty column."""
    del params
    return observations.declared if isinstance(observations, Held) else ()


def of_reading(source: str = "default") -> tuple[Criterion, ...]:
    """The gates on how the files could be read."""
    return (
        Criterion(metric=UNREADABLE, op="<=", number=0.0, source=source, claim="every record can be read"),
        Criterion(metric=LOST, op="<=", number=0.0, source="reader", claim="no record is lost on reading"),
    )


def of_columns() -> tuple[Criterion, ...]:
    """The gate on columns, where there is no contract."""
    return (Criterion(metric=EMPTY, op="<=", number=0.0, claim="no column is empty"),)


def of_identity(row_id: str | None, contract: r.Contract | None) -> tuple[r.Rule, ...]:
    """What a column that names rows has to keep where the contract does not say it: every row has a value, and none has that of another."""
    if not row_id:
        return ()
    kinds: tuple[tuple[r.Check, str], ...] = (
        (r.Nulls(), f"{shown(row_id)}, which names rows, is never missing"),
        (r.Duplicates(), f"{shown(row_id)}, which names rows, never repeats"),
    )
    declared = {(type(rule.check), rule.columns) for rule in (contract.rules if contract else ())}
    return tuple(
        r.Rule(
            id=f"row_id.{NAMES[type(check)]}",
            check=check,
            bound=r.Bound(op="==", low=0),
            severity="error",
            where="",
            sentence=told,
            columns=(row_id,),
        )
        for check, told in kinds
        if (type(check), (row_id,)) not in declared
    )


def worst_first(metrics: Iterable[Metric], failing: Collection[str]) -> tuple[Metric, ...]:
    """Metrics whose gates fail before all others, else in their order: reports show the first in full."""
    return tuple(sorted(metrics, key=lambda metric: metric.name not in failing))


def of_profile(source: str) -> tuple[Criterion, ...]:
    """The gate on columns that the profile knows."""
    return (Criterion(metric=VANISHED, op="<=", number=0.0, source=source, claim="the table has every column of the profile"),)


def metric_of(outcome: Outcome) -> Metric:
    """The figure of a rule in the unit of its bound; exact, so a point."""
    rule, bound, value = outcome.rule, outcome.rule.bound, outcome.value
    estimate = NotEstimable(None, outcome.reason or "not measured") if value is None else Point(value)
    units = {"rows": "rows", "percent": "%", "share": "", "value": "s" if isinstance(rule.check, r.Fresh) else ""}
    unit = units[bound.unit] if bound else ""
    if isinstance(rule.check, r.Present | r.NoOthers) and unit == "rows":
        unit = "columns"
    return Metric(name=NAMES[type(rule.check)], estimate=estimate, unit=unit, slice=(("rule", rule.id),))


def metrics_and_criteria(outcomes: Iterable[Outcome]) -> tuple[list[Metric], list[Criterion]]:
    """The metrics of all rules, and the gates of those of severity `error`."""
    metrics: list[Metric] = []
    gates: list[Criterion] = []
    for outcome in outcomes:
        metric, bound = metric_of(outcome), outcome.rule.bound
        metrics.append(metric)
        if bound is None or outcome.rule.severity != "error":
            continue
        if bound.op in {"!=", "not between"}:
            metric = _distance(metric, bound)
            metrics.append(metric)
        gates += [
            Criterion(
                metric=metric.name,
                op=op,
                number=number,
                slice=metric.slice,
                source=outcome.rule.where or "row_id",
                claim=outcome.rule.sentence,
            )
            for op, number in _sides(bound)
        ]
    return metrics, gates


def _sides(bound: r.Bound) -> list[tuple[Op, float]]:
    """A bound as one or two comparisons, which is all that a gate can say."""
    low = float(bound.low)
    high = low if bound.high is None else float(bound.high)
    if bound.op in {"!=", "not between"}:
        return [(">", 0.0)]
    if bound.op == "==" and low == 0 and bound.unit != "value":
        return [("<=", 0.0)]  # no figure that counts is below 0
    if bound.op in {"==", "between"}:
        return [(">=", low), ("<=", high)]
    ops: Mapping[str, Op] = {">": ">", ">=": ">=", "<": "<", "<=": "<="}
    return [(ops[bound.op], low)]


def _distance(metric: Metric, bound: r.Bound) -> Metric:
    """How far a figure lies from what it must not be."""
    if isinstance(metric.estimate, NotEstimable) or not isinstance(metric.estimate, Point):
        estimate: NotEstimable | Point = NotEstimable(None, getattr(metric.estimate, "reason", "not measured"))
    else:
        value, high = metric.estimate.value, bound.low if bound.high is None else bound.high
        estimate = Point(max(bound.low - value, value - high, 0.0))
    return Metric(name=f"{metric.name}_from_forbidden", estimate=estimate, unit=metric.unit, slice=metric.slice)
