"""What the stage asks of a model: the standards that were named, or equalized odds where nobody asks anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.report import Criterion
from mlops_stage.stages.fairness.grouping import BY, CLASS
from mlops_stage.stages.fairness.standards import DEFAULT, chosen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.report import Metric, Observations
    from mlops_stage.stages.fairness.params import FairnessParams
    from mlops_stage.stages.fairness.standards import Standard


def criteria(params: FairnessParams, observations: Observations) -> tuple[Criterion, ...]:
    """One criterion for each limit of a standard and each sensitive column.

    The criteria of one standard are a family: their claims of failure are adjusted to each other, whereas to pass each has to hold. Groups of several
    columns crossed are reported and have no gate of their own accord, for there are always some of very few rows; `gates` may name them:
    `tpr_difference[by=sex+race] <= 0.2`.

    Raises:
        UsageError: a standard that does not exist, or that has no meaning for several classes.
    """
    columns = sensitive_columns(observations.metrics)
    standards = chosen(params.standard or (DEFAULT,))
    many = any(column == CLASS for metric in observations.metrics for column, _ in metric.slice)
    found: list[Criterion] = []
    for standard in standards:
        if standard.binary and many:
            hint = "name another standard, or predict one decision against all others"
            raise UsageError(f"the standard {standard.name} is about a favourable decision and has no meaning for several classes", hint)
        found += _of(standard, columns, "default" if not params.standard else standard.name)
    return tuple(found)


def sensitive_columns(metrics: Iterable[Metric]) -> tuple[str, ...]:
    """The columns that groups are reported by, each alone."""
    alone = (metric.slice[0][0] for metric in metrics if metric.name == "accuracy" and len(metric.slice) == 1)
    return tuple(dict.fromkeys(column for column in alone if column not in {BY, CLASS}))


def _of(standard: Standard, columns: Iterable[str], source: str) -> list[Criterion]:
    return [
        Criterion(
            metric=limit.metric, op=limit.op, number=limit.number, slice=((BY, column),), source=source, family=f"fairness:{standard.name}"
        )
        for column in columns
        for limit in standard.limits
    ]
