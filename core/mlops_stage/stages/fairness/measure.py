"""The stage at work: read, count, estimate, and tell no more than may be told."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError, nearest
from mlops_stage.estimates import Bounded
from mlops_stage.evidence.redact import MINIMUM_COUNT, shown
from mlops_stage.gate import parse_all
from mlops_stage.report import Finding, Level, NotApplicable, Observations, metric_label
from mlops_stage.stages.fairness.counting import count, count_scores, score_edges
from mlops_stage.stages.fairness.crosscheck import cross_checked
from mlops_stage.stages.fairness.estimating import calibration_of, metrics_of, overall
from mlops_stage.stages.fairness.evidence import RATES, write_counts, write_rates
from mlops_stage.stages.fairness.fairlearn import library_metrics
from mlops_stage.stages.fairness.grouping import CLASS, groupings
from mlops_stage.stages.fairness.hiding import Counted, secrets
from mlops_stage.stages.fairness.pictures import pictures
from mlops_stage.stages.fairness.reading import judged
from mlops_stage.stages.fairness.remarks import remarks
from mlops_stage.stages.fairness.telling import telling_of
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
    from mlops_stage.stages.fairness.telling import Telling
    from mlops_stage.workspace import Workspace

_LISTED = 8
_REPORTED = {1: 20, 2: 6}
"""Of so many groups, by the number of columns crossed, each figure is reported one by one; the page shows fewer."""


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
    tellings = [telling_of(one.cells, one.grouping, predictions.classes, _terms(params, one.grouping, secret)) for one in counted]
    told = _figures(params, workspace, predictions, counted, secret)
    metrics = [*overall(counted[0].cells, predictions.classes, secret.total), *chain.from_iterable(told)]
    metrics += library_metrics(params.library_metrics, predictions, counted, secret)
    figures = pictures(metrics, tellings, classes=predictions.classes)
    many = [one for one in tellings if one.most is not None and one.grouping.size > one.most]
    evidence = write_counts(workspace.out, predictions, counted, secret)
    workspace.progress(1.0, "done")
    return Observations(
        metrics=tuple(metrics),
        findings=(
            *remarks(counted, secret, params.min_denominator),
            *map(_passed_over, left_out),
            *_not_reported(many),
            *found.findings,
            *checked,
        ),
        subjects=found.subjects,
        evidence=(*evidence, write_rates(workspace.out, tellings)) if many else evidence,
        figures=tuple(figures),
        outputs=_outputs(metrics, counted, predictions),
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
        terms = _terms(params, one.grouping, secret)
        metrics = metrics_of(one.cells, one.grouping, predictions.classes, terms)
        if edges is not None:
            metrics += calibration_of(count_scores(predictions, one.grouping, edges), one.grouping, terms)
        yield metrics


def _terms(params: FairnessParams, grouping: Grouping, secret: Secrets | None) -> Terms:
    """How groups are compared; without secrets all of them, exactly."""
    reference = _reference(params.reference_group, grouping)
    if secret is None:
        return Terms(min_denominator=params.min_denominator, draws=1, seed=params.seed, reference=reference)
    named = [frozenset(pair for pair in one.slice if pair[0] != CLASS) for one in parse_all(params.gates)]
    return Terms(
        min_denominator=params.min_denominator,
        draws=DRAWS[params.effort],
        seed=params.seed,
        bootstrap=params.bootstrap,
        reference=reference,
        hidden=secret.groups(grouping),
        least=MINIMUM_COUNT,
        most=_REPORTED[min(len(grouping.columns), 2)],
        kept=frozenset(group for group in range(grouping.size) if frozenset(grouping.slice(group)) in named) if named else frozenset(),
        told=secret.of(grouping),
        total=secret.total,
    )


def _not_reported(tellings: Sequence[Telling]) -> list[Finding]:
    """Groupings of so many groups that the report tells some of them only."""
    if not tellings:
        return []
    listed = ", ".join(f"{one.grouping.size:,} of {shown(one.grouping.name)}" for one in tellings[:_LISTED])
    more = f" and {len(tellings) - _LISTED} more" if len(tellings) > _LISTED else ""
    message = (
        f"there are many groups ({listed}{more}): of each figure the report tells one by one those that differ most surely from all rows, those at its ends, "
        "and those that a gate names; gaps, pictures and verdicts look at all of them"
    )
    return [Finding(rule="fairness/many-groups", level=Level.NOTE, message=message, hint=f"all groups are in {RATES}")]


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


def _outputs(metrics: Sequence[Metric], counted: Sequence[Counted], predictions: Predictions) -> dict[str, str]:
    """Values of the stage's outputs; those of the worst gap are empty where none can be estimated."""
    groups = {one.grouping.slice(group) for one in counted for group in one.grouping.inside.tolist()}
    found = {"rows": str(predictions.n), "groups": str(len(groups))}
    names, alone = ("tpr_difference", "fpr_difference"), {one.grouping.by for one in counted if len(one.grouping.columns) == 1}
    gaps = [metric for metric in metrics if metric.name in names and metric.slice in alone]
    known = [(metric.estimate.bound(0.05), metric.estimate.value, metric) for metric in gaps if isinstance(metric.estimate, Bounded)]
    if not known:
        return found
    _, value, worst = max(known, key=lambda gap: gap[:2])
    ends = (worst.between.low, worst.between.high) if worst.between else ()
    return found | {
        "worst_metric": worst.label,
        "worst_gap": f"{value:.6g}",
        "worst_groups": " / ".join(metric_label("", end)[1:-1] for end in ends),
    }
