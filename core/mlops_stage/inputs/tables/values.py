"""Values of cells: their one canonical text, and what kind of values a column holds."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

FEW_LEVELS = 50
"""Up to so many distinct whole numbers are classes."""
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
NUMERIC = ("FLOAT", "DOUBLE", "DECIMAL", *INTEGERS)
"""DuckDB's types of numbers."""

_WHOLE_TEXT = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.0*)?")
_LARGEST = 1e300


class Codes(NamedTuple):
    """A column of text: row i holds `levels[codes[i]]`, or nothing where `codes[i]` is -1."""

    codes: NDArray[np.int64]
    """Shape (n,)."""
    levels: tuple[str, ...]
    """Distinct canonical values that occur: whole numbers in their order, everything else by code points."""


class Summary(NamedTuple):
    """What kind of values a column holds, beside missing ones."""

    textual: bool
    """Some cell is neither missing nor a number: text or a boolean."""
    fractions: bool
    """Some number is not whole."""
    numbers: int
    """Distinct numbers, counted up to 51."""


def summary_of(texts: Iterable[str | None]) -> Summary:
    """The summary of a column from its distinct texts."""
    found = [number_of(text) for text in texts if text is not None]
    numbers = {number for number in found if number is not None and not math.isnan(number)}
    return Summary(
        textual=None in found,
        fractions=any(math.isfinite(number) and number != math.trunc(number) for number in numbers),
        numbers=min(len(numbers), FEW_LEVELS + 1),
    )


def number_of(text: str) -> float | None:
    """The number that a text is, as DuckDB casts it: no underscores, no digits of other scripts."""
    try:
        return None if "_" in text or not text.isascii() else float(text)
    except ValueError:
        return None


def canonical_text(text: str) -> str | None:
    """The one spelling of a value: `1` for `1.0`, `true` for `True`; None for NaN."""
    whole = _WHOLE_TEXT.fullmatch(text)
    if whole:
        return "0" if whole[2] == "0" else whole[1] + whole[2]
    if text in ("True", "TRUE", "true"):
        return "true"
    if text in ("False", "FALSE", "false"):
        return "false"
    if text in ("nan", "NaN", "NAN"):
        return None
    large = re.fullmatch(r"-?[0-9](?:\.[0-9]+)?e\+[0-9]+", text)  # DuckDB writes whole floats from 1e16 so
    return str(int(float(text))) if large and float(text).is_integer() and abs(float(text)) < _LARGEST else text


def in_order(levels: Iterable[str | None]) -> tuple[str, ...]:
    """Distinct levels: whole numbers in their own order, everything else by code points; None is left out."""
    present = {level for level in levels if level is not None}
    key: Any = int if all(re.fullmatch(r"-?[0-9]{1,18}", level) for level in present) else str
    return tuple(sorted(present, key=key))


def number_hint(cell: str) -> str:
    """What to do about a cell that is no number."""
    if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?|-?[0-9_]+", cell):
        return "write numbers without separators of thousands"
    if re.fullmatch(r"-?[0-9.]*,[0-9]+", cell):
        return "write numbers with a decimal point"
    return "write numbers such as 1234.5, and leave a missing cell empty"
