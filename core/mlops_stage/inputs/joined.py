"""Columns of one table, and those that it lacks looked up in another by row id."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.query import opened
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from mlops_stage.inputs.answers import Question
    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.inputs.tables.query import Selection
    from mlops_stage.inputs.tables.values import Summary


class Joined:
    """Labels, weights and slices of the rows of a table, from itself or from another; always in its own order."""

    def __init__(self, stack: ExitStack, table: Table, data: Table | None, question: Question, others: Sequence[str] = ()) -> None:
        """Open what the question names; `others` are further columns of the table itself.

        Raises:
            UsageError: a column that neither table has, or no `row_id` to find the rows by.
            InputError: identifiers that are missing, duplicate or unknown.
        """
        self.table = table
        wanted = [(question.label, "label"), *((name, "slices") for name in question.slices)]
        wanted += [(question.weight, "weight")] if question.weight else []
        lacking = [name for name, param in wanted if name not in table.columns and _is_in(data, table, question, name, param)]
        own = [name for name, _ in wanted if name not in lacking]
        identifier = [question.row_id] if question.row_id else []
        self._own = stack.enter_context(opened(table, [*own, *others, *identifier], "row_id"))
        self.row_id = _unique(self._own, question.row_id) if question.row_id else None
        self._lacking = frozenset(lacking)
        self._texts: dict[str, Codes] = {}
        self._numbers: dict[str, NDArray[np.float64]] = {}
        self._data: Selection | None = None
        self._position: NDArray[np.intp] | None = None
        if lacking and data is not None and question.row_id is not None and self.row_id is not None:
            self._data = stack.enter_context(opened(data, [*lacking, question.row_id], "row_id"))
            self._position = _positions(self.row_id, _unique(self._data, question.row_id), data, question.row_id)

    def count(self) -> int:
        """Number of rows of the table."""
        return self._own.count()

    def summary(self, name: str) -> Summary:
        """What kind of values a column holds."""
        return self._selection(name).summary(name)

    def where(self, name: str) -> str:
        """The table that a column is in, as it stands in a message."""
        return self._selection(name).table.name

    def load(self, texts: Sequence[str] = (), numbers: Sequence[str] = ()) -> None:
        """Read several columns in one pass over each table; `texts` and `numbers` then give them."""
        for selection, position in ((self._own, None), (self._data, self._position)):
            if selection is not None:
                mine = [[name for name in names if self._selection(name) is selection] for names in (texts, numbers)]
                found, values = selection.load(*mine)
                self._texts |= found if position is None else {name: _reordered(codes, position) for name, codes in found.items()}
                self._numbers |= values if position is None else {name: array[position] for name, array in values.items()}

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column as float64 of shape (n,)."""
        if name not in self._numbers:
            self.load(numbers=[name])
        return self._numbers[name]

    def texts(self, name: str) -> Codes:
        """A column as codes of shape (n,) and levels."""
        if name not in self._texts:
            self.load(texts=[name])
        return self._texts[name]

    def _selection(self, name: str) -> Selection:
        return self._data if self._data is not None and name in self._lacking else self._own


class Beside(NamedTuple):
    """Columns of another table, in the order of the rows that they were looked up for."""

    columns: dict[str, Codes]
    """Name -> codes of shape (n,): -1 where the cell is empty or the other table lacks the row."""
    absent: NDArray[np.bool_]
    """Shape (n,): the rows that the other table lacks."""


def beside(table: Table, names: Sequence[str], row_id: str, wanted: NDArray[np.uint64]) -> Beside:
    """Columns of text looked up in another table, which may lack some of the rows.

    Args:
        table: where to look.
        names: its columns.
        row_id: its column that identifies a row.
        wanted: the identifiers of the rows, shape (n,), without duplicates.

    Raises:
        UsageError: no such column.
        InputError: identifiers that are missing or duplicate, or none that is wanted.
    """
    with opened(table, [*names, row_id], "row_id") as selection:
        keys = _unique(selection, row_id)
        found, _ = selection.load(texts=names)
    position, absent = _found(wanted, keys)
    if absent.all():
        raise InputError(
            f"{table.name} has none of the {counted(len(wanted), 'row')} to judge, by column {shown(row_id)!r}",
            f"check that column {shown(row_id)!r} means the same in both",
        )
    position = np.where(absent, len(keys), position)  # one row more, which is empty
    return Beside({name: _reordered(Codes(np.append(codes.codes, -1), codes.levels), position) for name, codes in found.items()}, absent)


def _reordered(found: Codes, position: NDArray[np.intp]) -> Codes:
    """The rows at some positions, without the levels that none of them has."""
    codes = found.codes[position]
    used = np.bincount(codes + 1, minlength=len(found.levels) + 1)[1:] > 0
    place = np.append(np.cumsum(used) - 1, -1)  # the last entry is for -1
    return Codes(place[codes], tuple(level for level, there in zip(found.levels, used, strict=True) if there))


def _is_in(data: Table | None, table: Table, question: Question, name: str, param: str) -> bool:
    """Whether the data has the column that the table lacks; raises when nobody has it, or when rows cannot be matched."""
    if data is None or name not in data.columns:
        answers = {
            column for column in table.columns if column in {question.prediction, question.score} or column.startswith(f"{question.score}_")
        }
        table.column(name, param, answers if param == "label" else ())
    if question.row_id is None:
        raise UsageError(
            f"{param}: column {shown(name)!r} is in data but not in {table.name}",
            "write it there too, or name with row_id a column that both have",
        )
    return True


def _unique(selection: Selection, row_id: str) -> NDArray[np.uint64]:
    keys = selection.keys(row_id)
    order = np.argsort(keys, kind="stable")
    twice = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    if len(twice):
        first, second = (int(order[twice[0] + step]) + 1 for step in (0, 1))  # the sort is stable: in the order of the file
        raise InputError(
            f"{selection.table.name}: rows {first} and {second} have the same identifier in column {shown(row_id)!r} ({counted(len(twice), 'duplicate')})",
            "name a column that identifies rows, or remove the duplicates",
        )
    return keys


def _positions(wanted: NDArray[np.uint64], keys: NDArray[np.uint64], data: Table, row_id: str) -> NDArray[np.intp]:
    found, absent = _found(wanted, keys)
    if absent.any():
        raise InputError(
            f"row {int(absent.argmax()) + 1} of the predictions has no row in {data.name} ({int(absent.sum()):,} of {counted(len(wanted), 'has', 'have')} none)",
            f"check that column {shown(row_id)!r} means the same in both",
        )
    return found


def _found(wanted: NDArray[np.uint64], keys: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each wanted key stands among the keys, and whether it does not."""
    order = np.argsort(keys, kind="stable")
    found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return found, keys[found] != wanted
