"""What is declared of a table, as plain records: one rule is one check with one bound, and knows the line that declared it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity = Literal["error", "warning", "info"]
"""Of the Open Data Contract Standard: only `error` fails a run."""
Unit = Literal["rows", "percent", "share", "value"]
"""What a bound counts: rows (or cells of one column, one per row), 0 to 100 % of the rows, 0 to 1 of the rows, or a figure that is no count of rows."""
Op = Literal["==", "!=", ">", ">=", "<", "<=", "between", "not between"]
Scalar: TypeAlias = "str | int | float | bool"
"""A value as YAML says it; cells of CSV are text, so compare what both mean."""
Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp", "time", "object", "array", "map", "vector"]
"""Logical types of the Open Data Contract Standard."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What the figure of a rule must be."""

    op: Op
    low: float
    """The number; the lower one of `between` and `not between`."""
    high: float | None = None
    """The upper one of `between` and `not between`; both ends belong to the interval."""
    unit: Unit = "rows"

    def holds(self, figure: float) -> bool:
        """Whether a figure, in this bound's unit, is as it must be."""
        inside = self.high is not None and self.low <= figure <= self.high
        return {
            "==": figure == self.low,
            "!=": figure != self.low,
            ">": figure > self.low,
            ">=": figure >= self.low,
            "<": figure < self.low,
            "<=": figure <= self.low,
            "between": inside,
            "not between": not inside,
        }[self.op]


@dataclass(frozen=True, kw_only=True)
class Present:
    """The column is there. Figure: 1 where it is absent."""


@dataclass(frozen=True, kw_only=True)
class NoOthers:
    """The table has no column but those declared. Figure: columns beyond them."""

    columns: tuple[str, ...]
    """All declared columns."""


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Cells are of a logical type. Figure: cells, not missing, that are not; white space is a text and nothing else."""

    kind: Kind
    format: str = ""
    """Of dates and times: the format in the words of DuckDB's strptime; empty for ISO 8601."""


@dataclass(frozen=True, kw_only=True)
class Nulls:
    """Figure: missing cells (NULL; in CSV an empty cell; white space, unless the column is declared to be of text or of nothing). NaN is no NULL."""


@dataclass(frozen=True, kw_only=True)
class NotNumber:
    """Figure: cells that are NaN."""


@dataclass(frozen=True, kw_only=True)
class Infinite:
    """Figure: cells that are infinite."""


@dataclass(frozen=True, kw_only=True)
class Empty:
    """Figure: cells of text without any character but white space."""


@dataclass(frozen=True, kw_only=True)
class Sentinels:
    """Figure: cells with a value that stands for a missing one, such as `N/A` or -999."""

    values: tuple[Scalar, ...]
    nulls: bool = False
    """Missing cells count too."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """Figure: cells outside a range; missing cells, NaN and cells of another type are not counted.

    Ends are numbers, or for dates and times their ISO 8601 text. An infinite cell lies outside every range with an end on its side.
    """

    low: float | str | None = None
    high: float | str | None = None
    low_open: bool = False
    """The end itself lies outside."""
    high_open: bool = False


@dataclass(frozen=True, kw_only=True)
class MultipleOf:
    """Figure: numbers that are no multiple of a step, beyond rounding of floats (a millionth of the step)."""

    step: float


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """Figure: cells, not missing, that are none of the values."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """Figure: cells, not missing, in which an RE2 expression is found nowhere (ECMA-262's search, not a match of the whole)."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Length:
    """Figure: cells, not missing, with fewer or more characters (of text) or items (of arrays)."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, kw_only=True)
class DistinctItems:
    """Figure: cells of an array that hold an item twice."""


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Figure: rows beyond the first of each key. The key is `Rule.columns`; rows with a missing cell in it are not counted."""


@dataclass(frozen=True, kw_only=True)
class RowCount:
    """Figure: rows of the table; the bound's unit is always `rows`."""


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """Figure: seconds from the latest cell of a date or timestamp column (UTC) that does not lie ahead to now; unit `value`."""


@dataclass(frozen=True, kw_only=True)
class ClassShare:
    """Figure: share of a value among the cells that are not missing."""

    value: Scalar


@dataclass(frozen=True, kw_only=True)
class Sql:
    """Figure: the one number that a SELECT gives; unit `value`."""

    query: str
    """Its placeholders are filled in; it reads one view, of the table's columns under their own names and in their declared types."""
    table: str
    """The name of that view, unquoted."""


DriftMethod = Literal["auto", "ks", "linf", "cramers_v", "psi", "js", "wasserstein"]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Figure: distance of the column's distribution from the profile's; unit `value`. Without a bound the method's own threshold holds."""

    method: DriftMethod = "auto"
    """`auto`: ks for numbers, linf for categories."""


@dataclass(frozen=True, kw_only=True)
class NewCategories:
    """Figure: cells with a value that the profile does not know."""


@dataclass(frozen=True, kw_only=True)
class SharedRows:
    """Figure: rows that also stand, whole, in the training data."""


@dataclass(frozen=True, kw_only=True)
class SharedKeys:
    """Figure: rows whose key also stands in the training data. The key is `Rule.columns`."""


Check: TypeAlias = (
    Present
    | NoOthers
    | Typed
    | Nulls
    | NotNumber
    | Infinite
    | Empty
    | Sentinels
    | Range
    | MultipleOf
    | OneOf
    | Pattern
    | Length
    | DistinctItems
    | Duplicates
    | RowCount
    | Fresh
    | ClassShare
    | Sql
    | Drift
    | NewCategories
    | SharedRows
    | SharedKeys
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One declared expectation."""

    id: str
    """Unique in its contract: the rule's own id, or such as `age.nulls`; printable, without white space."""
    check: Check
    bound: Bound | None
    """What the figure must be; None only for `Drift`, whose method has a threshold of its own."""
    severity: Severity
    where: str
    """`contract.odcs.yaml:31`."""
    sentence: str
    """For a reader who is no developer, without a full stop: `age is never missing`."""
    columns: tuple[str, ...] = ()
    """Columns of the table that the rule is about; their number and order depend on the check."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A declared column."""

    name: str
    """As the table calls it (`physicalName`, else `name`)."""
    kind: Kind | None
    """None where the contract declares no type."""
    where: str
    format: str = ""
    """As in `Typed`."""
    sensitive: bool = False
    """Its `classification` says that values must not be shown: everything but `public` and `internal`."""
    key: int | None = None
    """Its place in the primary key, from 0."""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Unchecked:
    """Something that the contract declares and that this tool does not check, so that nobody takes it for checked."""

    where: str
    what: str
    """One line, such as `rule of engine 'soda' is not run by this tool`."""
    level: Literal["note", "warning"] = "warning"
    """`note` for what no tool could check, such as a sentence for people."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What is declared of one table."""

    source: str
    """Its path, relative to the root."""
    sha256: str
    id: str
    version: str
    table: str
    """The name of the schema object that the table is held against."""
    columns: tuple[Column, ...] = ()
    rules: tuple[Rule, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key, in their order; empty where none is declared."""
        keyed = sorted((column.key, column.name) for column in self.columns if column.key is not None)
        return tuple(name for _, name in keyed)
