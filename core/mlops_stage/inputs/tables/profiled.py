"""Make a profile of a table: which columns have a distribution to keep, and its bins."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import duckdb

from mlops_stage import __version__
from mlops_stage.evidence.digest import of_json
from mlops_stage.evidence.redact import MINIMUM_COUNT, digest_of, personal
from mlops_stage.inputs.tables.connection import run, shared
from mlops_stage.inputs.tables.profile import Categories, Numbers, Omitted, Profile, category, counted, counted_if, histogram, number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mlops_stage.inputs.tables.open import Table

MOST_LEVELS = 1000
"""A column of text with more different values holds no categories."""
_KEPT = 100
_EDGES = 199
_MOST_PLACES = 300
_UNIQUE_FROM = 100
_IDENTIFIES = "every value stands there once: it identifies rows"


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
        self._connection = shared(table.paths)
        self.rows = int(self._one(["count(c0)", "count(*)"])[1])

    def close(self) -> None:
        self._connection.close()

    def column(self, name: str) -> Numbers | Categories | Omitted:
        kind, raw, cell = self._kinds.get(name, ""), self._table.column(name, "columns"), number(self._table, name)
        present, numeric, whole, finite = self._one(
            [f"count({raw})", f"count({cell})", counted_if(f"{cell} = trunc({cell})"), counted_if(f"isfinite({cell})")]
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


def _double(number: float) -> str:
    """A literal with an exponent, which is a DOUBLE; without one it would be a DECIMAL, and be rounded on its way."""
    text = repr(number)
    return text if "e" in text else f"{text}e0"
