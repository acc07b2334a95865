"""Take the records that can be read out of a damaged CSV or JSONL file, and say of every other one why not."""

from __future__ import annotations

import codecs
import re
from array import array
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.jsonlines import NOT_UTF8, keys_of
from mlops_stage.inputs.tables.records import unpacked
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_TOLD = 1000
"""Rejects that are described; all are counted."""
LONGEST_RECORD = 2_000_000
"""Bytes of a CSV record, DuckDB's own limit."""
_BATCH = 1000
_QUOTED = re.compile(rb'"(?:[^"]|"")*"')


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A record that cannot be read; what it holds is not shown."""

    file: str
    """Relative to the root."""
    line: int
    """Where it begins, from 1."""
    record: int
    """Its number in the file, from 1, the header not counted."""
    reason: str


@dataclass
class Salvage:
    """What became of the records of one file."""

    file: str
    rows: int = 0
    rejected: array[int] = field(default_factory=lambda: array("q"))
    """Numbers of all records that cannot be read, rising."""
    told: list[Reject] = field(default_factory=list)
    """The first of them."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How many of them there are for each reason."""

    def reject(self, line: int, reason: str) -> None:
        """Count a record that cannot be read."""
        self.rejected.append(self.rows + len(self.rejected) + 1)
        self.reasons[reason] += 1
        if len(self.told) < MOST_TOLD:
            self.told.append(Reject(file=self.file, line=line, record=self.rejected[-1], reason=reason))


def delimited(path: Path, into: Path, columns: int, file: str) -> Salvage:
    """Copy the header and every record of a CSV file that has as many cells as the header and holds to RFC 4180.

    A quote opens a value only at its beginning; a stray one makes its own record unreadable, one that is never closed takes the rest of the file.
    """
    found = Salvage(file)
    with unpacked(path) as stream, into.open("wb") as clean:
        records = _records(stream)
        header = next(records, None)
        clean.write((header[1] if header else b"").removeprefix(codecs.BOM_UTF8) + b"\n")
        for line, record, cells, fault in records:
            reason = fault or _why_not(record, cells, columns)
            if reason:
                found.reject(line, reason)
            else:
                clean.write(record + b"\n")
                found.rows += 1
    return found


def objects(path: Path, into: Path, file: str, spellings: dict[str, str] | None = None) -> Salvage:
    """Copy every line that is one JSON object.

    Args:
        path: the file.
        into: where to.
        file: as a message names it.
        spellings: keys by their lower case, as earlier files of the table spell them: DuckDB ignores case, so that another spelling is no key of its own.
    """
    found, known = Salvage(file), {} if spellings is None else spellings
    connection = duckdb.connect(":memory:")
    try:
        with unpacked(path) as stream, into.open("wb") as clean:
            records = ((line, raw) for line, raw in enumerate(stream, 1) if raw.strip())
            while batch := list(islice(records, _BATCH)):
                valid = _valid(connection, [raw for _, raw in batch])
                for (line, raw), good in zip(batch, valid, strict=True):
                    reason = _why_no_record(raw, known) or ("" if good else "no valid JSON")
                    if reason:
                        found.reject(line, reason)
                    else:
                        clean.write(raw if raw.endswith(b"\n") else raw + b"\n")
                        found.rows += 1
    finally:
        connection.close()
    return found


def _valid(connection: Any, lines: list[bytes]) -> list[bool]:
    """What the reader itself holds each line for, which is stricter here and there than Python."""
    texts = [line.decode(errors="replace") for line in lines]
    return [
        good for (good,) in connection.execute("SELECT json_valid(line) FROM (SELECT unnest(?::VARCHAR[]) AS line)", [texts]).fetchall()
    ]


def _why_no_record(raw: bytes, spellings: dict[str, str]) -> str:
    """Why a line is no record beside those before it, whose keys are taken down."""
    keys, why = keys_of(raw)
    if why:
        return why
    own: dict[str, str] = {}
    for key in keys:
        other = own.setdefault(key.lower(), key)
        earlier = spellings.get(key.lower(), key)
        if {other, earlier} != {key}:
            return f"its key {shown(key, 40)!r} is {shown(other if other != key else earlier, 40)!r} but for case"
    spellings.update(own)
    return ""


def _why_not(record: bytes, cells: int, columns: int) -> str:
    if cells != columns:
        return f"{counted(cells, 'cell')} where the header has {columns:,}"
    if len(record) > LONGEST_RECORD:
        return "longer than 2 MB"
    if b"\0" in record:
        return "holds NUL bytes"
    return "" if _is_utf8(record) else NOT_UTF8


def _records(stream: Any) -> Iterator[tuple[int, bytes, int, str]]:
    """(line of its beginning, bytes, number of cells, what is wrong with its quotes) of every record that is not blank."""
    lines = enumerate(stream, 1)
    for line, raw in lines:
        record = raw.rstrip(b"\r\n")
        if not record:
            continue
        if b'"' not in record:
            yield line, record, record.count(b",") + 1, "" if b"\r" not in record else "line ends of different kinds"
            continue
        cells, fault = _cells(record)
        parts, last = [raw], line
        while cells is None:
            following = next(lines, None)
            if following is None:
                break
            last = following[0]
            parts.append(following[1])
            if b'"' in following[1]:
                record = b"".join(parts).rstrip(b"\r\n")
                cells, fault = _cells(record)
        if cells is None:
            through = f", which takes everything up to line {last:,}" if last > line else ""
            yield line, b"", 0, f"a quote that is never closed{through}"
        else:
            yield line, record, cells, fault


def _cells(record: bytes) -> tuple[int | None, str]:
    """The number of cells, or None where a quote is open at the end; and what is wrong."""
    at = cells = 0
    while True:
        cells += 1
        if record[at : at + 1] == b'"':
            closed = _QUOTED.match(record, at)
            if closed is None:
                return None, ""
            at = closed.end()
            if at == len(record):
                return cells, ""
            if record[at] != ord(","):
                return 0, "text after a closing quote, or a quote inside a value that is not doubled"
        else:
            comma = record.find(b",", at)
            if b'"' in record[at : len(record) if comma < 0 else comma]:
                return 0, "a quote inside a value that is not quoted"
            if comma < 0:
                return cells, ""
            at = comma
        at += 1


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
