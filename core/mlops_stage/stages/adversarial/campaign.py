"""All attacks on all rows: block by block, in as many processes as are asked for, with one result whatever their number."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import InternalError, LimitError
from mlops_stage.stages.adversarial.asking import OutOfTimeError
from mlops_stage.stages.adversarial.hopskipjump import hop_skip_jump
from mlops_stage.stages.adversarial.linear import linear_margin
from mlops_stage.stages.adversarial.restore import restored
from mlops_stage.stages.adversarial.square import square

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.affine import Affine
    from mlops_stage.stages.adversarial.asking import Target
    from mlops_stage.stages.adversarial.budget import Budget
    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.params import Attack
    from mlops_stage.stages.adversarial.space import Found, Norm, Rows, Space
    from mlops_stage.stages.adversarial.starts import Pool
    from mlops_stage.stages.adversarial.tabular import Tabular

NONE = -1
"""The place of the attack where no attack succeeded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Campaign:
    """What is done to every row."""

    attacks: tuple[Attack, ...]
    budget: Budget
    norm: Norm
    epsilons: tuple[float, ...]
    """Rising."""
    seed: int
    pool: Pool
    affine: Affine | None = None
    """What the model computes, where it is linear."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """The best of all attacks for n rows."""

    rows: Rows
    """(n, width); the original where nothing was found."""
    distance: NDArray[np.float64]
    """(n,), infinite where nothing was found."""
    by: NDArray[np.int64]
    """(n,) which of the campaign's attacks found it."""
    queries: NDArray[np.int64]
    """(n,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Some of the rows, attacked together."""

    rows: Rows
    labels: NDArray[np.int64]
    """The model's own."""
    ids: NDArray[np.int64]
    """Names of the rows."""

    def of(self, places: NDArray[np.intp]) -> Block:
        """Some of them."""
        return Block(rows=self.rows[places], labels=self.labels[places], ids=self.ids[places])


def attack(campaign: Campaign, oracle: Oracle, space: Space, block: Block) -> Outcome:
    """All attacks of a campaign on some rows, one after the other; a row that one has brought below a size is spared that size by those after it. At the end, changes that were not needed are taken back.

    Args:
        campaign: what is done.
        oracle: the model.
        space: what is valid.
        block: the rows.
    """
    rows, labels = block.rows, block.labels
    best = Outcome(
        rows=rows.copy(),
        distance=np.full(len(rows), np.inf),
        by=np.full(len(rows), NONE),
        queries=np.zeros(len(rows), dtype=np.int64),
    )
    for place, name in enumerate(campaign.attacks):
        for live, found in _found(name, campaign, oracle, space, block, best):
            best.queries[live] += found.queries
            nearer = found.distance < best.distance[live]
            best.rows[live[nearer]] = found.rows[nearer]
            best.distance[live[nearer]] = found.distance[nearer]
            best.by[live[nearer]] = place
    some = np.flatnonzero(np.isfinite(best.distance))
    best.rows[some], best.distance[some], queries = restored(oracle, best.rows[some], rows[some], labels[some], space, campaign.norm)
    best.queries[some] += queries
    return best


def _found(  # noqa: PLR0913, PLR0917  (as above, and what was found before)
    name: Attack, campaign: Campaign, oracle: Oracle, space: Space, block: Block, best: Outcome
) -> Iterator[tuple[NDArray[np.intp], Found]]:
    """What one attack finds, and for which of the rows; Square once for each size."""
    every = np.arange(len(block.rows))
    if name == "linear" and campaign.affine is not None:
        yield every, linear_margin(oracle, campaign.affine, block.rows, block.labels, space, norm=campaign.norm)
    elif name == "hop_skip_jump":
        yield every, _jumped(campaign, oracle, space, block)
    elif name == "square":
        for epsilon in campaign.epsilons:
            live = np.flatnonzero(best.distance > epsilon)
            if len(live) and (space.free & (space.grid / space.scale <= epsilon)).any():
                yield live, _squared(campaign, oracle, space, block.of(live), epsilon)


def _jumped(campaign: Campaign, oracle: Oracle, space: Space, block: Block) -> Found:
    budget, pool = campaign.budget, campaign.pool
    return hop_skip_jump(
        oracle,
        block.rows,
        block.labels,
        block.ids,
        space,
        norm=campaign.norm,
        iterations=budget.iterations,
        seed=campaign.seed,
        pool=pool,
        restarts=budget.restarts,
    )


def _squared(campaign: Campaign, oracle: Oracle, space: Space, block: Block, epsilon: float) -> Found:
    queries, seed = campaign.budget.queries, campaign.seed
    return square(oracle, block.rows, block.labels, block.ids, space, epsilon=epsilon, queries=queries, seed=seed)


def carried_out(  # noqa: PLR0913  (a campaign, what it is against, and who hears of it)
    campaign: Campaign,
    target: Target,
    space: Tabular,
    blocks: list[Block],
    *,
    oracle: Oracle,
    processes: int,
    progress: Callable[[int], None],
) -> list[Outcome | None]:
    """The outcome of every block, in their order; None where the time was over before.

    Args:
        campaign: what is done.
        target: how to open the model.
        space: what is valid.
        blocks: the rows.
        oracle: for the work of this process.
        processes: how many processes share the blocks; with one, this process does the work.
        progress: told how many rows are done.

    Raises:
        StageError: whatever the model or an attack raises.
    """
    done = 0
    outcomes: list[Outcome | None] = [None] * len(blocks)
    for place, outcome in _each(campaign, target, space, blocks, oracle, processes):
        outcomes[place] = outcome
        done += len(blocks[place].rows) if outcome is not None else 0
        progress(done)
    return outcomes


def _each(  # noqa: PLR0913, PLR0917  (as above)
    campaign: Campaign, target: Target, space: Tabular, blocks: list[Block], oracle: Oracle, processes: int
) -> Iterator[tuple[int, Outcome | None]]:
    if processes == 1 or len(blocks) == 1:
        worker = _Worker(campaign, oracle, space)
        yield from ((place, worker.outcome(block)) for place, block in enumerate(blocks))
        return
    # spawned, not forked: a fork would copy the threads' locks of the libraries, but not the threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(processes, len(blocks)), mp_context=context, initializer=_begin, initargs=(campaign, target.elsewhere(), space)
    ) as pool:
        waiting = {pool.submit(_perform, block): place for place, block in enumerate(blocks)}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            raise LimitError(
                "a process that attacked rows was ended, probably for want of memory",
                "raise it with --limits memory=8GiB, or lower processes",
            ) from error
        finally:
            for future in waiting:
                future.cancel()


class _Worker:
    """What a process does with each block."""

    def __init__(self, campaign: Campaign, oracle: Oracle, space: Tabular) -> None:
        self._campaign = campaign
        self._space = space
        self._oracle = oracle

    def outcome(self, block: Block) -> Outcome | None:
        try:
            return attack(self._campaign, self._oracle, self._space, block)
        except OutOfTimeError:
            return None


_OWN: list[_Worker] = []


def _begin(campaign: Campaign, target: Target, space: Tabular) -> None:
    _OWN[:] = [_Worker(campaign, target.oracle(space), space)]


def _perform(block: Block) -> Outcome | None:
    if not _OWN:
        raise InternalError("a process of the campaign was asked before it began", "this is a bug")
    return _OWN[0].outcome(block)
