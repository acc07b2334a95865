"""Columns of a table as arrays: numbers as float64, text as codes into its distinct values."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import MINIMUM_COUNT, shape_of, shown
from mlops_stage.inputs.tables import jsonlines
from mlops_stage.inputs.tables.connection import quoted_name, quoted_text, shared, strict, translated
from mlops_stage.inputs.tables.values import (
    FEW_LEVELS,
    INTEGERS,
    NUMERIC,
    Codes,
    Summary,
    canonical_text,
    in_order,
    number_hint,
    summary_of,
)
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.tables.open import Table

MOST_LEVELS = 100_000
"""Distinct values of one column that are still taken for categories."""
_FEW_TEXTS = 1000
Found = TypeVar("Found")


def rows(table: Table) -> int:
    """Number of rows, read to the end: every record is checked for its number of columns."""
    with opened(table, ()) as selection:
        return selection.count()


def numbers(table: Table, names: Sequence[str], param: str = "columns") -> dict[str, NDArray[np.float64]]:
    """Columns as float64 arrays of shape (n,) in the order of the file; a missing cell is NaN.

    Raises:
        UsageError: no such column.
        InputError: a cell that is no number.
    """
    with opened(table, names, param) as selection:
        return selection.load(numbers=names)[1]


def texts(table: Table, names: Sequence[str], param: str = "columns") -> dict[str, Codes]:
    """Columns as codes into their distinct values, in canonical text.

    Whole numbers are `1` whatever they were stored as (`1`, `1.0`), booleans are `true` and `false`, NaN and empty cells are missing (-1).

    Raises:
        UsageError: no such column.
        InputError: more than 100,000 distinct values, or a type that has no text (bytes, lists, structures).
    """
    with opened(table, names, param) as selection:
        return selection.load(texts=names)[0]


@contextmanager
def opened(
    table: Table, names: Sequence[str], param: str = "columns", *, memory: int | None = None, threads: int | None = None
) -> Iterator[Selection]:
    """Some columns of a table, ready for several questions; text formats are parsed once and kept in DuckDB's memory meanwhile."""
    columns = {name: table.column(name, param) for name in dict.fromkeys(names)}
    connection = shared(table.paths, memory=memory, threads=threads)
    try:
        yield Selection(table, columns, connection)
    finally:
        connection.close()


class Selection:
    """Some columns of one table behind one connection."""

    def __init__(self, table: Table, columns: Mapping[str, str], connection: Any) -> None:
        self.table = table
        self.columns = columns
        self._connection = connection
        self._from = table.scan
        self._distinct: dict[str, tuple[str | None, ...] | None] = {}
        if (table.format != "parquet" or table.costly) and columns:
            self._rows(f"CREATE TEMP TABLE kept AS SELECT {', '.join(columns.values())} FROM {table.scan}")
            self._from = "kept"

    def count(self) -> int:
        """Number of rows."""
        # a column is named so that the parser looks at every record, not only at line ends
        sql = f"SELECT count(*) FROM (SELECT {next(iter(self.columns.values()), 'c0')} FROM {self._from})"
        return int(self._rows(sql)[0][0])

    def load(self, texts: Sequence[str] = (), numbers: Sequence[str] = ()) -> tuple[dict[str, Codes], dict[str, NDArray[np.float64]]]:
        """Columns as the functions `texts` and `numbers` give them, all in one pass over the table."""
        coded = {name: self._enumerated(name, position) for position, name in enumerate(dict.fromkeys(texts))}
        for name in numbers:
            self._refuse(name, "a number", ("VARCHAR", "BOOLEAN", '"NULL"', *NUMERIC))
        expressions = [expression for expression, _, _ in coded.values()] + [self._number(name) for name in numbers]
        try:
            arrays = self._arrays(expressions)
        except duckdb.ConversionException as error:
            raise self._no_number(numbers) from error
        found = {name: Codes(lookup[array], levels) for (name, (_, lookup, levels)), array in zip(coded.items(), arrays, strict=False)}
        return found, dict(zip(numbers, arrays[len(coded) :], strict=True))

    def keys(self, name: str) -> NDArray[np.uint64]:
        """Half of the MD5 digest of each cell's text, uint64 of shape (n,): a stand-in for identifiers, which are not kept.

        Two different identifiers among a million share one with probability 3e-8; where they do, they are reported as a duplicate.

        Raises:
            InputError: a missing cell.
        """
        text = self._text(name)
        missing = self._rows(f"SELECT count(*) FROM {self._from} WHERE {text} IS NULL")[0][0]
        if missing:
            raise InputError(
                f"{self.table.name}: column {shown(name)!r} identifies rows, and {counted(missing, 'row has', 'rows have')} none",
                "fill it in every row",
            )
        # 1, 1.0 and "1" are the same identifier, as everywhere
        integer = self.table.columns[name] in INTEGERS
        whole = (
            text
            if integer
            else f"CASE WHEN contains({text}, '.') THEN regexp_replace({text}, '^(-?(?:0|[1-9][0-9]*))\\.0*$', '\\1') ELSE {text} END"
        )
        return self._arrays([f"md5_number_lower({whole})::UBIGINT"])[0]

    def summary(self, name: str) -> Summary:
        """What kind of values a column holds."""
        few = self._few_texts(name)
        if few is not None:
            return summary_of(few)
        column, number = self.columns[name], self._tried_number(name)
        textual, fractions = self._rows(
            f"SELECT bool_or({column} IS NOT NULL AND {number} IS NULL), coalesce(bool_or(isfinite({number}) AND {number} <> trunc({number})), false) "
            f"FROM {self._from}"
        )[0]
        distinct = self._rows(f"SELECT DISTINCT {number} AS v FROM {self._from} WHERE NOT isnan({number}) LIMIT {FEW_LEVELS + 1}")
        return Summary(textual=textual, fractions=fractions, numbers=len(distinct))

    def _few_texts(self, name: str) -> tuple[str | None, ...] | None:
        """The distinct texts of a column, or None where there are many; a column of categories is understood from its categories."""
        if name not in self._distinct:
            found = self._rows(f"SELECT DISTINCT {self._text(name)} FROM {self._from} LIMIT {_FEW_TEXTS + 1}")
            self._distinct[name] = tuple(text for (text,) in found) if len(found) <= _FEW_TEXTS else None
        return self._distinct[name]

    def _enumerated(self, name: str, position: int) -> tuple[str, NDArray[np.int64], tuple[str, ...]]:
        """The SQL of a column's raw codes, what leads from them to canonical codes, and the canonical levels."""
        raw = self._enumeration(name, f"levels{position}")
        canonical = [canonical_text(level) for level in raw]
        levels = in_order(canonical)
        place = {level: code for code, level in enumerate(levels)}
        # the last entry is for NULL, whose raw code is -1
        lookup = np.array([*(-1 if level is None else place[level] for level in canonical), -1], dtype=np.int64)
        return (f"enum_code(CAST({self._text(name)} AS levels{position}))::INTEGER" if raw else "-1::INTEGER"), lookup, levels

    def _enumeration(self, name: str, kind: str) -> tuple[str, ...]:
        """Make an enumeration of the distinct texts of a column; its values in the order of their codes."""
        few, text = self._few_texts(name), self._text(name)
        self._rows("CREATE OR REPLACE TEMP TABLE distinct_texts(v VARCHAR)")
        if few is not None:
            self._connection.execute(
                "INSERT INTO distinct_texts SELECT unnest($1::VARCHAR[])", [[level for level in few if level is not None]]
            )
        else:
            self._rows(
                f"INSERT INTO distinct_texts SELECT DISTINCT {text} FROM {self._from} WHERE {text} IS NOT NULL LIMIT {MOST_LEVELS + 1}"
            )
            if self._rows("SELECT count(*) FROM distinct_texts")[0][0] > MOST_LEVELS:
                raise InputError(
                    f"{self.table.name}: column {shown(name)!r} has more than {MOST_LEVELS:,} different values",
                    "name a column that holds categories, or write bins instead",
                )
        self._rows(f"CREATE OR REPLACE TEMP TYPE {quoted_name(kind)} AS ENUM (SELECT v FROM distinct_texts ORDER BY v)")
        return tuple(self._rows(f"SELECT enum_range(NULL::{quoted_name(kind)})")[0][0])

    def _arrays(self, expressions: Sequence[str]) -> list[NDArray[Any]]:
        """One scan for all expressions; NULL becomes NaN in floats and -1 in integers."""
        if not expressions:
            return []
        listed = ", ".join(f"{expression} AS a{position}" for position, expression in enumerate(expressions))
        found = self._told(lambda: self._connection.execute(f"SELECT {listed} FROM {self._from}").fetchnumpy())
        return [_filled(found[f"a{position}"]) for position in range(len(expressions))]

    def _number(self, name: str) -> str:
        column = self.columns[name]
        return f"CAST({strict(column) if self.table.columns[name] == 'VARCHAR' else column} AS DOUBLE)"

    def _tried_number(self, name: str) -> str:
        """The cell as a number, NULL where it is none; booleans and dates are no numbers."""
        column, kind = self.columns[name], self.table.columns[name].split("(")[0]
        if kind == "VARCHAR":
            return f"TRY_CAST({strict(column)} AS DOUBLE)"
        return f"CAST({column} AS DOUBLE)" if kind in NUMERIC else "NULL::DOUBLE"

    def _text(self, name: str) -> str:
        self._refuse(name, "text", None)
        return f"CAST({self.columns[name]} AS VARCHAR)"

    def _refuse(self, name: str, wanted: str, allowed: tuple[str, ...] | None) -> None:
        kind = self.table.columns[name]
        nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "BLOB", "VARIANT", "GEOMETRY"))
        if nested or (allowed is not None and kind.split("(")[0] not in allowed):
            raise InputError(
                f"{self.table.name}: column {shown(name)!r} holds {shown(kind)}, not {wanted}",
                "write the column as a number, a text or true/false",
            )

    def _no_number(self, names: Sequence[str]) -> InputError:
        """The first cell that is no number."""
        for name in names:
            if self.table.columns[name] != "VARCHAR":
                continue
            numbered = f"SELECT row_number() OVER () AS r, {self.columns[name]} AS v FROM {self._from}"
            found = self._rows(
                f"SELECT r, v FROM ({numbered}) WHERE v IS NOT NULL AND TRY_CAST({strict('v')} AS DOUBLE) IS NULL ORDER BY r LIMIT 1"
            )
            if found:
                row, cell = found[0]
                alike = self._rows(f"SELECT count(*) FROM {self._from} WHERE {self.columns[name]} = {quoted_text(cell)}")[0][0]
                # a text of few rows may say who somebody is; its row and its shape lead to it
                told = repr(shown(cell, 40)) if alike >= MINIMUM_COUNT else f"a cell of the form {shape_of(cell)!r}"
                return InputError(f"{self.table.name}, row {row}: {told} in column {shown(name)!r} is no number", number_hint(str(cell)))
        return InputError(
            f"{self.table.name}: a column among {shown(', '.join(names))} cannot be read as numbers", "write numbers such as 1234.5"
        )

    def _rows(self, sql: str) -> list[Any]:
        return self._told(lambda: self._connection.execute(sql).fetchall())

    def _told(self, work: Callable[[], Found]) -> Found:
        try:
            return work()
        except duckdb.ConversionException:
            raise
        except duckdb.Error as error:
            if self.table.format == "jsonl":
                raise jsonlines.unreadable(error, self.table.paths, self.table.name) from error
            raise translated(error, self.table.name) from error


def _filled(array: Any) -> NDArray[Any]:
    """Without a mask; integers that had NULLs keep their type."""
    if not isinstance(array, np.ma.MaskedArray):
        return np.asarray(array)
    return array.filled(np.nan if array.dtype.kind == "f" else -1)
