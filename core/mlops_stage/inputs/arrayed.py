"""The rows of named arrays: labels, weights and slices as columns of a table have them, and what the inputs of a model are given."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.query import MOST_LEVELS
from mlops_stage.inputs.tables.values import Codes, Summary, canonical_text, in_order, summary_of
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.answers import Question
    from mlops_stage.inputs.arrays import Arrays
    from mlops_stage.inputs.feeding import Piece
    from mlops_stage.inputs.onnx.facts import Port

_KINDS = {"float16": "f", "float32": "f", "float64": "f", "string": "US", "bool": "b"}
"""By the type of an input the kinds of arrays that it takes (`numpy.dtype.kind`); whole numbers take `iu`."""


class ArrayRows:
    """Labels, weights and slices among named arrays, each of shape (n,) or (n, 1)."""

    def __init__(self, table: Arrays, question: Question) -> None:
        """Load nothing but the identifiers.

        Raises:
            UsageError: there is no such array.
            InputError: identifiers that are not unique.
        """
        self.table = table
        self._params = {question.label: "label"} | ({question.weight: "weight"} if question.weight else {})
        for name in (question.label, *question.slices, *([question.weight] if question.weight else [])):
            table.header(name, self._param(name))
        self._held: dict[str, NDArray[Any]] = {}
        self.row_id = self._identifiers(question.row_id) if question.row_id else None

    def count(self) -> int:
        """Number of rows."""
        return self.table.rows

    def where(self, _name: str) -> str:
        """The file, as it stands in a message."""
        return self.table.name

    def summary(self, name: str) -> Summary:
        """What kind of values an array holds."""
        return summary_of(self._distinct(name)[0])

    def texts(self, name: str) -> Codes:
        """An array as codes of shape (n,) and levels."""
        distinct, inverse = self._distinct(name)
        canonical = [canonical_text(text) if text else None for text in distinct]
        levels = in_order(canonical)
        place = {level: code for code, level in enumerate(levels)}
        lookup = np.array([-1 if level is None else place[level] for level in canonical], dtype=np.int64)
        return Codes(lookup[inverse], levels)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """An array as float64 of shape (n,)."""
        column = self._column(name)
        try:
            return column.astype(np.float64)
        except ValueError as error:
            raise InputError(f"{self.table.name}: array {shown(name)!r} holds text, not numbers", "write it as numbers") from error

    def _param(self, name: str) -> str:
        return self._params.get(name, "slices")

    def _column(self, name: str) -> NDArray[Any]:
        if name not in self._held:
            found = self.table.load(name, self._param(name))
            if found.size != len(found):
                raise InputError(
                    f"{self.table.name}: array {shown(name)!r} has the shape {shown(found.shape, 40)}, not one value per row",
                    f"name an array of shape ({len(found)},) with {self._param(name)}",
                )
            self._held[name] = as_text(found.reshape(-1), self.table)
        return self._held[name]

    def _distinct(self, name: str) -> tuple[list[str], NDArray[np.intp]]:
        """Distinct values as text, and for each row which one it has; a missing one is empty."""
        column = self._column(name)
        values, inverse = np.unique(column, return_inverse=True)
        if len(values) > MOST_LEVELS and column.dtype.kind != "f":
            raise InputError(
                f"{self.table.name}: array {shown(name)!r} has more than {MOST_LEVELS:,} different values",
                "name an array that holds categories, or write bins instead",
            )
        return ["" if value != value else str(value) for value in values.tolist()], inverse.reshape(-1)  # noqa: PLR0124  (NaN alone differs from itself)

    def _identifiers(self, name: str) -> NDArray[np.uint64]:
        """One number for each identifier; equal ones only where the values are."""
        self._params[name] = "row_id"
        distinct, inverse = np.unique(self._column(name), return_inverse=True)
        if len(distinct) < self.table.rows:
            raise InputError(
                f"{self.table.name}: {counted(self.table.rows - len(distinct), 'row has', 'rows have')} an identifier in array {shown(name)!r} that another row has",
                "name an array that identifies rows, or remove the duplicates",
            )
        return np.array([_key(str(value)) for value in distinct.tolist()], dtype=np.uint64)[inverse.reshape(-1)]


class Block:
    """What one input of the model is given: the array of its own name, or the one that `columns` names for it."""

    def __init__(self, port: Port, values: NDArray[Any]) -> None:
        self.input = port.name
        self.notes: tuple[str, ...] = ()
        self._values = values

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._values)

    def chunk(self, piece: Piece) -> NDArray[Any]:
        """The tensor for some rows."""
        return self._values[piece]


def blocks(inputs: Sequence[Port], table: Arrays, mapping: Mapping[str, str]) -> list[Block]:
    """One array for each input of the model.

    Args:
        inputs: what the model must be given.
        table: where the arrays are.
        mapping: the param `columns`: model input -> array, where the names differ.

    Raises:
        UsageError: an input without an array, or a mapping of no input.
        InputError: an array of another type or shape.
    """
    names = [port.name for port in inputs]
    strange = next((name for name in mapping if name not in names), None)
    if strange is not None:
        raise UsageError(f"columns: the model has no input {shown(strange)!r}", f"its inputs are {shown(', '.join(names), 160)}")
    return [Block(port, _fitting(port, mapping.get(port.name, port.name), table)) for port in inputs]


def _fitting(port: Port, name: str, table: Arrays) -> NDArray[Any]:
    where = f"model input {shown(port.name)!r}"
    header = table.header(name, f"columns: {where}")
    kind = header.dtype.kind
    if kind not in _KINDS.get(port.dtype, "iu") and not (kind in "iub" and port.dtype.startswith("float")):
        raise InputError(
            f"{where} is {shown(port.dtype)}, but array {shown(name)!r} is {shown(header.dtype, 40)}",
            "write the array as the model was trained on it",
        )
    shape = port.shape
    fits = shape is None or (
        len(shape) == len(header.shape) and all(not isinstance(a, int) or a == b for a, b in zip(shape[1:], header.shape[1:], strict=True))
    )
    if not fits:
        raise InputError(
            f"{where} has the shape {shown(shape, 60)}, but array {shown(name)!r} has {shown(header.shape, 60)}",
            "write the array as the model was trained on it",
        )
    if shape and isinstance(shape[0], int) and shape[0] > 0:
        raise InputError(f"{where} takes exactly {shape[0]} rows at a time", "export the model with a dynamic first dimension")
    found = as_text(table.load(name, "columns"), table)
    if port.dtype == "string":
        return found.astype(object)
    made = found.astype(port.dtype)
    if kind in "iu" and not np.array_equal(made, found):
        raise InputError(
            f"{where} is {shown(port.dtype)}, but array {shown(name)!r} holds numbers too large for it",
            "write the array as the model was trained on it",
        )
    return made


def as_text(values: NDArray[Any], table: Arrays) -> NDArray[Any]:
    """Bytes as text; anything else as it is."""
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{table.name}: an array of bytes is no UTF-8", "write text with numpy.array(values, dtype=str)") from error


def _key(text: str) -> int:
    """As `Selection.keys` has it, so that arrays and tables can be matched."""
    plain = canonical_text(text) or text
    return int.from_bytes(hashlib.md5(plain.encode(), usedforsecurity=False).digest()[8:], "little")
