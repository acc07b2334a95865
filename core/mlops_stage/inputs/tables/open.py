"""Open a table strictly: its files, its format by suffix, its columns; nothing is guessed."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.digest import of_json, sha256_many
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.content import head_of, sniffed
from mlops_stage.inputs.tables import delimited, jsonlines, parquet
from mlops_stage.inputs.tables.formats import FORMATS, Format
from mlops_stage.report import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

_READERS: Mapping[Format, Callable[[tuple[Path, ...], str], tuple[dict[str, str], str]]] = {
    "csv": delimited.columns_and_scan,
    "jsonl": jsonlines.columns_and_scan,
    "parquet": parquet.columns_and_scan,
}
_CONVERT = "write the table as CSV, JSONL or Parquet, with the suffix .csv, .jsonl or .parquet"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Files that can be read as one table; holds no rows."""

    source: str
    """As the user wrote it."""
    what: str
    """The param that named it: `data`, `train`, `predictions` …"""
    root: Path
    paths: tuple[Path, ...]
    """In the order in which their rows follow one another: by name."""
    format: Format
    columns: Mapping[str, str]
    """Name -> DuckDB type, in the order of the file; CSV and JSONL are VARCHAR throughout."""
    scan: str = field(repr=False)
    """SQL that stands after FROM and has the columns c0, c1, … in that order."""
    costly: bool = False
    """Whether to evaluate `scan` once and keep what it gives, although the format is cheap to read again."""

    @property
    def name(self) -> str:
        """As it stands in a message: `data (test.csv)`."""
        return f"{self.what} ({shown(self.source)})"

    def column(self, name: str, param: str, taken: Collection[str] = ()) -> str:
        """The SQL name of a column; `param` says which param asked for it.

        Raises:
            UsageError: the table has no such column; the hint names the nearest that is not `taken` by another role.
        """
        names = list(self.columns)
        if name in self.columns:
            return f"c{names.index(name)}"
        free = [other for other in names if other not in taken]
        near = get_close_matches(name, free, 1, 0.5) or [other for other in free if other.strip().lower() == name.strip().lower()]
        listed = shown(", ".join(names[:12]) + (", …" if len(names) > 12 else ""), 160)  # noqa: PLR2004  (what fits on a line)
        hint = f"did you mean {shown(near[0])!r}?" if near else f"its columns are {listed}"
        raise UsageError(f"{param}: {self.name} has no column {shown(name)!r}", hint)

    def picked(self, rows: Iterable[int]) -> Table:
        """The table of some of its rows, numbered from 0, in the order of the file; its files are read as far as it takes to find them."""
        numbers = ", ".join(str(int(row)) for row in rows)
        columns = ", ".join(f"c{position}" for position in range(len(self.columns)))
        numbered = f"SELECT row_number() OVER () - 1 AS r, {columns} FROM {self.scan}"
        some = f"(SELECT {columns} FROM ({numbered}) WHERE r IN (SELECT unnest([{numbers}])) ORDER BY r)"
        return replace(self, scan=some, costly=True)

    def subject(self) -> Subject:
        """The table by digest: that of its file, or of the list of its files' names and digests."""
        digests = [(relative(self.root, path), digest) for path, digest in sha256_many(self.paths).items()]
        sha256 = digests[0][1] if len(digests) == 1 else of_json(digests)
        return Subject(role=self.what, name=self.source if len(digests) > 1 else digests[0][0], sha256=sha256)


def open_table(source: str, root: Path, what: str = "data") -> Table:
    """A table from a file, a folder or a glob; several files are sorted by name and must have the same columns.

    CSV has commas, `"` quotes, UTF-8 and a header row; its cells are text, and an empty cell is missing. JSONL has one object per line.
    `.gz` after `.csv` or `.jsonl` is unpacked.

    Args:
        source: path or pattern, relative to the root.
        root: the project.
        what: the param that named it, for messages and as the subject's role.

    Raises:
        UsageError: nothing is there.
        InputError: not such a file, damaged, or without rows.
    """
    paths, kind = files_of(source, root, what)
    columns, scan = _READERS[kind](paths, what)
    return Table(source=source, what=what, root=root, paths=paths, format=kind, columns=columns, scan=scan)


def files_of(source: str, root: Path, what: str = "data") -> tuple[tuple[Path, ...], Format]:
    """The files of a table, sorted by name, and their one format; each is looked at as far as its first bytes.

    Raises:
        UsageError: nothing is there.
        InputError: files of different formats, or one that is plainly not what its name says.
    """
    paths = _files(source, root, what)
    formats = {_format(path, what) for path in paths}
    if len(formats) > 1:
        raise InputError(
            f"{what}: {shown(source)} holds files of different formats: {', '.join(sorted(formats))}",
            "name them by a pattern such as data/*.csv",
        )
    for path in paths:
        _check_content(path, what)
    return paths, formats.pop()


def _files(source: str, root: Path, what: str) -> tuple[Path, ...]:
    if any(mark in source for mark in "*?[") and not (root / source).exists():
        # not Path.glob, which refuses absolute patterns
        found = sorted(path for text in glob.glob(source, root_dir=root, recursive=True) if (path := root / text).is_file())  # noqa: PTH207
        if not found:
            raise UsageError(
                f"{what}: no file matches {shown(source)}", "patterns are relative to the folder of mlops.yaml; ** stands for any folders"
            )
    else:
        path = existing(root, source, what)
        found = _in_folder(path, what) if path.is_dir() else [path]
    for path in found:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{what}: the name of {shown(path)} is not UTF-8", "rename the file") from error
    return tuple(found)


def _in_folder(folder: Path, what: str) -> list[Path]:
    """The tables of a folder; hidden files and those that Spark and Hive mark with `_` are none."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "_")))
    deeper = [entry.name for entry in entries if entry.is_dir()]
    if deeper:
        raise InputError(
            f"{what}: the folder {shown(folder.name)} holds folders ({shown(deeper[0])} …), and a column that only they name would be lost",
            "write that column into the files, and name the files by a pattern such as data/**/*.parquet",
        )
    tables = [entry for entry in entries if _suffix(entry) is not None]
    if not tables:
        raise InputError(f"{what}: the folder {shown(folder.name)} holds no .csv, .jsonl or .parquet file", _CONVERT)
    return tables


def _suffix(path: Path) -> str | None:
    name = path.name.lower()
    return next((suffix for suffix in FORMATS if name.endswith(suffix)), None)


def _format(path: Path, what: str) -> Format:
    suffix = _suffix(path)
    if suffix is not None:
        return FORMATS[suffix]
    content = sniffed(head_of(path, what))
    told = f"is {content.name}" if content else f"has the suffix {shown(path.suffix)!r}" if path.suffix else "has no suffix"
    raise InputError(f"{what}: {shown(path.name)} {told}; a table is a CSV, JSONL or Parquet file", (content and content.hint) or _CONVERT)


def _check_content(path: Path, what: str) -> None:
    """Refuse what is plainly not what its name says."""
    head = head_of(path, what)
    expected = "gzip" if path.name.lower().endswith(".gz") else "parquet" if FORMATS[_suffix(path) or ""] == "parquet" else None
    content = sniffed(head)
    kind = content.kind if content else None
    if kind != expected:
        told = content.name if content else f"not a {'Parquet' if expected == 'parquet' else 'gzip'} file"
        raise InputError(
            f"{what}: {shown(path.name)} is {told}",
            (content and content.hint) or "give the file the suffix of what it is, or write it again",
        )
    if expected is None and b"\0" in head:
        raise InputError(f"{what}: {shown(path.name)} holds NUL bytes: it is binary, or text in UTF-16", "save it as UTF-8 text")
