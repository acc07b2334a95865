"""Rules as SQL: for each check the condition under which a cell or row breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.tables import profile as profiles
from mlops_stage.inputs.tables.connection import quoted_name, quoted_text, strict
from mlops_stage.inputs.tables.values import INTEGERS, NUMERIC
from mlops_stage.stages.data import rules as r
from mlops_stage.stages.data.contract.expressions import SQL_TYPES

if TYPE_CHECKING:
    from mlops_stage.inputs.tables.open import Table

_FLOATS = ("FLOAT", "DOUBLE")
_WHITE = "E' \\t\\r\\n'"


@dataclass(frozen=True)
class Cell:
    """The SQL of one column's cell in the meanings that a rule may ask for; what has not that meaning is NULL."""

    raw: str
    stored: str
    """DuckDB's type."""
    kind: r.Kind | None
    """The declared type."""
    format: str = ""

    @property
    def textual(self) -> bool:
        """Whether it is stored as text, as all cells of CSV and JSONL are."""
        return self.stored == "VARCHAR"

    @property
    def nested(self) -> bool:
        """Whether it holds a list."""
        return self.stored.endswith("]")

    @property
    def text(self) -> str:
        """As text."""
        return self.raw if self.textual else f"CAST({self.raw} AS VARCHAR)"

    @property
    def number(self) -> str:
        """As a number."""
        if self.textual:
            return f"TRY_CAST({strict(self.raw)} AS DOUBLE)"
        base = self.stored.split("(")[0]
        return self.raw if base in (*_FLOATS, *INTEGERS) else f"CAST({self.raw} AS DOUBLE)" if base in NUMERIC else "NULL::DOUBLE"

    @property
    def fractional(self) -> bool:
        """Whether NaN and infinity can occur."""
        return self.textual or self.stored in _FLOATS

    @property
    def moment(self) -> str:
        """A date or time, as a type that can be compared with the text of its ISO form."""
        target = {"date": "DATE", "time": "TIME"}.get(self.kind or "", "TIMESTAMP")
        if not self.textual:
            known = self.stored.startswith(("DATE", "TIME"))
            return f"CAST({self.raw} AS {target})" if known else f"NULL::{target}"
        if self.format:
            return f"CAST(try_strptime({self.raw}, {quoted_text(self.format)}) AS {target})"
        zoned = f"CAST(TRY_CAST({self.raw} AS TIMESTAMPTZ) AS TIMESTAMP)"  # the connection's time zone is UTC
        return f"coalesce({zoned}, TRY_CAST({self.raw} AS TIMESTAMP))" if target == "TIMESTAMP" else f"TRY_CAST({self.raw} AS {target})"

    @property
    def boolean(self) -> str:
        """As true or false; 1 and 0 are too."""
        if self.stored == "BOOLEAN":
            return self.raw
        if not self.textual:
            return f"CASE {self.raw} WHEN 1 THEN true WHEN 0 THEN false END" if self.stored in INTEGERS else "NULL::BOOLEAN"
        return f"CASE lower({self.raw}) WHEN 'true' THEN true WHEN 'false' THEN false WHEN '1' THEN true WHEN '0' THEN false END"

    @property
    def items(self) -> str:
        """A list; of text, that of its JSON."""
        if self.nested:
            return self.raw
        return f"json_extract(CASE WHEN json_valid({self.raw}) THEN {self.raw} END, '$[*]')" if self.textual else "NULL::JSON[]"

    @property
    def typed(self) -> str:
        """The cell in its declared type, as a contract's query sees it."""
        kind = self.kind or "string"
        if kind in {"date", "timestamp", "time"}:
            return self.moment
        if kind == "integer":
            whole = f"CASE WHEN isfinite({self.number}) AND {self.number} = trunc({self.number}) THEN {self.number} END"
            return f"TRY_CAST({whole if self.fractional else self.number} AS BIGINT)"
        shapes = {"number": f"CAST({self.number} AS DOUBLE)", "boolean": self.boolean, "string": self.text}
        return shapes.get(kind) or (
            f"CASE WHEN json_valid({self.raw}) THEN {self.raw} END::JSON" if self.textual else f"to_json({self.raw})"
        )


class Compiler:
    """Turns the checks of one contract into conditions on the rows of one table."""

    def __init__(self, table: Table, contract: r.Contract | None, profile: profiles.Profile | None) -> None:
        self._table = table
        self._profile = profile
        self._declared = {column.name: column for column in contract.columns} if contract else {}

    def cell(self, name: str) -> Cell:
        """The cell of a column that the table has."""
        declared = self._declared.get(name)
        raw, stored = self._table.column(name, "contract"), self._table.columns[name]
        return Cell(raw, stored, declared.kind if declared else None, declared.format if declared else "")

    def view(self, name: str) -> str:
        """The statement that makes the view of a contract's query: its columns in their declared types."""
        columns = self._declared or self._table.columns
        listed = ", ".join(f"{self._viewed(column)} AS {quoted_name(column)}" for column in columns)
        return f"CREATE TEMP VIEW {quoted_name(name)} AS SELECT {listed} FROM {self._table.scan}"

    def _viewed(self, name: str) -> str:
        if name in self._table.columns:
            return self.cell(name).typed
        declared = self._declared[name].kind
        return f"NULL::{SQL_TYPES[declared] if declared else 'VARCHAR'}"

    def broken(self, rule: r.Rule) -> str | None:
        """The condition under which a row breaks the rule; None for a check that is not one of single rows."""
        return self._condition(rule.check, rule.columns)

    @singledispatchmethod
    def _condition(self, check: Any, columns: tuple[str, ...]) -> str | None:
        del check, columns
        return None

    @_condition.register
    def _(self, check: r.Nulls, columns: tuple[str, ...]) -> str:
        del check
        return f"{self.cell(columns[0]).raw} IS NULL"

    @_condition.register
    def _(self, check: r.NotNumber, columns: tuple[str, ...]) -> str:
        del check
        cell = self.cell(columns[0])
        return f"isnan({cell.number})" if cell.fractional else "false"

    @_condition.register
    def _(self, check: r.Infinite, columns: tuple[str, ...]) -> str:
        del check
        cell = self.cell(columns[0])
        return f"isinf({cell.number})" if cell.fractional else "false"

    @_condition.register
    def _(self, check: r.Empty, columns: tuple[str, ...]) -> str:
        del check
        cell = self.cell(columns[0])
        return f"trim({cell.raw}, {_WHITE}) = ''" if cell.textual else "false"

    @_condition.register
    def _(self, check: r.Sentinels, columns: tuple[str, ...]) -> str:
        cell = self.cell(columns[0])
        found = matches(cell, check.values)
        return f"({cell.raw} IS NULL OR {found})" if check.nulls else found

    @_condition.register
    def _(self, check: r.OneOf, columns: tuple[str, ...]) -> str:
        cell = self.cell(columns[0])
        return f"({cell.raw} IS NOT NULL AND NOT {matches(cell, check.values)})"

    @_condition.register
    def _(self, check: r.Range, columns: tuple[str, ...]) -> str:
        cell = self.cell(columns[0])
        if isinstance(check.low, str) or isinstance(check.high, str):
            value, low, high = cell.moment, _literal(check.low), _literal(check.high)
        else:
            value, low, high = cell.number, _literal(check.low), _literal(check.high)
        sides = []
        if low:
            sides.append(f"{value} {'<=' if check.low_open else '<'} {low}")
        if high:
            sides.append(f"{value} {'>=' if check.high_open else '>'} {high}")
        outside = f"({' OR '.join(sides) or 'false'})"
        # NaN is greater than every number to DuckDB
        return f"({outside} AND NOT isnan({value}))" if value == cell.number and cell.fractional else outside

    @_condition.register
    def _(self, check: r.MultipleOf, columns: tuple[str, ...]) -> str:
        value, step = self.cell(columns[0]).number, float(check.step)
        off = f"abs({value} - round({value} / {step!r}) * {step!r})"
        return f"(isfinite({value}::DOUBLE) AND {off} > greatest({abs(step) * 1e-6!r}, abs({value}) * 1e-15))"

    @_condition.register
    def _(self, check: r.Pattern, columns: tuple[str, ...]) -> str:
        return f"NOT regexp_matches({self.cell(columns[0]).text}, {quoted_text(check.text)})"

    @_condition.register
    def _(self, check: r.Length, columns: tuple[str, ...]) -> str:
        cell = self.cell(columns[0])
        size = f"len({cell.items})" if cell.nested or cell.kind in {"array", "vector"} else f"length({cell.text})"
        sides = [f"{size} {op} {end}" for op, end in (("<", check.low), (">", check.high)) if end is not None]
        return f"({' OR '.join(sides) or 'false'})"

    @_condition.register
    def _(self, check: r.DistinctItems, columns: tuple[str, ...]) -> str:
        del check
        items = self.cell(columns[0]).items
        return f"len({items}) <> len(list_distinct({items}))"

    @_condition.register
    def _(self, check: r.Typed, columns: tuple[str, ...]) -> str:
        return _wrongly_typed(self.cell(columns[0]), check.kind)

    @_condition.register
    def _(self, check: r.NewCategories, columns: tuple[str, ...]) -> str | None:
        del check
        column = self._profile.column(columns[0]) if self._profile else None
        if not isinstance(column, profiles.Categories):
            return None
        return profiles.unknown(column, self._table, self._profile.salt if self._profile else "")


def matches(cell: Cell, values: tuple[r.Scalar, ...]) -> str:
    """The condition that a cell means one of some values: a number by its value, true and false by theirs, anything else by its text."""
    texts = [value for value in values if isinstance(value, str)]
    flags = [value for value in values if isinstance(value, bool)]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    parts = []
    if texts:
        parts.append(f"{cell.text} IN ({', '.join(map(quoted_text, texts))})")
    if numbers:
        parts.append(f"coalesce({cell.number} IN ({', '.join(map(repr, numbers))}), false)")
    if flags:
        parts.append(f"coalesce({cell.boolean} IN ({', '.join(str(flag).lower() for flag in flags)}), false)")
    return f"({' OR '.join(parts) or 'false'})"


def _literal(end: float | str | None) -> str:
    if end is None:
        return ""
    return quoted_text(end) if isinstance(end, str) else repr(end)


def _wrongly_typed(cell: Cell, kind: r.Kind) -> str:
    """The condition that a cell, neither missing nor blank, is not of a logical type."""
    base = cell.stored.split("(")[0]
    fits = {
        "string": {"VARCHAR", "UUID", "ENUM"},
        "integer": set(INTEGERS),
        "number": set(NUMERIC),
        "boolean": {"BOOLEAN"},
        "date": {"DATE"},
        "timestamp": {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "DATE"},
        "time": {"TIME", "TIME WITH TIME ZONE"},
        "object": {"STRUCT", "MAP"},
        "map": {"STRUCT", "MAP"},
    }.get(kind, set())
    if (base in fits and not cell.nested) or (cell.nested and kind in {"array", "vector"}) or (cell.textual and kind == "string"):
        return "false"
    present = f"({cell.raw} IS NOT NULL" + (f" AND trim({cell.raw}, {_WHITE}) <> ''" if cell.textual else "")
    if kind == "integer":
        return f"{present} AND NOT coalesce(isfinite({cell.number}::DOUBLE) AND {cell.number} = trunc({cell.number}), false))"
    if kind in {"object", "map", "array", "vector"}:
        wanted = "OBJECT" if kind in {"object", "map"} else "ARRAY"
        return f"{present} AND NOT (json_valid({cell.text}) AND json_type(CASE WHEN json_valid({cell.text}) THEN {cell.text} END) = '{wanted}'))"
    if kind == "date" and base.startswith("TIMESTAMP"):
        return f"{present} AND date_trunc('day', {cell.raw}) <> {cell.raw})"
    value = {"number": cell.number, "boolean": cell.boolean, "string": "NULL"}.get(kind) or cell.moment
    return f"{present} AND {value} IS NULL)"
