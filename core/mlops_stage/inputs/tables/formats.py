"""Which files are tables, by their names; needs no library, so that files can be looked for where none is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Format = Literal["csv", "jsonl", "parquet"]

FORMATS: Mapping[str, Format] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".ndjson": "jsonl",
    ".ndjson.gz": "jsonl",
    ".parquet": "parquet",
}
"""What the name of a table ends with, in lower case, and what it then is."""
SUFFIXES = tuple(FORMATS)
