"""The stage at work: read, look for what puts figures in doubt, count, compare."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Bounded, NotEstimable, Point
from mlops_stage.evidence.redact import MINIMUM_COUNT, shown
from mlops_stage.report import Finding, Level, Metric, Observations
from mlops_stage.stages.quality import pictures, points, validity
from mlops_stage.stages.quality.baseline import baseline
from mlops_stage.stages.quality.beside import beside
from mlops_stage.stages.quality.comparing import ByRows, changed_decisions, worse_slices
from mlops_stage.stages.quality.criteria import CONSTANT_RULE, IMPLIED_RULE, leading
from mlops_stage.stages.quality.divisions import CLASS, all_rows, by_column
from mlops_stage.stages.quality.estimating import Answers, cells, figures, improbable
from mlops_stage.stages.quality.metrics import as_metrics, gaps
from mlops_stage.stages.quality.reading import candidate, overlap, trained
from mlops_stage.stats.resampling import DRAWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.report import Figure, Subject
    from mlops_stage.stages.quality.comparing import Comparison
    from mlops_stage.stages.quality.estimating import Figures
    from mlops_stage.stages.quality.params import QualityParams
    from mlops_stage.workspace import Workspace

_FEW = 30
"""Fewer equal answers may be chance."""


def measure(params: QualityParams, workspace: Workspace) -> Observations:
    """Figures of the answers that the params name, beside those of the baseline.

    Raises:
        UsageError: nothing to judge; a column or file that is not there.
        InputError: an input that cannot be used.
    """
    if params.metrics:
        return _from_elsewhere(params, workspace)
    judged = candidate(params, workspace)
    what = "predictions" if params.predictions else "model"
    shared = overlap(params, workspace)
    compared = beside(params, workspace, judged)
    comparison = compared.comparison
    answers = Answers(judged, paired=True) if isinstance(comparison, ByRows) else Answers(judged)
    if isinstance(comparison, ByRows) and comparison.new.predictions.classes == judged.classes:
        answers = comparison.new
    found = _figures(answers, params, workspace)
    train, train_subjects = _gaps(params, workspace, judged, found[0])
    metrics = [*_metrics(found, comparison), *train]
    findings = [
        *(validity.shared_rows(shared) if shared else ()),
        *validity.worse_than_chance(found[0].by_group[0], what),
        *validity.strange_decisions(judged, what),
        *compared.findings,
        *_constant(judged),
        *worse_slices(metrics, "mean_absolute_error" if judged.task == "regression" else "accuracy"),
        *_choices(judged, params),
    ]
    if isinstance(comparison, ByRows) and judged.task != "regression":
        changed, told = changed_decisions(comparison)
        metrics += changed
        findings += told
    workspace.progress(1.0, "done")
    return Observations(
        metrics=tuple(metrics),
        findings=tuple(_located(findings, judged)),
        subjects=_once((*judged.subjects, *train_subjects, *compared.subjects)),
        figures=tuple(_drawn(answers, found[0], metrics, params)),
        outputs=_outputs(metrics, judged),
    )


def _figures(answers: Answers, params: QualityParams, workspace: Workspace) -> list[Figures]:
    """Figures of all rows, then by each column."""
    divisions = [all_rows(answers.predictions), *by_column(answers.predictions)]
    found = []
    for place, division in enumerate(divisions):
        workspace.progress(0.55 + 0.4 * place / len(divisions), f"counting {answers.predictions.n:,} rows")
        found.append(figures(answers, division, draws=DRAWS[params.effort], seed=params.seed))
    return found


def _metrics(found: Sequence[Figures], comparison: Comparison | None) -> list[Metric]:
    metrics: list[Metric] = []
    for one in found:
        versus = comparison.versus(one) if comparison else [{} for _ in one.by_group]
        for group, estimates in enumerate(one.by_group):
            metrics += as_metrics(estimates, one.division.slice(group), _known(estimates, versus[group]))
        by_class = comparison.versus_by_class(one) if comparison and one.by_class else {}
        for name, estimates in one.by_class.items():
            metrics += as_metrics(estimates, ((CLASS, name),), _known(estimates, by_class.get(name, {})))
    return metrics


def _known(estimates: Mapping[str, Estimate], versus: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Differences; of a figure that is masked, or cannot be estimated, there is none either."""
    own = {name: estimate for name, estimate in estimates.items() if isinstance(estimate, NotEstimable)}
    return {name: own.get(name, change) for name, change in versus.items()}


def _gaps(params: QualityParams, workspace: Workspace, judged: Predictions, test: Figures) -> tuple[list[Metric], tuple[Subject, ...]]:
    """How much better the model is on what it was trained on."""
    train = trained(params, workspace, judged)
    if train is None:
        return [], ()
    own = figures(Answers(train), all_rows(train), draws=DRAWS[params.effort], seed=params.seed)
    return gaps(own.by_group[0], test.by_group[0]), tuple(subject for subject in train.subjects if subject.role == "train")


def _constant(judged: Predictions) -> list[Finding]:
    """A model that gives every row the same answer."""
    answers = judged.prediction
    if judged.implied or judged.n < _FEW or (answers != answers[0]).any():
        return []
    answer = f"{answers[0]:.6g}" if judged.task == "regression" else repr(shown(judged.classes[int(answers[0])]))
    message = f"all {judged.n:,} answers are {answer}: on these rows the model ignores its input"
    return [Finding(rule=CONSTANT_RULE, level=Level.ERROR, message=message, hint="check the model's input, its threshold and its training")]


def _choices(judged: Predictions, params: QualityParams) -> list[Finding]:
    """What was chosen for want of a declaration."""
    told = list(judged.notes)
    if params.task == "auto" and judged.task != "binary":
        kind = "quantities (regression)" if judged.task == "regression" else f"{len(judged.classes)} classes (multiclass)"
        told.insert(0, f"nobody declared the task: by their values, labels are taken for {kind}; if they are not, declare task")
    if judged.score is not None and not judged.probabilities:
        told.append(f"{improbable(judged)}: there is no log loss and no calibration")
    notes = [Finding(rule="quality/choice", level=Level.NOTE, message=note) for note in told]
    if judged.implied:
        message = (
            "nobody declared which scores are positive decisions: 0.5 is taken, and the default gate looks at how scores rank rows instead"
        )
        hint = "declare threshold, or write the decisions (y_pred)"
        notes.append(Finding(rule=IMPLIED_RULE, level=Level.NOTE, message=message, hint=hint))
    return notes


def _drawn(answers: Answers, overall: Figures, metrics: Sequence[Metric], params: QualityParams) -> list[Figure]:
    judged = answers.predictions
    found: list[Figure] = list(pictures.against_baseline(metrics))
    leader = leading(metrics, implied=judged.implied)
    if leader is not None:
        for column in params.slices:
            found += pictures.by_slice(metrics, leader.name, column, leader.estimate)
    if judged.task == "regression":
        return [*found, pictures.predicted_against_actual(judged)] if judged.n >= MINIMUM_COUNT else found
    if judged.task == "multiclass":
        found += pictures.by_slice(metrics, "recall", CLASS, overall.by_group[0]["balanced_accuracy"])
    (table,) = cells(answers, overall.division)
    found += pictures.confusion(table, judged.classes)
    if overall.calibration is not None:
        what = f"of {judged.classes[1]}" if judged.task == "binary" else "of the decided class"
        found += pictures.calibration(overall.calibration, what)
    return found


def _located(findings: Sequence[Finding], judged: Predictions) -> list[Finding]:
    """Findings that are more than notes lead to the file that was judged."""
    where = next((subject.name for subject in judged.subjects if subject.role in {"predictions", "data"}), "")
    return [finding if finding.location or finding.level is Level.NOTE else replace(finding, location=where) for finding in findings]


def _outputs(metrics: Sequence[Metric], judged: Predictions) -> dict[str, str]:
    leader = leading(metrics, implied=judged.implied)
    found = {"rows": str(judged.n)}
    if leader is None or isinstance(leader.estimate, NotEstimable | Point):
        return found
    found |= {"primary_metric": leader.name, "primary_value": f"{leader.estimate.value:.6g}"}
    found |= {"primary_low": f"{leader.estimate.bound(0.025):.6g}", "primary_high": f"{leader.estimate.bound(0.975):.6g}"}
    if isinstance(leader.versus, Bounded):
        better, worse = leader.versus.bound(0.05) > 0, leader.versus.bound(0.95) <= 0
        found["better_than_baseline"] = "yes" if better else "no" if worse else "unclear"
    return found


def _once(subjects: Sequence[Subject]) -> tuple[Subject, ...]:
    return tuple(dict.fromkeys(subjects))


def _from_elsewhere(params: QualityParams, workspace: Workspace) -> Observations:
    """Bare figures: no interval, and only a bare difference to bare figures."""
    if params.predictions:
        raise UsageError("metrics and predictions were both given", "give one of them; predictions say more")
    path = points.named(params.metrics or "", workspace.root, "metrics")
    earlier = baseline(params, workspace, None)
    before = {name: estimate for (name, where), estimate in earlier.figures.items() if not where} if earlier else {}
    bare = points.read_points(path, "metrics")
    return Observations(
        metrics=tuple(points.as_metrics(bare.figures, before)),
        findings=(*(earlier.findings if earlier else ()), points.NO_INTERVAL, *bare.notes),
        subjects=(points.subject(path, workspace.root, "metrics"), *(earlier.subjects if earlier else ())),
    )
