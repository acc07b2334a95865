"""JSON lines: one object per line; the columns are the keys of all objects."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.connection import quoted_name, quoted_paths, quoted_text, shared, translated
from mlops_stage.inputs.tables.records import unpacked

if TYPE_CHECKING:
    from pathlib import Path

NOT_UTF8 = "not UTF-8: it looks like cp1252 (Windows) or Latin-1"
_LONGEST = 16_000_000
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_HINT = "write one JSON object per line, in UTF-8 without a byte order mark"


def columns_and_scan(paths: tuple[Path, ...], what: str) -> tuple[dict[str, str], str]:
    """Columns (all VARCHAR, sorted by name) and the SQL that reads them in order; a key that an object lacks is missing there.

    Raises:
        InputError: a line that is no JSON object, keys that differ only in case, or no rows.
    """
    files = quoted_paths(paths)
    connection = shared(paths)
    try:
        # every line is read: a key that turns up late is a column too
        keys = connection.execute(f"SELECT DISTINCT unnest(json_keys(json)) FROM read_ndjson_objects({files})").fetchall()
        kinds = connection.execute(f"SELECT DISTINCT json_type(json) FROM read_ndjson_objects({files})").fetchall()
    except duckdb.Error as error:
        raise unreadable(error, paths, what) from error
    if not kinds:
        raise InputError(f"{what}: {shown(paths[0].name)} has no rows", "check the step that wrote it")
    names = sorted(key for (key,) in keys)
    folded = [name.lower() for name in names]
    if kinds != [("OBJECT",)] or not names or "" in names or len(set(folded)) < len(folded):
        raise _odd(names, paths, what)
    types = ", ".join(f"{quoted_text(name)}: 'VARCHAR'" for name in names)
    aliases = ", ".join(f"{quoted_name(name)} AS c{position}" for position, name in enumerate(names))
    return dict.fromkeys(names, "VARCHAR"), (
        f"(SELECT {aliases} FROM read_json({files}, format = 'newline_delimited', auto_detect = false, hive_partitioning = false, columns = {{{types}}}))"
    )


def unreadable(error: duckdb.Error, paths: tuple[Path, ...], what: str) -> Exception:
    """The first line that is no JSON object, found by reading again (DuckDB counts lines differently from editors)."""
    if "JSON" in str(error):
        for path in paths:
            found = _first_bad_line(path)
            if found:
                line, why = found
                return InputError(f"{what}: {shown(path.name)}, line {line}: {why}", _HINT)
    return translated(error, what)


def _odd(names: list[str], paths: tuple[Path, ...], what: str) -> InputError:
    for path in paths:
        found = _first_bad_line(path)
        if found:
            return InputError(f"{what}: {shown(path.name)}, line {found[0]}: {found[1]}", _HINT)
    if not names:
        return InputError(f"{what}: {shown(paths[0].name)} holds objects without keys only", "check the step that wrote it")
    twice = next(name for position, name in enumerate(names) if name.lower() in [other.lower() for other in names[:position]])
    return InputError(
        f"{what}: {shown(paths[0].name)} has keys that differ only in case: {shown(twice)!r}", "give every column a name of its own"
    )


def _first_bad_line(path: Path) -> tuple[int, str] | None:
    with unpacked(path) as stream:
        return next(((number, why) for number, line in enumerate(stream, 1) if (why := why_no_object(line))), None)


def why_no_object(raw: bytes) -> str:
    """Why a line is no record, in a few words; empty where it is one JSON object, or blank."""
    return _read(raw)[1]


def keys_of(raw: bytes) -> tuple[list[str], str]:
    """The keys of the object that a line holds, and why it is no record, in a few words."""
    value, why = _read(raw)
    return list(value), why


def _read(raw: bytes) -> tuple[dict[str, Any], str]:
    """The object of a line and nothing, or nothing and why there is none."""
    if not raw.strip() or len(raw) > _LONGEST:
        return {}, "longer than 16 MB" if raw.strip() else ""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_object)
        if _HALF.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        return {}, NOT_UTF8
    except UnicodeEncodeError:
        return {}, "no valid JSON: half of a character, such as \\ud800 without its other half"
    except (ValueError, RecursionError) as error:
        return {}, f"no valid JSON: {_fault(error)}"
    if not isinstance(value, dict):
        return {}, f"a JSON {type(value).__name__} where an object should stand"
    return ({}, "a key without a name") if "" in value else (value, "")


def _fault(error: Exception) -> str:
    """What is wrong and where in its line, which the error itself always calls the first."""
    if not isinstance(error, json.JSONDecodeError):
        return shown(error)
    place = min(error.pos, len(error.doc.rstrip())) + 1
    return f"{error.msg[:1].lower()}{error.msg[1:].removesuffix(' at')} at character {place}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return made
