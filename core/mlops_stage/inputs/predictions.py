"""Predictions: read from a file of any language, or scored once with a model and a table."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.answers import Predictions, Question, Scores, as_slice, checked_weight, compared, finite, present
from mlops_stage.inputs.arrayed import ArrayRows, blocks
from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.columns import map_columns
from mlops_stage.inputs.interpreted import about, interpreted
from mlops_stage.inputs.joined import Joined
from mlops_stage.inputs.meta import declared_subjects
from mlops_stage.inputs.scoring import answered, answers_of
from mlops_stage.inputs.tables.open import Table, open_table
from mlops_stage.inputs.tables.values import canonical_text
from mlops_stage.inputs.task import is_classification
from mlops_stage.workspace import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.served import Served

__all__ = ["Predictions", "Question", "read", "score"]

_DEFAULTS = Question()


def read(source: str, root: Path, question: Question = _DEFAULTS, *, data: Table | None = None, what: str = "predictions") -> Predictions:
    """Predictions from a CSV, JSONL or Parquet file with a column of labels and one of decisions, scores, or both.

    In classification labels and decisions are compared as canonical text: `1`, `1.0` and the integer 1 are one class, `True` and `true` another.
    In regression both are float64. `mlops_stage.inputs.task` states how the task and the positive class are chosen.

    Args:
        source: path or pattern, relative to the root.
        root: the project.
        question: which columns mean what.
        data: a table in which to look up labels, weights and slices that the file lacks, by `row_id`.
        what: the param that named the file; role of its subject.

    Raises:
        UsageError: a column that does not exist, neither decisions nor scores, a positive class that does not occur.
        InputError: a file that cannot be read, a missing label, decision or score, a duplicate identifier.
    """
    table = open_table(source, root, what)
    decided = _decisions(table, question)
    scores = _scores(table, question)
    if decided is None and not scores:
        raise UsageError(
            f"{table.name} has neither decisions ({shown(question.prediction)!r}) nor scores ({shown(question.score)!r})",
            "name their columns with prediction and score",
        )
    with ExitStack() as stack:
        columns = Joined(stack, table, data, question, [*([decided] if decided else []), *scores])
        return Predictions(
            **_answers(columns, question, decided, scores),
            **described(columns, question),
            subjects=(table.subject(), *declared_subjects(table)),
        )


def score(
    model: Model | Served,
    table: Table | Arrays,
    cache: Path | None,
    question: Question = _DEFAULTS,
    *,
    progress: Callable[[float, str], None] = silent,
) -> Predictions:
    """Predictions of a model for the rows of a table with labels; the model is asked once, whoever needs its answers.

    Answers are kept under `cache/scores/` by the digests of model, table and mapping and the versions of the libraries; kept ones are believed
    after the model confirmed a sample of rows (`mlops_stage.inputs.scoring` states what that is worth), and a note says when it did not.

    Args:
        model: from `open_model`.
        table: from `open_table` or `open_arrays`; it has the columns of labels, weights and slices.
        cache: the workspace's cache, or None to ask the model for every row.
        question: which columns mean what; `prediction` and `score` play no part.
        progress: told how far it is, from 0 to 1.

    Raises:
        UsageError: a column or input that does not exist.
        InputError: a missing label, a cell or model that cannot be used, answers that are no numbers.
    """
    if isinstance(table, Arrays):
        return _of_arrays(model, table, question, progress)
    feeds = map_columns(model.inputs, table.columns, question.columns, model.metadata, label=question.label)
    with ExitStack() as stack:
        rows = Joined(stack, table, None, question)
        labels = rows.summary(question.label)  # a label that is absent is said before the model runs
        answers = answers_of(model, table, feeds, rows.count(), cache, progress)
        return Predictions(
            **interpreted(rows, labels, question, answers, model),
            **described(rows, question),
            subjects=(*model.subjects(), table.subject()),
        )


def _of_arrays(model: Model | Served, table: Arrays, question: Question, progress: Callable[[float, str], None]) -> Predictions:
    """As `score`; the answers are not kept, for arrays are large and read fast."""
    rows = ArrayRows(table, question)
    labels = rows.summary(question.label)
    answers = answered(model, blocks(model.inputs, table, question.columns), progress)
    return Predictions(
        **interpreted(rows, labels, question, answers, model), **described(rows, question), subjects=(*model.subjects(), table.subject())
    )


def described(columns: Joined | ArrayRows, question: Question) -> dict[str, Any]:
    """The fields of `Predictions` that describe rows: weight, row_id and slices."""
    weight = question.weight
    return {
        "weight": checked_weight(columns.numbers(weight), columns.where(weight), weight) if weight else None,
        "row_id": columns.row_id,
        "slices": {name: as_slice(columns.texts(name)) for name in question.slices},
    }


def _answers(columns: Joined, question: Question, decided: str | None, scores: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields of `Predictions` that follow from labels, decisions and scores."""
    where, label = columns.table.name, question.label
    by_class = any(name is not None for name in scores.values())
    summary = columns.summary(decided) if decided else None
    weight = [question.weight] if question.weight else []
    if not is_classification(columns.summary(label), summary, question.task, scores_by_class=by_class):
        if decided is None:
            raise UsageError(f"{where}: a regression needs the column of predictions", "name it with prediction")
        columns.load(question.slices, [label, decided, *weight])
        truth = finite(columns.numbers(label), columns.where(label), label)
        return {"task": "regression", "label": truth, "prediction": finite(columns.numbers(decided), where, decided)}
    columns.load([label, *([decided] if decided else []), *question.slices], [*scores, *weight])
    truth_codes = present(columns.texts(label), columns.where(label), label)
    decisions = present(columns.texts(decided), where, decided) if decided else None
    found = None
    if scores:
        stacked = np.column_stack([finite(columns.numbers(column), where, column) for column in scores])
        found = Scores(stacked, tuple(name for name in scores.values() if name is not None))
    with about(where):
        return compared(truth_codes, decisions, found, question)._asdict()


def _decisions(table: Table, question: Question) -> str | None:
    """The column of decisions if it is there; one that was named on purpose must be."""
    name = question.prediction
    if name in table.columns:
        return name
    if name != _DEFAULTS.prediction:
        table.column(name, "prediction", {question.label})
    return None


def _scores(table: Table, question: Question) -> dict[str, str | None]:
    """Column -> class, None for the single column of the positive class."""
    stem = question.score
    if stem in table.columns:
        return {stem: None}
    found = {
        name: canonical_text(name.removeprefix(f"{stem}_")) for name in table.columns if name.startswith(f"{stem}_") and name != f"{stem}_"
    }
    if not found and stem != _DEFAULTS.score:
        table.column(stem, "score", {question.label})
    if len(set(found.values())) < len(found):
        raise InputError(f"{table.name}: two score columns stand for one class", f"write one column {shown(stem)}_<class> per class")
    return dict(found)
