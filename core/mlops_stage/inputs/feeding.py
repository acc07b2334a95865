"""What the inputs of a model are given: columns of a table, or named arrays, held for all rows and handed out piece by piece."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.columns import NUMBERS, Feed
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.inputs.tables.query import Selection

Piece = slice | NDArray[np.intp]
"""Which rows one call of the model gets."""


class Fed(Protocol):
    """What one input of the model is given."""

    input: str
    """Name of the input."""
    notes: tuple[str, ...]
    """What a reader should know about how it was filled."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    def chunk(self, piece: Piece) -> NDArray[Any]:
        """The tensor for some rows."""


class Columns:
    """The columns of one input for all rows, as compact arrays; text is held as codes."""

    def __init__(self, feed: Feed, selection: Selection) -> None:
        """Load the columns.

        Raises:
            InputError: a cell that the input cannot take.
        """
        self.input = feed.input
        self.feed = feed
        self.notes: tuple[str, ...] = ()
        found = selection.load(texts=feed.columns)[0] if feed.dtype == "string" else {}
        self._texts = [found[column] for column in feed.columns] if found else []
        self._matrix = np.empty((0, 0))
        if not self._texts:
            # one column at a time: float64 for a moment, then the type of the input
            self._matrix = np.empty((selection.count(), len(feed.columns)), dtype=np.dtype(feed.dtype))
            for place, column in enumerate(feed.columns):
                self._matrix[:, place] = self._checked(selection.load(numbers=[column])[1][column], column, selection)
        else:
            empty = {column: int(np.count_nonzero(text.codes < 0)) for column, text in zip(feed.columns, self._texts, strict=True)}
            self.notes = tuple(empty_note(count, column) for column, count in empty.items() if count)
            self._levels = [np.array([*text.levels, ""], dtype=object) for text in self._texts]  # code -1, missing, is the last

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._texts[0].codes) if self._texts else len(self._matrix)

    def chunk(self, piece: Piece) -> NDArray[Any]:
        """The tensor for some rows."""
        if self._texts:
            columns = [levels[text.codes[piece]] for text, levels in zip(self._texts, self._levels, strict=True)]
            tensor = np.stack(columns, axis=1)
        else:
            tensor = self._matrix[piece]
        return tensor[:, 0] if self.feed.rank == 1 else tensor

    def _checked(self, values: NDArray[np.float64], column: str, selection: Selection) -> NDArray[np.float64]:
        dtype = self.feed.dtype
        if dtype in NUMBERS:
            return values
        low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        bad = ~(np.isfinite(values) & (values == np.trunc(values)) & (values >= low) & (values <= high))
        if bad.any():
            row = int(bad.argmax())
            told = "an empty cell" if np.isnan(values[row]) else f"{values[row]:g}"
            raise InputError(
                f"{selection.table.name}, row {row + 1}: {told} in column {shown(column)!r}, but model input {shown(self.feed.input)!r} is {dtype}",
                "fill the cell as it was filled when the model was trained",
            )
        return values


def empty_note(count: int, column: str) -> str:
    """That cells without text were given as empty text."""
    return f"{counted(count, 'empty cell')} of {column!r} {'was' if count == 1 else 'were'} given to the model as empty text"


def is_empty_note(note: str, columns: Sequence[str]) -> bool:
    """Whether a note is exactly such a one, of one of these columns."""
    count = re.match("[0-9][0-9,]{0,19}", note)
    return count is not None and any(note == empty_note(int(count[0].replace(",", "")), column) for column in columns)
