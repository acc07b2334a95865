"""A form of a model beside what the model answered in the framework that trained it: most of what goes wrong goes wrong in the conversion to ONNX."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.inputs.answers import Answers, Question, finite, present
from mlops_stage.inputs.outputs import CLASSES_KEY
from mlops_stage.inputs.tables.query import opened
from mlops_stage.inputs.tables.values import Codes, canonical_text
from mlops_stage.stages.compile.parity.tiers import agree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.stages.compile.parity.near import Tier
    from mlops_stage.stages.compile.parity.tiers import Agreement

_COLUMNS = Question()
_EVEN = 0.5


def written_in(table: Table, *, decides: bool) -> Answers:
    """The answers that a framework wrote: the column `y_pred`, and `y_score` or one column `y_score_<class>` per class where there are any.

    Args:
        table: that file.
        decides: whether the model decides on a class; else it answers with one number.

    Raises:
        UsageError: no column of answers.
        InputError: a missing answer.
    """
    answer, score = _COLUMNS.prediction, _COLUMNS.score
    by_class = [name for name in table.columns if name.startswith(f"{score}_")]
    scores = [score] if score in table.columns else by_class
    columns = scores if decides else scores[:1] if scores == [score] else [answer]
    with opened(table, [answer, *columns], "original") as selection:
        texts, numbers = selection.load([answer] if decides else [], columns)
    found = [finite(numbers[name], table.name, name) for name in columns]
    classes = () if scores == [score] else tuple(canonical_text(name.removeprefix(f"{score}_")) or "" for name in by_class)
    decision = present(texts[answer], table.name, answer) if decides else None
    return Answers(decision, np.column_stack(found) if found else None, classes if decides else (), ())


def at(answers: Answers, rows: NDArray[np.intp]) -> Answers:
    """The answers for some of the rows, in that order."""
    decision = answers.decision._replace(codes=answers.decision.codes[rows]) if answers.decision is not None else None
    return answers._replace(decision=decision, values=answers.values[rows] if answers.values is not None else None)


def agree_with_original(original: Answers, form: Answers, tier: Tier = "exact") -> Agreement:
    """Compare what the framework answered with what a form of the model does. Decisions are compared as names of classes; scores where both have them.

    Args:
        original: from `written_in`.
        form: from `said.said`, for the same rows in the same order.
        tier: how near they must be; a conversion to single precision is expected to be `exact` but for ties.

    Raises:
        InputError: nobody says which class a score of the model belongs to.
    """
    if original.decision is None or (form.decision is None and form.width <= 1):
        agreement = agree({"prediction": _numbers(original)}, {"prediction": _numbers(form)}, tier)
    else:
        told = _names(original.decision)
        left, right = _scores(original, form, told)
        agreement = agree({"label": told, **left}, {"label": _decided(form, original.decision), **right}, tier)
    reasons = tuple(reason.replace("the tier 'exact'", "rounding to single precision") for reason in agreement.reasons)
    return replace(agreement, reasons=reasons)


def _numbers(answers: Answers) -> NDArray[np.float64]:
    if answers.values is None:
        raise InputError("the original predictions and the model's are not both numbers", "write what the model of this file answered")
    return answers.values[:, 0]


def _names(codes: Codes) -> NDArray[Any]:
    levels: NDArray[Any] = np.array(codes.levels, dtype=object)
    return levels[codes.codes]


def _decided(form: Answers, original: Codes) -> NDArray[Any]:
    """The class that a form decides on: its label, or the class of its largest score."""
    if form.decision is not None:
        return _names(form.decision)
    classes = form.classes or tuple(str(place) for place in range(form.width))
    if form.values is None or not {*original.levels} <= {*classes}:
        raise InputError(
            f"the model gives {form.width} scores, and nobody says which is of which class of the original predictions",
            f"write the classes into the model's metadata as {CLASSES_KEY} (a JSON list), or export the model with its labels",
        )
    return _names(Codes(form.values.argmax(axis=1), classes))


def _scores(original: Answers, form: Answers, told: NDArray[Any]) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The scores of the same classes in both; nothing where one has none."""
    if original.values is None or form.values is None:
        return {}, {}
    if original.classes:
        common = sorted({*original.classes} & {*form.classes})
        if not common:
            return {}, {}
        sides = [one.values[:, [one.classes.index(name) for name in common]] for one in (original, form) if one.values is not None]
        return {"score": sides[0]}, {"score": sides[1]}
    score = original.values[:, 0]
    if form.width == 1:
        return {"score": score}, {"score": form.values[:, 0]}
    if len(form.classes) != 2:  # noqa: PLR2004  (one score says nothing about three classes)
        return {}, {}
    # of which class the score is, the framework's own decisions tell
    positive = int(np.mean((score > _EVEN) == (told == form.classes[1])) >= _EVEN)
    return {"score": score}, {"score": form.values[:, positive]}
