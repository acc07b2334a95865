"""Where a search from the far side begins: a row that the model already answers otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.stages.adversarial.rng import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.space import Flags, Norm, Rows, Space

POOL_TRIES = 10
"""How many rows of the pool are tried for a row, the nearest first: a projected one may lose its label."""
NOISE_TRIES = 100
"""How many uniformly drawn rows are tried where the pool gave none."""


@dataclass(frozen=True)
class Pool:
    """Rows whose label the model has told."""

    rows: Rows
    """(m, width)."""
    labels: NDArray[np.int64]
    """(m,) what the model says of them."""


def labelled(oracle: Oracle, rows: Rows) -> Pool:
    """A pool of reference rows, at one query each, for all rows that are attacked."""
    return Pool(rows=rows, labels=oracle.labels(rows))


@dataclass(frozen=True)
class Starts:
    """A first row of another label for n rows."""

    rows: Rows
    """(n, width); the original where none was found."""
    found: Flags
    """(n,)."""
    queries: NDArray[np.int64]
    """(n,)."""


def starts(  # noqa: PLR0913, PLR0917  (the search's own arguments)
    oracle: Oracle,
    rows: Rows,
    labels: NDArray[np.int64],
    ids: NDArray[np.int64],
    space: Space,
    norm: Norm,
    seed: int,
    pool: Pool | None,
    restart: int,
) -> Starts:
    """The nearest rows of the pool that stay of another label when made valid, else uniform noise.

    Args:
        oracle: the model.
        rows: (n, width) what is attacked.
        labels: (n,) the label to get away from.
        ids: (n,) names of the rows, for their random numbers.
        space: what is valid.
        norm: how near is measured.
        seed: of the run.
        pool: rows with known labels, or None.
        restart: 0 begins at the nearest row of the pool, 1 at the next nearest, and so on.
    """
    found = Starts(rows=rows.copy(), found=np.zeros(len(rows), dtype=np.bool_), queries=np.zeros(len(rows), dtype=np.int64))
    if pool is not None and len(pool.rows):
        _from_pool(found, oracle, rows, labels, space, _nearest(rows, labels, space, norm, pool, restart))
    for turn in range(NOISE_TRIES):
        live = np.flatnonzero(~found.found)
        if not len(live):
            break
        drawn = uniforms(seed, "start", ids[live], restart * NOISE_TRIES + turn, space.width)
        noise = (space.low + drawn * (space.high.astype(np.float64) - space.low)).astype(np.float32)
        _try(found, live, noise, oracle, rows, labels, space)
    return found


def _nearest(  # noqa: PLR0913, PLR0917  (the search's own arguments)
    rows: Rows, labels: NDArray[np.int64], space: Space, norm: Norm, pool: Pool, restart: int
) -> list[Rows]:
    """For each row the rows of the pool with another label, nearest first: (at most `POOL_TRIES`, width)."""
    chosen = []
    for row, label in zip(rows, labels, strict=True):
        others = pool.rows[pool.labels != label]
        order = np.argsort(_ranked(space, others, row, norm), kind="stable")
        chosen.append(others[order[min(restart, max(len(order) - 1, 0)) :][:POOL_TRIES]])
    return chosen


def _ranked(space: Space, others: Rows, row: Rows, norm: Norm) -> Rows:
    """(m,) numbers in the order of the distances; single precision is enough to choose by."""
    apart = others - row
    if not space.continuous.all():
        apart[:, ~space.continuous] = apart[:, ~space.continuous] != 0
    apart /= space.scale
    ranked: Rows = np.einsum("ij,ij->i", apart, apart) if norm == "l2" else np.abs(apart).max(axis=1)
    return ranked


def _from_pool(  # noqa: PLR0913, PLR0917  (the search's own arguments)
    found: Starts, oracle: Oracle, rows: Rows, labels: NDArray[np.int64], space: Space, chosen: list[Rows]
) -> None:
    for turn in range(POOL_TRIES):
        live = np.array([row for row in np.flatnonzero(~found.found) if turn < len(chosen[row])], dtype=np.intp)
        if not len(live):
            return
        _try(found, live, np.stack([chosen[row][turn] for row in live]), oracle, rows, labels, space)


def _try(  # noqa: PLR0913, PLR0917  (the search's own arguments)
    found: Starts, live: NDArray[np.intp], tried: Rows, oracle: Oracle, rows: Rows, labels: NDArray[np.int64], space: Space
) -> None:
    """Ask one valid row for each live row, and keep those of another label."""
    valid = space.project(tried, rows[live])
    other = oracle.labels(valid) != labels[live]
    found.queries[live] += 1
    found.rows[live[other]] = valid[other]
    found.found[live[other]] = True
