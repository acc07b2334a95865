"""Neutral fields as click options; values stay strings, so that every surface is checked by the same Params."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlops_stage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_stage.fields import Field

_METAVARS = {"number": "NUMBER", "integer": "INTEGER", "list": "A,B", "mapping": "A=B,C=D", "text": "TEXT"}


class Place(click.Path):
    """A path that is not empty: that would be the folder that one is in, and comes of a variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path.

        Raises:
            UsageError: it is empty.
        """
        if value == "":
            from mlops_stage.params import EMPTY

            raise UsageError(f"{param.opts[0] if param else 'the path'}: {EMPTY}")
        return super().convert(value, param, ctx)


def from_fields(fields: Iterable[Field]) -> list[click.Option]:
    """One option per field."""
    return [_option(item) for item in fields]


def _option(item: Field) -> click.Option:
    text = f"{item.help}{_default(item)}"
    if item.kind == "flag":
        return click.Option([f"{item.option}/--no-{item.option[2:]}", item.name], default=None, help=text)
    kind: Any = click.Choice(item.choices) if item.choices else click.Path() if item.path else str
    metavar = None if item.choices else "PATH" if item.path else "TEXT" if item.repeats else _METAVARS[item.kind]
    return click.Option([item.option, item.name], type=kind, metavar=metavar, multiple=item.repeats, default=None, help=text)


def _default(item: Field) -> str:
    if item.default is None or item.default in ((), "") or item.kind == "mapping":
        return "; repeats" if item.repeats else ""
    shown = ",".join(map(str, item.default)) if item.kind == "list" else str(item.default)
    return f"{'; repeats' if item.repeats else ''}  [default: {shown}]"


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Only the options that were given."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value not in (None, ())}
