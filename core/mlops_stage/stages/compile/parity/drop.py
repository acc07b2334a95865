"""What a less exact form of a model costs on labelled rows: how many more it gets wrong, over all rows and by group."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_stage.estimates import NotEstimable, Paired, Sampled, p_value, rows_needed
from mlops_stage.evidence.redact import HIDDEN, masked_levels, shown
from mlops_stage.gate import Rules
from mlops_stage.gate.judging import holm
from mlops_stage.inputs.answers import Predictions
from mlops_stage.inputs.arrayed import ArrayRows
from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.interpreted import interpreted
from mlops_stage.inputs.joined import Joined
from mlops_stage.inputs.predictions import described
from mlops_stage.stages.compile.parity.said import said
from mlops_stage.stats.cells import effective
from mlops_stage.stats.paired import paired_rate
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mlops_stage.estimates import Bounded
    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.predictions import Question
    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.report import Slice

Change = Paired | Sampled | NotEstimable
BUDGET = 0.005
"""Of 1,000 rows at most five more may be wrong."""
_CONFIDENCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Drop:
    """What was lost, on the same rows."""

    metric: Literal["accuracy", "mean_absolute_error"]
    """What is compared; of an error, the drop is its rise as a share of the source's."""
    estimate: Change
    """The drop over all rows: positive where the candidate is worse."""
    by_group: tuple[tuple[Slice, Change], ...]
    """The drop in each group of the columns that were named; small groups are masked."""
    budget: float
    verdict: Literal["passed", "failed", "inconclusive"]
    """`passed` where the one-sided 95 % bound of the drop lies within the budget, over all rows and in every group."""
    reasons: tuple[str, ...] = ()
    """Why it did not pass, one line each."""

    @property
    def passed(self) -> bool:
        """Whether the drop was shown to lie within the budget."""
        return self.verdict == "passed"


def predictions_of(model: Model, outputs: Mapping[str, NDArray[Any]], table: Table | Arrays, question: Question) -> Predictions:
    """What a form of a model says about the rows of a table, beside their labels.

    Args:
        model: the source, whose outputs and classes those of every form are.
        outputs: what the form answered, for all rows of the table in their order.
        table: rows with labels; slices of `question` are the columns that name groups.
        question: which columns mean what.

    Raises:
        UsageError: a column that does not exist.
        InputError: a missing label, or labels of another kind than the answers.
    """
    answers = said(model, outputs)
    subjects = (*model.subjects(), table.subject())
    with ExitStack() as stack:
        rows = ArrayRows(table, question) if isinstance(table, Arrays) else Joined(stack, table, None, question)
        found = interpreted(rows, rows.summary(question.label), question, answers, model)
        return Predictions(**found, **described(rows, question), subjects=subjects)


def measured_drop(source: Predictions, candidate: Predictions, budget: float = BUDGET, *, fewest: int = Rules.min_denominator) -> Drop:
    """How much worse the candidate is than the source, on the same labelled rows.

    Classes: the share of rows that only the source gets right less the share that only the candidate does, with Tango's score interval. Quantities: the
    rise of the mean absolute error as a share of the source's, by the delta method. All rows and every group must be shown to stay within the budget; a
    group that is too small to show so little, or masked, leaves the verdict open. A drop that is shown to be larger, of a group after Holm's correction over
    the groups, fails.

    Args:
        source: from `predictions_of` with the source's outputs.
        candidate: the same of the candidate; for the same rows.
        budget: the largest drop allowed.
        fewest: rows below which nothing is said of them (`min_denominator`).
    """
    if source.task == "regression":
        metric, change = "mean_absolute_error", _risen
    else:
        metric, change = "accuracy", _lost
        candidate = _recoded(candidate, source.classes)
    whole = _firm(change(source, candidate, np.ones(source.n, dtype=bool)), fewest)
    groups = tuple(_groups(source, candidate, change, fewest))
    verdict, reasons = _judged(whole, groups, budget)
    return Drop(metric=metric, estimate=whole, by_group=groups, budget=budget, verdict=verdict, reasons=tuple(reasons))  # type: ignore[arg-type]  # one of two


def _recoded(predictions: Predictions, classes: tuple[str, ...]) -> Predictions:
    """The same decisions by the order of other classes; one that only the candidate knows is wrong in any case."""
    if predictions.classes == classes:
        return predictions
    places = np.array([classes.index(name) if name in classes else -1 for name in predictions.classes])
    return replace(predictions, classes=classes, prediction=places[predictions.prediction.astype(np.intp)])


def _lost(source: Predictions, candidate: Predictions, rows: NDArray[np.bool_]) -> Change:
    """The drop of accuracy among some rows."""
    before, after = (one.prediction[rows] == source.label[rows] for one in (source, candidate))
    weight = source.weight[rows] if source.weight is not None else np.ones(int(rows.sum()))
    broken, mended = float(weight[before & ~after].sum()), float(weight[~before & after].sum())
    return paired_rate(broken, mended, float(weight.sum()), float((weight**2).sum()), "no rows")


def _risen(source: Predictions, candidate: Predictions, rows: NDArray[np.bool_]) -> Change:
    """The rise of the mean absolute error among some rows, as a share of what it was."""
    weight = source.weight[rows] if source.weight is not None else np.ones(int(rows.sum()))
    mass = float(weight.sum())
    if mass <= 0:
        return NotEstimable(0, "no rows")
    before, after = (np.abs(one.prediction[rows] - source.label[rows]) for one in (source, candidate))
    mean = float((weight * before).sum()) / mass
    if mean <= 0:
        return NotEstimable(len(before), "the source makes no error at all")
    rise = float((weight * (after - before)).sum()) / mass / mean
    influence = weight * (after - before - rise * before) / mean
    n = effective(mass, float((weight**2).sum()))
    return Sampled.from_normal(rise, n, float(np.sqrt((influence**2).sum() * n / max(n - 1, 1)) / mass))


def _groups(source: Predictions, candidate: Predictions, change: Any, fewest: int) -> list[tuple[Slice, Change]]:
    found: list[tuple[Slice, Change]] = []
    for column, (codes, levels) in source.slices.items():
        counts = dict(zip(levels, np.bincount(codes, minlength=len(levels)).tolist(), strict=True))
        hidden = masked_levels(counts)
        for code, level in enumerate(levels):
            told = HIDDEN if level in hidden else _firm(change(source, candidate, codes == code), fewest)
            found.append((((column, level),), told))
    return found


def _firm(change: Change, fewest: int) -> Change:
    few = not isinstance(change, NotEstimable) and change.n < fewest
    return NotEstimable(change.n, f"fewer than {fewest} rows") if few else change


def _judged(whole: Change, groups: tuple[tuple[Slice, Change], ...], budget: float) -> tuple[str, list[str]]:
    if isinstance(whole, NotEstimable):
        return "inconclusive", [whole.reason]
    known: list[tuple[Slice, Bounded]] = [(where, one) for where, one in groups if not isinstance(one, NotEstimable)]
    p_values = [p_value(one, budget, "<=") for _, one in known]
    vetoes = [(where, one) for (where, one), p, alpha in zip(known, p_values, holm(p_values), strict=True) if p <= alpha]
    reasons = [f"{_named(where)} loses {one.value:.2%}, more than {budget:.2%}" for where, one in vetoes]
    if whole.bound(_CONFIDENCE) > budget:
        return "failed", [f"all rows lose {whole.value:.2%}, more than {budget:.2%}", *reasons]
    if reasons:
        return "failed", reasons
    each = [("", whole), *((_named(where), one) for where, one in groups)]
    doubts = [told for name, one in each if (told := _doubt(name, one, budget))]
    return ("inconclusive" if doubts else "passed"), doubts


def _named(where: Slice) -> str:
    ((column, level),) = where
    return f"{shown(column)}={shown(level)}"


def _doubt(name: str, change: Change, budget: float) -> str:
    """Why some rows, of a group where one is named, do not show that they stay within the budget; empty where they do."""
    if isinstance(change, NotEstimable):
        return f"{name}: {change.reason}" if name else change.reason
    if change.bound(1 - _CONFIDENCE) <= budget:
        return ""
    needed = rows_needed(change, budget, "<=")
    told = f"; it takes about {counted(needed, 'row')} like these" if needed else ""
    return f"{counted(round(change.n), 'row')}{f' of {name}' if name else ''} do not show that less than {budget:.2%} is lost{told}"
