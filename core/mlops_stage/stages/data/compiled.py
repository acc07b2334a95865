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
_WHOLE = r"\s*[-+]?([0-9]+(\.0*)?|\.0+)\s*"
_DECIMAL = r"\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*"
_PARTS = r"^\s*\+?(-?)0*([0-9]*)((?:\.[0-9]*[1-9])?)\.?0*\s*$"
"""Sign, whole part without leading zeros, and fraction without trailing ones."""
_DAY, _CLOCK, _ZONE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?", r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
_ISO = {
    "DATE": rf"{_DAY}([T ]00:00(:00(\.0+)?)?(Z|[+-]00(:?00)?)?)?",
    "TIME": rf"{_CLOCK}{_ZONE}",
    "TIMESTAMP": rf"{_DAY}([T ]{_CLOCK}{_ZONE})?",
}
"""ISO 8601, extended; DuckDB alone would read `2024/1/5`, `epoch` and `infinity` too. A date may be written as its midnight."""
_EXACT = 2**53
"""Whole numbers below it are themselves as DOUBLE, so that a comparison with one cannot go wrong by rounding."""
_LARGEST = 2**127 - 1
"""Of DuckDB's HUGEINT."""
_LONG = 1e12
"""From here on a DOUBLE is too coarse to tell multiples of a whole step."""


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
    def blank(self) -> str:
        """The condition that it is text without any character but white space, where its column is declared to be of no text; else false."""
        return f"trim({self.raw}, {_WHITE}) = ''" if self.textual and self.kind not in {None, "string"} else "false"

    @property
    def whole(self) -> str:
        """As a whole number of up to 127 bits, exactly, which `number` is up to 53 bits only."""
        if self.textual:
            digits = f"CASE WHEN regexp_full_match({self.raw}, {quoted_text(_WHOLE)}) THEN split_part({self.raw}, '.', 1) END"
            return f"TRY_CAST({digits} AS HUGEINT)"
        return f"TRY_CAST({self.raw} AS HUGEINT)" if self.stored in INTEGERS else "NULL::HUGEINT"

    @property
    def key(self) -> str:
        """What two cells have in common if they mean the same: of text that is declared a number the one spelling of that number, exactly."""
        if not self.textual or self.kind in {None, "string"}:
            return self.text
        if self.kind not in {"integer", "number"}:
            return f"CASE WHEN NOT {self.blank} THEN {self.raw} END"
        number = (
            f"CASE WHEN abs({self.number}) < 1e37 AND {self.number} = trunc({self.number}) THEN CAST({self.number} AS HUGEINT)::VARCHAR"
        )
        spelt = f"{number} ELSE coalesce({self.number}::VARCHAR, {self.raw}) END"
        plain = f"regexp_replace({self.raw}, {quoted_text(_PARTS)}, '\\1\\2\\3')"
        zeroless = f"CASE {plain} WHEN '' THEN '0' WHEN '-' THEN '0' ELSE {plain} END"
        return (
            f"CASE WHEN {self.blank} THEN NULL WHEN TRY_CAST({self.raw} AS BIGINT)::VARCHAR = {self.raw} THEN {self.raw} "
            f"WHEN regexp_full_match({self.raw}, {quoted_text(_DECIMAL)}) THEN {zeroless} ELSE {spelt} END"
        )

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
            finite = f"CASE WHEN isfinite({self.raw}) THEN {self.raw} END" if self.endless else self.raw
            return f"CAST({finite} AS {target})" if known else f"NULL::{target}"
        if self.format:
            return f"CAST(try_strptime({self.raw}, {quoted_text(self.format)}) AS {target})"
        iso = f"CASE WHEN regexp_full_match({self.raw}, {quoted_text(_ISO[target])}) THEN {self.raw} END"
        zoned = f"CAST(TRY_CAST({iso} AS TIMESTAMPTZ) AS TIMESTAMP)"  # the connection's time zone is UTC
        return f"coalesce({zoned}, TRY_CAST({iso} AS TIMESTAMP))" if target == "TIMESTAMP" else f"TRY_CAST({iso} AS {target})"

    @property
    def endless(self) -> bool:
        """Whether it is stored as a date or timestamp, which DuckDB lets be infinite."""
        return self.stored == "DATE" or self.stored.startswith("TIMESTAMP")

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
            whole = f"CASE WHEN {self.whole} IS NULL THEN {whole} END" if self.textual else whole
            rounded = f"TRY_CAST({whole if self.fractional else self.number} AS BIGINT)"
            return f"coalesce(TRY_CAST({self.whole} AS BIGINT), {rounded})" if self.textual else rounded
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
        cell = self.cell(columns[0])
        return f"{cell.raw} IS NULL" if cell.blank == "false" else f"({cell.raw} IS NULL OR {cell.blank})"

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
            value, low, high = cell.number, _literal(check.low, cell), _literal(check.high, cell)
        sides = []
        if low:
            sides.append(_beyond(cell, value, "<", check.low, low, strict=not check.low_open))
        if high:
            sides.append(_beyond(cell, value, ">", check.high, high, strict=not check.high_open))
        outside = f"({' OR '.join(sides) or 'false'})"
        # NaN is greater than every number to DuckDB
        return f"({outside} AND NOT isnan({value}))" if value == cell.number and cell.fractional else outside

    @_condition.register
    def _(self, check: r.MultipleOf, columns: tuple[str, ...]) -> str:
        cell, step = self.cell(columns[0]), float(check.step)
        value = cell.number
        off = f"abs({value} - round({value} / {step!r}) * {step!r})"
        apart = f"(isfinite({value}::DOUBLE) AND {off} > greatest({abs(step) * 1e-6!r}, abs({value}) * 1e-15))"
        if not step.is_integer() or abs(step) > _LARGEST or not (cell.textual or cell.stored in INTEGERS):
            return apart
        exact = f"coalesce({cell.whole} % {int(step)} <> 0, {apart})"
        return f"CASE WHEN abs({value}::DOUBLE) < {_LONG!r} THEN {apart} ELSE {exact} END"

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
        long = [number for number in numbers if isinstance(number, int) and _EXACT <= abs(number) <= _LARGEST]
        others = [_literal(number, cell) for number in numbers if number not in long]
        if others:
            parts.append(f"coalesce({cell.number} IN ({', '.join(others)}), false)")
        if long:
            exact = cell.whole if cell.textual else cell.number
            parts.append(f"coalesce({exact} IN ({', '.join(map(str, long))}), false)")
    if flags:
        parts.append(f"coalesce({cell.boolean} IN ({', '.join(str(flag).lower() for flag in flags)}), false)")
    return f"({' OR '.join(parts) or 'false'})"


def _literal(end: r.Scalar | None, cell: Cell | None = None) -> str:
    """A declared value as SQL; empty for none."""
    if end is None or isinstance(end, str):
        return "" if end is None else quoted_text(end)
    if isinstance(end, int) and abs(end) <= _LARGEST:
        return str(end)
    # DuckDB would turn a HUGEINT into a DECIMAL that cannot hold it
    return f"{float(end)!r}::DOUBLE" if isinstance(end, int) or (cell and "HUGEINT" in cell.stored) else repr(end)


def _beyond(cell: Cell, value: str, op: str, end: r.Scalar | None, literal: str, *, strict: bool) -> str:  # noqa: PLR0913  (a comparison's parts)
    """The condition that a cell lies beyond an end; of long whole numbers in text, without rounding them."""
    sign = op if strict else f"{op}="
    if not cell.textual or not isinstance(end, int) or not _EXACT <= abs(end) <= _LARGEST:
        return f"{value} {sign} {literal}"
    # where there is no exact number, the cell is too long for one, and what rounds to the end lies beyond it
    return f"coalesce({cell.whole} {sign} {literal}, {value} {op}= {literal}::DOUBLE)"


def _wrongly_typed(cell: Cell, kind: r.Kind) -> str:
    """The condition that a cell, not missing, is not of a logical type; white space is a text, and nothing else."""
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
    if kind in {"date", "timestamp"} and base in fits and cell.endless:
        return f"isinf({cell.raw})"
    if (base in fits and not cell.nested) or (cell.nested and kind in {"array", "vector"}) or (cell.textual and kind == "string"):
        return "false"
    present = f"({cell.raw} IS NOT NULL"
    if kind == "integer":
        whole = f"{cell.number} = trunc({cell.number})"
        if cell.textual:  # a long fraction may round to a whole number
            whole += f" AND (regexp_full_match({cell.raw}, {quoted_text(_WHOLE)}) OR contains(lower({cell.raw}), 'e'))"
        return f"{present} AND NOT coalesce(isfinite({cell.number}::DOUBLE) AND {whole}, false))"
    if kind in {"object", "map", "array", "vector"}:
        wanted = "OBJECT" if kind in {"object", "map"} else "ARRAY"
        return f"{present} AND NOT (json_valid({cell.text}) AND json_type(CASE WHEN json_valid({cell.text}) THEN {cell.text} END) = '{wanted}'))"
    if kind == "date" and base.startswith("TIMESTAMP"):
        return f"{present} AND (isinf({cell.raw}) OR date_trunc('day', {cell.raw}) <> {cell.raw}))"
    value = {"number": cell.number, "boolean": cell.boolean, "string": "NULL"}.get(kind) or cell.moment
    return f"{present} AND {value} IS NULL)"
