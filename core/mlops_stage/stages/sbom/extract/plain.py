"""Small files of unknown origin in JSON, YAML and TOML, read as plain values: bounded, without aliases, without code."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from mlops_stage.evidence.redact import shown
from mlops_stage.report import Finding, Level
from mlops_stage.stages.sbom.extract.scene import Remark

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_BYTES = 2**20
MOST_LOCK_BYTES = 64 * 2**20
_MOST = 50
_DEEPEST = 100
_TOO_DEEP = f"it is nested more than {_DEEPEST} deep"
_STACKED = re.compile(rf"(?:[\[{{]\s*){{{_DEEPEST}}}")
"""So many brackets in a row, over which the parser of YAML takes seconds."""
_BRACKETS = 300
_LONGEST = 1024
"""Bits of a whole number: more than any count or digest has, and far from what Python refuses to write."""


class UnreadableError(ValueError):
    """Not such a file; the message says why, for one line."""


def text_of(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a file, of which no more than so many bytes are read; what is no UTF-8 is replaced.

    Raises:
        UnreadableError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(most).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    except OSError as error:
        raise UnreadableError(str(error.strerror)) from error


def json_of(path: Path, most: int = MOST_BYTES) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        UnreadableError: it is none.
    """
    try:
        plain = json.loads(text_of(path, most))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not valid JSON: {error}") from error
    return _mapping(plain)


def toml_of(path: Path, most: int = MOST_BYTES) -> Mapping[str, Any]:
    """A TOML document.

    Raises:
        UnreadableError: it is none.
    """
    try:
        return tomllib.loads(text_of(path, most))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not valid TOML: {error}") from error


def yaml_of(text: str) -> Mapping[str, Any]:
    """A mapping in YAML without aliases, which could stand for more than memory holds.

    Raises:
        UnreadableError: it is none.
    """
    if _STACKED.search(text):
        raise UnreadableError(_TOO_DEEP)
    try:
        if "*" in text or text.count("[") + text.count("{") > _BRACKETS:
            _walk(text)
        plain = YAML(typ="safe", pure=True).load(text)
    except UnreadableError:
        raise
    except YAMLError as error:
        raise UnreadableError(f"not valid YAML: {' '.join(str(error).split())}") from error
    except Exception as error:  # its constructors raise errors of many kinds, KeyError and IndexError too, on values that are none
        raise UnreadableError(f"not valid YAML: {shown(error, 120) or type(error).__name__}") from error
    return _mapping(plain)


def _walk(text: str) -> None:
    """Refuse what would unfold; most files have nothing that could, and are spared a second pass."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if isinstance(event, AliasEvent) or depth > _DEEPEST:
            raise UnreadableError("it has YAML aliases" if isinstance(event, AliasEvent) else _TOO_DEEP)


def texts(plain: Any) -> list[str]:
    """A text, or the texts of a list; nothing else."""
    listed = plain if isinstance(plain, list) else [plain]
    return [str(one) for one in listed if isinstance(one, str | int) and not isinstance(one, bool) and str(one).strip()][:_MOST]


def tables(plain: Any, most: int = 100_000) -> list[dict[str, Any]]:
    """The mappings of a list; nothing else."""
    return [one for one in plain if isinstance(one, dict)][:most] if isinstance(plain, list) else []


def table(plain: Any) -> dict[str, Any]:
    """A mapping; an empty one in the place of anything else."""
    return plain if isinstance(plain, dict) else {}


def word(plain: Any) -> str:
    """A text; an empty one in the place of anything else."""
    return plain if isinstance(plain, str) else ""


def unread(name: str, why: object) -> Remark:
    """Tell that a file says nothing here."""
    return Remark(
        finding=Finding(
            rule="sbom/unreadable",
            level=Level.WARNING,
            message=f"{shown(name)} could not be read, and what it says is missing: {shown(why, 160)}",
            location=name,
            hint="mend the file, or declare what it would say",
        )
    )


def _mapping(plain: Any) -> Mapping[str, Any]:
    """A mapping in which nothing is nested too deep to be handled, and no number too long to be written.

    Raises:
        UnreadableError: it is something else.
    """
    if not isinstance(plain, dict):
        raise UnreadableError("it holds no mapping")
    level: list[dict[Any, Any] | list[Any]] = [plain]
    depth = 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise UnreadableError(_TOO_DEEP)
        inner = [value for one in level for value in (one.values() if isinstance(one, dict) else one)]
        if any(isinstance(value, int) and value.bit_length() > _LONGEST for value in inner):
            raise UnreadableError("it holds a number of far too many digits")
        level = [value for value in inner if isinstance(value, dict | list)]
    return plain
