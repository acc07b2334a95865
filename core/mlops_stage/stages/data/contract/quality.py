"""Rules under `quality`: those of the standard's library, queries, sentences for people, and those of other engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from mlops_stage.errors import nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.data.contract import ml
from mlops_stage.stages.data.contract.bounds import amount, bound_of, figure, unit_of
from mlops_stage.stages.data.contract.columns import listed
from mlops_stage.stages.data.contract.expressions import RefusedError, check_pattern, check_query, filled
from mlops_stage.stages.data.rules import Duplicates, Nulls, OneOf, Pattern, RowCount, Sentinels, Severity, Sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_stage.stages.data.contract.reading import Place
    from mlops_stage.stages.data.rules import Bound, Check

ENGINE = "mlops-stage"
_METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")


def rules(place: Place, declared: list[Mapping[str, Any]]) -> None:
    """Note the rules of one `quality` list."""
    for number, rule in enumerate(declared):
        _rule(place.below(number), rule)


def _rule(place: Place, rule: Mapping[str, Any]) -> None:
    kind = rule.get("type") or ("library" if "metric" in rule else None)
    if kind is None:
        _tell_kindless(place, rule)
    elif kind == "text":
        place.unchecked(
            f"a sentence for people, checked by nobody: {shown(rule.get('description') or rule.get('name') or '', 160)}", "note"
        )
    elif kind == "custom":
        _custom(place, rule)
    elif kind == "sql":
        _sql(place, rule)
    else:
        _library(place, rule)


def _tell_kindless(place: Place, rule: Mapping[str, Any]) -> None:
    if "rule" in rule:
        place.below("rule").problem(
            f"'rule: {shown(rule['rule'])}' was replaced by metric in version 3.1", f"write metric: one of {', '.join(_METRICS)}"
        )
    else:
        place.problem("the rule has neither metric nor type: nobody knows what it demands", f"add metric: one of {', '.join(_METRICS)}")


def severity(place: Place, rule: Mapping[str, Any]) -> Severity:
    """How grave it is where the rule does not hold; `error` where nothing is said."""
    given = rule.get("severity", "error")
    for known in get_args(Severity):
        if given == known:
            found: Severity = known
            return found
    place.below("severity").problem(f"severity {shown(given)!r} is not known", nearest(str(given), get_args(Severity)))
    return "error"


def _id(place: Place, rule: Mapping[str, Any], what: str) -> str:
    """The rule's own id, or its column and what it is."""
    return str(rule.get("id") or (f"{place.column.name}.{what}" if place.column else what))


def _custom(place: Place, rule: Mapping[str, Any]) -> None:
    engine = rule["engine"]
    if engine == ENGINE:
        ml.rule(place, rule, _id, severity(place, rule))
    elif str(engine).lower().replace("_", "-") == ENGINE:
        place.below("engine").problem(f"engine {shown(engine)!r} is not known", f"did you mean '{ENGINE}'?")
    else:
        place.unchecked(f"a rule of the engine {shown(engine)!r}, which this tool does not run")


def _sql(place: Place, rule: Mapping[str, Any]) -> None:
    table, column = place.found.table, place.column.name if place.column else None
    bound = bound_of(rule, place, "value")
    try:
        query = filled(str(rule["query"]), table, column)
        check_query(query, table, place.found.columns.values())
    except RefusedError as error:
        place.below("query").problem(*error.told)
        return
    if bound is None:
        return
    said = rule.get("description") or rule.get("name")
    sentence = f"{shown(said, 160).rstrip('.')}: the query gives {figure(bound)}" if said else f"the query gives {figure(bound)}"
    columns = (column,) if column else ()
    place.rule(Sql(query=query, table=table), bound, sentence, id=_id(place, rule, "sql"), columns=columns, severity=severity(place, rule))


def _library(place: Place, rule: Mapping[str, Any]) -> None:
    metric = rule["metric"]
    build = _BUILDERS[metric]
    unit = unit_of(rule.get("unit"), place, ("rows",) if metric == "rowCount" else ("rows", "percent"))
    bound = bound_of(rule, place, unit)
    if metric == "rowCount" and place.column is not None:
        place.below("metric").problem("rowCount stands below a column, and counts rows of the table", "move it to the quality of the table")
        return
    if metric not in {"rowCount", "duplicateValues"} and place.column is None:
        place.below("metric").problem(f"{metric} stands below no column", "move it to the quality of a column")
        return
    arguments = rule.get("arguments") or {}
    known = _ARGUMENTS[metric] if place.column is not None or metric == "rowCount" else ("properties",)
    for name in arguments:
        if name not in known:
            hint = nearest(name, known) if known else f"{metric} takes no arguments"
            place.below("arguments", name).problem(f"unknown argument {shown(name)!r} of {metric}", hint)
    if bound is not None:
        build(place, rule, arguments, bound)


def _nulls(place: Place, rule: Mapping[str, Any], _: Mapping[str, Any], bound: Bound) -> None:
    _cells(place, rule, Nulls(), bound, "missing")


def _missing(place: Place, rule: Mapping[str, Any], arguments: Mapping[str, Any], bound: Bound) -> None:
    values = _values(place, arguments, "missingValues")
    if values is None:
        return
    written = tuple(value for value in values if value is not None)
    check = Sentinels(values=written, nulls=None in values)
    words = listed(written, hidden=bool(place.column and place.column.sensitive)) if written else ""
    _cells(place, rule, check, bound, " or ".join(filter(None, ("missing" if check.nulls else "", words))))


def _invalid(place: Place, rule: Mapping[str, Any], arguments: Mapping[str, Any], bound: Bound) -> None:
    pattern = arguments.get("pattern")
    if "validValues" in arguments:
        values = _values(place, arguments, "validValues")
        if pattern is not None:
            place.below("arguments", "pattern").problem(
                "validValues and pattern are both given: a cell would be counted by either", "write two rules"
            )
        elif values is not None:
            allowed = tuple(value for value in values if value is not None)
            column = place.column
            words = listed(allowed, hidden=bool(column and column.sensitive))
            _cells(place, rule, OneOf(values=allowed), bound, f"not {words}", every=f"is {words}")
        return
    if not isinstance(pattern, str):
        hint = "add `arguments: {validValues: [...]}` or `arguments: {pattern: '...'}`"
        place.problem("invalidValues does not say which values are valid", hint)
        return
    try:
        check_pattern(pattern)
    except RefusedError as error:
        place.below("arguments", "pattern").problem(*error.told)
        return
    _cells(
        place,
        rule,
        Pattern(text=pattern),
        bound,
        f"not as the pattern {shown(pattern)} says",
        every=f"is as the pattern {shown(pattern)} says",
    )


def _values(place: Place, arguments: Mapping[str, Any], name: str) -> tuple[Any, ...] | None:
    values = arguments.get(name)
    if not isinstance(values, list) or not values or (name == "validValues" and all(value is None for value in values)):
        place.below("arguments", name).problem(f"{name} is no list of values", f"write {name}: [a, b, …]")
        return None
    for number, value in enumerate(values):
        if isinstance(value, list | dict):
            place.below("arguments", name, number).problem(
                f"{name} holds something that is no plain value", "write texts, numbers, true or false"
            )
            return None
    return tuple(values)


def _cells(place: Place, rule: Mapping[str, Any], check: Check, bound: Bound, what: str, every: str = "") -> None:  # noqa: PLR0913, PLR0917  (a rule's parts)
    """A rule that counts cells of one column; `every` is what all cells are when none is counted."""
    column = place.column.name if place.column else ""
    words, plural = amount(bound, "cell", "cells")
    sentence = f"{words} of {column} {'are' if plural else 'is'} {what}"
    if every and words.startswith("no "):
        sentence = f"every cell of {column} {every}, or missing"
    place.rule(check, bound, sentence, id=_id(place, rule, str(rule["metric"])), columns=(column,), severity=severity(place, rule))


def _duplicates(place: Place, rule: Mapping[str, Any], arguments: Mapping[str, Any], bound: Bound) -> None:
    names: tuple[str, ...] = (place.column.name,) if place.column else ()
    if place.column is None:
        listed_names = arguments.get("properties")
        if not isinstance(listed_names, list) or not listed_names:
            hint = "add `arguments: {properties: [a, b]}`, or move it below a column"
            place.problem("duplicateValues does not say which columns make a key", hint)
            return
        names = place.below("arguments", "properties").columns_named(listed_names)
    words, plural = amount(bound, "row", "rows")
    sentence = f"{words} {'repeat' if plural else 'repeats'} the {', '.join(names)} of another row"
    place.rule(Duplicates(), bound, sentence, id=_id(place, rule, "duplicateValues"), columns=names, severity=severity(place, rule))


def _row_count(place: Place, rule: Mapping[str, Any], _: Mapping[str, Any], bound: Bound) -> None:
    sentence = f"the table has {figure(bound).replace('less than', 'fewer than')} rows"
    place.rule(RowCount(), bound, sentence, id=_id(place, rule, "rowCount"), severity=severity(place, rule))


_BUILDERS: Mapping[str, Callable[[Place, Mapping[str, Any], Mapping[str, Any], Bound], None]] = dict(
    zip(_METRICS, (_nulls, _missing, _invalid, _duplicates, _row_count), strict=True)
)
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "nullValues": (),
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": (),
    "rowCount": (),
}
