"""Metrics of scikit-learn and Fairlearn by group, through Fairlearn's `MetricFrame`, and our own figures checked against Fairlearn's.

Fairlearn is optional and imported where it is needed. Its figures have no interval, so they inform; a gate that names one judges the bare value.
"""

from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_stage.errors import InputError, StageError, UsageError, nearest
from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.evidence.redact import HIDDEN, shown
from mlops_stage.report import Between, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.stages.fairness.hiding import Counted, Ranges, Secrets

Needs = Literal["rows", "positives", "negatives", "decided", "both"]
"""What a group must have for a figure to mean anything; for lack of it a library may answer 0, and we say that there is no figure."""
_TWO = 2


@dataclass(frozen=True)
class Known:
    """A public function that may be asked for by name."""

    module: Literal["sklearn.metrics", "fairlearn.metrics"]
    name: str
    needs: Needs = "rows"
    of: Literal["decisions", "scores", "groups"] = "decisions"
    """Decisions or scores of each group; or decisions and groups, all at once."""
    binary: bool = True
    """Whether it means something for two classes only."""
    averaged: bool = False
    """Whether several classes need `average`: then each class counts alike (macro)."""
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def full(self) -> str:
        """Its name in the report, with the library that computed it."""
        return f"{self.module}.{self.name}"

    def function(self, *, binary: bool) -> Callable[..., Any]:
        """The function itself, with what it needs to say NaN rather than 0 where it has no answer."""
        found = getattr(import_module(self.module), self.name)
        options = dict(self.options) | ({} if binary or not self.averaged else {"average": "macro"})
        return partial(found, **options) if options else found


def _sklearn(needs: Needs, *names: str, **more: Any) -> tuple[Known, ...]:
    return tuple(Known("sklearn.metrics", name, needs, **more) for name in names)


def _fairlearn(needs: Needs, *names: str, **more: Any) -> tuple[Known, ...]:
    return tuple(Known("fairlearn.metrics", name, needs, **more) for name in names)


_NAN = (("zero_division", math.nan),)
_BOTH_CLASSES = (("labels", (0, 1)),)
_KNOWN = (
    *_sklearn("rows", "accuracy_score", "hamming_loss", "zero_one_loss", binary=False),
    *_sklearn("both", "balanced_accuracy_score", "cohen_kappa_score", "matthews_corrcoef", binary=False),
    *_sklearn("positives", "f1_score", "recall_score", binary=False, averaged=True, options=_NAN),
    *_sklearn("positives", "jaccard_score", binary=False, averaged=True),
    *_sklearn("decided", "precision_score", binary=False, averaged=True, options=_NAN),
    *_sklearn("rows", "brier_score_loss", of="scores"),
    *_sklearn("rows", "log_loss", of="scores", options=_BOTH_CLASSES),
    *_sklearn("both", "d2_log_loss_score", of="scores", options=_BOTH_CLASSES),
    *_sklearn("both", "average_precision_score", "roc_auc_score", of="scores"),
    *_fairlearn("rows", "mean_prediction", "selection_rate"),
    *_fairlearn("positives", "true_positive_rate", "false_negative_rate"),
    *_fairlearn("negatives", "true_negative_rate", "false_positive_rate"),
    *_fairlearn("rows", "demographic_parity_difference", "demographic_parity_ratio", of="groups"),
    *_fairlearn(
        "rows", "selection_rate_difference", "selection_rate_ratio", "accuracy_score_difference", "accuracy_score_ratio", of="groups"
    ),
    *_fairlearn(
        "rows", "accuracy_score_group_min", "zero_one_loss_difference", "zero_one_loss_ratio", "zero_one_loss_group_max", of="groups"
    ),
    *_fairlearn("both", "equalized_odds_difference", "equalized_odds_ratio", "balanced_accuracy_score_group_min", of="groups"),
    *_fairlearn("positives", "equal_opportunity_difference", "equal_opportunity_ratio", "true_positive_rate_difference", of="groups"),
    *_fairlearn("positives", "true_positive_rate_ratio", "false_negative_rate_difference", "false_negative_rate_ratio", of="groups"),
    *_fairlearn("positives", "recall_score_group_min", "f1_score_group_min", of="groups"),
    *_fairlearn("negatives", "false_positive_rate_difference", "false_positive_rate_ratio", "true_negative_rate_difference", of="groups"),
    *_fairlearn("negatives", "true_negative_rate_ratio", of="groups"),
    *_fairlearn("decided", "precision_score_group_min", of="groups"),
)
KNOWN: Mapping[str, Known] = {**{one.name: one for one in _KNOWN}, **{one.full: one for one in _KNOWN}}
"""What may be asked for, by its name and by its full name: figures of labels and decisions, or of labels and scores, that need nothing else."""
_REFUSED = {
    "count": "the number of rows stands beside every figure",
    "fbeta_score": "it needs a beta, which nobody declares",
    "hinge_loss": "it needs the values of a decision function, not scores or decisions",
    "log_loss_group_max": "it is one of probabilities and of groups at once: ask for log_loss",
    "roc_auc_score_group_min": "it is one of scores and of groups at once: ask for roc_auc_score",
}


def library_metrics(names: Sequence[str], predictions: Predictions, counted: Sequence[Counted], secrets: Secrets) -> list[Metric]:
    """Further figures by group, as bare points; those of groups with counts that must not be told are hidden, and gaps leave such groups out.

    `sklearn.metrics.f1_score[sex=female]` is that of a group, `sklearn.metrics.f1_score_difference[by=sex]` and `_ratio` are what `MetricFrame` says of
    all groups in which there is one; where some group has none, the metric says so.

    Raises:
        UsageError: a name that is unknown, or that means nothing for these answers.
        StageError: Fairlearn is not installed.
    """
    wanted = list(dict.fromkeys(_known(name) for name in names))
    if not wanted:
        return []
    binary = predictions.task == "binary"
    for one in wanted:
        if one.binary and not binary:
            raise UsageError(f"library_metrics: {one.full} is for two classes, and here are {len(predictions.classes)}", "leave it out")
        if one.of == "scores" and predictions.score is None:
            raise UsageError(
                f"library_metrics: {one.full} is of scores, and there are none", "name their column with score, or leave it out"
            )
    required("library_metrics")
    found: list[Metric] = []
    for place, counts in enumerate(counted):
        for one in wanted:
            found += (
                _between(one, predictions, counts, secrets)
                if one.of == "groups"
                else _by_group(one, predictions, counts, secrets, first=not place)
            )
    return list({metric.label: metric for metric in found}.values())  # a gap may be asked for by its own name, and come with its rate


def _known(name: str) -> Known:
    plain = name.strip()
    bare = plain.rpartition(".")[2]
    if plain in KNOWN:
        return KNOWN[plain]
    if bare in _REFUSED:
        raise UsageError(f"library_metrics: {shown(plain)!r} cannot be used: {_REFUSED[bare]}", "leave it out")
    hint = nearest(plain, (one.full for one in _KNOWN) if "." in plain else (one.name for one in _KNOWN))
    raise UsageError(f"library_metrics: {shown(plain)!r} is no metric of labels and decisions that scikit-learn or Fairlearn has", hint)


def required(param: str) -> Any:
    """Fairlearn's metrics.

    Raises:
        StageError: it is not installed.
    """
    try:
        return import_module("fairlearn.metrics")
    except ImportError as error:
        raise StageError(f"{param} needs Fairlearn, which is not installed", "pip install 'mlops-stage[fairlearn]'") from error


def _by_group(one: Known, predictions: Predictions, counts: Counted, secrets: Secrets, *, first: bool) -> list[Metric]:
    """The figure of all rows (once), of each group, and the gap between groups inside."""
    grouping = counts.grouping
    answers = predictions.score if one.of == "scores" else predictions.prediction
    lacking = {group: why for group in range(grouping.size) if (why := _lacks(one.needs, counts.cells.rows[group]))}
    frame = _frame(one, predictions, answers, grouping.codes, np.ones(predictions.n, dtype=np.bool_))
    overall = _point(frame.overall[one.full], _rests_on(one, counts.cells.rows.sum(axis=0)))
    found = [Metric(name=one.full, estimate=overall if _is_told(one, secrets.total, 0) else HIDDEN)] if first else []
    values = frame.by_group[one.full].to_dict()
    rows = [_rests_on(one, table) for table in counts.cells.rows]
    ranges = secrets.of(grouping)
    for group in range(grouping.size):
        estimate: Estimate = HIDDEN
        if _is_told(one, ranges, group):
            estimate = NotEstimable(0, lacking[group]) if group in lacking else _point(values[group], rows[group])
        found.append(Metric(name=one.full, slice=grouping.slice(group), estimate=estimate))
    told = [group for group in grouping.inside.tolist() if group not in lacking and _is_told(one, ranges, group)]
    if len(told) < _TWO:
        return found
    frame = _frame(one, predictions, answers, grouping.codes, np.isin(grouping.codes, told))
    missing = len(grouping.inside) - len(told)
    low, high = (grouping.slice(pick(told, key=values.__getitem__)) for pick in (min, max))
    for kind in ("difference", "ratio"):
        estimate = _point(getattr(frame, kind)(method="between_groups")[one.full], min(rows[group] for group in told))
        between = Between(figure=one.full, low=low, high=high)
        found.append(Metric(name=f"{one.full}_{kind}", slice=grouping.by, estimate=estimate, incomplete=_missing(missing), between=between))
    return found


def _between(one: Known, predictions: Predictions, counts: Counted, secrets: Secrets) -> list[Metric]:
    """One figure for all groups at once; those without it are left out, where Fairlearn would count 0."""
    grouping = counts.grouping
    told = [
        group
        for group in grouping.inside.tolist()
        if not _lacks(one.needs, counts.cells.rows[group]) and _is_told(one, secrets.of(grouping), group)
    ]
    if len(told) < _TWO:
        return [Metric(name=one.full, slice=grouping.by, estimate=NotEstimable(None, "fewer than two groups have that figure"))]
    kept = np.isin(grouping.codes, told)
    weight = {} if predictions.weight is None else {"sample_weight": predictions.weight[kept]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = one.function(binary=True)(
            predictions.label[kept], predictions.prediction[kept], sensitive_features=grouping.codes[kept], **weight
        )
    rows = min(_rests_on(one, counts.cells.rows[group]) for group in told)
    return [Metric(name=one.full, slice=grouping.by, estimate=_point(value, rows), incomplete=_missing(len(grouping.inside) - len(told)))]


def _frame(one: Known, predictions: Predictions, answers: Any, codes: NDArray[np.int64], kept: NDArray[np.bool_]) -> Any:
    """Fairlearn's `MetricFrame` over some of the rows."""
    function = one.function(binary=predictions.task == "binary")
    weighed = predictions.weight is not None and "sample_weight" in inspect.signature(function).parameters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of, figures that do not exist, is told in words of ours
        try:
            return required("library_metrics").MetricFrame(
                metrics={one.full: function},
                y_true=predictions.label[kept],
                y_pred=answers[kept],
                sensitive_features=codes[kept],
                sample_params={one.full: {"sample_weight": predictions.weight[kept]}}
                if weighed and predictions.weight is not None
                else None,
            )
        except ValueError as error:
            raise InputError(f"library_metrics: {one.full} refuses these answers: {shown(error)}", "leave it out") from error


def _lacks(needs: Needs, table: NDArray[np.int64]) -> str:
    """Why a group with these cells (label, decision) has no such figure; empty if it has."""
    by_label = table.sum(axis=1)
    if not by_label.sum():
        return "no rows"
    if len(by_label) > _TWO or needs == "rows":
        return "only one label in this group" if needs == "both" and np.count_nonzero(by_label) < _TWO else ""
    if needs in {"positives", "both"} and not by_label[1]:
        return "no positives in this group"
    if needs in {"negatives", "both"} and not by_label[0]:
        return "no negatives in this group"
    return "no positive decisions in this group" if needs == "decided" and not table[:, 1].sum() else ""


def _rests_on(one: Known, table: NDArray[np.int64]) -> int:
    """The smallest denominator of the rates that a figure of these cells (label, decision) is made of, at least 1: a gate looks at it."""
    by_label, by_decision = table.sum(axis=1), table.sum(axis=0)
    if one.needs == "rows":
        found = by_label.sum(keepdims=True)
    elif one.needs == "decided":
        found = by_decision[1:] if len(by_label) == _TWO else by_decision
    elif len(by_label) > _TWO or one.needs == "both":
        found = by_label
    else:
        found = by_label[1:] if one.needs == "positives" else by_label[:1]
    return int(found[found > 0].min(initial=table.sum() or 1))


def _is_told(one: Known, ranges: Ranges, group: int) -> bool:
    """Whether all counts that a figure could tell are told: of scores the labels, of decisions everything. A bare point has no bounds to be widened."""
    return not ranges.unsure_labels[group] if one.of == "scores" else ranges.exact(group)


def _point(value: Any, n: int) -> Estimate:
    number = float(value)
    return Point(number, n) if math.isfinite(number) else NotEstimable(n, "the library gives no number")


def _missing(count: int) -> str:
    if not count:
        return ""
    return "1 group has none that could be told" if count == 1 else f"{count:,} groups have none that could be told"
