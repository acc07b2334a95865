"""Labels beside a model's answers, as arrays that every stage can compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.values import Codes, in_order
from mlops_stage.inputs.task import DeclaredTask, Task, binary_classes, is_binary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.params import AnsweredParams
    from mlops_stage.report import Subject

THRESHOLD = 0.5
"""A score above it is a decision for the positive class, where no decisions were given."""
MISSING = "(unknown)"
"""The level of rows whose cell in a slice column is empty."""
LARGEST = 1e49
"""Values, scores and weights stay below: fourth powers of errors times squares of weights, summed over a table, are still numbers."""
_UNITS = "check that row, or write the column in other units"
_SUM_TOLERANCE = 1e-3
_MANY = 20


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which columns mean what, and what kind of task it is; the params of that name, with their defaults."""

    label: str = "y_true"
    """Column with the truth."""
    prediction: str = "y_pred"
    """Column with the decisions; where it is absent they follow from the scores."""
    score: str = "y_score"
    """Column with the score of the positive class, or the stem of one column per class: `<score>_<class>`."""
    row_id: str | None = None
    """Column that identifies a row."""
    weight: str | None = None
    """Column with weights (exposure)."""
    slices: tuple[str, ...] = ()
    """Columns to report by."""
    task: DeclaredTask = "auto"
    positive: str | None = None
    """The positive class."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Model input -> column (or columns) of the table, where the names differ."""
    threshold: float | None = None
    """A score above it is a decision for the positive class, where no decisions were given; None means 0.5, and only for probabilities."""

    @classmethod
    def of(cls, params: AnsweredParams, slices: Sequence[str] = ()) -> Question:
        """What the params of a stage ask, with the columns to report by."""
        named = {name: getattr(params, name) for name in cls.__dataclass_fields__ if name != "slices"}
        return cls(slices=tuple(slices), **named)


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a model answered for n rows, beside what is true; rows in the order of their file."""

    task: Task
    label: NDArray[np.int64] | NDArray[np.float64]
    """Shape (n,): indices into `classes`; in regression the value itself. None is missing."""
    prediction: NDArray[np.int64] | NDArray[np.float64]
    """Shape (n,): as `label`."""
    classes: tuple[str, ...] = ()
    """Binary: (negative, positive), also where only one of them occurs. Multiclass: numbers in their order, else alphabetical. Regression: none."""
    score: NDArray[np.float64] | None = None
    """Binary: the score of the positive class, shape (n,). Multiclass: one column per class, shape (n, len(classes)). Finite; None where there is none."""
    probabilities: bool = False
    """Whether the scores lie in [0, 1] and, in multiclass, sum to 1 in every row: log loss and calibration mean something."""
    implied: bool = False
    """Whether decisions were neither given nor follow from a declared threshold."""
    weight: NDArray[np.float64] | None = None
    """Shape (n,), finite, none negative, not all zero."""
    row_id: NDArray[np.uint64] | None = None
    """Shape (n,), without duplicates: equal identifiers have equal values in every table."""
    slices: Mapping[str, Codes] = field(default_factory=dict)
    """Column -> (codes of shape (n,), levels); every code is an index, empty cells have the level `(unknown)`."""
    subjects: tuple[Subject, ...] = ()
    notes: tuple[str, ...] = ()
    """Choices that were made, one sentence each: the positive class, a threshold."""

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.label)


class Answers(NamedTuple):
    """What a model says for n rows."""

    decision: Codes | None
    """Its labels, where it gives any."""
    values: NDArray[np.float64] | None
    """Its numbers, shape (n, k): scores by class, a score, or a quantity."""
    classes: tuple[str, ...]
    """The classes of the columns of `values`, canonical text; empty where they are unknown or meaningless."""
    notes: tuple[str, ...]
    """What a reader should know about how the model was asked."""

    @property
    def width(self) -> int:
        """Columns of `values`."""
        return 0 if self.values is None else int(self.values.shape[1])


class Scores(NamedTuple):
    """Scores as they were found: one column per class, or a single column without a class."""

    values: NDArray[np.float64]
    """Shape (n, k)."""
    classes: tuple[str, ...]
    """Length k, canonical text; empty for a single column that belongs to the positive class."""


class Compared(NamedTuple):
    """The part of `Predictions` that follows from labels and answers."""

    task: Task
    label: NDArray[np.int64]
    prediction: NDArray[np.int64]
    classes: tuple[str, ...]
    score: NDArray[np.float64] | None
    probabilities: bool
    implied: bool
    notes: tuple[str, ...]


def compared(label: Codes, prediction: Codes | None, scores: Scores | None, question: Question) -> Compared:
    """Bring labels, decisions and scores of a classifier to the same classes.

    Without decisions they follow from the scores: above 0.5 in binary, the largest in multiclass; a note says so.

    Args:
        label: without missing rows.
        prediction: without missing rows, or None.
        scores: finite, or None; not both None.
        question: what is declared of the task and its positive class.

    Raises:
        InputError: labels and answers without a common class, more than two classes although `binary` was declared, scores that do not decide.
        UsageError: a positive class that does not occur.
    """
    scored = scores.classes if scores else ()
    answered = {*(prediction.levels if prediction else ()), *scored}
    if answered and answered.isdisjoint(label.levels) and len(answered | {*label.levels}) > 2:  # noqa: PLR2004  (one class each is a binary task)
        raise InputError(
            f"labels are {_some(label.levels)}, but answers are {_some(sorted(answered))}: they have no class in common",
            "write labels and predictions with the same names of classes",
        )
    levels = in_order({*label.levels, *answered})
    if is_binary(levels, question.task):
        return _binary(label, prediction, scores, question, levels)
    return _multiclass(label, prediction, scores, levels)


def _binary(label: Codes, prediction: Codes | None, scores: Scores | None, question: Question, levels: Sequence[str]) -> Compared:
    classes, why = binary_classes(levels, question.positive, scores.classes if scores else ())
    notes = [f"the positive class is {classes[1]!r} ({why})"]
    threshold = question.threshold
    values: NDArray[np.float64] | None = None
    if scores is not None:
        column = scores.classes.index(classes[1]) if classes[1] in scores.classes else 0
        values = np.ascontiguousarray(scores.values[:, column])
        if scores.classes and classes[1] not in scores.classes:
            values = 1 - values
            notes.append(f"the score of {classes[1]!r} is 1 minus the score of {scores.classes[column]!r}")
    probabilities = values is not None and bool(values.min() >= 0 and values.max() <= 1)
    if prediction is not None:
        decided = _recoded(prediction, classes)
    elif values is not None and (probabilities or threshold is not None):
        least = THRESHOLD if threshold is None else threshold
        decided = (values > least).astype(np.int64)
        notes.append(f"there are no decisions: a score above {least} is taken for {classes[1]!r}")
    else:
        raise InputError(
            "there are no decisions, and the scores are no probabilities: no threshold is evident",
            "write the decisions too (y_pred by default), or declare threshold",
        )
    implied = prediction is None and threshold is None
    return Compared("binary", _recoded(label, classes), decided, classes, values, probabilities, implied, tuple(notes))


def _multiclass(label: Codes, prediction: Codes | None, scores: Scores | None, classes: tuple[str, ...]) -> Compared:
    notes: list[str] = []
    values: NDArray[np.float64] | None = None
    if scores is not None and not scores.classes:
        notes.append(f"one score column says nothing about {len(classes)} classes: there are no figures from scores")
    elif scores is not None:
        values = np.zeros((len(label.codes), len(classes)))
        values[:, [classes.index(name) for name in scores.classes]] = scores.values
        without = [name for name in classes if name not in scores.classes]
        if without:
            notes.append(f"classes without a score column have the score 0: {', '.join(without)}")
    probabilities = values is not None and bool(
        values.min() >= 0 and values.max() <= 1 and np.abs(values.sum(axis=1) - 1).max() <= _SUM_TOLERANCE
    )
    if prediction is not None:
        decided = _recoded(prediction, classes)
    elif values is not None:
        decided = values.argmax(axis=1).astype(np.int64)
        notes.append("there are no decisions: the class with the largest score is taken, the first of equals")
    else:
        raise InputError("there are no decisions, and no score column per class", "write the decisions too (y_pred by default)")
    return Compared("multiclass", _recoded(label, classes), decided, classes, values, probabilities, implied=False, notes=tuple(notes))


def present(codes: Codes, where: str, column: str) -> Codes:
    """The codes themselves, none of which is missing.

    Raises:
        InputError: a missing cell; the message names the first row and how many there are.
    """
    _refuse_missing(codes.codes < 0, where, column, "is empty or NaN")
    blank = [place for place, level in enumerate(codes.levels) if not level.strip()]
    if blank:
        _refuse_missing(np.isin(codes.codes, blank), where, column, "is blank")
    return codes


def finite(values: NDArray[np.float64], where: str, column: str) -> NDArray[np.float64]:
    """The values themselves, all of which are finite and can be computed with.

    Raises:
        InputError: a missing or infinite value, or one of ±1e49 or beyond; the message names the first row and how many there are.
    """
    _refuse_missing(~np.isfinite(values), where, column, "is empty, NaN or infinite")
    _refuse_bad(np.abs(values) >= LARGEST, where, column, f"is ±{LARGEST:.0e} or beyond: its square is too large to compute with", _UNITS)
    return values


def checked_weight(values: NDArray[np.float64], where: str, column: str) -> NDArray[np.float64]:
    """Weights that can be used.

    Raises:
        InputError: missing, infinite, negative, all zero, 1e49 or more, or so near to 0 that its square is 0.
    """
    finite(values, where, column)
    _refuse_missing(values < 0, where, column, "is negative")
    tiny = (values > 0) & (values <= 1 / LARGEST)
    _refuse_bad(tiny, where, column, f"is not 0 but {1 / LARGEST:.0e} or less: its square is too small to compute with", _UNITS)
    if not values.any():
        raise InputError(f"{where}: every weight in column {shown(column)!r} is 0", "name the column of weights, or none")
    return values


def as_slice(codes: Codes) -> Codes:
    """A column to report by: missing cells are a level of their own.

    Raises:
        InputError: missing cells beside cells that hold the name of that level.
    """
    missing = codes.codes < 0
    if not missing.any():
        return codes
    if MISSING in codes.levels:
        raise InputError(
            f"a column of slices has empty cells and the value {MISSING!r}, which stands for empty cells in reports",
            "write one of them differently, or leave all those cells empty",
        )
    return Codes(np.where(missing, len(codes.levels), codes.codes), (*codes.levels, MISSING))


def _refuse_missing(bad: NDArray[np.bool_], where: str, column: str, what: str) -> None:
    _refuse_bad(bad, where, column, what, "leave those rows out where the file is written, or name another column")


def _refuse_bad(bad: NDArray[np.bool_], where: str, column: str, what: str, hint: str) -> None:
    count = int(np.count_nonzero(bad))
    if count:
        rows = "1 row" if count == 1 else f"{count:,} rows"
        raise InputError(f"{where}, row {int(bad.argmax()) + 1}: column {shown(column)!r} {what} ({rows} of {len(bad):,})", hint)


def _recoded(codes: Codes, classes: Sequence[str]) -> NDArray[np.int64]:
    lookup = np.array([classes.index(level) for level in codes.levels], dtype=np.int64)
    return lookup[codes.codes]


def _some(levels: Sequence[str]) -> str:
    if len(levels) > _MANY:
        return f"{len(levels):,} different values"  # which may say who people are
    return shown(", ".join(levels[:4]) + (", …" if len(levels) > 4 else ""), 60)  # noqa: PLR2004  (what fits on a line)
