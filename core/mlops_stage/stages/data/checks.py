"""Carry out rules on a table: one pass that counts, a second for keys and queries, a third that finds rows where a rule is broken."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC
from threading import Timer
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import without_literals
from mlops_stage.inputs.tables import profile as profiles
from mlops_stage.inputs.tables.connection import connect, quoted_text, run, translated
from mlops_stage.stages.data import rules as r
from mlops_stage.stages.data.compiled import Compiler, matches
from mlops_stage.stages.data.looks import looks_of
from mlops_stage.stages.data.outcomes import Checked, Demands, Example, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlops_stage.inputs.tables.rejects import Reading

MOST_EXAMPLES = 10
"""Rows that evidence names for one rule."""
_CHUNK = 200
"""Expressions in one query."""
_RARE = 0.0005
"""A larger share of failing rows shows its first ones within a few thousand."""
_LONGEST = 200
"""Characters of a cell that are looked at."""
_QUERY_SECONDS = 60.0
"""What a contract's query may take: a table joined with itself a few times would never end."""


class Aggregates:
    """Expressions to be counted in one pass, each once, however often it is asked for."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._answers: list[Any] = []

    def __bool__(self) -> bool:
        """Whether anything was asked."""
        return bool(self._places)

    def ask(self, sql: str) -> str:
        """Note an expression; what `answer` takes."""
        self._places.setdefault(sql, len(self._places))
        return sql

    def answer(self, sql: str) -> Any:
        """What it came to."""
        return self._answers[self._places[sql]]

    def collect(self, execute: Callable[[str], list[Any]], scan: str) -> None:
        """Evaluate all that was asked, two hundred expressions at a time."""
        asked = list(self._places)
        for start in range(0, len(asked), _CHUNK):
            self._answers += execute(f"SELECT {', '.join(asked[start : start + _CHUNK])} FROM {scan}")[0]


@dataclass
class _Run:
    """One table being checked."""

    reading: Reading
    demands: Demands
    statements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = self.reading.table
        self.key = tuple(name for name in self.demands.key if name in self.table.columns)
        self._secrets: set[str] = set()
        self.compiler = Compiler(self.table, self.demands.contract, self.demands.profile)
        self.connection = self.open()

    def open(self) -> Any:
        return connect(self.table.paths, spill=self.demands.spill, threads=self.demands.threads)

    def hide(self, rules: Iterable[r.Rule]) -> None:
        """Note the parts of statements that would tell what is looked for in a sensitive column."""
        for rule in rules:
            if isinstance(rule.check, r.Sql):
                if any(name.lower() in rule.check.query.lower() for name in self.demands.hidden):
                    self._secrets |= {rule.check.query, rule.check.query.strip()}
            elif self.demands.hidden.intersection(rule.columns) and not _absent(self, rule):
                looks = [like for _, like in looks_of(rule.check, self.compiler.cell(rule.columns[0]))]
                self._secrets |= {*_aggregates(self, rule), *looks, self.compiler.broken(rule) or ""}
        profile = self.demands.profile
        for column in profile.columns if profile else ():
            if column.name in self.demands.hidden & self.table.columns.keys() and not isinstance(column, profiles.Omitted):
                self._secrets |= {*profiles.histogram(column, self.table, profile.salt if profile else "")}

    def masked(self, sql: str) -> str:
        """The statement as evidence shows it."""
        for secret in sorted(filter(None, self._secrets), key=len, reverse=True):
            sql = sql.replace(secret, without_literals(secret))
        return sql

    def execute(self, sql: str) -> list[Any]:
        self.statements.append(sql)
        return run(self.connection, sql, self.table.name)


def check(reading: Reading, demands: Demands) -> Checked:
    """Every rule's figure, exact and the same whatever the number of threads; a rule that cannot be evaluated costs itself only.

    Rules of drift and of rows shared with the training data have no figure here.

    Args:
        reading: the table, with all its records accounted for.
        demands: what it is held against.

    Raises:
        UsageError: a contract's query that asks for what is not allowed.
        InputError: the table cannot be read after all.
        LimitError: too little memory.
    """
    work = _Run(reading, demands)
    contract, profile = demands.contract, demands.profile
    try:
        asked = Aggregates()
        rules = (*(contract.rules if contract else ()), *demands.beside)
        work.hide(rules)
        present = {name: asked.ask(f"count({work.table.column(name, 'data')})") for name in work.table.columns}
        asked.ask("count(*)")
        for rule in rules:
            for sql in _aggregates(work, rule):
                asked.ask(sql)
        shapes = {column.name: column for column in profile.columns if not isinstance(column, profiles.Omitted)} if profile else {}
        bins = {
            name: [asked.ask(sql) for sql in profiles.histogram(column, work.table, profile.salt)]
            for name, column in shapes.items()
            if profile and name in work.table.columns
        }
        asked.collect(work.execute, work.table.scan)
        rows = int(asked.answer("count(*)"))
        outcomes = _with_rows(work, [_outcome(work, rule, asked, rows) for rule in rules])
        outcomes = [replace(one, sql=work.masked(one.sql)) for one in outcomes]
        return Checked(
            rows=rows,
            nulls={name: rows - int(asked.answer(sql)) for name, sql in present.items()},
            outcomes=tuple(outcomes),
            bins={name: profiles.counted(shapes[name], [asked.answer(sql) for sql in listed]) for name, listed in bins.items()},
            sql=tuple(work.masked(sql) for sql in work.statements),
            key=work.key,
            hidden=demands.hidden,
        )
    finally:
        work.connection.close()


def _sql_moment(work: _Run) -> str:
    """The time that freshness is measured from, in UTC."""
    return f"TIMESTAMP {quoted_text(work.demands.now.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' '))}"


def _count(condition: str) -> str:
    """How many rows a condition holds for; DuckDB's own count_if is NULL where the condition is NULL in every row."""
    return f"coalesce(count_if({condition}), 0)"


def _absent(work: _Run, rule: r.Rule) -> str:
    """The first column of a rule that the table lacks."""
    if isinstance(rule.check, r.Present | r.NoOthers):
        return ""
    return next((name for name in rule.columns if name not in work.table.columns), "")


def _aggregates(work: _Run, rule: r.Rule) -> list[str]:
    """What the first pass has to count for a rule."""
    if _absent(work, rule):
        return []
    condition = work.compiler.broken(rule)
    if condition is not None:
        return [_count(condition)]
    if isinstance(rule.check, r.ClassShare):
        cell = work.compiler.cell(rule.columns[0])
        return [_count(matches(cell, (rule.check.value,))), f"count({cell.raw})"]
    if isinstance(rule.check, r.Fresh):
        moment, now = work.compiler.cell(rule.columns[0]).moment, _sql_moment(work)
        return [f"epoch((max({moment}) FILTER (WHERE {moment} <= {now}))::TIMESTAMP)", _count(f"{moment} > {now}")]
    return []


def _outcome(work: _Run, rule: r.Rule, asked: Aggregates, rows: int) -> Outcome:
    absent = _absent(work, rule)
    if absent:
        return Outcome(rule=rule, figure=None, of=rows, reason="its column is not there")
    sql = _aggregates(work, rule)
    answers = [asked.answer(one) for one in sql]
    made = _figure(work, rule, answers, rows)
    return made if made.sql else replace(made, sql=", ".join(sql))


def _figure(work: _Run, rule: r.Rule, answers: list[Any], rows: int) -> Outcome:
    """The figure of a rule from what the first pass counted, or by the second pass."""
    check, names = rule.check, work.table.columns
    made = Outcome(rule=rule, figure=None, of=rows, reason="not measured")
    match check:
        case r.Present():
            made = _exact(made, float(rule.columns[0] not in names))
        case r.NoOthers():
            others = [name for name in names if name not in check.columns]
            made = replace(_exact(made, len(others)), culprit=", ".join(others))
        case r.RowCount():
            made = _exact(made, rows)
        case r.Duplicates():
            made = _duplicates(work, made)
        case r.Sql():
            made = _query(work, made, check)
        case _:
            made = _counted(work, made, answers)
    return made


def _counted(work: _Run, made: Outcome, answers: list[Any]) -> Outcome:
    """The figure of a rule that follows from what the first pass counted; drift and leakage have none here."""
    match made.rule.check:
        case r.ClassShare():
            among = int(answers[1])
            return replace(_exact(made, answers[0] / among), of=among) if among else replace(made, of=0, reason="every cell is missing")
        case r.Fresh():
            made = replace(made, later=int(answers[1]))
            if answers[0] is None:
                return replace(made, reason="every date lies in the future" if made.later else "no cell is a date")
            return _exact(made, work.demands.now.timestamp() - float(answers[0]))
        case r.NewCategories() if not answers:
            return replace(made, reason="the profile has no categories of this column")
        case _:
            return _exact(made, int(answers[0])) if answers else made


def _exact(made: Outcome, figure: float) -> Outcome:
    return replace(made, figure=figure, reason="")


def _duplicates(work: _Run, made: Outcome) -> Outcome:
    keys = [work.compiler.cell(name).key for name in made.rule.columns]
    where = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    listed = ", ".join(keys)
    sql = f"SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {work.table.scan} WHERE {where} GROUP BY {listed} HAVING count(*) > 1)"
    figure = int(work.execute(sql)[0][0])
    return replace(_exact(made, figure), sql=sql, examples=_repeated(work, keys) if figure else ())


def _repeated(work: _Run, keys: list[str]) -> tuple[Example, ...]:
    """The first rows that repeat a key."""
    names = [f"k{place}" for place in range(len(keys))]
    cells = ", ".join(f"CAST({key} AS VARCHAR) AS {name}" for key, name in zip(keys, names, strict=True))
    where = " AND ".join(f"{name} IS NOT NULL" for name in names)
    numbered = f"SELECT row_number() OVER () AS r, {cells} FROM {work.table.scan}"
    found = work.execute(
        f"SELECT min(r, 4), {', '.join(names)} FROM ({numbered}) WHERE {where} GROUP BY {', '.join(names)} HAVING count(*) > 1 "
        f"ORDER BY min(r) LIMIT {MOST_EXAMPLES}"
    )
    examples = [Example(row=int(row), value=", ".join(key), key=(), like=int(rows[0])) for rows, *key in found for row in rows[1:]]
    return tuple(sorted(examples, key=lambda one: one.row)[:MOST_EXAMPLES])


def _query(work: _Run, made: Outcome, check: r.Sql) -> Outcome:
    """A contract's own query, on a connection of its own that can read the table and nothing else.

    With one thread: the sum of floats, and whatever else follows the order of rows, is then the same in every run.
    """
    connection = connect(work.table.paths, spill=work.demands.spill, threads=1)
    work.statements.append(f"{check.query.strip()}  -- {made.rule.id}")
    alarm = Timer(_QUERY_SECONDS, connection.interrupt)
    alarm.daemon = True
    try:
        connection.execute(work.compiler.view(check.table))
        alarm.start()
        found = connection.execute(check.query).fetchmany(2)
    except duckdb.Error as error:
        return replace(made, reason=_failed(error, made.rule, work.table.name), sql=check.query)
    finally:
        alarm.cancel()
        connection.close()
    value = found[0][0] if len(found) == 1 and len(found[0]) == 1 else None
    number = _number(value)
    if number is None:
        why = "the query gives no number" if len(found) == 1 else f"the query gives {'no row' if not found else 'several rows'}"
        return replace(made, reason=why, sql=check.query)
    return replace(_exact(made, number), sql=check.query)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _failed(error: duckdb.Error, rule: r.Rule, name: str) -> str:
    """Why a query gave nothing, without DuckDB's own words, which may quote cells; the other rules are judged all the same.

    Raises:
        UsageError: it asks for what is not allowed.
        LimitError: too little memory.
    """
    if isinstance(error, duckdb.OutOfMemoryException):
        raise translated(error, f"{rule.where}: the query on {name}") from error
    if isinstance(error, duckdb.PermissionException):
        raise UsageError(f"{rule.where}: the query asks for what is not allowed", "a rule may read its table only") from error
    if isinstance(error, duckdb.InterruptException):
        return f"the query did not end within {_QUERY_SECONDS:g} seconds"
    kind = type(error).__name__.removesuffix("Exception").lower()
    return f"the query fails on a cell of this table ({kind} error)"


def _with_rows(work: _Run, outcomes: list[Outcome]) -> list[Outcome]:
    """The same, with the first rows that break each broken rule.

    Rules that few rows break are looked up together in one pass; where many do, the first few are found after a short look at the table's head.
    """
    broken: dict[int, str] = {}
    for place, outcome in enumerate(outcomes):
        counted = outcome.figure and outcome.broken and not _absent(work, outcome.rule)
        condition = work.compiler.broken(outcome.rule) if counted else None
        if condition is not None:
            broken[place] = condition
    asked = Aggregates()
    looks = {
        place: [
            (told, asked.ask(_count(f"{condition} AND {like}")))
            for told, like in looks_of(outcomes[place].rule.check, work.compiler.cell(outcomes[place].rule.columns[0]))
        ]
        for place, condition in broken.items()
    }
    rare = {place: condition for place, condition in broken.items() if (outcomes[place].figure or 0) <= _RARE * outcomes[place].of}
    lists = {place: _listed(work, outcomes[place].rule, condition, asked) for place, condition in rare.items()}
    if asked:
        asked.collect(work.execute, _numbered(work))
    made = list(outcomes)
    for place, condition in broken.items():
        found = (
            zip(*(asked.answer(one) or () for one in lists[place]), strict=True)
            if place in lists
            else _first(work, made[place].rule, condition)
        )
        examples = tuple(Example(row=int(row), value=value, key=tuple(key)) for row, value, *key in found)
        told = tuple((words, int(asked.answer(sql))) for words, sql in looks[place] if asked.answer(sql))
        made[place] = replace(made[place], examples=examples, looks=told)
    return made


def _numbered(work: _Run) -> str:
    """The table with the numbers of its rows, in the order of the files."""
    columns = ", ".join(f"c{place}" for place in range(len(work.table.columns)))
    return f"(SELECT row_number() OVER () AS r, {columns} FROM {work.table.scan})"


def _shown(work: _Run, rule: r.Rule) -> list[str]:
    """The cells of a row that evidence shows: the rule's own, and the key."""
    names = [rule.columns[0], *work.key]
    return [f"coalesce(left({work.compiler.cell(name).text}, {_LONGEST}), '')" for name in names]


def _listed(work: _Run, rule: r.Rule, condition: str, asked: Aggregates) -> list[str]:
    """The aggregates that give the first failing rows, their cells and keys."""
    where = f"FILTER (WHERE {condition})"
    cells = [asked.ask(f"arg_min({text}, r, {MOST_EXAMPLES}) {where}") for text in _shown(work, rule)]
    return [asked.ask(f"min(r, {MOST_EXAMPLES}) {where}"), *cells]


def _first(work: _Run, rule: r.Rule, condition: str) -> list[Any]:
    """The first failing rows of a rule that many rows break; reading stops as soon as they are found."""
    cells = ", ".join(_shown(work, rule))
    return work.execute(f"SELECT r, {cells} FROM {_numbered(work)} WHERE {condition} LIMIT {MOST_EXAMPLES}")
