"""Comma-separated values: the header is read here, never detected."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, cast

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.connection import quoted_paths
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LONGEST_LINE = 2_000_000
"""Characters; DuckDB's own limit."""
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_MARKS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def columns_and_scan(paths: tuple[Path, ...], what: str) -> tuple[dict[str, str], str]:
    """Columns (all VARCHAR) of the header, which all files share, and the SQL that reads them in order.

    A record with too few cells or too many is refused when it is read, with one exception: cells too many that are empty (`1,2,` below `a,b`) are
    dropped by DuckDB without a word, save in the first record. The other cells stay in their columns.

    Raises:
        InputError: no header, no rows, different headers, or a damaged archive.
    """
    heads = [_head(path, what) for path in paths]
    names = heads[0][0]
    for path, (others, _) in zip(paths, heads, strict=True):
        if others != names:
            raise InputError(
                f"{what}: {shown(path.name)} has another header than {shown(paths[0].name)}",
                "write all files with the same columns in the same order",
            )
    if not any(filled for _, filled in heads):
        raise InputError(f"{what}: {shown(paths[0].name)} has a header but no rows", "check the step that wrote it")
    types = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(names)))
    scan = (
        f"read_csv({quoted_paths(paths)}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
        f"strict_mode = true, null_padding = false, hive_partitioning = false, columns = {{{types}}})"
    )
    return dict.fromkeys(names, "VARCHAR"), scan


def header_of(path: Path, what: str) -> list[str]:
    """The names of the columns, checked; what follows is not looked at.

    Raises:
        InputError: no header, one that is not UTF-8, or a damaged archive.
    """
    with _lines(path, what, "surrogateescape") as lines:
        header = next(csv.reader(lines, strict=True), [])
    if any("\udc80" <= mark <= "\udcff" for name in header for mark in name):
        raise _not_utf8(path, what, 1)
    return _checked(header, path, what)


def _head(path: Path, what: str) -> tuple[list[str], bool]:
    """The header, checked, and whether a row follows."""
    with _lines(path, what) as lines:
        records = csv.reader(lines, strict=True)
        names = _checked(next(records, []), path, what)
        first = next((record for record in records if record), None)
    if first is not None and len(first) != len(names):
        raise InputError(
            f"{what}: {shown(path.name)}, first row: {counted(len(first), 'column')} where the header has {len(names)}",
            "quote values that hold a comma, and write every column in every row",
        )
    return names, first is not None


@contextmanager
def _lines(path: Path, what: str, errors: str = "strict") -> Iterator[Iterator[str]]:
    where = f"{what}: {shown(path.name)}"
    try:
        with _unpacked(path) as raw, io.TextIOWrapper(raw, "utf-8-sig", errors, newline="") as text:
            yield _bounded(text)
    except UnicodeDecodeError as error:
        raise _not_utf8(path, what, _first_bad_line(path)) from error
    except csv.Error as error:
        raise InputError(
            f"{where}: cannot be read as CSV: {shown(error)}", 'close quotes, and write a quote inside a quoted value twice: ""'
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{where}: the gzip archive is damaged or cut short", "write or download the file again") from error


def _not_utf8(path: Path, what: str, line: int) -> InputError:
    message = f"{what}: {shown(path.name)}, line {line}: not UTF-8; it looks like cp1252 (Windows) or Latin-1"
    return InputError(message, "save the file as UTF-8: `iconv -f cp1252 -t UTF-8 old.csv > new.csv`")


def _first_bad_line(path: Path) -> int:
    with _unpacked(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _unpacked(path: Path) -> BinaryIO:
    """The bytes of a file or archive; an archive is read to its end first, for one cut short would otherwise lose rows without a word."""
    if not path.name.lower().endswith(".gz"):
        return path.open("rb")
    with gzip.open(path, "rb") as stream:
        while stream.read(1 << 20):
            pass
    return cast("BinaryIO", gzip.open(path, "rb"))


def _bounded(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise csv.Error("a line of more than 2 MB")
        yield line


def _checked(header: list[str], path: Path, what: str) -> list[str]:
    """The names of the columns; one without a name (pandas' index) is called by its position."""
    where = f"{what}: {shown(path.name)}, line 1"
    if len(header) == 1 and any(mark in header[0] for mark in _MARKS):
        mark = next(mark for mark in _MARKS if mark in header[0])
        raise InputError(
            f"{where}: the columns are separated by {_MARKS[mark]}; commas are needed",
            "write it with commas, or as Parquet",
        )
    if header and all(_is_number(name) for name in header):
        raise InputError(f"{where}: numbers where the names of the columns should stand", "write a header row")
    if not header:
        raise InputError(f"{where} is blank", "begin the file with the names of the columns; check the step that wrote it")
    if any(mark in name for name in header for mark in "\r\n"):
        # DuckDB would take that line break for the file's kind of line end, and find no rows
        raise InputError(f"{where}: the name of a column holds a line break", "give every column a name of one line")
    names = [name or f"column {position}" for position, name in enumerate(header, 1)]
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        hint = (
            "begin the file with the names of the columns: that line looks like data"
            if headless(names)
            else "give every column a name of its own"
        )
        raise InputError(f"{where}: the column {shown(twice)!r} stands there twice", hint)
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip().lower() not in ("nan", "inf", "infinity")


def headless(names: Sequence[str]) -> bool:
    """Whether the names of columns seem to be the cells of a first row: some are numbers, and not years or positions, which count up."""
    numbers = [float(name) for name in names if _NUMBER.fullmatch(name)]
    counting = all(number.is_integer() for number in numbers) and all(one < other for one, other in pairwise(numbers))
    return bool(numbers) and not counting
