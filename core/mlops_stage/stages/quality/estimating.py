"""All figures of one model's answers, for all rows or by the levels of a column."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.estimates import NotEstimable
from mlops_stage.evidence.redact import HIDDEN, masked
from mlops_stage.stages.quality.divisions import small_classes
from mlops_stage.stats.calibration import Calibration, calibration, log_losses, squared_errors
from mlops_stage.stats.cells import Cells, count_cells
from mlops_stage.stats.classification import binary_estimates, class_estimates, mean_rate, multiclass_estimates, recall
from mlops_stage.stats.linear import average, mean_of
from mlops_stage.stats.ranking import rank, rank_figures, rising
from mlops_stage.stats.regression import error_figures, median_absolute_error
from mlops_stage.stats.resampling import FEWEST_DRAWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.stages.quality.divisions import Division
    from mlops_stage.stats.cells import Floats, Places
    from mlops_stage.stats.linear import Linear

_DENSE = 2**22
"""Cells counted in one pass; with more of them, groups are counted one after the other."""
_OVER_ALL = frozenset({"accuracy", "recall_weighted", "selection_rate", "log_loss", "brier_score_loss"})
"""Figures whose denominator is every row of a slice: they do not tell how many rows of it are of which class."""
_FEWEST_FOR_R2 = 10
_WORK = 2**23
"""Binomial variates spent on one column: the more levels and classes, the fewer draws for each level."""


@dataclass(frozen=True)
class Answers:
    """A model's answers, with what is computed once and used for every division of the rows."""

    predictions: Predictions
    paired: bool = False
    """Whether they will be compared row by row, so that the influence of each row is needed."""

    @property
    def label(self) -> NDArray[Any]:
        """Indices of classes, or values."""
        return self.predictions.label

    @property
    def decision(self) -> NDArray[np.int64]:
        """Indices of classes."""
        return self.predictions.prediction.astype(np.int64, copy=False)

    @cached_property
    def order(self) -> Places | None:
        """The order of rows by the score of the positive class, in a binary task."""
        score = self.predictions.score
        return None if score is None or score.ndim > 1 else rising(score)

    @cached_property
    def losses(self) -> dict[str, Floats]:
        """What probabilities cost row by row, by the name of the mean; nothing where there are no probabilities."""
        score = self.predictions.score
        if score is None or not self.predictions.probabilities:
            return {}
        if score.ndim == 1:
            positive = self.label == 1
            return {"log_loss": log_losses(score, positive), "brier_score_loss": squared_errors(score, positive)}
        of_truth = score[np.arange(len(score)), self.label]
        return {"log_loss": log_losses(of_truth, np.ones(len(score), dtype=np.bool_))}

    @cached_property
    def occurring(self) -> list[int]:
        """The classes that labels have."""
        return np.flatnonzero(np.bincount(self.label, minlength=len(self.predictions.classes))).tolist()


@dataclass(frozen=True)
class Figures:
    """Estimates by group of a division."""

    division: Division
    by_group: tuple[dict[str, Estimate], ...]
    """Name -> estimate, for each group."""
    linear: dict[str, Linear]
    """Those that are nearly averages over rows."""
    by_class: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    """Class -> name -> estimate, in a multi-class task and of all rows only."""
    calibration: Calibration | None = None
    """Of all rows only, where there are probabilities."""


def figures(answers: Answers, division: Division, *, draws: int, seed: int) -> Figures:
    """Every figure that these answers allow, for each group of the division."""
    task = answers.predictions.task
    areas: dict[str, Linear] = {}
    if task == "regression":
        linear, exact = _error_figures(answers, division)
    else:
        linear, areas = _score_figures(answers, division)
        exact = _decision_figures(answers, division, draws, seed)
    by_group: list[dict[str, Estimate]] = []
    for group, (level, found) in enumerate(zip(division.levels, exact, strict=True)):
        every = {**found, **{name: figure.estimate(group) for name, figure in linear.items()}, **_improbable(answers)}
        if "r2" in every:
            every["r2"] = _of_enough(every["r2"])
        by_group.append(_shown(every, level, division))
    if division.column:
        return Figures(division, tuple(by_group), linear)
    small = small_classes(answers.predictions)
    by_class = _class_figures(answers, division, areas) if task == "multiclass" else {}
    by_class = {name: masked(found) if name in small else found for name, found in by_class.items()}
    calibrated = _calibration(answers, division, draws, seed)
    if calibrated is not None:
        by_group[0]["expected_calibration_error"] = calibrated.error
    elif _improbable(answers):
        by_group[0]["expected_calibration_error"] = NotEstimable(None, improbable(answers.predictions))
    return Figures(division, tuple(by_group), linear, by_class, calibrated)


def improbable(predictions: Predictions) -> str:
    """Why scores are no probabilities."""
    score = predictions.score
    if score is None or score.min() < 0 or score.max() > 1:
        return "scores lie outside 0 to 1, so they are no probabilities"
    return "the scores of a row do not sum to 1, so they are no probabilities"


def _improbable(answers: Answers) -> dict[str, Estimate]:
    """The figures of probabilities where scores are none."""
    if answers.predictions.score is None or answers.predictions.probabilities:
        return {}
    names = ("log_loss", "brier_score_loss") if answers.predictions.task == "binary" else ("log_loss",)
    return dict.fromkeys(names, NotEstimable(None, improbable(answers.predictions)))


def _of_enough(r2: Estimate) -> Estimate:
    """R² itself, unless its interval would be far too narrow: the normal theory behind it needs more rows."""
    if isinstance(r2, NotEstimable) or (r2.n or 0) >= _FEWEST_FOR_R2:
        return r2
    return NotEstimable(r2.n, f"fewer than {_FEWEST_FOR_R2} rows: an interval of R² would be too narrow to be believed")


def _shown(every: dict[str, Estimate], level: str, division: Division) -> dict[str, Estimate]:
    """The figures of a level as far as they tell no small count."""
    if level in division.hidden:
        return dict.fromkeys(every, HIDDEN)
    return masked(every, _OVER_ALL) if level in division.guarded else every


def _calibration(answers: Answers, division: Division, draws: int, seed: int) -> Calibration | None:
    """Of the positive class; among several classes, of the one with the highest probability."""
    score = answers.predictions.score
    if score is None or not answers.predictions.probabilities:
        return None
    if score.ndim == 1:
        return calibration(division.groups, score, answers.label == 1, draws=draws, seed=seed)
    best = score.argmax(axis=1)
    return calibration(division.groups, score[np.arange(len(score)), best], best == answers.label, draws=draws, seed=seed)


def _error_figures(answers: Answers, division: Division) -> tuple[dict[str, Linear], Iterable[Mapping[str, Estimate]]]:
    """What numeric predictions say; the median is not nearly an average, and so stands beside."""
    prediction = answers.predictions.prediction.astype(np.float64, copy=False)
    medians = median_absolute_error(division.groups, answers.label, prediction)
    linear = error_figures(division.groups, answers.label, prediction, influence=answers.paired)
    return linear, [{"median_absolute_error": median} for median in medians]


def _score_figures(answers: Answers, division: Division) -> tuple[dict[str, Linear], dict[str, Linear]]:
    """What scores and probabilities say; in a multi-class task also the area of each class, by its name."""
    found: dict[str, Linear] = {}
    areas: dict[str, Linear] = {}
    score, many = answers.predictions.score, answers.predictions.task == "multiclass"
    if score is not None and many:
        found["roc_auc_ovr"] = mean_of(division.groups, _class_areas(answers, division, score, areas))
    elif score is not None and answers.order is not None:
        ranking = rank(division.groups, answers.order, score, answers.label == 1)
        found |= rank_figures(ranking, influence=answers.paired)
    for name, losses in answers.losses.items():
        found[name] = average(division.groups, losses, "loss", influence=answers.paired)
    return found, areas


def _class_areas(answers: Answers, division: Division, score: Floats, kept: dict[str, Linear]) -> Iterator[Linear]:
    """The area under the ROC curve of each class against all others; `kept` gets them without the influence of rows, which is large."""
    for index, name in enumerate(answers.predictions.classes):
        column = np.ascontiguousarray(score[:, index])
        ranking = rank(division.groups, rising(column), column, answers.label == index)
        area = rank_figures(ranking, influence=True)["roc_auc"]
        kept[name] = replace(area, influence=None)
        yield area


def _decision_figures(answers: Answers, division: Division, draws: int, seed: int) -> Iterator[dict[str, Estimate]]:
    """What decisions say, group by group."""
    classes = answers.predictions.classes
    draws = max(FEWEST_DRAWS, min(draws, _WORK // (len(division.levels) * len(classes) ** 2)))
    for table in cells(answers, division):
        if answers.predictions.task == "binary":
            yield binary_estimates(table, draws=draws, seed=seed)
        else:
            recalls = [recall(table, index, classes[index]) for index in answers.occurring]
            balanced = mean_rate(recalls) if len(recalls) > 1 else NotEstimable(0, "all labels are the same")
            yield {**multiclass_estimates(table, classes, draws=draws, seed=seed), "balanced_accuracy": balanced}


def cells(answers: Answers, division: Division) -> Iterator[Cells]:
    """The cells of each group, of shape (K, K)."""
    groups, size = division.groups, len(answers.predictions.classes)
    axes = answers.label, answers.decision
    if groups.codes is None:
        yield count_cells(axes, (size, size), groups.weight)
    elif groups.size * size * size <= _DENSE:
        together = count_cells((groups.codes, *axes), (groups.size, size, size), groups.weight)
        yield from (together[group] for group in range(groups.size))
    else:
        order, bounds = groups.arrange(np.arange(groups.rows))
        for group in range(groups.size):
            rows = order[bounds[group] : bounds[group + 1]]
            yield count_cells([codes[rows] for codes in axes], (size, size), None if groups.weight is None else groups.weight[rows])


def _class_figures(answers: Answers, division: Division, areas: Mapping[str, Linear]) -> dict[str, dict[str, Estimate]]:
    """Each class against all others."""
    (table,) = cells(answers, division)
    found = {}
    for index, name in enumerate(answers.predictions.classes):
        found[name] = class_estimates(table, index, name)
        if name in areas:
            found[name]["roc_auc"] = areas[name].estimate(0)
    return found
