"""Patterns and queries of a contract: whether DuckDB would run them, and whether they may be run."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_stage.errors import nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.connection import connect, quoted_name, shared
from mlops_stage.stages.data.contract.functions import FUNCTIONS, TABLES, WORDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

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
_DEEP = ("the query is nested too deeply", "write it with fewer parentheses, or as several rules")
_SOURCES = {"EMPTY", "EMPTY_FROM", "BASE_TABLE", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "CTE", "PIVOT"}
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
    declared = tuple(columns)
    if not query.strip().rstrip(";").strip():
        raise RefusedError("the query is empty", "write one SELECT of one figure, such as SELECT count(*) FROM {table} WHERE …")
    empty = shared((), threads=1)  # a query is looked at here and not run
    try:
        empty.execute(f"CREATE TEMP TABLE {quoted_name(table)} ({_declared(declared)})")
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
            raise _refused(error, declared) from error
        except RecursionError as error:
            raise RefusedError(*_DEEP) from error
        if tree["error"]:
            raise RefusedError("the query is no plain SELECT", "a rule reads and changes nothing: write one SELECT")
        nodes, names = list(_nodes(tree)), {column.name.lower() for column in declared}
        _check_sources(nodes, table, _catalogue(empty))
        _check_calls(nodes, names)
        _check_answer(empty, query, declared)
    finally:
        empty.close()


def _declared(columns: Iterable[Column]) -> str:
    return (
        ", ".join(f"{quoted_name(column.name)} {SQL_TYPES[column.kind] if column.kind else 'VARCHAR'}" for column in columns)
        or "c0 INTEGER"
    )


def _catalogue(empty: Any) -> frozenset[str]:
    """The names of DuckDB's own views, which a query reaches without a schema."""
    return frozenset(str(name).lower() for (name,) in empty.execute("SELECT view_name FROM duckdb_views() WHERE internal").fetchall())


def _check_sources(nodes: Iterable[Mapping[str, Any]], table: str, catalogue: frozenset[str]) -> None:
    """Only the table itself, all of it, the query's own parts, and lists of values are read."""
    own = {table.lower(), *(entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", ()))}
    taken = sorted(own.difference({table.lower()}) & catalogue)
    if taken:  # outside its scope the name would be that of the view
        raise RefusedError(f"the query calls a part of its own {taken[0]!r}, which is a name of DuckDB's", "give it another name")
    for node in nodes:
        kind = node.get("type")
        if node.get("sample"):
            raise RefusedError(
                "the query takes a sample, which is another one at every run", "a rule must give the same twice: use all rows"
            )
        if kind == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name", "")).lower()
            if name not in TABLES:
                raise RefusedError(
                    f"the query reads from {shown(name)}(), and may read the table only", f"read from {{table}}: {shown(table)}"
                )
        elif kind == "BASE_TABLE" and (node["schema_name"] or node["catalog_name"] or str(node["table_name"]).lower() not in own):
            raise RefusedError(
                f"the query reads from {shown(node['table_name'])!r}, and may read the table only",
                f"read from {{table}}, which is {shown(table)!r}",
            )
        elif "sample" in node and "alias" in node and "query_location" in node and kind not in {*_SOURCES, "TABLE_FUNCTION"}:
            raise RefusedError("the query shows, describes or summarizes instead of computing", "write one SELECT of one figure")


def _check_calls(nodes: Iterable[Mapping[str, Any]], columns: Collection[str]) -> None:
    """Only functions that give the same for the same cells are called; what is not known to is refused."""
    for node in nodes:
        function, names = str(node.get("function_name") or "").lower(), node.get("column_names", ())
        word = str(names[0]).lower() if len(names) == 1 else ""
        if word in WORDS and word not in columns:
            function = word
        if function and function not in FUNCTIONS:
            hint = "a rule must give the same twice, so it may not ask for chance, clock, settings or whichever row comes first"
            raise RefusedError(f"the query calls {shown(function)}(), which is not on the list of functions that a rule may call", hint)


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


def _check_answer(empty: Any, query: str, columns: Iterable[Column]) -> None:
    """The query binds, and gives one figure."""
    try:
        described = empty.execute(f"DESCRIBE {query.strip().rstrip(';')}").fetchall()
    except duckdb.Error as error:
        raise _refused(error, columns) from error
    if len(described) != 1:
        raise RefusedError(f"the query gives {len(described)} columns", "select one figure, such as count(*)")
    kind = str(described[0][1]).split("(")[0]
    if not re.fullmatch(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL|BOOLEAN", kind):
        raise RefusedError(f"the query gives {kind}, no number", "select one figure, such as count(*)")


def _refused(error: duckdb.Error, columns: Iterable[Column]) -> RefusedError:
    text = str(error).splitlines()[0]
    if "expression depth" in text:
        return RefusedError(*_DEEP)
    kind, _, why = text.partition(": ")
    absent = re.search(r'Referenced column "(.*?)" not found', str(error))
    hint = (
        nearest(absent[1], [one.name for one in columns]) if absent else "it is DuckDB's SQL, on the columns as the contract declares them"
    )
    return RefusedError(f"the query cannot be run: {shown(why or kind, 140)}", hint)
