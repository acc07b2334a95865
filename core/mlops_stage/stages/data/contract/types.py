"""What a declared type and its options demand of a column."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.data.contract.bounds import NONE, number
from mlops_stage.stages.data.contract.expressions import RefusedError, check_pattern, connection
from mlops_stage.stages.data.rules import DistinctItems, Length, MultipleOf, Pattern, Range, Typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.stages.data.contract.reading import Place
    from mlops_stage.stages.data.rules import Column, Kind

NUMBERS: tuple[Kind, ...] = ("integer", "number")
TIMES: tuple[Kind, ...] = ("date", "timestamp", "time")
_A: Mapping[Kind, str] = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a date with a time",
    "time": "a time of day",
    "object": "an object",
    "array": "a list",
    "map": "a mapping",
    "vector": "a vector",
}
FORMATS: Mapping[str, str] = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s]*$",
    "hostname": r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    "ipv4": r"^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)$",
    "ipv6": r"^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$",
}
"""Formats of text that are checked, by their shape alone."""
_LETTERS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']")
_YEARS_TO_DAYS = {"yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d", "d": "%-d"}
_HOURS_TO_SECONDS = {"HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g"}
_FURTHER = {"DDD": "%j", "EEEE": "%A", "EEE": "%a", "SSSSSS": "%f", "SSSSSSSSS": "%n", "a": "%p", "XXX": "%z", "XX": "%z", "Z": "%z"}
_DIRECTIVES: Mapping[str, str] = {**_YEARS_TO_DAYS, **_HOURS_TO_SECONDS, **_FURTHER}
"""Letters of Java's DateTimeFormatter, which the standard writes formats in, and DuckDB's directives."""


def time_format(text: str, place: Place) -> str:
    """A format of dates in DuckDB's words; empty, and a problem, where it has none."""
    parts, end = [], 0
    for found in _LETTERS.finditer(text):
        token, quoted = found[0], found[1]
        if quoted is not None:
            parts.append((quoted.replace("''", "'") or "'").replace("%", "%%"))
        elif found[2] is None:
            parts.append(token.replace("%", "%%"))
        elif token in _DIRECTIVES:
            parts.append(_DIRECTIVES[token])
        else:
            place.problem(f"format {shown(text)!r}: {token!r} is not supported", f"supported: {' '.join(_DIRECTIVES)}")
            return ""
        end = found.end()
    directives = "".join(parts)
    if end != len(text) or not _is_format(directives):
        place.problem(f"format {shown(text)!r} is no format of dates", "write it such as yyyy-MM-dd'T'HH:mm:ss")
        return ""
    return directives


def _is_format(directives: str) -> bool:
    try:
        connection().execute("SELECT try_strptime('', $1)", [directives]).fetchall()
    except duckdb.Error:
        return False
    return True


def typed(place: Place, column: Column, declared: Mapping[str, Any]) -> None:
    """The rule that cells are of the type, and those of the type's options."""
    options = declared.get("logicalTypeOptions")
    physical = str(declared.get("physicalType") or "")
    if "(" in physical:
        told = f"the physicalType {shown(physical)!r} of {shown(column.name)} is not checked, nor is the size in it"
        place.below("physicalType").unchecked(told, "note")
    if column.kind is None:
        if options:
            place.below("logicalTypeOptions").problem(
                "logicalTypeOptions without logicalType: nobody knows what they are options of", "add `logicalType:`"
            )
        return
    told = f" in the format {shown(options['format'])}" if column.format and options else ""
    place.below("logicalType").rule(
        Typed(kind=column.kind, format=column.format),
        NONE,
        f"every cell of {column.name} is {_A[column.kind]}{told}, or missing",
        id=f"{column.name}.type",
        columns=(column.name,),
    )
    if options:
        _options(place.below("logicalTypeOptions"), column, column.kind, options)


def _options(place: Place, column: Column, kind: Kind, options: Mapping[str, Any]) -> None:
    if kind in (*NUMBERS, *TIMES):
        _range(place, column, options)
    if kind == "string":
        _text(place, column, options)
    elif kind in NUMBERS and "multipleOf" in options:
        step = float(options["multipleOf"])
        _rule(place, "multipleOf", MultipleOf(step=step), f"{column.name} is a multiple of {number(step)}", column)
    elif kind == "array":
        _items(place, column, options)
    if kind in {"integer", "number"} and "format" in options:
        _width(place, column, str(options["format"]))
    if kind in {"timestamp", "time"}:
        _zone(place, column, options)
    if kind in {"object", "vector", "map"}:
        place.unchecked(f"options of the type {kind} are not checked")


def _zone(place: Place, column: Column, options: Mapping[str, Any]) -> None:
    """A time without a zone is UTC here, and a cell may have a zone or none."""
    if "timezone" in options:
        told = f"whether cells of {shown(column.name)} have a time zone is not checked: with or without one will do"
        place.below("timezone").unchecked(told)
    zone = str(options.get("defaultTimezone") or "UTC")
    if zone not in _UTC:
        told = f"the defaultTimezone {shown(zone)!r} of {shown(column.name)} is not applied: a time without a zone is taken as UTC"
        place.below("defaultTimezone").unchecked(told)


_UTC = ("UTC", "Etc/UTC", "Z", "GMT", "Etc/GMT", "+00:00")


def _rule(place: Place, option: str, check: Any, sentence: str, column: Column) -> None:
    place.below(option).rule(check, NONE, sentence, id=f"{column.name}.{option}", columns=(column.name,))


def _range(place: Place, column: Column, options: Mapping[str, Any]) -> None:
    """Each end is a rule of its own, so that it is told at its own line."""
    ends: dict[str, float | str] = {}
    for option in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        if option in options:
            end = _end(options[option], column, place.below(option))
            if end is not None:
                ends[option] = end
    for side, other in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if side in ends and other in ends:
            place.below(other).problem(f"{side} and {other} are both given", "keep one of them")
            return
    low = next((ends[option] for option in ("minimum", "exclusiveMinimum") if option in ends), None)
    high = next((ends[option] for option in ("maximum", "exclusiveMaximum") if option in ends), None)
    if low is not None and high is not None and _reversed(low, high, ends):
        place.problem(f"no value lies between {shown(low)} and {shown(high)}", "write the smaller one as minimum")
        return
    for option, end in ends.items():
        _rule(place, option, _one_end(option, end), f"{column.name} is {_END_WORDS[option]} {_told(end)}", column)


_END_WORDS = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most", "exclusiveMaximum": "less than"}


def _one_end(option: str, end: float | str) -> Range:
    opened = option.startswith("exclusive")
    if option.lower().endswith("minimum"):
        return Range(low=end, low_open=opened)
    return Range(high=end, high_open=opened)


def _reversed(low: float | str, high: float | str, ends: Mapping[str, Any]) -> bool:
    if isinstance(low, str) or isinstance(high, str):
        return str(low) > str(high)
    return low > high or (low == high and any(option.startswith("exclusive") for option in ends))


def _told(end: float | str) -> str:
    return end if isinstance(end, str) else number(end)


def _end(value: Any, column: Column, place: Place) -> float | str | None:
    """A number, or the ISO text of a time in UTC; None, and a problem, where it is neither."""
    if column.kind in NUMBERS:
        return value if isinstance(value, int | float) else None  # anything else is told by the JSON Schema
    try:
        return _iso(str(value), column.kind)
    except ValueError:
        example = {"date": "2024-01-31", "time": "08:30:00"}.get(str(column.kind), "2024-01-31T08:30:00")
        place.problem(f"{shown(value)!r} is no {column.kind} in ISO 8601", f"write it such as '{example}'")
        return None


def _iso(text: str, kind: Kind | None) -> str:
    if kind == "date":
        return datetime.fromisoformat(text).date().isoformat()
    if kind == "time":
        return time.fromisoformat(text).isoformat()
    moment = datetime.fromisoformat(text)
    utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return utc.isoformat()


def _text(place: Place, column: Column, options: Mapping[str, Any]) -> None:
    low, high = options.get("minLength"), options.get("maxLength")
    if low is not None and high is not None and low > high:
        place.problem(f"no text has at least {low} and at most {high} characters", "write the smaller number as minLength")
        return
    if low is not None:
        _rule(place, "minLength", Length(low=low), f"{column.name} has at least {low:,} characters", column)
    if high is not None:
        _rule(place, "maxLength", Length(high=high), f"{column.name} has at most {high:,} characters", column)
    if "pattern" in options:
        pattern(place.below("pattern"), str(options["pattern"]), column)
    kind = str(options.get("format", ""))
    if kind in FORMATS:
        _rule(place, "format", Pattern(text=FORMATS[kind]), f"{column.name} looks like {_FORMAT_WORDS[kind]}", column)
    elif kind:
        place.below("format").unchecked(
            f"the format {shown(kind)!r} of {shown(column.name)} is not checked; checked are {', '.join(FORMATS)}", "note"
        )


_FORMAT_WORDS = {
    "email": "an e-mail address",
    "uuid": "a UUID",
    "uri": "a URI",
    "hostname": "a host name",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
}


def pattern(place: Place, text: str, column: Column) -> None:
    """The rule that a pattern is found in every cell."""
    try:
        check_pattern(text)
    except RefusedError as error:
        place.problem(*error.told)
        return
    sentence = f"{column.name} matches the pattern {shown(text)}"
    place.rule(Pattern(text=text), NONE, sentence, id=f"{column.name}.pattern", columns=(column.name,))


def _items(place: Place, column: Column, options: Mapping[str, Any]) -> None:
    low, high = options.get("minItems"), options.get("maxItems")
    if low is not None and high is not None and low > high:
        place.problem(f"no list has at least {low} and at most {high} items", "write the smaller number as minItems")
        return
    if low is not None:
        _rule(place, "minItems", Length(low=low), f"{column.name} has at least {low:,} items", column)
    if high is not None:
        _rule(place, "maxItems", Length(high=high), f"{column.name} has at most {high:,} items", column)
    if options.get("uniqueItems"):
        _rule(place, "uniqueItems", DistinctItems(), f"no list in {column.name} holds an item twice", column)


def _width(place: Place, column: Column, kind: str) -> None:
    """Whole numbers of a declared width lie within it; that of floats is not checked."""
    found = re.fullmatch(r"([iu])(\d+)", kind)
    if not found:
        place.below("format").unchecked(f"the format {shown(kind)!r} of {shown(column.name)} is not checked: any number will do", "note")
        return
    bits = int(found[2])
    low, high = (0, 2**bits - 1) if found[1] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    _rule(
        place,
        "format",
        Range(low=low, high=high),
        f"{column.name} fits into {bits} bits{' without a sign' if found[1] == 'u' else ''}",
        column,
    )


def kind_of(declared: Mapping[str, Any]) -> Kind | None:
    """The logical type that a column declares."""
    kind: Kind | None = declared.get("logicalType")
    return kind
