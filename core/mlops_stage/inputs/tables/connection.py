"""The locked-down connection to DuckDB, the quoting of names and values, and its errors in our words."""

from __future__ import annotations

import os
import re
import resource
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_stage.errors import InputError, LimitError, StageError
from mlops_stage.evidence.redact import shown
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DEFAULT_MEMORY = 2 * 2**30
"""Bytes that one connection may use when the process itself has no limit."""


def connect(paths: Iterable[Path], *, memory: int | None = None, spill: Path | None = None, threads: int | None = None) -> Any:
    """An in-memory DuckDB connection that reads the given files and nothing else.

    No extension is loaded or installed, no network, no other file, no Python variable; none of it can be turned on again.
    Rows keep the order of the files whatever the number of threads.

    Args:
        paths: the files that may be read.
        memory: bytes DuckDB may use; by default half of the process's own limit (RLIMIT_DATA), or 2 GiB.
        spill: a folder for what does not fit into memory; without it a query that needs more fails with `LimitError`.
        threads: by default one for each core.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "python_enable_replacements": "false",
        "preserve_insertion_order": "true",
        "memory_limit": f"{(memory or _default_memory()) // 1024}KiB",
        "temp_directory": str(spill) if spill else "",
    }
    if threads:
        settings["threads"] = threads
    connection = duckdb.connect(":memory:", config=settings)
    spellings = sorted({spelling for path in paths for spelling in (str(path.absolute()), _unglobbed(path))})
    connection.execute(f"SET allowed_paths = [{', '.join(map(quoted_text, spellings))}]")
    if spill:
        connection.execute(f"SET allowed_directories = [{quoted_text(str(spill.absolute()))}]")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


_kept: dict[tuple[object, ...], Any] = {}
"""The database that `shared` used last, by what it was opened for."""
_inherited: list[Any] = []
"""Databases of the process that this one was forked from: their threads are not here, so nothing but to leave them alone is safe; a fork ends by `os._exit`."""


def _leave() -> None:
    _inherited.extend(_kept.values())
    _kept.clear()


os.register_at_fork(after_in_child=_leave)


def shared(paths: Iterable[Path], *, memory: int | None = None, threads: int | None = None) -> Any:
    """What `connect` gives, with temporary tables of its own, from the database that was last opened for the same files.

    To start a database is dearer than most questions. It is for statements of ours: what others wrote is run in a database of its own.
    Those that are open at once share its memory.
    """
    files = tuple(sorted({path.absolute() for path in paths}))
    key = (files, memory or _default_memory(), threads)
    try:
        connection = _kept[key].cursor()
        connection.execute("SELECT 1")
    except (KeyError, duckdb.Error):  # it is for other files, or an error within DuckDB has ended it
        database = connect(files, memory=memory, threads=threads)
        _kept.clear()
        _kept[key] = database
        connection = database.cursor()
    return connection


def quoted_name(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """Text as an SQL literal. DuckDB knows no escapes but the doubled quote; NUL cannot stand in a path or a name."""
    return "'" + text.replace("'", "''") + "'"


def quoted_paths(paths: Iterable[Path]) -> str:
    """Paths as an SQL list; `*`, `?` and `[` in a file's name mean themselves, not a pattern."""
    return f"[{', '.join(quoted_text(_unglobbed(path)) for path in paths)}]"


def strict(column: str) -> str:
    """SQL of a text that is to be cast to a number: DuckDB would read 1_000 as 1000."""
    return f"replace({column}, '_', '?')"


def run(connection: Any, sql: str, what: str) -> list[Any]:
    """The rows that one statement on tables gives; `what` names the table in an error.

    Raises:
        InputError: the file cannot be read as what it says it is; the message names the line when DuckDB knows it.
        LimitError: it needed more memory than it was given.
    """
    try:
        found: list[Any] = connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise translated(error, what) from error
    return found


def translated(error: duckdb.Error, what: str) -> StageError:
    """A DuckDB error as one line of ours."""
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return LimitError(
            f"{what} needs more memory than this stage was given", "raise it with --limits memory=8GiB, or judge on fewer rows"
        )
    line = re.search(r"CSV Error on Line: (\d+)", text)
    where = f"{what}, line {line[1]}" if line else what
    columns = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if columns:
        return InputError(
            f"{where}: {counted(int(columns[2]), 'column')} where the header has {columns[1]}",
            "quote values that hold a comma, and write every column in every row",
        )
    for sign, (message, hint) in _SIGNS.items():
        if sign in text:
            return InputError(f"{where}: {message}", hint)
    first = re.sub(
        r'(?:(?:in|of) file )?"?/[^\s"\',]*"?,? ?', "", text.splitlines()[0].split(": ", 1)[-1]
    )  # where it lies is nobody's business
    return InputError(f"{where}: cannot be read: {shown(first, 160)}", "check that the file is complete and is what its name says")


_SIGNS = {
    "not utf-8": ("not UTF-8", "save the file as UTF-8 (it looks like cp1252 or Latin-1)"),
    "unterminated quote": ("a quote that is not closed or not doubled", 'write a quote inside a quoted value twice: ""'),
    "Maximum line size": (
        "a line of more than 2 MB, probably a quote that is not closed",
        'close quotes, and write a quote inside a quoted value twice: ""',
    ),
    "state machine reached an invalid state": (
        "line ends of different kinds, or a quote that is not closed",
        "write the file with one kind of line end",
    ),
    "GZIP": ("the gzip archive is damaged or cut short", "write or download the file again"),
}


def _default_memory() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return DEFAULT_MEMORY if soft == resource.RLIM_INFINITY else max(soft // 2, 64 * 2**20)


def _unglobbed(path: Path) -> str:
    text = str(path.absolute())
    return re.sub(r"([*?\[])", r"[\1]", text)
