"""Rules that the standard has no words for: `type: custom, engine: mlops-stage`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from mlops_stage.errors import nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.data.contract.bounds import NONE, amount, bound_of, figure, plain, unit_of
from mlops_stage.stages.data.contract.columns import listed
from mlops_stage.stages.data.contract.standard import OPERATORS
from mlops_stage.stages.data.rules import (
    ClassShare,
    Drift,
    DriftMethod,
    Empty,
    Infinite,
    NewCategories,
    NoOthers,
    NotNumber,
    Sentinels,
    SharedKeys,
    SharedRows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_stage.stages.data.contract.reading import Place
    from mlops_stage.stages.data.rules import Bound, Check, Severity, Unit


@dataclass(frozen=True, kw_only=True)
class _Context:
    """One rule of ours that is being read."""

    place: Place
    """Of its implementation."""
    given: Mapping[str, Any]
    unit: Unit
    id: str
    severity: Severity

    def bound(self, default: Bound | None = NONE) -> Bound | None:
        """What its operator demands."""
        return bound_of(self.given, self.place, self.unit, default)

    def rule(self, check: Check, bound: Bound | None, sentence: str, columns: tuple[str, ...] = ()) -> None:
        """Note it."""
        self.place.rule(check, bound, sentence, id=self.id, columns=columns, severity=self.severity)

    @property
    def column(self) -> str:
        """The column that it stands below."""
        return self.place.column.name if self.place.column else ""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What one check takes and where it may stand."""

    below: tuple[Literal["a column", "the table"], ...]
    build: Callable[[_Context], None]
    keys: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ("rows", "percent")
    operators: tuple[str, ...] = OPERATORS


def rule(place: Place, declared: Mapping[str, Any], name: Callable[[Place, Mapping[str, Any], str], str], severity: Severity) -> None:
    """Note one rule of ours."""
    given, here = declared["implementation"], place.below("implementation")
    if not isinstance(given, dict):
        here.problem("implementation is no mapping", "write `implementation: {check: drift}`")
        return
    check = given.get("check")
    if not isinstance(check, str) or check not in KINDS:
        said = "implementation names no check" if check is None else f"mlops-stage has no check {shown(check)!r}"
        (here if check is None else here.below("check")).problem(said, nearest(str(check), KINDS))
        return
    kind = KINDS[check]
    standing = "a column" if place.column else "the table"
    if standing not in kind.below:
        here.below("check").problem(f"{check} stands below {standing}", f"move it to the quality of {kind.below[0]}")
        return
    known = ("check", *kind.keys, *(("unit",) if len(kind.units) > 1 else ()), *kind.operators)
    strange = [key for key in given if key not in known]
    for key in strange:
        here.below(key).problem(f"unknown key {shown(key)!r} of the check {check}", nearest(key, known))
    if strange:
        return
    unit = unit_of(given.get("unit", declared.get("unit")), here if "unit" in given else place, kind.units)
    kind.build(_Context(place=here, given=given, unit=unit, id=name(place, declared, str(check)), severity=severity))


def _counted(check: Check, what: str) -> Callable[[_Context], None]:
    """A builder for a check that counts cells of a column."""

    def build(context: _Context) -> None:
        bound = context.bound()
        if bound is None:
            return
        words, plural = amount(bound, "cell", "cells")
        context.rule(check, bound, f"{words} of {context.column} {'are' if plural else 'is'} {what}", (context.column,))

    return build


def _sentinels(context: _Context) -> None:
    values = context.given.get("values")
    if not isinstance(values, list) or not values or any(isinstance(value, list | dict) or value is None for value in values):
        context.place.below("values").problem("values is no list of plain values", "write values: [-999, 'N/A']")
        return
    told = listed(tuple(values), hidden=bool(context.place.column and context.place.column.sensitive))
    _counted(Sentinels(values=tuple(values)), f"{told}, which stand for a missing value")(context)


def _class_share(context: _Context) -> None:
    value = context.given.get("value")
    if value is None or isinstance(value, list | dict):
        context.place.below("value").problem("class_share names no value", "write `value:` with one of the classes")
        return
    bound = context.bound(None)
    if bound is None:
        return
    label = "one value" if context.place.column and context.place.column.sensitive else plain(value, 40)
    context.rule(ClassShare(value=value), bound, f"{figure(bound)} of the cells of {context.column} are {label}", (context.column,))


def _drift(context: _Context) -> None:
    method = next((known for known in get_args(DriftMethod) if known == context.given.get("method", "auto")), None)
    if method is None:
        told = context.given["method"]
        context.place.below("method").problem(f"drift knows no method {shown(told)!r}", nearest(str(told), get_args(DriftMethod)))
        return
    bound = bound_of(context.given, context.place, "value", None) if set(OPERATORS) & set(context.given) else None
    columns = (context.column,) if context.column else _all_or(context)
    by = "" if method == "auto" else f", by the method {method}"
    limit = f"by {figure(bound)}" if bound else "not beyond the threshold"
    for column in columns:
        sentence = f"{column} is distributed as in the profile{by}: it differs {limit}"
        context.rule(Drift(method=method), bound, sentence, (column,))


def _all_or(context: _Context) -> tuple[str, ...]:
    """The columns that a rule of the table lists; all of them where it lists none."""
    listed = context.given.get("columns")
    if listed is None:
        return tuple(column.name for column in context.place.found.columns.values())
    return _named(context)


def _named(context: _Context) -> tuple[str, ...]:
    listed = context.given.get("columns")
    if not isinstance(listed, list) or not listed:
        context.place.below("columns").problem("columns is no list of columns", "write columns: [a, b]")
        return ()
    return context.place.below("columns").columns_named(listed)


def _new_categories(context: _Context) -> None:
    bound = context.bound()
    if bound is not None:
        words, plural = amount(bound, "cell", "cells")
        context.rule(
            NewCategories(),
            bound,
            f"{words} of {context.column} {'have' if plural else 'has'} a value that the profile lacks",
            (context.column,),
        )


def _shared_rows(context: _Context) -> None:
    bound = context.bound()
    if bound is not None:
        words, plural = amount(bound, "row", "rows")
        context.rule(SharedRows(), bound, f"{words} also {'stand' if plural else 'stands'} in the training data")


def _shared_keys(context: _Context) -> None:
    columns = (context.column,) if context.column else _named(context)
    bound = context.bound()
    if bound is not None and columns:
        words, plural = amount(bound, "row", "rows")
        sentence = f"{words} {'have' if plural else 'has'} the {', '.join(columns)} of a row in the training data"
        context.rule(SharedKeys(), bound, sentence, columns)


def _no_other_columns(context: _Context) -> None:
    names = tuple(column.name for column in context.place.found.columns.values())
    context.rule(NoOthers(columns=names), NONE, "there are no columns but those declared")


KINDS: Mapping[str, _Kind] = {
    "nan": _Kind(below=("a column",), build=_counted(NotNumber(), "NaN")),
    "infinite": _Kind(below=("a column",), build=_counted(Infinite(), "infinite")),
    "empty": _Kind(below=("a column",), build=_counted(Empty(), "empty text")),
    "sentinels": _Kind(below=("a column",), build=_sentinels, keys=("values",)),
    "class_share": _Kind(below=("a column",), build=_class_share, keys=("value",), units=("share", "percent")),
    "drift": _Kind(
        below=("a column", "the table"),
        build=_drift,
        keys=("method", "columns"),
        units=("value",),
        operators=("mustBeLessThan", "mustBeLessOrEqualTo"),
    ),
    "new_categories": _Kind(below=("a column",), build=_new_categories),
    "shared_rows": _Kind(below=("the table",), build=_shared_rows),
    "shared_keys": _Kind(below=("the table", "a column"), build=_shared_keys, keys=("columns",)),
    "no_other_columns": _Kind(below=("the table",), build=_no_other_columns, units=("rows",), operators=()),
}
"""The checks of ours by name."""
