"""What the stage asks of a model when nobody else asks anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.estimates import NotEstimable
from mlops_stage.report import Criterion, NoFinding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.report import Metric, Observations
    from mlops_stage.stages.adversarial.params import AdversarialParams

CONSTANT_RULE = "adversarial/constant-answers"
"""The finding that says that the model gave every row the same answer."""


def criteria(params: AdversarialParams, observations: Observations) -> tuple[Criterion | NoFinding, ...]:
    """At the smallest size of change at which any column can move, the robust accuracy is not below half the clean accuracy.

    Half of the clean accuracy is a figure of the same rows; taken as known it makes the verdict cautious, never bold: the robust rows among those that
    the model gets right vary less than Wilson's bounds of the robust accuracy allow for. A model that answers nothing right cannot pass, nor one that gives
    every row the same answer, which no attack can change.
    """
    del params
    found: list[Criterion | NoFinding] = []
    if any(finding.rule == CONSTANT_RULE for finding in observations.findings):
        found.append(NoFinding(rule=CONSTANT_RULE))
    clean = next((one.estimate for one in observations.metrics if one.name == "clean_accuracy"), None)
    robust = leading(observations.metrics)
    if robust is not None and clean is not None and not isinstance(clean, NotEstimable):
        half = round(clean.value / 2, 6)
        found.append(Criterion(metric=robust.name, slice=robust.slice, op=">=" if half else ">", number=half))
    return tuple(found)


def leading(metrics: Sequence[Metric]) -> Metric | None:
    """The robust accuracy at the smallest size that has one, else at the smallest size."""
    found = [one for one in metrics if one.name == "robust_accuracy"]
    return next((one for one in found if not isinstance(one.estimate, NotEstimable)), found[0] if found else None)
