"""What is attacked: a model, a sample of rows with the answers that it gives them, and rows that show what is valid."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.columns import map_columns
from mlops_stage.inputs.interpreted import interpreted
from mlops_stage.inputs.joined import Joined
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.predictions import Predictions, Question
from mlops_stage.inputs.scoring import answers_of
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.query import opened, rows, texts
from mlops_stage.report import NotApplicable
from mlops_stage.stages.adversarial.rng import uniforms
from mlops_stage.workspace import silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.answers import Answers
    from mlops_stage.inputs.columns import Feed
    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.served import Served
    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.inputs.tables.values import Codes
    from mlops_stage.report import Subject
    from mlops_stage.stages.adversarial.params import AdversarialParams
    from mlops_stage.workspace import Workspace

MOST_REFERENCE = 50_000
"""So many rows show what is valid; more say nothing new."""
LARGEST = 1e30
"""Numbers stay below: squares of their differences fit single precision no longer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The columns that the model takes, for some rows."""

    columns: tuple[str, ...]
    """In the order in which the model takes them."""
    numbers: Mapping[str, NDArray[np.float64]]
    """Each of shape (n,); NaN is an empty cell."""
    texts: Mapping[str, Codes]
    rows: int

    def levels(self, column: str) -> tuple[str, ...]:
        """The distinct texts of a column; an empty cell is empty text."""
        codes = self.texts[column]
        return (*codes.levels, *([""] if (codes.codes < 0).any() else []))


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """All that an attack starts from."""

    model: Model | Served
    feeds: tuple[Feed, ...]
    data: Frame
    """The sampled rows."""
    ids: NDArray[np.int64]
    """(n,) the place of each sampled row in the data, from 0, rising."""
    answers: Predictions
    """Labels of the sampled rows beside the model's answers."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the model's scores."""
    named: int
    """So many of them, the first, are those that the model says it has; 0 where it says nothing."""
    scored: bool
    """Whether it is known which score belongs to which class."""
    expected: NDArray[np.int64]
    """(n,) the model's answer to each sampled row, as a place among `classes`."""
    reference: Frame
    of_reference: str
    """Which param named the reference."""
    total: int
    """Rows of the data."""
    columns: tuple[str, ...]
    """Of the data, those that the model does not take among them."""
    names: tuple[str, ...]
    """(n,) what `row_id` calls the sampled rows; empty without it."""
    subjects: tuple[Subject, ...]


def material(params: AdversarialParams, workspace: Workspace, rows_wanted: int) -> Material | NotApplicable:
    """The model, a sample of its data, and the reference.

    Raises:
        UsageError: nothing to attack; a file, column or input that is not there.
        InputError: an input that cannot be used.
    """
    if not params.model:
        if params.predictions:
            return NotApplicable("an attack asks the model again and again, and there are only predictions")
        raise UsageError("there is nothing to attack", "give model and data: a table with labels and the model's inputs")
    if not params.data:
        raise UsageError("a model alone cannot be attacked", "give data: a table with labels and the model's inputs")
    if params.task == "regression":
        return NotApplicable("the task is regression, where no answer is simply wrong; these attacks change classes")
    model = open_model(params.model, workspace.root, env=workspace.env, token_env=params.model_token_env)
    data = open_table(params.data, workspace.root, "data")
    feeds = map_columns(model.inputs, data.columns, params.columns, model.metadata, label=params.label)
    _check_declared(params, data)
    total = rows(data)
    ids = sampled(total, rows_wanted, params.seed)
    some = data.picked(ids.tolist()) if len(ids) < total else data
    workspace.progress(0.02, f"asking the model about {len(ids):,} rows")
    answers, own = _answers(model, some, feeds, _question(params))
    if answers.task == "regression":
        return NotApplicable("the labels are quantities (regression), where no answer is simply wrong; these attacks change classes")
    classes = _classes(answers, own)
    what, reference = _reference(params, workspace.root, data)
    workspace.progress(0.05, f"learning from {what} what is valid")
    subjects = (*model.subjects(), data.subject(), *([reference.subject()] if what != "data" else []))
    return Material(
        model=model,
        feeds=feeds,
        data=_frame(some, feeds),
        ids=ids,
        answers=answers,
        classes=classes,
        named=len(own.classes),
        scored=bool(own.classes) or own.width == 1,
        expected=np.array([classes.index(name) for name in answers.classes])[answers.prediction.astype(np.int64)],
        reference=_frame(_thinned(reference), feeds),
        of_reference=what,
        total=total,
        columns=tuple(data.columns),
        names=_names(some, params.row_id),
        subjects=subjects,
    )


def _answers(model: Model | Served, table: Table, feeds: tuple[Feed, ...], question: Question) -> tuple[Predictions, Answers]:
    """What the model answers beside the labels; and the answers as they came, which say in which order its scores stand."""
    with ExitStack() as stack:
        joined = Joined(stack, table, None, question)
        labels = joined.summary(question.label)
        own = answers_of(model, table, feeds, joined.count(), None, silent)
        return Predictions(**interpreted(joined, labels, question, own, model)), own


def _classes(answers: Predictions, own: Answers) -> tuple[str, ...]:
    """The classes in the order of the scores, then those that only labels have; a single score is that of the second class."""
    named = own.classes or (tuple(str(place) for place in range(own.width)) if own.decision is None and own.width > 1 else ())
    return (*named, *(name for name in answers.classes if name not in named))


def sampled(total: int, wanted: int, seed: int) -> NDArray[np.int64]:
    """Places of rows, rising: those that drew the least numbers, so that a smaller sample is part of a larger one."""
    if wanted >= total:
        return np.arange(total)
    drawn = uniforms(seed, "sample", np.arange(total), 0, 1)[:, 0]
    return np.sort(np.argsort(drawn, kind="stable")[:wanted])


def _question(params: AdversarialParams) -> Question:
    return Question(label=params.label, row_id=params.row_id, columns=params.columns, task=params.task)


def _check_declared(params: AdversarialParams, data: Table) -> None:
    """Refuse names that no column has; `immutable` may name groups as well, which are known later."""
    for name in params.monotone:
        data.column(name, "monotone", {params.label})
    if params.row_id:
        data.column(params.row_id, "row_id")


def _reference(params: AdversarialParams, root: Path, data: Table) -> tuple[str, Table]:
    for what, source in (("reference", params.reference), ("train", params.train)):
        if source:
            return what, open_table(source, root, what)
    return "data", data


def _thinned(table: Table) -> Table:
    total = rows(table)
    return table if total <= MOST_REFERENCE else table.picked(range(0, total, -(-total // MOST_REFERENCE)))


def _names(table: Table, row_id: str | None) -> tuple[str, ...]:
    if row_id is None:
        return ()
    codes = texts(table, [row_id], "row_id")[row_id]
    return tuple(codes.levels[code] if code >= 0 else "" for code in codes.codes)


def _frame(table: Table, feeds: tuple[Feed, ...]) -> Frame:
    columns = tuple(dict.fromkeys(column for feed in feeds for column in feed.columns))
    textual = {column for feed in feeds if feed.dtype == "string" for column in feed.columns}
    both = textual & {column for feed in feeds if feed.dtype != "string" for column in feed.columns}
    if both:
        raise InputError(
            f"column {shown(min(both))!r} fills inputs of text and of numbers", "give each of these inputs a column of its own"
        )
    with ExitStack() as stack:
        selection = stack.enter_context(opened(table, columns))
        coded, numbers = selection.load(
            texts=[one for one in columns if one in textual], numbers=[one for one in columns if one not in textual]
        )
    for column, values in numbers.items():
        bad = np.isinf(values) | (np.abs(values) >= LARGEST)
        if bad.any():
            raise InputError(
                f"{table.name}: column {shown(column)!r} holds infinity, or ±{LARGEST:.0e} and beyond ({int(bad.sum()):,} rows)",
                "leave those rows out, or write the column in other units",
            )
    count = next((len(one) for one in (*numbers.values(), *(codes.codes for codes in coded.values()))), 0)
    return Frame(columns=columns, numbers=dict(numbers), texts=dict(coded), rows=count)


def blocks(ids: NDArray[np.int64], size: int) -> Iterator[slice]:
    """Slices of at most `size` rows, of nearly equal lengths."""
    count = -(-len(ids) // size)
    for part in range(count):
        yield slice(part * len(ids) // count, (part + 1) * len(ids) // count)
