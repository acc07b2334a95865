"""Where a search from the far side begins: rows that the model already answers otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.stages.adversarial.rng import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.space import Norm, Rows, Space

    Places = NDArray[np.intp]

SCOUTS: dict[Norm, int] = {"l2": 4, "linf": 6}
"""How many starts are tried for a row: the nearest row of each other label first, then the next nearest of any. Measured: more do not help."""
POOL_TRIES = 18
"""How many rows of the pool are asked, where those before lost their label when they were made valid."""
NOISE_TRIES = 100
"""How many drawn rows are asked where the pool gave none."""


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
    """Rows of another label for n rows: some for each, or none."""

    rows: Rows
    """(s, width)."""
    of: Places
    """(s,) which of the n rows each belongs to, rising."""
    queries: NDArray[np.int64]
    """(n,)."""


@dataclass(frozen=True)
class Attacked:
    """What is attacked: n rows, and what is known of them."""

    oracle: Oracle
    rows: Rows
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]
    space: Space
    norm: Norm
    seed: int


def starts(attacked: Attacked, pool: Pool | None, restart: int) -> Starts:
    """The nearest rows of the pool that stay of another label when made valid, else drawn ones.

    Args:
        attacked: what is attacked.
        pool: rows with known labels, or None.
        restart: 0 begins at the nearest rows of the pool, 1 at the next nearest, and so on.
    """
    search = _Starting(attacked)
    if pool is not None and len(pool.rows):
        search.from_pool(pool, restart)
    search.from_noise(restart)
    return search.starts()


class _Starting:
    """The search for starts; `found` and `of` grow."""

    def __init__(self, attacked: Attacked) -> None:
        self.attacked = attacked
        self.queries = np.zeros(len(attacked.rows), dtype=np.int64)
        self.found: list[Rows] = []
        self.of: list[Places] = []
        self.none = np.ones(len(attacked.rows), dtype=np.bool_)

    def starts(self) -> Starts:
        of = np.concatenate([*self.of, np.empty(0, dtype=np.intp)])
        rows = np.concatenate([*self.found, self.attacked.rows[:0]])
        order = np.argsort(of, kind="stable")
        return Starts(rows=rows[order], of=of[order], queries=self.queries)

    def from_pool(self, pool: Pool, restart: int) -> None:
        attacked, scouts = self.attacked, SCOUTS[self.attacked.norm]
        chosen = [
            _chosen(attacked.space, row, pool.rows[other], pool.labels[other], attacked.norm)[restart * scouts :]
            for row, other in zip(attacked.rows, pool.labels[None] != attacked.labels[:, None], strict=True)
        ]
        for turn in range(0, POOL_TRIES, scouts):
            several = [rows[turn : turn + scouts] if lost else rows[:0] for rows, lost in zip(chosen, self.none, strict=True)]
            self.ask(np.repeat(np.arange(len(several)), [len(rows) for rows in several]), np.concatenate(several))

    def from_noise(self, restart: int) -> None:
        """Even turns draw rows evenly; odd ones draw corners of the box, from nearly all low to nearly all high.

        Where features grow together, as sizes do, even draws all lie on one side; the two corners do not.
        """
        space, ids = self.attacked.space, self.attacked.ids
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        for turn in range(NOISE_TRIES):
            live = np.flatnonzero(self.none)
            if not len(live):
                return
            drawn = uniforms(self.attacked.seed, "start", ids[live], restart * NOISE_TRIES + turn, space.width + 1)
            share = drawn[:, 1:] if turn % 2 == 0 else drawn[:, 1:] < drawn[:, :1]
            self.ask(live, (low + share * (high - low)).astype(np.float32))

    def ask(self, of: Places, rows: Rows) -> None:
        """Make rows valid for the ones they belong to, and keep those of another label."""
        if not len(of):
            return
        attacked = self.attacked
        valid = attacked.space.project(rows, attacked.rows[of])
        other = attacked.oracle.labels(valid) != attacked.labels[of]
        np.add.at(self.queries, of, 1)
        self.found.append(valid[other])
        self.of.append(of[other])
        self.none[of[other]] = False


def _chosen(space: Space, row: Rows, others: Rows, labels: NDArray[np.int64], norm: Norm) -> Rows:
    """Rows to try: the nearest of each label, nearest first, then the rest in the same order."""
    apart = others - row
    if not space.continuous.all():
        apart[:, ~space.continuous] = apart[:, ~space.continuous] != 0
    apart /= space.scale
    far: Rows = np.einsum("ij,ij->i", apart, apart) if norm == "l2" else np.abs(apart).max(axis=1, initial=0)
    near = np.argsort(far, kind="stable")
    first = np.zeros(len(near), dtype=np.bool_)
    first[np.unique(labels[near], return_index=True)[1]] = True
    tried: Rows = others[np.concatenate([near[first], near[~first]])]
    return tried
