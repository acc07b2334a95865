"""One neutral description of a parameter, from which command line, native CI files and reference pages are derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Kind = Literal["text", "number", "integer", "flag", "choice", "list", "mapping"]

PATH = {"path": True}
"""`json_schema_extra` of a field that holds a path: it is resolved against the root and reported relative to it."""
ARGUMENT = {"argument": True}
"""`json_schema_extra` of a field that a command takes without an option's name."""
NAMES_VARIABLE = {"names_variable": True}
"""`json_schema_extra` of a field that names an environment variable: the stage's process is given that variable, and no other secret."""
EXECUTION = {"execution": True}
"""`json_schema_extra` of a field that says how the work is done and nothing about what comes of it: it is left out of the report."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A parameter as every surface sees it."""

    name: str
    kind: Kind
    help: str
    default: Any = None
    """None when unset by default."""
    required: bool = False
    choices: tuple[str, ...] = ()
    option: str = ""
    """As written on the command line: `--row-id`; a repeatable one in the singular, `--gate`."""
    repeats: bool = False
    """Whether the option may be given several times, once for each item of a list."""
    lines: bool = False
    """Whether a list that comes as text has one item on each line, for its items may hold commas."""
    path: bool = False
    argument: bool = False
    names_variable: bool = False
    execution: bool = False

    @property
    def kebab(self) -> str:
        """The name with hyphens, for the command line and GitHub inputs."""
        return self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that carries it in a native step."""
        return f"MLOPS_INPUT_{self.name.upper()}"


def describe(params: type[BaseModel]) -> tuple[Field, ...]:
    """The fields of a Params class, in the order of their declaration, the stage's own before those that every stage has."""
    own = [name for name in params.model_fields if name in params.__annotations__]
    inherited = [name for name in params.model_fields if name not in own]
    return tuple(_field(name, params.model_fields[name]) for name in [*own, *inherited])


def _field(name: str, info: FieldInfo) -> Field:
    kind, choices = _kind(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    return Field(
        name=name,
        kind=kind,
        help=info.description or "",
        default=default.value if isinstance(default, Enum) else default,
        required=info.is_required(),
        choices=choices,
        option="--" + str(extra.get("option", name)).replace("_", "-"),
        repeats=kind == "list" and "option" in extra,
        lines=bool(extra.get("lines")),
        path=bool(extra.get("path")),
        argument=bool(extra.get("argument")),
        names_variable=bool(extra.get("names_variable")),
        execution=bool(extra.get("execution")),
    )


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _kind(next(part for part in get_args(annotation) if part is not NoneType))
    if origin is Literal:
        return "choice", tuple(str(value) for value in get_args(annotation))
    plain = origin or annotation
    if not isinstance(plain, type):
        return "text", ()
    if issubclass(plain, Enum):
        return "choice", tuple(str(member.value) for member in plain)
    return _plain_kind(plain), ()


def _plain_kind(plain: type) -> Kind:
    kinds: tuple[tuple[tuple[type, ...], Kind], ...] = (
        ((bool,), "flag"),  # before int: a bool is an int
        ((int,), "integer"),
        ((float,), "number"),
        ((tuple, list, set, frozenset), "list"),
        ((Mapping,), "mapping"),
    )
    if hasattr(plain, "model_fields"):
        return "mapping"
    return next((kind for types, kind in kinds if issubclass(plain, types)), "text")
