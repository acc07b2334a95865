"""What a model's answers mean beside the labels of its table: decisions, scores or quantities."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.answers import LARGEST, Scores, compared, finite, present
from mlops_stage.inputs.outputs import CLASSES_KEY
from mlops_stage.inputs.task import is_classification
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.inputs.answers import Answers, Question
    from mlops_stage.inputs.arrayed import ArrayRows
    from mlops_stage.inputs.joined import Joined
    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.served import Served
    from mlops_stage.inputs.tables.values import Codes, Summary


def interpreted(rows: Joined | ArrayRows, labels: Summary, question: Question, answers: Answers, model: Model | Served) -> dict[str, Any]:
    """The fields of `Predictions` that follow from labels and a model's answers.

    Raises:
        InputError: labels that are missing or of another kind than the answers, or answers that are no numbers.
        UsageError: a positive class that does not occur.
    """
    _check_numbers(answers, model)
    if _is_regression(labels, answers, question):
        return _regressed(rows, question, answers, model) | {"notes": answers.notes}
    label = present(rows.texts(question.label), rows.where(question.label), question.label)
    with about(f"{shown(model.name)} on {rows.table.name}"):
        fields = compared(label, answers.decision, _scored(answers, label), question)._asdict()
    return fields | {"notes": (*fields["notes"], *_notes(answers))}


@contextmanager
def about(where: str) -> Iterator[None]:
    """Errors of what runs inside say what they are about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error.message}", error.hint) from error


def _is_regression(label: Summary, answers: Answers, question: Question) -> bool:
    """As for a file; a model whose only answer is one number cannot tell three classes apart, so there it is a quantity."""
    if not is_classification(label, None, question.task, scores_by_class=answers.decision is not None or answers.width > 1):
        return True
    lone_number = answers.decision is None and answers.width == 1
    return question.task == "auto" and lone_number and not label.textual and label.numbers > 2  # noqa: PLR2004  (two classes share one score)


def _regressed(rows: Joined | ArrayRows, question: Question, answers: Answers, model: Model | Served) -> dict[str, Any]:
    if answers.values is None or answers.width != 1:
        raise InputError(
            f"{shown(model.name)} answers with classes, but column {shown(question.label)!r} holds quantities",
            "name the column of labels with label",
        )
    truth = finite(rows.numbers(question.label), rows.where(question.label), question.label)
    return {"task": "regression", "label": truth, "prediction": np.ascontiguousarray(answers.values[:, 0])}


def _scored(answers: Answers, label: Codes) -> Scores | None:
    """The scores with the classes of their columns."""
    width = answers.width
    if answers.values is None or answers.classes or width == 1:
        return Scores(answers.values, answers.classes) if answers.values is not None else None
    numbered = tuple(str(place) for place in range(width))
    if answers.decision is not None:
        return None
    if not {*label.levels} <= {*numbered}:
        raise InputError(
            f"the scores have {width} columns, and nobody says which class is which",
            f"write the classes into the model's metadata as {CLASSES_KEY} (a JSON list), or export the model with its labels",
        )
    return Scores(answers.values, numbered)


def _notes(answers: Answers) -> tuple[str, ...]:
    if answers.width > 1 and not answers.classes and answers.decision is not None:
        return (*answers.notes, f"which class each of the {answers.width} scores belongs to is unknown: there are no figures from scores")
    return answers.notes


def _check_numbers(answers: Answers, model: Model | Served) -> None:
    if answers.values is None:
        return
    huge = (np.abs(answers.values) >= LARGEST) & np.isfinite(answers.values)
    if huge.any():
        raise InputError(
            f"{shown(model.name)} answers with ±{LARGEST:.0e} or beyond for row {int(huge.any(axis=1).argmax()) + 1}: its square is too large to compute with",
            "look for a cell in that row that is far from all others",
        )
    bad = np.logical_not(np.isfinite(answers.values).all(axis=1))
    if bad.any():
        raise InputError(
            f"{shown(model.name)} answers with NaN or infinity for row {int(bad.argmax()) + 1} ({int(bad.sum()):,} of {counted(bad.size, 'row')})",
            "look for empty cells in that row: many models cannot take them",
        )
