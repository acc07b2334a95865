"""Patterns and queries of a contract: whether DuckDB would run them, and whether they may be run."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.connection import connect, quoted_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_stage.stages.data.rules import Column, Kind

SQL_TYPES: Mapping[Kind, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
    "object": "JSON",
    "array": "JSON",
    "map": "JSON",
    "vector": "JSON",
}
"""The type that a column has in a contract's query."""
_PATTERN_HINTS = (
    (r"\(\?<?[=!]", "RE2 has no lookahead and no lookbehind: write what is allowed, or two rules, or a rule of type sql"),
    (r"\\[1-9]", "RE2 has no references to groups: write a rule of type sql"),
    (r"\\u[0-9a-fA-F]{4}", r"write \x{0041} instead of \u0041"),
    (r"\(\?<[A-Za-z]", "write (?P<name>…) instead of (?<name>…)"),
    (r"\{\d{4,}", "RE2 repeats at most 1,000 times: use minLength and maxLength"),
)
_SOURCES = {"EMPTY", "EMPTY_FROM", "BASE_TABLE", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "CTE", "PIVOT"}
_FUNCTIONS = {"unnest", "range", "generate_series"}
_RANDOM = {"random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "setseed", "nextval"}
_OF_TABLE = re.compile(r"\$?\{(?:table|object|model|schema)\}")
_OF_COLUMN = re.compile(r"\$?\{(?:column|property|field)\}")
_LONGEST = 20_000


@cache
def connection() -> Any:
    """A connection that can open nothing, to ask DuckDB what it understands."""
    return connect((), threads=1)


class RefusedError(ValueError):
    """A pattern or query that will not be run: (why, what to do)."""

    @property
    def told(self) -> tuple[str, str]:
        """Message and hint."""
        return str(self.args[0]), str(self.args[1])


def check_pattern(text: str) -> None:
    """Refuse an expression that RE2 cannot compile.

    Raises:
        RefusedError: why, with what to write instead.
    """
    try:
        connection().execute("SELECT regexp_matches('', $1)", [text]).fetchall()
    except duckdb.Error as error:
        hint = next(
            (hint for sign, hint in _PATTERN_HINTS if re.search(sign, text)), "patterns are RE2 expressions, found anywhere in the text"
        )
        why = str(error).splitlines()[0].partition(": ")[2]
        raise RefusedError(f"the pattern {shown(text)!r} cannot be used: {shown(why)}", hint) from error


def filled(query: str, table: str, column: str | None) -> str:
    """A query with its placeholders (`{table}`, `{object}`, `{column}`, `{property}`, with or without `$`) filled in.

    Raises:
        RefusedError: a placeholder for a column where there is none.
    """
    if _OF_COLUMN.search(query) and column is None:
        raise RefusedError("the query has a placeholder for a column, and stands below none", "move it below a column, or name the column")
    text = _OF_TABLE.sub(lambda _: quoted_name(table), query)
    return _OF_COLUMN.sub(lambda _: quoted_name(column or ""), text)


def check_query(query: str, table: str, columns: Iterable[Column]) -> None:
    """Refuse what is not one SELECT of one figure from the table itself.

    DuckDB's own parser says what the query reads, and its binder whether all names and types fit, on an empty table in a connection
    that can open nothing.

    Raises:
        RefusedError: why, with what to write instead.
    """
    if len(query) > _LONGEST:
        raise RefusedError(f"the query is longer than {_LONGEST:,} characters", "write it shorter, or as several rules")
    empty = connect((), threads=1)
    try:
        empty.execute(f"CREATE TABLE {quoted_name(table)} ({_declared(columns)})")
        try:
            statements = empty.extract_statements(query)
            if len(statements) != 1:
                raise RefusedError(f"the query holds {len(statements)} statements", "write one SELECT")
            if statements[0].type != duckdb.StatementType.SELECT:
                raise RefusedError(
                    f"the query is no SELECT but {statements[0].type.name}", "a rule reads and changes nothing: write one SELECT"
                )
            tree = json.loads(empty.execute("SELECT json_serialize_sql($1)", [query.strip().rstrip(";")]).fetchone()[0])
        except duckdb.Error as error:
            raise _refused(error) from error
        if tree["error"]:
            raise RefusedError("the query is no plain SELECT", "a rule reads and changes nothing: write one SELECT")
        _check_sources(tree, table)
        _check_answer(empty, query)
    finally:
        empty.close()


def _declared(columns: Iterable[Column]) -> str:
    return (
        ", ".join(f"{quoted_name(column.name)} {SQL_TYPES[column.kind] if column.kind else 'VARCHAR'}" for column in columns)
        or "c0 INTEGER"
    )


def _check_sources(tree: Mapping[str, Any], table: str) -> None:
    """Only the table itself, its own parts, and lists of values are read; nothing random is asked."""
    nodes = list(_nodes(tree))
    own = {table.lower(), *(entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", ()))}
    for node in nodes:
        kind, function = node.get("type"), str(node.get("function_name", "")).lower()
        if function in _RANDOM:
            raise RefusedError(f"the query calls {function}(), which gives another figure at every run", "a rule must give the same twice")
        if kind == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name", "")).lower()
            if name not in _FUNCTIONS:
                raise RefusedError(
                    f"the query reads from {shown(name)}(), and may read the table only", f"read from {{table}}: {shown(table)}"
                )
        elif kind == "BASE_TABLE" and str(node["table_name"]).lower() not in own:
            raise RefusedError(
                f"the query reads from {shown(node['table_name'])!r}, and may read the table only",
                f"read from {{table}}, which is {shown(table)!r}",
            )
        elif "sample" in node and "alias" in node and "query_location" in node and kind not in {*_SOURCES, "TABLE_FUNCTION"}:
            raise RefusedError("the query shows, describes or summarizes instead of computing", "write one SELECT of one figure")


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """All mappings of the parsed query."""
    left = [part]
    while left:
        here = left.pop()
        if isinstance(here, dict):
            yield here
            left += here.values()
        elif isinstance(here, list):
            left += here


def _check_answer(empty: Any, query: str) -> None:
    """The query binds, and gives one figure."""
    try:
        described = empty.execute(f"DESCRIBE {query.strip().rstrip(';')}").fetchall()
    except duckdb.Error as error:
        raise _refused(error) from error
    if len(described) != 1:
        raise RefusedError(f"the query gives {len(described)} columns", "select one figure, such as count(*)")
    kind = str(described[0][1]).split("(")[0]
    if not re.fullmatch(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL|BOOLEAN", kind):
        raise RefusedError(f"the query gives {kind}, no number", "select one figure, such as count(*)")


def _refused(error: duckdb.Error) -> RefusedError:
    text = str(error).splitlines()[0]
    kind, _, why = text.partition(": ")
    near = re.search(r"Candidate bindings: (.*)", str(error))
    hint = f"its columns are {shown(near[1], 120)}" if near else "it is DuckDB's SQL, on the columns as the contract declares them"
    return RefusedError(f"the query cannot be run: {shown(why or kind, 140)}", hint)
