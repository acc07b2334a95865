"""The columns that a table declares, and the rules that stand in their own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.data.contract import types
from mlops_stage.stages.data.contract.bounds import NONE, plain
from mlops_stage.stages.data.rules import Column, Duplicates, NoOthers, Nulls, OneOf, Present

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.stages.data.contract.reading import Place

OPEN = ("public", "internal", "unrestricted")
"""Classifications whose values may be shown; any other one hides them."""


def columns(place: Place, declared: list[Mapping[str, Any]]) -> None:
    """Note the columns of a table: their names, types and place in the primary key."""
    keys = _keys(place, declared)
    found: dict[str, Column] = {}
    taken: dict[str, str] = {}
    for number, entry in enumerate(declared):
        here, name = place.below(number), str(entry["name"])
        column = _column(here, entry, keys.get(number))
        first = taken.get(column.name) or (found[name].where if name in found else "")
        if first:
            here.below("name").problem(f"the column {shown(column.name)!r} is declared twice", f"the first is at {first}")
            continue
        taken[column.name] = column.where
        found[name] = column
    place.found.columns = found


def _column(place: Place, entry: Mapping[str, Any], key: int | None) -> Column:
    options = entry.get("logicalTypeOptions") or {}
    kind = types.kind_of(entry)
    declared = options.get("format") if kind in types.TIMES else None
    classification = str(entry.get("classification") or "public").strip().lower()
    name = str(entry.get("physicalName") or entry["name"])
    return Column(
        name=name,
        kind=kind,
        where=place.where,
        format=types.time_format(str(declared), place.below("logicalTypeOptions", "format")) if declared else "",
        sensitive=classification not in OPEN or name in place.found.sensitive,
        key=key,
        description=str(entry.get("description") or "").strip(),
    )


def _keys(place: Place, declared: list[Mapping[str, Any]]) -> dict[int, int]:
    """Number of a column -> its place in the primary key, from 0."""
    keyed = [number for number, entry in enumerate(declared) if entry.get("primaryKey")]
    positions: dict[int, int] = {}
    for number, entry in enumerate(declared):
        position = entry.get("primaryKeyPosition")
        if position in {None, -1}:
            continue
        here = place.below(number, "primaryKeyPosition")
        if number not in keyed:
            here.problem(
                "primaryKeyPosition without primaryKey: the column is no part of the key", "add `primaryKey: true`, or remove the position"
            )
        elif position in positions.values():
            here.problem(f"two columns have the place {position} in the primary key", "number them 1, 2, …")
        else:
            positions[number] = int(position or 0)
    ordered = sorted(keyed, key=lambda number: (positions.get(number, len(declared) + 1), number))
    return {number: rank for rank, number in enumerate(ordered)}


def rules(place: Place, declared: list[Mapping[str, Any]]) -> None:
    """Note the rules in the columns' own keys, and those about the columns as a whole."""
    for number, entry in enumerate(declared):
        column = place.found.columns.get(str(entry["name"]))
        here = place.below(number, column=column)
        if column is not None and column.where == here.where:
            _of_column(here, entry, column)
    _primary_key(place)


def _of_column(place: Place, entry: Mapping[str, Any], column: Column) -> None:
    name, columns = column.name, (column.name,)
    place.rule(Present(), NONE, f"there is a column {shown(name)}", id=f"{name}.present", columns=columns)
    types.typed(place, column, entry)
    if entry.get("required") or column.key is not None:
        here = place.below("required" if entry.get("required") else "primaryKey")
        here.rule(Nulls(), NONE, f"{name} is never missing", id=f"{name}.required", columns=columns)
    if entry.get("unique"):
        place.below("unique").rule(Duplicates(), NONE, f"no value of {name} occurs twice", id=f"{name}.unique", columns=columns)
    if entry.get("enum"):
        values = tuple(item["value"] for item in entry["enum"] if item["value"] is not None)
        if not values:
            place.below("enum").problem("enum holds no value", "list the values that are allowed, or remove it")
            return
        sentence = f"{name} is {listed(values, hidden=column.sensitive)}"
        place.below("enum").rule(OneOf(values=values), NONE, sentence, id=f"{name}.enum", columns=columns)
    if entry.get("relationships"):
        place.below("relationships").unchecked(f"relationships of {shown(name)} to other tables are not checked")
    if entry.get("properties") or entry.get("items"):
        place.below("properties" if entry.get("properties") else "items").unchecked(f"what is declared inside {shown(name)} is not checked")


def _primary_key(place: Place) -> None:
    keyed = sorted((column for column in place.found.columns.values() if column.key is not None), key=lambda column: column.key or 0)
    if not keyed:
        return
    names = tuple(column.name for column in keyed)
    first = next(number for number, column in enumerate(place.found.columns.values()) if column.key is not None)
    here = place.below(first, "primaryKey")
    together = "no value" if len(names) == 1 else "no combination of the values"
    here.rule(Duplicates(), NONE, f"{together} of {', '.join(names)} occurs twice", id="primary-key", columns=names)


def others(place: Place) -> None:
    """The rule that the table has no further columns, unless one of ours says so already."""
    if any(isinstance(rule.check, NoOthers) for rule in place.found.rules) or not place.found.columns:
        return
    names = tuple(column.name for column in place.found.columns.values())
    place.rule(NoOthers(columns=names), NONE, "there are no columns but those declared", id="no-other-columns", severity="warning")


def listed(values: tuple[Any, ...], *, hidden: bool) -> str:
    """Allowed values in a sentence: `one of a, b, c`."""
    if hidden:
        return f"one of {len(values)} values"
    few = [plain(item) for item in values[:8]]
    return f"one of {', '.join(few)}{f' and {len(values) - len(few)} more' if len(values) > len(few) else ''}"
