"""Service levels: freshness is checked, all others are only agreed on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.data.contract.bounds import number
from mlops_stage.stages.data.rules import Bound, Fresh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.stages.data.contract.problems import Problems
    from mlops_stage.stages.data.contract.reading import Place
    from mlops_stage.stages.data.contract.text import Document

_SECONDS: Mapping[str, int] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400),
    **dict.fromkeys(("y", "yr", "year", "years"), 31_557_600),
}
_MOST = 1_000_000
_FRESHNESS = "freshness"


def rules(place: Place, values: Mapping[str, Any]) -> None:
    """Note the service levels that are about this table."""
    for number_of, level in enumerate(values.get("slaProperties") or []):
        here = replace(place, path=("slaProperties", number_of))
        if str(level["property"]).lower() != _FRESHNESS:
            here.unchecked(f"the service level {shown(level['property'])!r} is not checked", "note")
            continue
        element = str(level.get("element") or values.get("slaDefaultElement") or "")
        table, _, column = element.rpartition(".")
        if table in {"", place.found.table} and column:
            _fresh(here, level, column)


def _fresh(place: Place, level: Mapping[str, Any], name: str) -> None:
    column = place.found.columns.get(name)
    if column is None:
        place.below("element").problem(
            f"{shown(place.found.table)!r} declares no column {shown(name)!r}", nearest(name, place.found.columns)
        )
        return
    if column.kind not in {"date", "timestamp"}:
        place.below("element").problem(
            f"freshness needs a column of dates or timestamps, and {shown(name)!r} is none", "declare its logicalType as date or timestamp"
        )
        return
    value, unit = level["value"], str(level.get("unit") or "").lower()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MOST:
        place.below("value").problem(
            f"freshness: {shown(value)!r} is no span of time", "write a number above 0 and at most a million, and its unit, such as h"
        )
        return
    if unit not in _SECONDS:
        said = f"freshness: the unit {shown(unit)!r} is not known" if unit else "freshness has no unit"
        place.below("unit").problem(said, "write one of s, min, h, d, w, y")
        return
    bound = Bound(op="<=", low=float(value) * _SECONDS[unit], unit="value")
    sentence = f"the latest {column.name} is at most {number(value)} {unit} old"
    place.rule(Fresh(), bound, sentence, id=str(level.get("id") or f"{column.name}.freshness"), columns=(column.name,))


def check_elements(document: Document, problems: Problems, tables: list[str]) -> None:
    """Note freshness that names no column of any table: nobody would check it."""
    for place, level in enumerate(document.values.get("slaProperties") or []):
        if str(level["property"]).lower() != _FRESHNESS:
            continue
        element = str(level.get("element") or document.values.get("slaDefaultElement") or "")
        table = element.rpartition(".")[0]
        if not element:
            problems.at(document, ("slaProperties", place), "freshness names no element", "add `element: <table>.<column of times>`")
        elif table and table not in tables:
            problems.at(document, ("slaProperties", place, "element"), f"there is no table {shown(table)!r}", nearest(table, tables))
