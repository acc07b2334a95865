"""The rows on which two forms of a model are compared: real ones, columns mixed among rows, and rows on the edges of decision trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.inputs.arrayed import blocks
from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.columns import map_columns
from mlops_stage.inputs.feeding import Columns
from mlops_stage.inputs.tables import query
from mlops_stage.inputs.tables.query import opened
from mlops_stage.stages.compile.parity.boundaries import edges
from mlops_stage.stages.compile.parity.made_up import made_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.tables.open import Table

    Feeds = Mapping[str, NDArray[Any]]

ROWS = {"quick": 1_000, "standard": 4_000, "deep": 20_000}
"""Rows by effort. The middle one can show that labels agree on 99.9 % of such rows; see `tiers`."""
_REAL, _MIXED, _EDGES = 0.4, 0.3, 0.5  # edges as far as there are thresholds to meet; the others share what is left 4 to 3
ENOUGH = 100
"""Real rows below which agreement proves little: what is mixed from so few lies where they lie."""
_POOL = 4_096
"""Real rows from which columns are mixed, and that are led through trees, beside as many mixed ones as are wanted, to find those that reach a node."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Probes:
    """Rows to ask two forms of a model about."""

    feeds: Feeds
    """Name of a model's input -> tensor whose first axis is rows; text has the dtype object."""
    kinds: tuple[str, ...]
    """For each row where it comes from: `real`, `mixed` (each column from another real row), `edge` (on either side of a tree's threshold), `made up`."""
    weak: str = ""
    """Why agreement on these rows proves little; empty where it does not."""
    notes: tuple[str, ...] = ()
    """What a reader should know about how they were made."""

    @property
    def rows(self) -> int:
        """Their number."""
        return len(self.kinds)

    @property
    def real(self) -> int:
        """The number of those that are real."""
        return self.kinds.count("real")


def probes(  # noqa: PLR0913  (each says something else about where rows come from)
    model: Model,
    table: Table | Arrays | None,
    seed: int,
    rows: int = ROWS["standard"],
    *,
    columns: Mapping[str, str] | None = None,
    label: str = "",
) -> Probes:
    """Rows to compare two forms of a model on: up to half on the edges of trees, the others 4 real to 3 with each column taken from another real row.

    The same model, table and seed give the same rows.

    Args:
        model: the source.
        table: real rows with the model's inputs; without one, numbers are made up and the probes are weak.
        seed: of the draw.
        rows: how many, at least 1.
        columns: the param of that name: model input -> column or columns, where names differ.
        label: the column of the truth, which no hint names.

    Raises:
        UsageError: a column or input that does not exist.
        InputError: cells that the model cannot be given, or inputs for which no numbers can be made up.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    if table is None:
        pool, weak = made_up(model, min(rows, _POOL), generator), "no data was given: its rows are made up"
    else:
        pool, weak = _real(model, table, generator, columns or {}, label), ""
    mixed = _mixed(pool, rows, generator)
    found, note = edges(model, _joined(pool, mixed), round(rows * _EDGES), generator)
    at_edges = _length(found)
    kept = min(round((rows - at_edges) * _REAL / (_REAL + _MIXED)), _length(pool)) or 1
    real = _taken(pool, generator.permutation(_length(pool))[:kept])
    feeds = _joined(real, _taken(mixed, np.arange(rows - kept - at_edges)), found or _taken(mixed, np.arange(0)))
    plain = ("made up",) * (rows - at_edges) if table is None else ("real",) * kept + ("mixed",) * (rows - kept - at_edges)
    if table is not None and kept < ENOUGH:
        weak = f"of the {rows:,} rows {kept:,} are real, the others are made from real ones"
    return Probes(feeds=feeds, kinds=plain + ("edge",) * at_edges, weak=weak, notes=(note,) if note else ())


def _real(
    model: Model, table: Table | Arrays, generator: np.random.Generator, columns: Mapping[str, str], label: str
) -> dict[str, NDArray[Any]]:
    """A sample of the table's rows as the model takes them, in the order of the table."""
    if isinstance(table, Arrays):
        held = blocks(model.inputs, table, columns)
        places = _sample(table.rows, generator)
        return {one.input: one.chunk(places) for one in held}
    feeds = map_columns(model.inputs, table.columns, columns, model.metadata, label=label)
    total = query.rows(table)
    some = table if total <= _POOL else table.picked(_sample(total, generator).tolist())
    with opened(some, [column for feed in feeds for column in feed.columns]) as selection:
        return {feed.input: Columns(feed, selection).chunk(slice(None)) for feed in feeds}


def _sample(total: int, generator: np.random.Generator) -> NDArray[np.intp]:
    return np.sort(generator.permutation(total)[:_POOL])


def _mixed(pool: Feeds, rows: int, generator: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Rows whose every column (of a picture: every point) comes from a real row of its own: all marginals are kept, no row is."""
    made = {}
    for name, values in pool.items():
        flat = values.reshape(len(values), -1)
        drawn = generator.integers(0, len(flat), size=(rows, flat.shape[1]))
        made[name] = np.take_along_axis(flat, drawn, axis=0).reshape(rows, *values.shape[1:])
    return made


def _taken(pool: Feeds, places: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    return {name: values[places] for name, values in pool.items()}


def _joined(*parts: Feeds) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _length(feeds: Feeds) -> int:
    return len(next(iter(feeds.values()))) if feeds else 0
