"""What the columns of a table hold, in three passes and bounded memory: enough to propose a contract, and no row of it."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from mlops_stage.inputs.tables.connection import connect, quoted_text, strict, translated
from mlops_stage.inputs.tables.values import INTEGERS, NUMERIC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops_stage.inputs.tables.open import Table

Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp", "time", "object", "array", "bytes"]
EXTREMES = 100
"""Largest and smallest values that are kept of numbers."""
FEW = 120
"""Up to about so many different values are counted one by one."""
_CHUNK = 25
"""Columns that one query looks at."""
_MASK = str.maketrans(ascii_uppercase + ascii_lowercase + digits, "A" * 26 + "a" * 26 + "9" * 10)
_MASKED = 40
"""Characters of a shape."""
_MARKS = {"A": "[A-Z]", "a": "[a-z]", "9": "[0-9]"}
_ISO_DATE = r"\d{4}-\d{2}-\d{2}"
_ISO_TIME = r"\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
SHAPES = {
    "email": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    "ip": r"(\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{0,4}){2,7}",
    "iban": r"[A-Z]{2}\d{2}( ?[A-Z0-9]){11,30}",
    "card": r"\d([ -]?\d){12,18}",
    "phone": r"(\+|00)\d([ ()/.-]?\d){7,14}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}",
    "ssn": r"\d{3}-\d{2}-\d{4}",
}
"""What identifiers of people look like; for those with a checksum, a sample is looked at more closely."""
_SAMPLE = 200
_LONGEST = 200
"""Characters of an identifier."""
_LOOKED_AT = 100_000
"""About so many different values are held against them."""
SENTINELS = (-999999, -99999, -9999, -999, -99, -1, 999, 9999, 99999, 999999)
"""Numbers that often stand for a missing one."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One column. Values of a column that turns out to name people must not be shown."""

    name: str
    kind: Kind
    stored: str
    """DuckDB's name of the type that the file itself declares; VARCHAR throughout CSV and JSONL."""
    rows: int
    present: int
    """Cells that are not missing."""
    distinct: int
    """About how many different values there are."""
    empty: int = 0
    """Cells of blank text."""
    not_a_number: int = 0
    infinite: int = 0
    longest: int = 0
    """Characters."""
    shape: str = ""
    """`AA-99` where every cell has that shape (A capital, a small letter, 9 digit); empty where they differ."""
    prefix: int = 0
    """Characters that all cells of text begin with alike."""
    largest: tuple[float, ...] = ()
    """Finite numbers, the largest first."""
    smallest: tuple[float, ...] = ()
    earliest: str = ""
    """Of dates and timestamps (UTC), as DuckDB writes it."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Value as text -> cells, where there are few values."""
    sentinels: Mapping[int, int] = field(default_factory=dict)
    """One of `SENTINELS` -> cells that hold it, of numbers."""
    unique: bool = False
    """No value occurs twice; looked at only where that seemed possible."""
    looks: Mapping[str, int] = field(default_factory=dict)
    """Name of one of `SHAPES` -> cells that look so."""
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Some of those cells, for the checksum."""

    @property
    def missing(self) -> int:
        """Cells that are missing."""
        return self.rows - self.present


def pattern_of(shape: str) -> str:
    """A shape as an RE2 expression: `AA-99` as `[A-Z]{2}-[0-9]{2}`."""
    parts = []
    for found in re.finditer(r"(.)\1*", shape, re.DOTALL):
        mark, times = found[1], len(found[0])
        one = _MARKS.get(mark) or (f"\\{mark}" if mark in r".^$*+?{}[]\|()" else mark)
        parts.append(one + (f"{{{times}}}" if times > 1 else ""))
    return "".join(parts)


def observe(table: Table, progress: Callable[[float, str], None] = lambda _done, _told: None) -> tuple[Observed, ...]:
    """The columns of a table, in the order of the file.

    Cells of CSV and JSONL are text: a column is of the kind that all its cells can be read as, numbers with leading zeros remaining text.

    Raises:
        InputError: it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-stage-") as spill:
        connection = connect(table.paths, spill=Path(spill))
        try:
            return _Passes(table, connection, progress).all()
        finally:
            connection.close()


class _Passes:
    """Three readings of one table."""

    def __init__(self, table: Table, connection: Any, progress: Callable[[float, str], None]) -> None:
        self.table = table
        self.connection = connection
        self.progress = progress
        self.columns = {name: f"c{position}" for position, name in enumerate(table.columns)}

    def all(self) -> tuple[Observed, ...]:
        self.progress(0.05, "looking at types")
        found = {name: _first(name, self.table.columns[name], answer) for name, answer in self._ask(self._types).items()}
        self.progress(0.4, "looking at values")
        for name, answer in self._ask(lambda name: self._values(found[name])).items():
            found[name] = _second(found[name], answer)
        self.progress(0.75, "looking for identifiers")
        for name, repeated in self._repeated(found).items():
            found[name] = replace(found[name], unique=repeated == 0)
        return tuple(found[name] for name in self.columns)

    def _ask(self, of_column: Callable[[str], Mapping[str, str]]) -> dict[str, dict[str, Any]]:
        """The answers to expressions on each column, some columns at a time."""
        names, answers = list(self.columns), {}
        for start in range(0, len(names), _CHUNK):
            asked = [(name, key, sql) for name in names[start : start + _CHUNK] for key, sql in of_column(name).items()]
            row = self._row(f"SELECT {', '.join(['count(*)', *(sql for _, _, sql in asked)])} FROM {self.table.scan}")
            for name in names[start : start + _CHUNK]:
                answers[name] = {"rows": row[0]}
            for (name, key, _), value in zip(asked, row[1:], strict=True):
                answers[name][key] = value
        return answers

    def _row(self, sql: str) -> Sequence[Any]:
        try:
            row: Sequence[Any] = self.connection.execute(sql).fetchone()
        except duckdb.Error as error:
            raise translated(error, self.table.name) from error
        return row

    def _types(self, name: str) -> Mapping[str, str]:
        column, kind = self.columns[name], _base(self.table.columns[name])
        asked = {"present": f"count({column})", "distinct": f"approx_count_distinct({_text(column, kind)})"}
        if kind in {"FLOAT", "DOUBLE"}:
            asked |= {"nan": f"count(*) FILTER (isnan({column}))", "inf": f"count(*) FILTER (isinf({column}))"}
        if not _is_text(kind):
            return asked
        return asked | _of_text(column) | (_readings(column) if self.table.format != "parquet" else {})

    def _values(self, seen: Observed) -> Mapping[str, str]:
        column = self.columns[seen.name]
        asked = {}
        if seen.kind in {"date", "timestamp"}:  # as text: Python has no dates before Christ, and needs a further package for time zones
            asked = {"earliest": f"CAST(min({_as(column, seen.kind, _base(self.table.columns[seen.name]))}) AS VARCHAR)"}
        if seen.kind in {"integer", "number"}:
            value = _as(column, seen.kind, _base(self.table.columns[seen.name]))
            finite = f" FILTER (isfinite({value}))" if seen.kind == "number" else ""
            asked = {"largest": f"max({value}, {EXTREMES}){finite}", "smallest": f"min({value}, {EXTREMES}){finite}"}
            asked |= {f"sentinel {mark}": f"count(*) FILTER ({value} = {mark})" for mark in SENTINELS}
        if seen.kind in {"string", "integer", "boolean"} and 0 < seen.distinct <= FEW:
            text = f"CAST({column} AS VARCHAR)"
            asked["counts"] = f"histogram({f'lower({text})' if seen.kind == 'boolean' else text})"
        if seen.shape:
            asked["shaped"] = f"count(*) FILTER (regexp_full_match({column}, {quoted_text(pattern_of(seen.shape))}))"
        if seen.kind == "string" and seen.present and "counts" not in asked:
            some = f"hash({column}) % {self.every(seen.rows)} = 0"
            for look, shape in SHAPES.items():
                matching = f"FILTER (CASE WHEN {some} THEN regexp_full_match({column}, '{shape}') END)"
                asked |= {look: f"count(*) {matching}", f"sample {look}": f"min({column}, {_SAMPLE}) {matching}"}
        return asked

    @staticmethod
    def every(rows: int) -> int:
        """One in how many different values is held against the looks of identifiers."""
        return max(1, rows // _LOOKED_AT)

    def _repeated(self, found: Mapping[str, Observed]) -> dict[str, int]:
        """Column -> cells beyond the first of each value, where they may all differ."""
        asked = [
            name
            for name, seen in found.items()
            if seen.kind in {"integer", "string"} and seen.present == seen.rows and seen.distinct > seen.rows * 0.8
        ]
        repeated = {}
        for name in asked:  # one at a time: their tables of values need not fit into memory together
            short = f"hash({self.columns[name]})"
            repeated[name] = int(self._row(f"SELECT count(*) - count(DISTINCT {short}) FROM {self.table.scan}")[0])
        return repeated


def _base(kind: str) -> str:
    """A DuckDB type without its parameters."""
    return kind if kind.endswith("]") else kind.split("(", maxsplit=1)[0]


def _is_text(kind: str) -> bool:
    return kind in {"VARCHAR", "ENUM"}


def _text(column: str, kind: str) -> str:
    return column if _is_text(kind) or kind in NUMERIC else f"CAST({column} AS VARCHAR)"


def _of_text(column: str) -> dict[str, str]:
    """Expressions on a column of text."""
    text = f"CAST({column} AS VARCHAR)"
    return {
        "empty": f"count(*) FILTER (trim({text}) = '')",
        "longest": f"max(length({text}))",
        "shortest": f"min(length({text}))",
        "first": f"min({text})",
        "last": f"max({text})",
    }


def _readings(column: str) -> dict[str, str]:
    """How many cells of text read as something else."""
    number = f"TRY_CAST({strict(column)} AS DOUBLE)"
    zero_led = rf"regexp_full_match({column}, '[+-]?0\d+')"
    return {
        "whole": rf"count(*) FILTER (regexp_full_match({column}, '-?(0|[1-9]\d{{0,17}})'))",
        "numbers": f"count(*) FILTER ({number} IS NOT NULL AND NOT {zero_led})",
        "nan": f"count(*) FILTER (isnan({number}))",
        "inf": f"count(*) FILTER (isinf({number}))",
        "bools": f"count(*) FILTER (lower({column}) IN ('true', 'false'))",
        "dates": f"count(*) FILTER (regexp_full_match({column}, '{_ISO_DATE}') AND TRY_CAST({column} AS DATE) IS NOT NULL)",
        "times": f"count(*) FILTER (regexp_full_match({column}, '{_ISO_DATE}[T ]{_ISO_TIME}(Z|[+-]\\d{{2}}:?\\d{{2}})?') "
        f"AND TRY_CAST({column} AS TIMESTAMPTZ) IS NOT NULL)",
    }


def _first(name: str, declared: str, answer: Mapping[str, Any]) -> Observed:
    """What the first pass says of a column."""
    kind = _kind(declared, answer)
    text = kind == "string"
    longest, first = (answer.get("longest") or 0) if text else 0, answer.get("first") or ""
    alike = text and longest == answer.get("shortest") and longest <= _MASKED
    return Observed(
        name=name,
        kind=kind,
        stored=declared,
        rows=answer["rows"],
        present=answer["present"],
        distinct=min(answer["distinct"], answer["present"]),
        empty=answer.get("empty", 0) if text else 0,
        not_a_number=answer.get("nan", 0) if kind == "number" else 0,
        infinite=answer.get("inf", 0) if kind == "number" else 0,
        longest=longest,
        shape=first.translate(_MASK) if alike else "",  # of one cell; the second pass holds all others against it
        prefix=_alike(first, answer.get("last") or "") if text else 0,
    )


def _alike(first: str, last: str) -> int:
    """How many characters two texts begin with alike; of the first and the last by order: how many all between them do."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _kind(declared: str, answer: Mapping[str, Any]) -> Kind:
    base = _base(declared)
    if base.endswith("]"):
        return "array"
    if _is_text(base):
        return _kind_of_text(answer) if "whole" in answer else "string"
    if base in INTEGERS:
        return "integer"
    known: Mapping[str, Kind] = {"BOOLEAN": "boolean", "DATE": "date", "TIME": "time", "BLOB": "bytes", "STRUCT": "object", "MAP": "object"}
    if base in NUMERIC:
        return "number"
    return known.get(base, "timestamp" if base.startswith("TIMESTAMP") else "string")


def _kind_of_text(answer: Mapping[str, Any]) -> Kind:
    present = answer["present"]
    kinds: Mapping[Kind, str] = {"integer": "whole", "number": "numbers", "boolean": "bools", "date": "dates", "timestamp": "times"}
    return next((kind for kind, key in kinds.items() if present and answer[key] == present), "string")


def _second(seen: Observed, answer: Mapping[str, Any]) -> Observed:
    """What the second pass adds."""
    counts = dict(sorted((answer.get("counts") or {}).items()))
    listed = {
        look: [text for text in counts if seen.kind == "string" and len(text) <= _LONGEST and re.fullmatch(shape, text)]
        for look, shape in SHAPES.items()
    }
    every = _Passes.every(seen.rows)
    return replace(
        seen,
        shape=seen.shape if answer.get("shaped") == seen.present else "",
        largest=tuple(answer.get("largest") or ()),
        smallest=tuple(answer.get("smallest") or ()),
        sentinels={mark: answer[f"sentinel {mark}"] for mark in SENTINELS if answer.get(f"sentinel {mark}")},
        earliest=answer.get("earliest") or "",
        counts=counts,
        looks={look: sum(counts[text] for text in listed[look]) or answer.get(look, 0) * every for look in SHAPES},
        samples={look: tuple(listed[look][:_SAMPLE]) or tuple(answer.get(f"sample {look}") or ()) for look in SHAPES},
    )


def _as(column: str, kind: Kind, declared: str) -> str:
    """A column as values that can be compared."""
    wanted = {"integer": "HUGEINT", "number": "DOUBLE", "date": "DATE", "timestamp": "TIMESTAMPTZ"}[kind]
    return f"CAST({strict(column) if declared == 'VARCHAR' and kind in {'integer', 'number'} else column} AS {wanted})"
