"""Columns of a table as arrays: numbers as float64, text as codes into its distinct values."""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables import jsonlines
from mlops_stage.inputs.tables.connection import connect, quoted_name, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.tables.open import Table

MOST_LEVELS = 100_000
"""Distinct values of one column that are still taken for categories."""

_FEW_TEXTS = 1000
_WHOLE_TEXT = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.0*)?")
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
NUMERIC = ("FLOAT", "DOUBLE", "DECIMAL", *INTEGERS)


class Codes(NamedTuple):
    """A column of text: row i holds `levels[codes[i]]`, or nothing where `codes[i]` is -1."""

    codes: NDArray[np.int64]
    """Shape (n,)."""
    levels: tuple[str, ...]
    """Distinct canonical values that occur, sorted."""


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
        return selection.numbers(names)


def texts(table: Table, names: Sequence[str], param: str = "columns") -> dict[str, Codes]:
    """Columns as codes into their distinct values, in canonical text.

    Whole numbers are `1` whatever they were stored as (`1`, `1.0`), booleans are `true` and `false`, NaN and empty cells are missing (-1).

    Raises:
        UsageError: no such column.
        InputError: more than 100,000 distinct values, or a type that has no text (bytes, lists, structures).
    """
    with opened(table, names, param) as selection:
        return selection.texts(names)


@contextmanager
def opened(
    table: Table, names: Sequence[str], param: str = "columns", *, memory: int | None = None, threads: int | None = None
) -> Iterator[Selection]:
    """Some columns of a table, ready for several questions; text formats are parsed once and kept in DuckDB's memory meanwhile."""
    columns = {name: table.column(name, param) for name in dict.fromkeys(names)}
    connection = connect(table.paths, memory=memory, threads=threads)
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
        if table.format != "parquet" and columns:
            self._run(f"CREATE TEMP TABLE kept AS SELECT {', '.join(columns.values())} FROM {table.scan}")
            self._from = "kept"

    def count(self) -> int:
        """Number of rows."""
        # a column is named so that the parser looks at every record, not only at line ends
        return int(self._run(f"SELECT count(*) FROM (SELECT {next(iter(self.columns.values()), 'c0')} FROM {self._from})").fetchone()[0])

    def numbers(self, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """See the function of that name."""
        for name in names:
            self._refuse(name, "a number", ("VARCHAR", "BOOLEAN", '"NULL"', *NUMERIC))
        try:
            return self._arrays({name: f"coalesce({self._number(name)}, 'nan'::DOUBLE)" for name in names}, np.float64)
        except duckdb.ConversionException as error:
            raise self._no_number(names) from error

    def texts(self, names: Sequence[str]) -> dict[str, Codes]:
        """See the function of that name."""
        expressions: dict[str, str] = {}
        tables: dict[str, tuple[NDArray[np.int64], tuple[str, ...]]] = {}
        for position, name in enumerate(dict.fromkeys(names)):
            raw = self._levels(f"levels{position}", name)
            canonical = [canonical_text(level) for level in raw]
            levels = tuple(sorted({level for level in canonical if level is not None}, key=_natural(canonical)))
            place = {level: code for code, level in enumerate(levels)}
            # the last entry is for NULL, whose code is -1
            lookup = np.array([*(-1 if level is None else place[level] for level in canonical), -1], dtype=np.int64)
            expressions[name] = f"coalesce(enum_code(CAST({self._text(name)} AS levels{position}))::BIGINT, -1)" if raw else "-1::BIGINT"
            tables[name] = lookup, levels
        arrays = self._arrays(expressions, np.int64)
        return {name: Codes(lookup[arrays[name]], levels) for name, (lookup, levels) in tables.items()}

    def keys(self, name: str) -> NDArray[np.uint64]:
        """Half of the MD5 digest of each cell's text, uint64 of shape (n,): a stand-in for identifiers, which are not kept.

        Two different identifiers among a million share one with probability 3e-8; where they do, they are reported as a duplicate.

        Raises:
            InputError: a missing cell.
        """
        text = self._text(name)
        (missing,) = self._run(f"SELECT count(*) FROM {self._from} WHERE {text} IS NULL").fetchone()
        if missing:
            raise InputError(
                f"{self.table.name}: column {shown(name)!r} identifies rows, and {missing} rows have none", "fill it in every row"
            )
        # 1, 1.0 and "1" are the same identifier, as everywhere
        integer = self.table.columns[name] in INTEGERS
        whole = text if integer else f"regexp_replace({text}, '^(-?(?:0|[1-9][0-9]*))\\.0*$', '\\1')"
        return self._arrays({name: f"md5_number_lower({whole})::UBIGINT"}, np.uint64)[name]

    def summary(self, name: str) -> Summary:
        """What kind of values a column holds."""
        counts = self._few_counts(name)
        if counts is not None:
            return _summary_of(counts)
        column, number = self.columns[name], self._tried_number(name)
        total, present, textual, fractions = self._run(
            f"SELECT count(*), count({column}) - count(*) FILTER (isnan({number})), count(*) FILTER ({column} IS NOT NULL AND {number} IS NULL), "
            f"count(*) FILTER (isfinite({number}) AND {number} <> trunc({number})) FROM {self._from}"
        ).fetchone()
        few = f"SELECT count(*) FROM (SELECT DISTINCT {number} AS v FROM {self._from} WHERE NOT isnan({number}) LIMIT {FEW_LEVELS + 1})"
        (distinct,) = self._run(few).fetchone()
        return Summary(rows=total, missing=total - present, textual=textual, fractions=fractions, numbers=distinct)

    def _few_counts(self, name: str) -> dict[str | None, int] | None:
        """How often each text occurs, or None where there are many: a column of categories is understood from its categories."""
        text = self._text(name)
        if len(self._run(f"SELECT DISTINCT {text} FROM {self._from} LIMIT {_FEW_TEXTS + 1}").fetchall()) > _FEW_TEXTS:
            return None
        return dict(self._run(f"SELECT {text}, count(*) FROM {self._from} GROUP BY 1").fetchall())

    def first_row(self, name: str, *, where: str) -> int:
        """The number (from 1) of the first row where a condition on `v`, the cell, holds; 0 if there is none."""
        sql = (
            f"SELECT coalesce(min(r), 0) FROM (SELECT row_number() OVER () AS r, {self.columns[name]} AS v FROM {self._from}) WHERE {where}"
        )
        return int(self._run(sql).fetchone()[0])

    def _levels(self, kind: str, name: str) -> tuple[str, ...]:
        """Make an enumeration of the distinct texts of a column; its values in the order of their codes."""
        text = self._text(name)
        distinct = f"SELECT DISTINCT {text} AS v FROM {self._from} WHERE {text} IS NOT NULL LIMIT {MOST_LEVELS + 1}"
        self._run(f"CREATE OR REPLACE TEMP TABLE distinct_texts AS {distinct}")
        (many,) = self._run("SELECT count(*) FROM distinct_texts").fetchone()
        if many > MOST_LEVELS:
            raise InputError(
                f"{self.table.name}: column {shown(name)} has more than {MOST_LEVELS:,} different values",
                "name a column that holds categories, or write bins instead",
            )
        self._run(f"CREATE OR REPLACE TYPE {quoted_name(kind)} AS ENUM (SELECT v FROM distinct_texts ORDER BY v)")
        return tuple(self._run(f"SELECT enum_range(NULL::{quoted_name(kind)})").fetchone()[0])

    def _arrays(self, expressions: Mapping[str, str], kind: Any) -> dict[str, NDArray[Any]]:
        """One scan for all expressions; none of them may be NULL, which would make masked arrays."""
        if not expressions:
            return {}
        listed = ", ".join(f"{expression} AS a{position}" for position, expression in enumerate(expressions.values()))
        found = self._run(f"SELECT {listed} FROM {self._from}").fetchnumpy()
        return {name: np.asarray(found[f"a{position}"], dtype=kind) for position, name in enumerate(expressions)}

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
        for name in names:
            bad = f"v IS NOT NULL AND TRY_CAST({strict('v')} AS DOUBLE) IS NULL" if self.table.columns[name] == "VARCHAR" else "false"
            row = self.first_row(name, where=bad)
            if row:
                (cell,) = self._run(f"SELECT {self.columns[name]} FROM {self._from} LIMIT 1 OFFSET {row - 1}").fetchone()
                return InputError(
                    f"{self.table.name}, row {row}: {shown(cell, 40)!r} in column {shown(name)!r} is no number", _number_hint(str(cell))
                )
        return InputError(
            f"{self.table.name}: a column among {shown(', '.join(names))} cannot be read as numbers", "write numbers such as 1234.5"
        )

    def _run(self, sql: str) -> Any:
        try:
            return self._connection.execute(sql)
        except duckdb.ConversionException:
            raise
        except duckdb.Error as error:
            if self.table.format == "jsonl":
                raise jsonlines.unreadable(error, self.table.paths, self.table.name) from error
            raise translated(error, self.table.name) from error


FEW_LEVELS = 50
"""Up to so many distinct whole numbers are classes."""


class Summary(NamedTuple):
    """What kind of values a column holds; counts of rows."""

    rows: int
    missing: int
    """Empty cells, NULL and NaN."""
    textual: int
    """Cells that are neither missing nor a number: text and booleans."""
    fractions: int
    """Numbers that are not whole."""
    numbers: int
    """Distinct numbers, counted up to 51."""


def _summary_of(counts: Mapping[str | None, int]) -> Summary:
    found = {text: _number_of(text) for text in counts if text is not None}
    values = {text: number for text, number in found.items() if number is not None and not math.isnan(number)}
    present = sum(counts[text] for text in found if found[text] is None or text in values)
    return Summary(
        rows=sum(counts.values()),
        missing=sum(counts.values()) - present,
        textual=sum(counts[text] for text, number in found.items() if number is None),
        fractions=sum(counts[text] for text, number in values.items() if math.isfinite(number) and number != math.trunc(number)),
        numbers=min(len(set(values.values())), FEW_LEVELS + 1),
    )


def _number_of(text: str) -> float | None:
    """As DuckDB casts: no underscores, no digits of other scripts."""
    try:
        return None if "_" in text or not text.isascii() else float(text)
    except ValueError:
        return None


def canonical_text(text: str) -> str | None:
    """The one spelling of a value: `1` for `1.0`, `true` for `True`; None for NaN."""
    whole = _WHOLE_TEXT.fullmatch(text)
    if whole:
        return "0" if whole[2] == "0" else whole[1] + whole[2]
    if text in ("True", "TRUE", "true"):
        return "true"
    if text in ("False", "FALSE", "false"):
        return "false"
    if text in ("nan", "NaN", "NAN"):
        return None
    large = re.fullmatch(r"-?[0-9](?:\.[0-9]+)?e\+[0-9]+", text)  # DuckDB writes whole floats from 1e16 so
    return str(int(float(text))) if large and float(text).is_integer() and abs(float(text)) < 1e300 else text  # noqa: PLR2004  (far beyond any label)


def _natural(levels: Sequence[str | None]) -> Any:
    """Numbers in their own order, everything else by code points."""
    present = [level for level in levels if level is not None]
    return int if present and all(re.fullmatch(r"-?[0-9]{1,18}", level) for level in present) else str


def strict(column: str) -> str:
    """Text to be cast to a number: DuckDB would read 1_000 as 1000."""
    return f"replace({column}, '_', '?')"


def _number_hint(cell: str) -> str:
    if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?|-?[0-9_]+", cell):
        return "write numbers without separators of thousands"
    if re.fullmatch(r"-?[0-9.]*,[0-9]+", cell):
        return "write numbers with a decimal point"
    return "write numbers such as 1234.5, and leave a missing cell empty"
