"""A document against the schema of its version of CycloneDX, whole and without the network; each fault is told in one line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jsonschema import Draft7Validator, FormatChecker, ValidationError, validators

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_stage.stages.sbom.document import Document

SPECS = ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7")
"""Versions of CycloneDX whose schemas are at hand."""
_STRICT_FILES = frozenset({"1.2", "1.3"})  # later schemas allow no unknown keys by themselves
_COMMON = ("spdx", "jsf-0.82", "cryptography-defs")
_IRI = re.compile(r"[^\x00-\x20<>\"{}|\\^`]*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:" + _IRI.pattern)
_PART_OF_MOST = 60
_TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What the schema does not allow."""

    path: str
    """`components[3].version`; empty for the document itself."""
    message: str
    """One line."""


def faults(document: Document, spec: str = "") -> Iterator[Fault]:
    """What is wrong with a document by the schema of CycloneDX; nothing for a valid one.

    Args:
        document: a document in JSON.
        spec: version of CycloneDX; unset: the one that the document names.

    Raises:
        InputError: a version whose schema is not at hand.
    """
    wanted = spec or document.get("specVersion")
    if wanted not in SPECS:
        raise InputError(f"there is no schema for CycloneDX {shown(wanted)!r}", f"known versions: {', '.join(SPECS)}")
    for error in _validator(wanted).iter_errors(document):
        yield _fault(error)


@cache
def _validator(spec: str) -> Any:
    name = f"bom-{spec}-strict" if spec in _STRICT_FILES else f"bom-{spec}"
    whole = _whole(name)

    def referred(validator: Any, ref: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
        yield from validator.descend(instance, whole[ref])

    quick: Any = validators.extend(Draft7Validator, {"uniqueItems": _unique, "$ref": referred})  # type: ignore[no-untyped-call]  # its stubs leave it so
    quick.descend = _remembering()
    return quick(whole["#"], format_checker=_formats())


def _remembering() -> Callable[..., Iterator[ValidationError]]:
    """A way down into parts of a schema that makes the validator of each part once; jsonschema's own makes it anew for each value."""
    known: dict[int, Any] = {}

    def descend(self: Any, instance: Any, schema: Any, path: Any = None, schema_path: Any = None) -> Iterator[ValidationError]:
        inner = known.get(id(schema))  # parts live as long as the whole, so that no other gets the place of one
        if inner is None:
            inner = known[id(schema)] = self.evolve(schema=schema)
        for error in inner.iter_errors(instance):
            if path is not None:
                error.path.appendleft(path)
            if schema_path is not None:
                error.schema_path.appendleft(schema_path)
            yield error

    return descend


def _whole(name: str) -> dict[str, Any]:
    """Every schema that a reference in the schema of a document leads to, by that reference; looking each up anew took most of the time."""
    found: dict[str, Any] = {}
    for place in (*_COMMON, name):
        schema = _schema(place)
        own = "" if place == name else f"{place}.SNAPSHOT.schema.json"
        for part, inner in (("", schema), *((f"/definitions/{key}", value) for key, value in schema.get("definitions", {}).items())):
            found[f"{own}#{part}"] = _resolved(inner, own)
        found[own] = found[f"{own}#"]
    return found


def _resolved(schema: Any, own: str) -> Any:
    """The schema with references that say which file they lead into."""
    if isinstance(schema, list):
        return [_resolved(one, own) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: f"{own}{value}" if key == "$ref" and value.startswith("#") else _resolved(value, own) for key, value in schema.items()}


def _schema(name: str) -> Any:
    """A schema that cyclonedx-python-lib carries."""
    return json.loads(resources.files("cyclonedx.schema").joinpath("_res", f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))


def _unique(_validator: Any, unique: Any, items: Any, _schema: Any) -> Iterator[ValidationError]:
    """As jsonschema's own, which compares each with each, in the time of one pass; `1` and `1.0` count as two."""
    if unique and isinstance(items, list) and len({json.dumps(item, sort_keys=True) for item in items}) < len(items):
        yield ValidationError("some entries of the list are equal")


def _formats() -> FormatChecker:
    """The formats that these schemas use; jsonschema's own would need libraries that take seconds to load."""
    checker = FormatChecker(formats=())
    checker.checks("date-time", raises=ValueError)(_is_time)
    checker.checks("iri-reference")(lambda value: not isinstance(value, str) or _IRI.fullmatch(value) is not None)
    checker.checks("uri")(lambda value: not isinstance(value, str) or _URI.fullmatch(value) is not None)
    checker.checks("idn-email")(lambda value: not isinstance(value, str) or "@" in value)
    return checker


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return "T" in value.upper() and datetime.fromisoformat(value.upper()).tzinfo is not None


def _fault(error: ValidationError) -> Fault:
    inner = error
    while inner.context:  # of several ways to be right, the one that went farthest was meant
        inner = max(inner.context, key=lambda one: len(one.absolute_path))
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner.absolute_path).removeprefix(".")
    return Fault(path=shown(path, 200), message=_told(inner))


def _told(error: Any) -> str:
    """What is wrong, without the schema and with no more than a line of the value."""
    value, rule = shown(error.instance, _PART_OF_MOST), error.validator_value
    if error.validator == "type":
        wanted = " or ".join(_TYPES.get(kind, str(kind)) for kind in ([rule] if isinstance(rule, str) else rule))
        return f"{value!r} is not {wanted}"
    if error.validator == "enum":
        near = [str(one) for one in rule if str(one).casefold() == str(error.instance).casefold()]
        return f"{value!r} is none of the {len(rule)} values allowed here" + (f"; it is written {near[0]!r}" if near else "")
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema.get("properties", ())))
        return f"unknown key {', '.join(repr(shown(name)) for name in unknown[:5])}"
    if error.validator in ("format", "pattern"):
        return f"{value!r} has not the form of {_form(error)}"
    return shown(error.message, 200)


def _form(error: ValidationError) -> str:
    known = {
        "date-time": "a time with its zone, such as 2026-01-31T12:00:00Z",
        "iri-reference": "an address",
        "idn-email": "an e-mail address",
    }
    return known.get(str(error.validator_value), f"`{shown(error.validator_value)}`")
