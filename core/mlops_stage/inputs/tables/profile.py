"""Statistics of a table, small enough to be committed and without values that name anybody; later data are counted into the same bins."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from mlops_stage.errors import InputError
from mlops_stage.evidence.paths import existing
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.connection import quoted_text, strict
from mlops_stage.inputs.tables.values import NUMERIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.tables.open import Table

VERSION = 1
_LARGEST = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A column of numbers as counts between edges."""

    name: str
    nulls: int
    odd: int
    """Cells that are NaN, infinite or no number."""
    edges: tuple[float, ...]
    """Rising; bin i holds what is above edge i - 1 and at most edge i, the last bin what is above the last edge. A value that many rows share has a bin
    of its own, between the float below it and itself. All others are rounded, so that they are seldom the value of a row."""
    counts: tuple[int, ...]
    kind: Literal["numbers"] = "numbers"


@dataclass(frozen=True, kw_only=True)
class Categories:
    """A column of categories as counts of the most frequent ones."""

    name: str
    nulls: int
    levels: tuple[str, ...]
    """Values of at least ten rows, or their salted digests where `hidden`."""
    counts: tuple[int, ...]
    others: int
    """Cells with another value."""
    rare: tuple[str, ...]
    """Salted digests of the other values: whether a value is known can be told, what it is cannot."""
    hidden: bool = False
    kind: Literal["categories"] = "categories"


@dataclass(frozen=True, kw_only=True)
class Omitted:
    """A column whose distribution is not kept."""

    name: str
    nulls: int
    reason: str
    kind: Literal["omitted"] = "omitted"


Column: TypeAlias = Annotated[Numbers | Categories | Omitted, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a table looked like."""

    rows: int
    source: str
    """As the user wrote it."""
    sha256: str
    """Of the data."""
    salt: str
    columns: tuple[Column, ...]
    versions: dict[str, str]
    version: Literal[1] = 1

    def column(self, name: str) -> Numbers | Categories | Omitted | None:
        """A column by its name."""
        return next((column for column in self.columns if column.name == name), None)


def number(table: Table, name: str) -> str:
    """SQL of a cell as a number (DOUBLE), NULL where it is none."""
    column, kind = table.column(name, "columns"), table.columns[name].split("(")[0]
    if kind == "VARCHAR":
        return f"TRY_CAST({strict(column)} AS DOUBLE)"
    return f"CAST({column} AS DOUBLE)" if kind in NUMERIC else "NULL::DOUBLE"


def category(table: Table, name: str) -> str:
    """SQL of a cell as the text of a category: booleans in lower case, however they were written."""
    column = table.column(name, "columns")
    if table.columns[name] != "VARCHAR":
        return f"CAST({column} AS VARCHAR)"
    return f"CASE WHEN lower({column}) IN ('true', 'false') THEN lower({column}) ELSE {column} END"


def histogram(column: Numbers | Categories, table: Table, salt: str) -> list[str]:
    """SQL of the aggregates from which `counted` tells how many cells of a table are in each bin: bins, nulls, and odd or new cells."""
    raw = table.column(column.name, "profile")
    nulls = f"count(*) - count({raw})"
    if isinstance(column, Numbers):
        cell = number(table, column.name)
        # a text that is cast once is far sooner bound than two hundred literals, and is read to the same last bit
        edges = f"'{[*map(float, column.edges)]}'::DOUBLE[]"
        return [f"histogram({cell}, {edges}) FILTER (WHERE isfinite({cell}))", nulls, f"count({raw}) - {counted_if(f'isfinite({cell})')}"]
    cell = category(table, column.name)
    level = _digest(cell, salt) if column.hidden else cell
    # a mark before each level: the bin of all others has the empty text for its name
    levels = f"[{', '.join(quoted_text('=' + one) for one in column.levels)}]::VARCHAR[]"
    return [
        f"histogram_exact('=' || {level}, {levels}) FILTER (WHERE {raw} IS NOT NULL)",
        nulls,
        counted_if(unknown(column, table, salt)),
    ]


def unknown(column: Categories, table: Table, salt: str) -> str:
    """SQL of the condition that a cell holds a value which the profile does not know."""
    raw, cell = table.column(column.name, "profile"), category(table, column.name)
    digest = _digest(cell, salt)
    known = f"{_listed(digest if column.hidden else cell, column.levels)} OR {_listed(digest, column.rare)}"
    return f"({raw} IS NOT NULL AND NOT ({known}))"


def counted_if(condition: str) -> str:
    """SQL of a count that is 0, not NULL, where the condition is NULL in every row."""
    return f"coalesce(count_if({condition}), 0)"


def _digest(cell: str, salt: str) -> str:
    """SQL of `evidence.redact.digest_of`."""
    return f"left(sha256({quoted_text(salt + '|')} || {cell}), 12)"


def counted(column: Numbers | Categories, answer: Sequence[Any]) -> tuple[NDArray[np.int64], int, int]:
    """Counts of the bins (of categories with that of all other values last), nulls, and odd or new cells, from what the aggregates gave."""
    found, nulls, odd = answer
    bins: Mapping[Any, int] = found or {}
    if isinstance(column, Numbers):
        counts = [bins.get(edge, 0) for edge in column.edges]
        total = sum(bins.values())
        return np.array([*counts, total - sum(counts)], dtype=np.int64), int(nulls), int(odd)
    counts = [bins.get(f"={level}", 0) for level in column.levels]
    return np.array([*counts, sum(bins.values()) - sum(counts)], dtype=np.int64), int(nulls), int(odd)


def is_point(edges: Sequence[float], place: int) -> bool:
    """Whether the bin of that number holds a single value, its upper edge."""
    return 0 < place < len(edges) and edges[place] <= math.nextafter(edges[place - 1], math.inf)


def _listed(cell: str, values: Sequence[str]) -> str:
    return f"{cell} IN ({', '.join(map(quoted_text, values))})" if values else "false"


def as_text(profile: Profile) -> str:
    """The profile as JSON, one column on a line, so that a difference shows which column changed."""
    plain = asdict(profile)
    columns = ",\n    ".join(json.dumps(column, ensure_ascii=False) for column in plain.pop("columns"))
    head = json.dumps({"version": plain.pop("version"), **plain}, ensure_ascii=False, indent=2, sort_keys=False)
    return f'{head[:-2]},\n  "columns": [\n    {columns}\n  ]\n}}\n'


def read_profile(source: str, root: Path) -> Profile:
    """A profile from its file.

    Raises:
        UsageError: no such file.
        InputError: it is no profile, or one of a newer version.
    """
    path = existing(root, source, "profile")
    where = f"profile: {shown(source)}"
    hint = "write it with `mlops-stage data profile DATA --output profile.json`"
    if not path.is_file() or path.stat().st_size > _LARGEST:
        raise InputError(f"{where} is no profile: {'a folder' if path.is_dir() else 'larger than 8 MiB'}", hint)
    try:
        plain = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{where} is no valid JSON: {shown(error)}", hint) from error
    version = plain.get("version") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"{where} is of version {version}, and this tool reads version {VERSION}", "install a newer mlops-stage, or write it again"
        )
    try:
        profile = _ADAPTER.validate_python(plain, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where} is no profile: {shown(place)}: {shown(first['msg'])}", hint) from error
    _check(profile, where, hint)
    return profile


_ADAPTER = TypeAdapter(Profile)


def _check(profile: Profile, where: str, hint: str) -> None:
    """Refuse what types cannot: counts that do not fit their bins, edges that do not rise."""
    for column in profile.columns:
        name = shown(column.name)
        if isinstance(column, Numbers):
            rising = all(a < b for a, b in pairwise(column.edges))
            fits = rising and len(column.counts) == len(column.edges) + 1 and all(map(math.isfinite, column.edges))
        else:
            fits = not isinstance(column, Categories) or len(column.counts) == len(column.levels)
        counts = [column.nulls, *getattr(column, "counts", ())]
        if not fits or min(counts) < 0:
            raise InputError(f"{where} is no profile: the counts of {name!r} do not fit its bins", hint)
