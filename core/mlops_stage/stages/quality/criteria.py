"""What the stage asks of a model when nobody else asks anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.estimates import Bounded, NotEstimable, Point
from mlops_stage.report import Criterion, Level, NoFinding
from mlops_stage.stages.quality.divisions import CLASS
from mlops_stage.stages.quality.metrics import OF_SCORES, PRIMARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlops_stage.estimates import Op
    from mlops_stage.report import Metric, Observations
    from mlops_stage.stages.quality.params import QualityParams

IMPLIED_RULE = "quality/implied-threshold"
"""The finding that says that nobody decided where scores become decisions."""
CONSTANT_RULE = "quality/constant-answers"
"""The finding that says that the model gives every row the same answer."""


def criteria(params: QualityParams, observations: Observations) -> tuple[Criterion | NoFinding, ...]:
    """Better than a predictor that ignores its input; and, beside a baseline, not inferior to it, or superior.

    Where a baseline was named but nothing can be compared with it, that gate is still asked for, and stays inconclusive.

    Such a predictor, whatever it answers, has a balanced accuracy of 1 / classes, a ROC AUC of 0.5 and an R² of at most 0.
    A model that gives every row the same answer is such a predictor, and fails. Bare figures from elsewhere get no default gate.
    A finding of level error fails the run whatever gates are declared, unless the params ask for a report of it only.
    """
    metrics = [metric for metric in observations.metrics if not isinstance(metric.estimate, Point)]
    implied = any(finding.rule == IMPLIED_RULE for finding in observations.findings)
    found: list[Criterion | NoFinding] = []
    grave = any(finding.level is Level.ERROR for finding in observations.findings)
    if grave and params.doubts == "fail":
        found.append(NoFinding(level=Level.ERROR, source="validity"))
    elif any(finding.rule == CONSTANT_RULE for finding in observations.findings):
        found.append(NoFinding(level=Level.ERROR, rule=CONSTANT_RULE))
    leader = leading(metrics, implied=implied)
    if leader is not None:
        trivial = _TRIVIAL[leader.name] if leader.name in _TRIVIAL else 1 / _classes(metrics)
        found.append(Criterion(metric=leader.name, op=">", number=trivial))
    compared = _compared(metrics, implied=implied) or leader
    if params.baseline and compared is not None:
        found.append(_beside_baseline(compared, params))
    return tuple(found)


def leading(metrics: Sequence[Metric], *, implied: bool) -> Metric | None:
    """The metric of all rows that leads the report: the first of `PRIMARY` that is there.

    Where nobody decided how scores become decisions (`implied`), figures of decisions do not lead.
    """
    return next(iter(_ranked(metrics, PRIMARY, implied=implied)), None)


def _compared(metrics: Sequence[Metric], *, implied: bool) -> Metric | None:
    """The metric that is compared with the baseline: the first of `PRIMARY`, else of the report, whose difference is known and has a better side."""
    names = dict.fromkeys((*PRIMARY, *(metric.name for metric in metrics)))
    known = _ranked(metrics, names, implied=implied)
    return next((metric for metric in known if metric.direction and isinstance(metric.versus, Bounded | Point)), None)


def _ranked(metrics: Sequence[Metric], names: Iterable[str], *, implied: bool) -> list[Metric]:
    """Metrics of all rows in the order of the names; of scores alone where nobody decided how scores become decisions."""
    overall = {metric.name: metric for metric in metrics if not metric.slice}
    return [overall[name] for name in names if name in overall and (name in OF_SCORES or not implied)]


def _beside_baseline(metric: Metric, params: QualityParams) -> Criterion:
    """Not worse than the baseline by more than the margin, or better than it."""
    rising, superior = metric.direction != "lower", params.comparison == "superior"
    margin = 0.0 if superior or not params.margin else params.margin
    strict: Op = ">" if rising else "<"
    return Criterion(
        metric=metric.name,
        op=strict if superior else ">=" if rising else "<=",
        number=(-margin if rising else margin) + 0.0,
        baseline=True,
    )


_TRIVIAL = {"r2": 0.0, "roc_auc": 0.5, "roc_auc_ovr": 0.5}


def _classes(metrics: Sequence[Metric]) -> int:
    """The number of classes that labels have: two, unless classes are reported one by one."""
    recalls = [metric.estimate for metric in metrics if metric.name == "recall" and [column for column, _ in metric.slice] == [CLASS]]
    masked = [isinstance(estimate, NotEstimable) and estimate.n is None for estimate in recalls]  # small, but it occurs
    return max(2, sum(not isinstance(estimate, NotEstimable) or hidden for estimate, hidden in zip(recalls, masked, strict=True)))
