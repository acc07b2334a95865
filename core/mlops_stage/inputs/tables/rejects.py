"""Open a table so that every record of its files is either a row or a reject: nothing is guessed, nothing is lost."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.paths import relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables import delimited, jsonlines, parquet, records, salvage
from mlops_stage.inputs.tables.connection import quoted_name, quoted_paths, run, shared
from mlops_stage.inputs.tables.delimited import header_of
from mlops_stage.inputs.tables.open import Table, files_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_stage.inputs.tables.formats import Format
    from mlops_stage.inputs.tables.salvage import Reject, Salvage
    from mlops_stage.report import Subject

_TWICE = "SELECT 1 FROM read_ndjson_objects({}) WHERE len(json_keys(json)) <> len(list_distinct(json_keys(json))) LIMIT 1"
"""DuckDB takes one of two keys of the same name without a word."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file of a table."""

    file: str
    """Relative to the root."""
    rows: int
    rejected: tuple[int, ...] = ()
    """Numbers of the records that are no rows, rising."""

    def record(self, row: int) -> int:
        """The number of the record, from 1, that is the row of that number, from 1."""
        gone = self.rejected
        # the reject at that place, from 0, has so many rows before it
        return row + bisect_left(range(len(gone)), row, key=lambda place: gone[place] - place - 1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A table whose rows and rejects are all the records of its files."""

    table: Table
    """The rows that can be read; where there are rejects its paths are copies without them."""
    subject: Subject
    """The files as they are, by digest."""
    parts: tuple[Part, ...]
    rejects: tuple[Reject, ...]
    """The first thousand of each file."""
    reasons: Mapping[str, int]
    """How many there are for each reason."""
    records: int
    """Counted without the reader: bytes and quotes of CSV, lines of JSONL, the footers of Parquet."""

    @property
    def rows(self) -> int:
        """Records that are rows."""
        return sum(part.rows for part in self.parts)

    @property
    def rejected(self) -> int:
        """Records that are none."""
        return sum(len(part.rejected) for part in self.parts)

    @property
    def lost(self) -> int:
        """Records that are neither row nor reject, or rows that are no record; anything but 0 is a reader's fault."""
        return abs(self.records - self.rows - self.rejected)

    def place(self, row: int) -> tuple[str, int]:
        """File and record, both as a person finds them, of a row of the table, from 1."""
        starts = [0, *accumulate(part.rows for part in self.parts)]
        which = min(bisect_right(starts, row - 1) - 1, len(self.parts) - 1)
        return self.parts[which].file, self.parts[which].record(row - starts[which])


def read_all(source: str, root: Path, spill: Path, what: str = "data") -> Reading:
    """Open a file, a folder or a glob; a record that cannot be read costs itself only.

    Files whose bytes, counted, agree with what the strict reader finds are read as they are. Of others, every record that can be read is copied
    into `spill`, which must outlive the reading.

    Raises:
        UsageError: nothing is there.
        InputError: no header, different headers or types, a damaged archive, an encoding other than UTF-8 from the first line, or no row at all.
    """
    paths, kind = files_of(source, root, what)
    original = Table(source=source, what=what, root=root, paths=paths, format=kind, columns={}, scan="")
    if kind == "parquet":
        return _footers(original)
    strictly = _strict(original)
    return strictly if strictly is not None and not strictly.lost else _salvaged(original, spill)


def _opened(original: Table, paths: tuple[Path, ...]) -> Table:
    kind: Format = original.format
    reader = {"csv": delimited, "jsonl": jsonlines, "parquet": parquet}[kind]
    columns, scan = reader.columns_and_scan(paths, original.what)
    return Table(source=original.source, what=original.what, root=original.root, paths=paths, format=kind, columns=columns, scan=scan)


def _footers(original: Table) -> Reading:
    table = _opened(original, original.paths)
    connection = shared(table.paths)
    parts, records = [], 0
    for path in table.paths:
        scanned, told = _scanned(connection, table, path)
        parts.append(Part(file=relative(table.root, path), rows=scanned))
        # any figure of the file that differs from the rows that came out of it
        records += max(told, key=lambda count: abs(count - scanned))
    return Reading(table=table, subject=original.subject(), parts=tuple(parts), rejects=(), reasons={}, records=records)


def _scanned(connection: Any, table: Table, path: Path) -> tuple[int, set[int]]:
    """Rows that a scan gives, and how many there are by the footer, by its row groups, and by the values of each column that is no list."""
    file = quoted_paths([path])
    (footer,) = run(connection, f"SELECT num_rows FROM parquet_file_metadata({file})", table.name)[0]
    groups = run(
        connection,
        f"SELECT sum(rows) FROM (SELECT any_value(row_group_num_rows) AS rows FROM parquet_metadata({file}) GROUP BY row_group_id)",
        table.name,
    )[0][0]
    # of a column that lies flat below the root
    flat = "SELECT name FROM parquet_schema({0}) WHERE coalesce(num_children, 0) = 0 AND coalesce(repetition_type, '') <> 'REPEATED'"
    values = run(
        connection,
        f"SELECT DISTINCT total FROM (SELECT sum(num_values) AS total FROM parquet_metadata({file}) WHERE path_in_schema IN ({flat.format(file)}) GROUP BY path_in_schema)",
        table.name,
    )
    # every cell of a column is looked at: a bare count(*) would be answered from the footer that is to be checked
    first = quoted_name(
        next(iter(run(connection, f"DESCRIBE SELECT * FROM read_parquet({file}, hive_partitioning = false)", table.name)))[0]
    )
    scanned = run(
        connection, f"SELECT count(*) FROM read_parquet({file}, hive_partitioning = false) WHERE hash({first}) IS NOT NULL", table.name
    )[0][0]
    return int(scanned), {int(footer), int(groups or 0), *(int(total) for (total,) in values)}


def _strict(original: Table) -> Reading | None:
    """The reading where bytes and strict reader agree on every file; None where anything is odd."""
    parts = []
    for path in original.paths:
        count = records.delimited(path) if original.format == "csv" else records.lines(path)
        width = len(header_of(path, original.what)) if original.format == "csv" else 1
        if not count.sound or count.commas != count.records * (width - 1):
            return None
        parts.append(Part(file=relative(original.root, path), rows=count.records - (original.format == "csv")))
    try:
        table = _opened(original, original.paths)
        rows = _rows(table)
        odd = original.format == "jsonl" and run(shared(table.paths), _TWICE.format(quoted_paths(table.paths)), table.name)
    except InputError:
        return None
    if odd:
        return None
    if rows != sum(part.rows for part in parts):
        return None
    return Reading(table=table, subject=original.subject(), parts=tuple(parts), rejects=(), reasons={}, records=rows)


def _rows(table: Table) -> int:
    # a column is named so that the parser looks at every record, not only at line ends
    return int(run(shared(table.paths), f"SELECT count(*) FROM (SELECT c0 FROM {table.scan})", table.name)[0][0])


def _salvaged(original: Table, spill: Path) -> Reading:
    found: list[Salvage] = []
    copies = []
    spellings: dict[str, str] = {}
    widths = {tuple(header_of(path, original.what)) for path in original.paths} if original.format == "csv" else {()}
    if len(widths) > 1:
        delimited.columns_and_scan(original.paths, original.what)  # says which files differ
    width = len(widths.pop())
    for place, path in enumerate(original.paths):
        name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name  # messages name the file that the user knows
        copy = spill / f"{original.what}-{place}" / name
        copy.parent.mkdir()
        file = relative(original.root, path)
        found.append(
            salvage.delimited(path, copy, width, file) if original.format == "csv" else salvage.objects(path, copy, file, spellings)
        )
        copies.append(copy)
    if not any(one.rows for one in found):
        raise _nothing(original, found)
    table = _opened(original, tuple(copies))
    parts = tuple(Part(file=one.file, rows=one.rows, rejected=tuple(one.rejected)) for one in found)
    total = _rows(table) + sum(len(one.rejected) for one in found)
    told = tuple(reject for one in found for reject in one.told)
    reasons = sum((one.reasons for one in found), Counter[str]())
    return Reading(table=table, subject=original.subject(), parts=parts, rejects=told, reasons=reasons, records=total)


def _nothing(original: Table, found: list[Salvage]) -> InputError:
    first = next((reject for one in found for reject in one.told), None)
    if first is None:
        return InputError(f"{original.name} has a header but no rows", "check the step that wrote it")
    count = sum(len(one.rejected) for one in found)
    told = "its only record cannot be read" if count == 1 else f"none of its {count:,} records can be read"
    return InputError(f"{original.name}: {told}; line {first.line}: {shown(first.reason, 120)}", remedy(first.reason))


def remedy(reason: str) -> str:
    """What to do about records that cannot be read for a reason."""
    if "UTF-8" in reason:
        return "convert the file: `iconv -f cp1252 -t UTF-8 OLD > NEW`"
    if "JSON" in reason:  # whose own words for a fault may speak of quotes and cells
        return "write one JSON object per line"
    if "where the header has" in reason:
        return "quote values that hold a comma, and write every column in every row"
    return 'close quotes, and write a quote inside a quoted value twice: ""' if "quote" in reason else "check the step that wrote it"
