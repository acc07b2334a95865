"""The Open Data Contract Standard: its versions, its JSON Schema and its model, and their errors in our words."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError

from mlops_stage.errors import nearest
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jsonschema.exceptions import ValidationError as SchemaError

    from mlops_stage.stages.data.contract.problems import Problems
    from mlops_stage.stages.data.contract.text import Document, Path

VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")
"""All are held against the schema of the newest, which accepts what the older ones accept."""
OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_HOMELESS = ("unevaluatedProperties", "additionalProperties")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")


def check(document: Document, problems: Problems) -> None:
    """Hold a document against the standard: its version, then its JSON Schema, then its model."""
    if not _version_is_known(document, problems):
        return
    before = len(problems.found)
    errors = [error for error in _validator().iter_errors(document.values) if not _is_vacuous(error, document.values)]
    sore = {tuple(error.absolute_path) for error in errors if error.validator not in _HOMELESS}
    for error in errors:
        _tell(error, document, problems, sore)
    if errors and len(problems.found) == before:  # a mistake that no branch below understands is still one
        problems.at(document, tuple(errors[0].absolute_path), shown(_short(errors[0].message), 120), "see the Open Data Contract Standard")
    if errors:
        return
    try:
        OpenDataContractStandard.model_validate(document.values)
    except ValidationError as error:
        for told in error.errors(include_url=False, include_input=False):
            problems.at(document, _path(told["loc"]), f"{_last(told['loc'])}: {shown(told['msg'])}", "see the Open Data Contract Standard")


def _version_is_known(document: Document, problems: Problems) -> bool:
    given = document.values.get("apiVersion")
    if given in VERSIONS:
        if given in schema()["properties"]["apiVersion"]["enum"]:
            return True
        message = f"apiVersion {given} is newer than the schema of the standard that is installed here"
        problems.at(document, ("apiVersion",), message, "pip install --upgrade open-data-contract-standard")
        return False
    if given is None:
        problems.add(1, "no apiVersion: the file does not say that it is an Open Data Contract", f"write `apiVersion: {VERSIONS[-2]}`")
        return False
    text = str(given)
    found = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    known = f"known: {', '.join(VERSIONS)}"
    if not found:
        message, hint = f"apiVersion {shown(text)!r} is no version of the Open Data Contract Standard", known
    elif (int(found[1]), int(found[2])) > (3, 2):
        message, hint = f"apiVersion {shown(text)!r} is newer than this tool", f"update mlops-stage, or write one of {', '.join(VERSIONS)}"
    elif int(found[1]) < 3:  # noqa: PLR2004  (version 2 had other keys)
        message, hint = (
            f"apiVersion {shown(text)!r} is too old: version 3 has other keys",
            f"convert the contract, then write {VERSIONS[-2]}",
        )
    else:
        message, hint = f"apiVersion {shown(text)!r} is not written as the standard writes it", known
    problems.at(document, ("apiVersion",), message, hint)
    return False


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema that the standard's own package ships."""
    found: Mapping[str, Any] = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8"))
    return found


@cache
def _validator() -> Draft201909Validator:
    return Draft201909Validator(schema())


def _is_vacuous(error: SchemaError, values: Any) -> bool:
    """Whether an error only says what a column of another type would need.

    The schema's `if logicalType is …` holds also where there is no logicalType, which the standard allows.
    """
    if "then" not in error.absolute_schema_path:
        return False
    inner = values
    column: Any = None
    for step in error.absolute_path:
        inner = inner[step]
        if isinstance(inner, dict) and "name" in inner:
            column = inner
    last = _last(tuple(error.absolute_path))
    return isinstance(column, dict) and "logicalType" not in column and (inner is column or last == "logicalTypeOptions")


def _tell(error: SchemaError, document: Document, problems: Problems, sore: Collection[Path]) -> None:
    """One error of the JSON Schema as one or more mistakes; `sore` are the places of those that are no homeless keys."""
    path: Path = tuple(error.absolute_path)
    name = _last(path)
    kind, value = error.validator, error.instance
    demanded: Any = error.validator_value
    if kind in _HOMELESS:
        _tell_unknown(error, path, document, problems, sore)
    elif kind == "required":
        missing = _QUOTED.findall(error.message)[0]
        problems.at(document, path, f"{_of(path)}has no {shown(missing)!r}", f"add `{missing}:`")
    elif kind == "enum":
        allowed = [str(item) for item in demanded]
        problems.at(document, path, f"{name}: {shown(value)!r} is not known", nearest(str(value), allowed))
    elif kind == "type":
        wanted = demanded if isinstance(demanded, str) else demanded[0]
        problems.at(document, path, f"{name}: {_shown(value)} is not {_WORDS.get(wanted, wanted)}", _type_hint(wanted, value))
    elif kind == "oneOf" and isinstance(value, dict) and "mustBe" in json.dumps(demanded):
        _tell_operators(value, path, document, problems)
    elif kind == "pattern":
        problems.at(document, path, f"{name}: {shown(value)!r} has characters that it must not have", f"it must match {demanded}")
    else:
        problems.at(document, path, f"{name}: {shown(_short(error.message), 120)}", "see the Open Data Contract Standard")


def _tell_unknown(error: SchemaError, path: Path, document: Document, problems: Problems, sore: Collection[Path]) -> None:
    """Keys that have no place there. A key that only another mistake makes homeless, such as a misspelt metric, is not told."""
    known = _properties(error.schema, schema())
    instance: Any = error.instance
    for key in instance:
        if key not in known:
            problems.at(document, (*path, key), f"unknown key {shown(key)!r}{_in(path)}", nearest(str(key), known))
    if any(key not in known for key in instance) or any(place[: len(path)] == path for place in sore):
        return
    for key in dict.fromkeys(_QUOTED.findall(error.message.partition("(")[2])):
        kind = _kind_of_rule(instance)
        if kind:
            problems.at(document, (*path, key), f"{shown(key)!r} does not belong to a rule of type {kind}", _HINTS.get(kind, ""))


_HINTS: Mapping[str, str] = {
    "text": "a rule of type text is a sentence for people; give `metric`, or `type: sql`, to have something checked",
    "sql": "a rule of type sql has `query` and one operator, such as `mustBe: 0`",
    "custom": "a rule of type custom has `engine` and `implementation`; its operator stands inside implementation",
    "library": "a rule of the library has `metric` and one operator, such as `mustBe: 0`",
}


def _kind_of_rule(instance: Mapping[str, Any]) -> str:
    """The type of a quality rule; empty where the mapping is none."""
    if "type" in instance and instance["type"] in _HINTS:
        return str(instance["type"])
    return "library" if "metric" in instance or set(OPERATORS) & set(instance) else ""


def _tell_operators(rule: Mapping[str, Any], path: Path, document: Document, problems: Problems) -> None:
    given = [operator for operator in OPERATORS if operator in rule]
    if not given:
        near = [(key, nearest(key, OPERATORS)) for key in rule if key.lower().startswith("must")]
        if not near:  # a misspelt operator is told as an unknown key
            problems.at(document, path, "the rule has no operator: it demands nothing", f"add one of {', '.join(OPERATORS)}")
    elif len(given) > 1:
        hint = "keep one; a range is mustBeBetween: [low, high], both ends included"
        problems.at(document, (*path, given[1]), f"the rule has {len(given)} operators ({', '.join(given)})", hint)
    else:
        value = rule[given[0]]
        wanted = "two different numbers, the smaller first" if given[0].endswith("Between") else "a number"
        problems.at(document, (*path, given[0]), f"{given[0]}: {_shown(value)} is not {wanted}", f"write {wanted}")


def _properties(part: Any, whole: Mapping[str, Any]) -> frozenset[str]:
    """All keys that a part of the schema names for one mapping, in whatever branch."""
    return frozenset(_names(part, whole, ()))


def _names(part: Any, whole: Mapping[str, Any], seen: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(part, dict):
        return
    yield from part.get("properties", {})
    reference = part.get("$ref", "")
    if reference and reference not in seen:
        target: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        yield from _names(target, whole, (*seen, reference))
    for branch in (*part.get("allOf", ()), *part.get("anyOf", ()), *part.get("oneOf", ()), part.get("then"), part.get("else")):
        yield from _names(branch, whole, seen)


def _path(loc: tuple[int | str, ...]) -> Path:
    return tuple(step.rstrip("_") if isinstance(step, str) else step for step in loc)


def _last(path: Path | tuple[int | str, ...]) -> str:
    """The innermost name: of an item of a list with its number, from 1."""
    if not path:
        return "the contract"
    step = path[-1]
    return f"{_last(path[:-1])}, item {step + 1}" if isinstance(step, int) else shown(step)


def _of(path: Path) -> str:
    return f"{_last(path)} " if path else "the contract "


def _in(path: Path) -> str:
    return f" in {_last(path)}" if path else " at the top level"


def _shown(value: Any) -> str:
    """A value in a message; of lists and mappings only what they are."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return "nothing" if value is None else repr(shown(value))


def _type_hint(wanted: str, value: Any) -> str:
    if wanted == "string" and isinstance(value, int | float | bool):
        return "put it in quotes"
    if value is None:
        return f"write {_WORDS.get(wanted, wanted)}, or take the line out"
    if wanted == "boolean":
        return "write true or false"
    if wanted in {"number", "integer"} and isinstance(value, str):
        return "write it without quotes, units and separators of thousands"
    if wanted == "array":
        return "write one item per line, each beginning with `- `"
    return f"write {_WORDS.get(wanted, wanted)}"


def _short(message: str) -> str:
    return message.splitlines()[0]
