"""The stage at work: read, count, estimate, and tell no more than may be told."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError, nearest
from mlops_stage.estimates import Bounded
from mlops_stage.evidence.redact import MINIMUM_COUNT, shown
from mlops_stage.report import Finding, Level, NotApplicable, Observations, metric_label
from mlops_stage.stages.fairness.counting import count, count_scores, score_edges
from mlops_stage.stages.fairness.crosscheck import cross_checked
from mlops_stage.stages.fairness.estimating import calibration_of, metrics_of, overall
from mlops_stage.stages.fairness.evidence import write_counts
from mlops_stage.stages.fairness.fairlearn import library_metrics
from mlops_stage.stages.fairness.grouping import groupings
from mlops_stage.stages.fairness.hiding import Counted, secrets
from mlops_stage.stages.fairness.pictures import pictures
from mlops_stage.stages.fairness.reading import judged
from mlops_stage.stages.fairness.remarks import remarks
from mlops_stage.stages.fairness.terms import Terms
from mlops_stage.stats.resampling import DRAWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.inputs.tables.values import Codes
    from mlops_stage.report import Metric
    from mlops_stage.stages.fairness.grouping import Grouping
    from mlops_stage.stages.fairness.hiding import Secrets
    from mlops_stage.stages.fairness.params import FairnessParams
    from mlops_stage.workspace import Workspace

_LISTED = 8


def measure(params: FairnessParams, workspace: Workspace) -> Observations | NotApplicable:
    """Rates of every group, and the gaps between groups, of the answers that the params name.

    Raises:
        UsageError: nothing to compare; a column, group or file that is not there.
        InputError: an input that cannot be used.
    """
    found = judged(params, workspace)
    if isinstance(found, NotApplicable):
        return found
    predictions = found.predictions
    _check_references(params.reference_group, found.attributes)
    workspace.progress(0.5, f"counting {predictions.n:,} rows")
    left_out: list[UsageError] = []
    counted = [Counted(one, count(predictions, one)) for one in groupings(found.attributes, params.intersections, left_out)]
    secret = secrets(counted, predictions.classes)
    checked = []
    if params.cross_check == "fairlearn":
        exact = list(_figures(params, workspace, predictions, counted, None))
        checked = [cross_checked(predictions, counted, [overall(counted[0].cells, predictions.classes), *exact], params.reference_group)]
    told = _figures(params, workspace, predictions, counted, secret)
    metrics = [*overall(counted[0].cells, predictions.classes, secret.total), *chain.from_iterable(told)]
    metrics += library_metrics(params.library_metrics, predictions, counted, secret)
    figures = pictures(metrics, [one.grouping for one in counted], binary=predictions.task == "binary")
    evidence = write_counts(workspace.out, predictions, counted, secret)
    workspace.progress(1.0, "done")
    return Observations(
        metrics=tuple(metrics),
        findings=(*remarks(counted, secret, params.min_denominator), *map(_passed_over, left_out), *found.findings, *checked),
        subjects=found.subjects,
        evidence=evidence,
        figures=tuple(figures),
        outputs=_outputs(metrics, counted, predictions, params.min_denominator),
    )


def _passed_over(error: UsageError) -> Finding:
    """Columns whose groups crossed are too many."""
    message = f"{error.message}: they are not compared, though each column is"
    return Finding(rule="fairness/too-many-groups", level=Level.WARNING, message=message, hint=error.hint)


def _figures(
    params: FairnessParams, workspace: Workspace, predictions: Predictions, counted: Sequence[Counted], secret: Secrets | None
) -> Iterator[list[Metric]]:
    """The figures of each grouping as far as they may be told; without secrets all of them, exactly."""
    score = predictions.score if predictions.task == "binary" and predictions.probabilities else None
    edges = None if score is None or secret is None else score_edges(score)
    for place, one in enumerate(counted):
        workspace.progress(0.55 + 0.4 * place / len(counted), f"comparing groups of {one.grouping.name}")
        terms = Terms(
            min_denominator=params.min_denominator,
            draws=DRAWS[params.effort] if secret is not None else 1,
            seed=params.seed,
            bootstrap=params.bootstrap and secret is not None,
            reference=_reference(params.reference_group, one.grouping),
        )
        if secret is not None:
            hidden = secret.groups(one.grouping)
            terms = replace(terms, hidden=hidden, least=MINIMUM_COUNT, told=secret.of(one.grouping), total=secret.total)
        metrics = metrics_of(one.cells, one.grouping, predictions.classes, terms)
        if edges is not None:
            metrics += calibration_of(count_scores(predictions, one.grouping, edges), one.grouping, terms)
        yield metrics


def _check_references(wanted: Mapping[str, str], attributes: Mapping[str, Codes]) -> None:
    """Refuse groups to compare with that are not there."""
    for column, level in wanted.items():
        if column not in attributes:
            raise UsageError(f"reference_group: there is no sensitive column {shown(column)!r}", nearest(column, attributes))
        levels = attributes[column].levels
        if level not in levels:
            near = get_close_matches(level, levels, 1)
            some = ", ".join(shown(one, 40) for one in levels[:_LISTED]) + (" …" if len(levels) > _LISTED else "")
            hint = f"did you mean {shown(near[0])!r}?" if near else f"its groups are {some}"
            raise UsageError(f"reference_group: {shown(column)!r} has no group {shown(level)!r}", hint)


def _reference(wanted: Mapping[str, str], grouping: Grouping) -> int | None:
    """The group that others are compared with; None where it is not declared for every column, or has no rows."""
    levels = tuple(wanted.get(column, "") for column in grouping.columns)
    return grouping.levels.index(levels) if levels in grouping.levels and all(column in wanted for column in grouping.columns) else None


def _outputs(metrics: Sequence[Metric], counted: Sequence[Counted], predictions: Predictions, least: int) -> dict[str, str]:
    """Values of the stage's outputs; those of the worst gap are empty where none can be estimated."""
    groups = {one.grouping.slice(group) for one in counted for group in one.grouping.inside.tolist()}
    found = {"rows": str(predictions.n), "groups": str(len(groups))}
    names, alone = (
        ("tpr_difference", "fpr_difference"),
        {one.grouping.by: one.grouping for one in counted if len(one.grouping.columns) == 1},
    )
    gaps = [metric for metric in metrics if metric.name in names and metric.slice in alone]
    known = [(metric.estimate.bound(0.05), metric.estimate.value, metric) for metric in gaps if isinstance(metric.estimate, Bounded)]
    if not known:
        return found
    _, value, worst = max(known, key=lambda gap: gap[:2])
    ends = _ends(metrics, worst.name.removesuffix("_difference"), alone[worst.slice], least)
    return found | {"worst_metric": worst.label, "worst_gap": f"{value:.6g}", "worst_groups": " / ".join(ends)}


def _ends(metrics: Sequence[Metric], name: str, grouping: Grouping, least: int) -> list[str]:
    """The groups with the lowest and the highest rate, among those that are large enough for a verdict."""
    inside = {grouping.slice(group) for group in grouping.inside.tolist()}
    own = [
        (metric.estimate.value, metric)
        for metric in metrics
        if metric.name == name and isinstance(metric.estimate, Bounded) and metric.estimate.n >= least
    ]
    rates = sorted(((value, metric) for value, metric in own if metric.slice in inside), key=lambda rate: rate[0])
    return [metric_label("", metric.slice)[1:-1] for _, metric in (rates[0], rates[-1])] if rates else []
