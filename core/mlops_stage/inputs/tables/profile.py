"""Statistics of a table, small enough to be committed and without values that name anybody; later data are counted into the same bins."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import duckdb
import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from mlops_stage import __version__
from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import of_json
from mlops_stage.evidence.paths import existing
from mlops_stage.evidence.redact import MINIMUM_COUNT, digest_of, personal, shown
from mlops_stage.inputs.tables.connection import connect, quoted_text, run, strict
from mlops_stage.inputs.tables.values import NUMERIC

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.tables.open import Table

VERSION = 1
MOST_LEVELS = 1000
"""A column of text with more different values holds no categories."""
_KEPT = 100
_EDGES = 199
_MOST_PLACES = 300
_LARGEST = 8 * 2**20
_UNIQUE_FROM = 100
_IDENTIFIES = "every value stands there once: it identifies rows"


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
        edges = f"[{', '.join(map(_double, column.edges))}]::DOUBLE[]"
        return [f"histogram({cell}, {edges}) FILTER (WHERE isfinite({cell}))", nulls, f"count({raw}) - {_count_if(f'isfinite({cell})')}"]
    cell = category(table, column.name)
    level = _digest(cell, salt) if column.hidden else cell
    # a mark before each level: the bin of all others has the empty text for its name
    levels = f"[{', '.join(quoted_text('=' + one) for one in column.levels)}]::VARCHAR[]"
    return [
        f"histogram_exact('=' || {level}, {levels}) FILTER (WHERE {raw} IS NOT NULL)",
        nulls,
        _count_if(unknown(column, table, salt)),
    ]


def unknown(column: Categories, table: Table, salt: str) -> str:
    """SQL of the condition that a cell holds a value which the profile does not know."""
    raw, cell = table.column(column.name, "profile"), category(table, column.name)
    digest = _digest(cell, salt)
    known = f"{_listed(digest if column.hidden else cell, column.levels)} OR {_listed(digest, column.rare)}"
    return f"({raw} IS NOT NULL AND NOT ({known}))"


def _count_if(condition: str) -> str:
    """SQL of a count that is 0, not NULL, where the condition is NULL in every row."""
    return f"coalesce(count_if({condition}), 0)"


def _double(number: float) -> str:
    """A literal with an exponent, which is a DOUBLE; without one it would be a DECIMAL, and be rounded on its way."""
    text = repr(number)
    return text if "e" in text else f"{text}e0"


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


def profile_of(table: Table, sha256: str, *, sensitive: Collection[str] = (), kinds: Mapping[str, str] | None = None) -> Profile:
    """The profile of a table; exact, and the same whatever the number of threads.

    Of sensitive columns, and of those that look as if their values named people, categories are kept as salted digests and numbers not at all.

    Args:
        table: the data.
        sha256: its digest, from which the salt follows.
        sensitive: names of columns.
        kinds: logical types by column, where a contract declares them; otherwise a column of text is one of numbers where every cell is a number.

    Raises:
        InputError: the table cannot be read.
    """
    maker = _Maker(table, frozenset(sensitive), kinds or {}, of_json(["profile", sha256])[:16])
    try:
        columns = tuple(maker.column(name) for name in table.columns)
    finally:
        maker.close()
    versions = {"duckdb": duckdb.__version__, "mlops-stage": __version__}
    return Profile(rows=maker.rows, source=table.source, sha256=sha256, salt=maker.salt, columns=columns, versions=versions)


class _Maker:
    """One table being profiled, column by column."""

    def __init__(self, table: Table, sensitive: frozenset[str], kinds: Mapping[str, str], salt: str) -> None:
        self.salt = salt
        self._table = table
        self._sensitive = sensitive
        self._kinds = kinds
        self._connection = connect(table.paths)
        self.rows = int(self._one(["count(c0)", "count(*)"])[1])

    def close(self) -> None:
        self._connection.close()

    def column(self, name: str) -> Numbers | Categories | Omitted:
        kind, raw, cell = self._kinds.get(name, ""), self._table.column(name, "columns"), number(self._table, name)
        present, numeric, whole, finite = self._one(
            [f"count({raw})", f"count({cell})", _count_if(f"{cell} = trunc({cell})"), _count_if(f"isfinite({cell})")]
        )
        nulls = self.rows - int(present)
        reason = "every cell is missing" if not present else self._without_distribution(name, kind)
        if reason:
            return Omitted(name=name, nulls=nulls, reason=reason)
        if kind not in {"integer", "number"} and (numeric != present or kind in {"string", "boolean"}):
            return self._categories(name, nulls)
        if name in self._sensitive or personal(name):
            reason = "numbers of a sensitive column are not kept"
        elif not finite:
            reason = "no cell is a finite number"
        elif whole == present >= _UNIQUE_FROM and self._one([f"count(DISTINCT {cell})"])[0] == present:
            reason = _IDENTIFIES
        return Omitted(name=name, nulls=nulls, reason=reason) if reason else self._numbers(name, nulls, int(finite))

    def _without_distribution(self, name: str, kind: str) -> str:
        stored = self._table.columns[name]
        if kind in {"date", "timestamp", "time"} or stored.startswith(("DATE", "TIME")):
            return "times move on by nature"
        nested = stored.endswith("]") or stored.startswith(("STRUCT", "MAP", "UNION", "BLOB"))
        return "neither numbers nor categories" if nested or kind in {"object", "array", "map", "vector"} else ""

    def _numbers(self, name: str, nulls: int, finite: int) -> Numbers:
        cell = number(self._table, name)
        bins = max(2, min(_EDGES + 1, finite // MINIMUM_COUNT))
        shares = ", ".join(repr(place / bins) for place in range(1, bins))
        some = f"FILTER (WHERE isfinite({cell}))"
        quantiles, least, most = self._one([f"quantile_disc({cell}, [{shares}]) {some}", f"min({cell}) {some}", f"max({cell}) {some}"])
        # who holds a whole bin's share is one of the quantiles, or at an end
        listed = ", ".join(map(_double, {*quantiles, least, most}))
        many = f"HAVING count(*) >= {max(MINIMUM_COUNT, finite / bins)}"
        atoms = self._run(f"SELECT v FROM (SELECT {cell} AS v FROM {self._table.scan}) WHERE v IN ({listed}) GROUP BY v {many}")
        edges = _edges(quantiles, [value for (value,) in atoms])
        empty = Numbers(name=name, nulls=nulls, odd=self.rows - nulls - finite, edges=edges, counts=())
        counts, _, _ = counted(empty, (*self._one(histogram(empty, self._table, "")[:1]), nulls, 0))
        return replace(empty, counts=tuple(counts.tolist()))

    def _categories(self, name: str, nulls: int) -> Categories | Omitted:
        raw, cell = self._table.column(name, "columns"), category(self._table, name)
        found = self._run(
            f"SELECT {cell} AS v, count(*) AS n FROM {self._table.scan} WHERE {raw} IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT {MOST_LEVELS + 1}"
        )
        present = self.rows - nulls
        if len(found) == present >= _UNIQUE_FROM:
            return Omitted(name=name, nulls=nulls, reason=_IDENTIFIES)
        if len(found) > MOST_LEVELS:
            return Omitted(name=name, nulls=nulls, reason=f"more than {MOST_LEVELS:,} different values")
        hidden = name in self._sensitive or personal(name, (value for value, _ in found))
        kept = [(value, int(n)) for value, n in found[:_KEPT] if n >= MINIMUM_COUNT]
        while kept and 0 < present - sum(n for _, n in kept) < MINIMUM_COUNT:
            kept.pop()  # the others together are a count too
        return Categories(
            name=name,
            nulls=nulls,
            levels=tuple(digest_of(value, self.salt) if hidden else value for value, _ in kept),
            counts=tuple(n for _, n in kept),
            others=present - sum(n for _, n in kept),
            rare=tuple(sorted(digest_of(value, self.salt) for value, _ in found[len(kept) :])),
            hidden=hidden,
        )

    def _one(self, aggregates: Sequence[str]) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self._run(f"SELECT {', '.join(aggregates)} FROM {self._table.scan}")[0]
        return found

    def _run(self, sql: str) -> list[Any]:
        return run(self._connection, sql, self._table.name)


def _edges(quantiles: Sequence[float], atoms: Sequence[float]) -> tuple[float, ...]:
    """Quantiles as edges, rounded up to a tenth of the distance to the next one or finer; and the values that many rows share, each with a bin of its own."""
    distinct = sorted(set(quantiles))
    alone = {value + 0.0 for value in atoms}
    steps = [b - a for a, b in pairwise(distinct)]
    found = {_rounded(edge, step) for edge, step in zip(distinct, [*steps, *steps[-1:]], strict=False) if edge not in alone}
    found = found if steps else set(distinct) - alone
    found |= alone | {math.nextafter(value, -math.inf) for value in alone}
    return tuple(sorted(edge for edge in found if math.isfinite(edge)))


def _rounded(edge: float, reach: float) -> float:
    """The edge, or at most a tenth of a reach above it, with few digits."""
    if not 0 < reach < math.inf:
        return edge
    place = 1 - math.floor(math.log10(reach))
    if abs(place) >= _MOST_PLACES:
        return edge
    return round(edge + 0.5 * 10.0**-place, place) + 0.0


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
