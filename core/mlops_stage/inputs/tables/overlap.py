"""Rows that two tables share, such as test rows that a model was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import UsageError
from mlops_stage.inputs.tables.connection import connect, run, strict
from mlops_stage.inputs.tables.values import INTEGERS, NUMERIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.inputs.tables.open import Table

_EXAMPLES = 5
_WHOLE_TAIL = 2
_LOOK = 2048
_EXACT = 10**15
_NUMBER, _TRUTH, _TIME = "number", "truth", "time"
_MEANINGS = {
    _NUMBER: f"TRY_CAST({strict('{0}')} AS DOUBLE)",
    _TRUTH: "CASE WHEN lower({0}) IN ('true', 'false') THEN lower({0}) END",
    _TIME: "TRY_CAST({0} AS TIMESTAMPTZ)",
}
"""SQL of a cell as what it means, NULL where it is no such thing; in the order in which they are tried."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many rows of the second table stand in the first as well; rows are equal when all compared cells are, and missing equals missing."""

    shared: int
    """Rows of the second table that the first has too."""
    of: int
    """Rows of the second table."""
    repeated: int
    """Rows of the second table that repeat an earlier row of it: how common equal rows are by nature."""
    earlier: int
    """Rows of the first table."""
    recurring: int
    """Rows of the first table that stand there more than once."""
    columns: tuple[str, ...]
    """The columns that were compared."""
    examples: tuple[tuple[int, int], ...]
    """(row of the first, row of the second), numbered from 1, at most five, in the order of the second."""


def shared_rows(first: Table, second: Table, columns: Sequence[str] | None = None, *, memory: int | None = None) -> Overlap:
    """Compare two tables row by row, exactly; formats may differ.

    Hashes of rows find candidates, which are then compared cell by cell; only candidates are held in memory.
    Cells are compared by what they mean: as numbers where one table stores numbers or every cell of both is one (`1.5` equals `1.50`), as times where
    every cell is one (`2024-01-05` equals midnight), as truth values, and else as text. Text with leading zeros, such as `007`, and whole numbers of 16
    digits or more stay text, for they may be codes.

    Args:
        first: the table that is looked up in, such as `train`.
        second: the table whose rows are looked for, such as `data`.
        columns: what to compare; by default every column that both have.
        memory: bytes that DuckDB may use.

    Raises:
        UsageError: a column that one of them lacks, or no common column.
        InputError: a table that cannot be read.
        LimitError: too little memory.
    """
    names = tuple(name for name in first.columns if name in second.columns) if columns is None else tuple(columns)
    if not names:
        raise UsageError(f"{first.name} and {second.name} have no column in common", "name the columns alike in both tables")
    connection = connect([*first.paths, *second.paths], memory=memory)
    try:
        cells = _hashed(connection, first, second, names)
        return _compared(connection, first, second, cells, names)
    finally:
        connection.close()


def _compared(connection: Any, first: Table, second: Table, cells: _Cells, names: tuple[str, ...]) -> Overlap:
    what = f"{first.name} and {second.name}"
    keys = ", ".join(f"k{position}" for position in range(len(names)))
    run(connection, "CREATE TEMP TABLE candidates AS SELECT h FROM hash_b INTERSECT SELECT h FROM hash_a", what)
    rows, different = run(connection, "SELECT count(*), count(DISTINCT h) FROM hash_b", what)[0]
    often = "SELECT count(*) AS n FROM hash_a GROUP BY h"
    earlier, recurring = run(connection, f"SELECT sum(n), coalesce(sum(n) FILTER (WHERE n > 1), 0) FROM ({often})", what)[0]
    shared, examples = 0, []
    if run(connection, "SELECT count(*) FROM candidates", what)[0][0]:
        for name, table, listed in (("a", first, cells.first), ("b", second, cells.second)):
            numbered = f"SELECT row_number() OVER () AS r, {listed} FROM {table.scan}"
            # grouped before they are joined: a row that stands a thousand times in both would otherwise meet itself a million times
            grouped = f"SELECT {keys}, hash({keys}) AS h, min(r) AS r, count(*) AS n FROM ({numbered}) WHERE hash({keys}) IN (SELECT h FROM candidates) GROUP BY ALL"
            run(connection, f"CREATE TEMP TABLE both_{name} AS {grouped}", table.name)
        equal = " AND ".join(f"both_a.k{position} IS NOT DISTINCT FROM both_b.k{position}" for position in range(len(names)))
        join = f"FROM both_b JOIN both_a ON both_a.h = both_b.h AND {equal}"
        shared = run(connection, f"SELECT coalesce(sum(both_b.n), 0) {join}", what)[0][0]
        examples = run(connection, f"SELECT both_a.r, both_b.r {join} ORDER BY both_b.r LIMIT {_EXAMPLES}", what)
    return Overlap(
        shared=int(shared),
        of=rows,
        repeated=rows - different,
        earlier=int(earlier or 0),
        recurring=int(recurring),
        columns=names,
        examples=tuple((int(a), int(b)) for a, b in examples),
    )


def _possible(first: Table, second: Table, names: Sequence[str]) -> dict[str, list[str]]:
    """By column, the `_MEANINGS` that its cells may have, in the order in which they are tried; only of columns whose types do not tell."""
    found = {}
    for name in names:
        kinds = {table.columns[name].split("(")[0] for table in (first, second) if table.column(name, "columns")}
        if kinds == {"VARCHAR"}:
            found[name] = list(_MEANINGS)
        elif len(kinds) > 1 and all(kind == "VARCHAR" or kind.startswith(("DATE", "TIMESTAMP")) for kind in kinds):
            found[name] = [_TIME]
    return found


def _guess(connection: Any, table: Table, possible: Mapping[str, list[str]], looked: set[str]) -> None:
    """Strike out, at the head of each column's list, the meanings that its first cells cannot have; `looked` at are those columns whose first one fits."""
    asked = [name for name, meanings in possible.items() if meanings and name not in looked]
    while asked:
        counts = ", ".join(f"coalesce(count_if(m{place}), 0)" for place in range(len(asked)))
        meant = _meant(table, {name: possible[name][0] for name in asked})
        head = f"SELECT {meant.cells} FROM (SELECT * FROM {table.scan} LIMIT {_LOOK})"
        cells = run(connection, f"SELECT {counts} FROM (SELECT {meant.flags} FROM ({head}))", table.name)[0]
        for name, count in zip(asked, cells, strict=True):
            if count:
                del possible[name][0]
            else:
                looked.add(name)
        asked = [name for name in asked if name not in looked and possible[name]]


@dataclass(frozen=True)
class _Meant:
    """SQL of the cells of some columns as what they mean, and of the conditions m0, m1 … that a cell cannot be read so, each from one cast."""

    cells: str
    flags: str


def _meant(table: Table, meanings: Mapping[str, str]) -> _Meant:
    cells, flags = [], []
    for place, (name, meaning) in enumerate(meanings.items()):
        column = table.column(name, "columns")
        cells.append(f"{column} AS t{place}, {_MEANINGS[meaning].format(column)} AS v{place}")
        flags.append(f"{_missed(f't{place}', f'v{place}', meaning)} AS m{place}")
    return _Meant(", ".join(cells), ", ".join(flags))


def _missed(text: str, cell: str, meaning: str) -> str:
    """SQL of the condition that a cell, whose text is given too, cannot be read so."""
    unread = f"{text} IS NOT NULL AND {cell} IS NULL"
    if meaning != _NUMBER:
        return f"({unread})"
    return f"({unread} OR abs({cell}) >= {_EXACT} OR {text} GLOB '0[0-9]*' OR {text} GLOB '[-+]0[0-9]*')"


@dataclass(frozen=True)
class _Cells:
    """SQL of all compared cells k0, k1 … in either table."""

    first: str
    second: str


def _hashed(connection: Any, first: Table, second: Table, names: Sequence[str]) -> _Cells:
    """Make the tables hash_a and hash_b of the hashes of the cells by which both tables are compared; returns these cells.

    What the first cells of a column of the first table look like is held against all of both while they are hashed; where that was wrong, all is done again.
    """
    possible, looked = _possible(first, second, names), set[str]()
    while True:
        _guess(connection, first, possible, looked)
        guessed = {name: listed[0] for name, listed in possible.items() if listed}
        pairs = [_cells(first, second, name, guessed.get(name)) for name in names]
        cells = _Cells(*(", ".join(f"{pair[side]} AS k{position}" for position, pair in enumerate(pairs)) for side in (0, 1)))
        wrong: set[str] = set()
        keys = ", ".join(f"k{position}" for position in range(len(names)))
        for letter, table, listed in (("a", first, cells.first), ("b", second, cells.second)):
            place = {name: position for position, name in enumerate(names)}
            odd = [_missed(f"t{at}", f"k{place[name]}", meaning) for at, (name, meaning) in enumerate(guessed.items())]
            flags = "".join(f", {condition} AS m{at}" for at, condition in enumerate(odd))
            texts = "".join(f", {table.column(name, 'columns')} AS t{at}" for at, name in enumerate(guessed))
            inner = f"SELECT {listed}{texts} FROM {table.scan}"
            run(connection, f"CREATE OR REPLACE TEMP TABLE hash_{letter} AS SELECT hash({keys}) AS h{flags} FROM ({inner})", table.name)
            if odd:
                counts = ", ".join(f"coalesce(count_if(m{at}), 0)" for at in range(len(odd)))
                missed = run(connection, f"SELECT {counts} FROM hash_{letter}", table.name)[0]
                wrong |= {column for column, count in zip(guessed, missed, strict=True) if count}
        if not wrong:
            return cells
        for name in wrong:
            del possible[name][0]
        looked -= wrong


def _cells(first: Table, second: Table, name: str, meaning: str | None) -> tuple[str, str]:
    """The SQL of a cell in either table, of a type in which both can be compared."""
    kinds = [table.columns[name].split("(")[0] for table in (first, second) if table.column(name, "columns")]
    columns = [table.column(name, "columns") for table in (first, second)]
    if meaning:
        return _MEANINGS[meaning].format(columns[0]), _MEANINGS[meaning].format(columns[1])
    numeric = [kind in NUMERIC for kind in kinds]
    if kinds[0] == kinds[1] and kinds[0] != "VARCHAR":
        return columns[0], columns[1]
    if any(numeric) and all(kind in NUMERIC or kind == "VARCHAR" for kind in kinds):
        # a float32 and the text or float64 that it was rounded from are the same number
        target = "FLOAT" if "FLOAT" in kinds else "HUGEINT" if all(kind in INTEGERS for kind in kinds) else "DOUBLE"
        return (_number(columns[0], kinds[0], target), _number(columns[1], kinds[1], target))
    if "BOOLEAN" in kinds:
        return (f"lower(CAST({columns[0]} AS VARCHAR))", f"lower(CAST({columns[1]} AS VARCHAR))")
    return _text(columns[0]), _text(columns[1])


def _number(column: str, kind: str, target: str) -> str:
    return f"TRY_CAST({strict(column) if kind == 'VARCHAR' else column} AS {target})"


def _text(column: str) -> str:
    text = f"CAST({column} AS VARCHAR)"
    return f"CASE WHEN ends_with({text}, '.0') THEN left({text}, -{_WHOLE_TAIL}) ELSE {text} END"
