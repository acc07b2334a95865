"""What the stage asks of a model when nobody else asks anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.report import Criterion, Level, NoFinding
from mlops_stage.stages.quality.divisions import CLASS
from mlops_stage.stages.quality.metrics import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.report import Metric, Observations
    from mlops_stage.stages.quality.params import QualityParams

IMPLIED_RULE = "quality/implied-threshold"
"""The finding that says that nobody decided where scores become decisions."""
CONSTANT_RULE = "quality/constant-answers"
"""The finding that says that the model gives every row the same answer."""


def criteria(params: QualityParams, observations: Observations) -> tuple[Criterion | NoFinding, ...]:
    """Better than a predictor that ignores its input; and, beside a baseline, not inferior to it, or superior.

    Such a predictor, whatever it answers, has a balanced accuracy of 1 / classes, a ROC AUC of 0.5 and an R² of at most 0.
    A model that gives every row the same answer is such a predictor, and fails. Bare figures from elsewhere get no default gate.
    """
    metrics = [metric for metric in observations.metrics if not isinstance(metric.estimate, Point)]
    implied = any(finding.rule == IMPLIED_RULE for finding in observations.findings)
    found: list[Criterion | NoFinding] = []
    if any(finding.rule == CONSTANT_RULE for finding in observations.findings):
        found.append(NoFinding(level=Level.ERROR, rule=CONSTANT_RULE))
    leader = leading(metrics, implied=implied)
    if leader is not None and leader.name in _TRIVIAL:
        found.append(Criterion(metric=leader.name, op=">", number=_TRIVIAL[leader.name]))
    elif leader is not None:
        found.append(Criterion(metric=leader.name, op=">", number=math.ceil(10_000 / _classes(metrics)) / 10_000))
    compared = leading([metric for metric in metrics if metric.versus is not None], implied=implied)
    if params.baseline is not None and compared is not None:
        superior = params.comparison == "superior"
        number = 0.0 if superior or not params.margin else -params.margin
        found.append(Criterion(metric=compared.name, op=">" if superior else ">=", number=number, baseline=True))
    return tuple(found)


def leading(metrics: Sequence[Metric], *, implied: bool) -> Metric | None:
    """The metric of all rows that leads the report: the first of `PRIMARY` that is there.

    Where nobody decided how scores become decisions (`implied`), figures of decisions do not lead.
    """
    overall = {metric.name: metric for metric in metrics if not metric.slice}
    names = [name for name in PRIMARY if name in overall]
    ranked = [name for name in names if name.startswith("roc_auc")]
    first = [*ranked, *names] if implied else names
    return overall[first[0]] if first else None


_TRIVIAL = {"r2": 0.0, "roc_auc": 0.5, "roc_auc_ovr": 0.5}


def _classes(metrics: Sequence[Metric]) -> int:
    """The number of classes that labels have: two, unless classes are reported one by one."""
    recalls = [metric.estimate for metric in metrics if metric.name == "recall" and [column for column, _ in metric.slice] == [CLASS]]
    return max(2, sum(not isinstance(estimate, NotEstimable) for estimate in recalls))
