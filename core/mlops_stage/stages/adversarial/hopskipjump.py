"""HopSkipJump over all rows at once: the nearest row of another label, found from labels alone (Chen, Jordan, Wainwright 2020, arXiv 1904.02144)."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.stages.adversarial.rng import SHARED, normals, uniforms
from mlops_stage.stages.adversarial.space import Found, Rows, distance
from mlops_stage.stages.adversarial.starts import SCOUTS, Attacked, starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.space import Flags, Norm, Space
    from mlops_stage.stages.adversarial.starts import Pool, Starts

DIRECTIONS = 100
"""Directions asked in the first iteration; iteration t asks sqrt(t) times as many (the paper's B_0)."""
MOST_DIRECTIONS = 1000
CLOSENESS = 0.01
"""How near to the boundary a bisection goes, over sqrt(d) for L2 and over d for L-infinity, as a share of what there was to go."""
SCOUTED = 1 / 16
"""How near to the boundary a start goes before the best one is chosen, as a share of its way."""
EXPLORED = 0.1
"""Share of the queries for directions that goes to further starts, which one iteration tries beside the best: the boundary that is near along the way need not be the nearest."""
START_TOLERANCE = 1e-3
MOST_HALVINGS = 25
"""Of a step that leaves the other label's region."""
MEMORY = 0.5
"""What the direction of the iteration before still counts: its random directions are as good as new ones where the boundary is smooth."""
TRIMS = (0.0, 0.3, 0.6, 0.85)
"""Shares of a feature's change that are tried at the end, one feature after the other."""
TRIMMED = 0.2
"""Share of the queries for directions that go to it at most; so many directions fewer are asked."""
MOST_TRIMMED = 256
"""With more features each counts for little, as in images, and it does not pay."""
STRIDES = 2
"""How many of the features with a grid a random step changes, on average."""
_BLOCK_NUMBERS = 512 * 1024
"""Numbers in one block of candidates: 2 MB, which stay in the processor's cache."""
_TINY = 1e-12


def hop_skip_jump(  # noqa: PLR0913  (what is attacked, and the budget)
    oracle: Oracle,
    rows: Rows,
    labels: NDArray[np.int64],
    ids: NDArray[np.int64],
    space: Space,
    *,
    norm: Norm,
    iterations: int,
    seed: int,
    pool: Pool | None = None,
    restarts: int = 1,
) -> Found:
    """The nearest row of another label, for each row.

    All rows move in step, so that the model is asked for thousands of candidates at once; in each iteration they share one bank of random directions.
    Every candidate is made valid before it is asked, and only what was asked is reported. A row's result depends on `seed`, its id and itself, not on
    the rows beside it. Four things are added to the paper's algorithm, which then needs fewer queries for the same distance: the search starts from
    the best of some reference rows of other labels, of which the first iteration tries several where the budget has room; directions are averaged over
    iterations; a bisection follows the last step; and for L2 each feature is at last taken back as far as the label allows, which is where boundaries
    that run along the axes, those of trees, leave room. The best row of the whole search is kept.

    Args:
        oracle: the model; labels are enough.
        rows: (n, width) valid rows.
        labels: (n,) the label to get away from; normally the model's own for the row.
        ids: (n,) whole numbers that name the rows.
        space: what is valid, and the unit of distance.
        norm: `l2` or `linf`.
        iterations: about 150, 360, 610 … 2,400 queries for 1, 2, 3 … 10 of them.
        seed: of the run.
        pool: rows whose labels are known, to start from.
        restarts: searches from further starts, of which the best counts.

    Returns:
        Rows, distances and queries; a distance is infinite where no start of another label was found.

    Raises:
        OutOfQueriesError: the oracle's budget is spent.
        InputError: the model refuses the rows.
    """
    found = Found(rows=rows.copy(), distance=np.full(len(rows), np.inf), queries=np.zeros(len(rows), dtype=np.int64))
    attacked = Attacked(oracle, rows, labels, ids, space, norm, seed)
    for restart in range(restarts if len(rows) else 0):
        _search(attacked, pool, restart, iterations, found)
    return found


def _search(attacked: Attacked, pool: Pool | None, restart: int, iterations: int, found: Found) -> None:
    """One search from its own starts; `found` becomes the better of both."""
    begun = starts(attacked, pool, restart)
    search = _Search(attacked, begun, restart)
    search.run(iterations)
    found.queries[:] += begun.queries + search.queries
    live = search.of
    better = search.nearest < found.distance[live]
    found.rows[live[better]] = search.best[better]
    found.distance[live[better]] = search.nearest[better]


class _Search:
    """One search from k starts, several for a row until the best one shows; arrays are (k, width) or (k,)."""

    def __init__(self, attacked: Attacked, begun: Starts, restart: int) -> None:
        space, norm, start = attacked.space, attacked.norm, begun.rows
        self.oracle = attacked.oracle
        self.space = space
        self.norm = norm
        self.of = begun.of
        """Which of the attacked rows each start belongs to, rising."""
        self.originals = attacked.rows[self.of]
        self.labels = attacked.labels[self.of]
        self.seed = attacked.seed
        self.restart = restart
        self.at = start
        """Where each row stands: always of another label."""
        self.best = start.copy()
        self.along = np.zeros_like(start)
        """The directions of the iteration before, in units of the space."""
        self.nearest = distance(space, start, self.originals, norm)
        self.queries = np.zeros(len(attacked.rows), dtype=np.int64)
        """Of each attacked row, from all of its starts."""
        width = max(space.width, 1)
        self.tolerance = CLOSENESS / (sqrt(width) if norm == "l2" else width)
        self.categories = np.flatnonzero(~space.continuous & space.free)
        self.whole = np.flatnonzero(space.continuous & space.free & (space.grid > 0))
        self.smooth = space.continuous & space.free & (space.grid == 0)
        self.stride_share = min(0.5, STRIDES / max(len(self.whole), 1))
        self.every = np.arange(len(start))

    def run(self, iterations: int) -> None:
        if not len(self.at):
            return
        self.restore_categories()
        self.bisect("l2", SCOUTED)
        counts = [min(int(DIRECTIONS * sqrt(step + 1)), MOST_DIRECTIONS) for step in range(iterations)]
        explored = min(1 + int(EXPLORED * sum(counts)) // DIRECTIONS, SCOUTS[self.norm])
        self.narrow(explored)
        self.bisect("l2", START_TOLERANCE)
        trimmed = self.trimmed(sum(counts))
        left = sum(counts) - trimmed * len(TRIMS) - (explored - 1) * DIRECTIONS
        for step, count in enumerate(counts):
            if step or self.norm != "l2":
                self.bisect(self.norm, self.tolerance)
            self.keep()
            if step == 1:
                self.narrow(1)
            self.jump(self.directions(step, count * left // sum(counts)), step)
        self.restore_categories()
        self.bisect(self.norm, self.tolerance)
        self.keep()
        self.narrow(1)
        self.trim(trimmed)

    def narrow(self, most: int) -> None:
        """Go on from so many starts of each row only, those from which the search came nearest."""
        self.keep()
        order = np.lexsort((self.nearest, self.of))
        of = self.of[order]
        rank = np.arange(len(of)) - np.searchsorted(of, of)
        kept = order[rank < most]
        self.of, self.originals, self.labels = self.of[kept], self.originals[kept], self.labels[kept]
        self.at, self.best, self.along, self.nearest = self.at[kept], self.best[kept], self.along[kept], self.nearest[kept]
        self.every = np.arange(len(kept))

    def trimmed(self, directions: int) -> int:
        """How many features are taken back at the end, where so many directions are asked in all."""
        features = int((self.space.continuous & self.space.free).sum())
        if self.norm != "l2" or features > MOST_TRIMMED:
            return 0
        return min(features, int(TRIMMED * directions) // len(TRIMS))

    def trim(self, features: int) -> None:
        """Take features back, those with the largest changes first, each as far as the label stays another one; all shares are asked at once."""
        self.at = self.best.copy()
        apart = np.abs(self.at - self.originals) / self.space.scale
        apart[:, ~self.space.continuous] = 0
        order = np.argsort(-apart, axis=1, kind="stable")
        shares = np.array(TRIMS, dtype=np.float32)
        for turn in range(features):
            column = order[:, turn]
            live = np.flatnonzero(apart[self.every, column] > 0)
            if not len(live):
                break
            near, far = self.originals[live, column[live]], self.at[live, column[live]]
            candidates = np.repeat(self.at[live][:, None], len(shares), axis=1)
            candidates[np.arange(len(live)), :, column[live]] = near[:, None] + shares * (far - near)[:, None]
            candidates = self.space.project(candidates, self.originals[live][:, None])
            asked = self.oracle.labels(candidates.reshape(-1, self.space.width)).reshape(len(live), -1)
            self.queries[self.of[live]] += len(shares)
            other = asked != self.labels[live][:, None]
            found = other.any(axis=1)
            self.at[live[found]] = candidates[found, other.argmax(axis=1)[found]]
        self.keep()

    def keep(self) -> None:
        """Remember where rows stand nearer than ever."""
        far = distance(self.space, self.at, self.originals, self.norm)
        better = far < self.nearest
        self.best[better] = self.at[better]
        self.nearest[better] = far[better]

    def others(self, live: NDArray[np.intp], candidates: Rows) -> Flags:
        """Whether candidates, one for each live row and valid, have another label."""
        np.add.at(self.queries, self.of[live], 1)
        other: Flags = self.oracle.labels(candidates) != self.labels[live]
        return other

    def bisect(self, path: Norm, tolerance: float) -> None:
        """Go from each row towards its original until the label is about to change.

        On the path of `l2`, the straight line; on that of `linf`, all features at once into a shrinking box.
        """
        low = np.zeros(len(self.at))
        high = np.ones(len(self.at)) if path == "l2" else distance(self.space, self.at, self.originals, "linf")
        least = np.minimum(high * tolerance, tolerance)
        far = self.at.copy()
        live = self.every[high - low > least]
        while len(live):
            middle = (low[live] + high[live]) / 2
            candidates = self.between(live, far[live], middle.astype(np.float32)[:, None], path)
            other = self.others(live, candidates)
            self.at[live[other]] = candidates[other]
            high[live[other]] = middle[other]
            low[live[~other]] = middle[~other]
            live = live[high[live] - low[live] > least[live]]

    def between(self, live: NDArray[np.intp], far: Rows, share: Rows, path: Norm) -> Rows:
        """Valid rows on the way from originals to far rows: categories stay those of the far row."""
        near = self.originals[live]
        if path == "l2":
            mixed = near + share * (far - near)
        else:
            reach = share * self.space.scale
            mixed = np.clip(far, near - reach, near + reach)
        if len(self.categories):
            mixed[:, self.categories] = far[:, self.categories]
        return self.space.project(mixed, near)

    def restore_categories(self) -> None:
        """Take back each changed category where the label stays another one without it."""
        for column in self.categories:
            live = np.flatnonzero(self.at[:, column] != self.originals[:, column])
            if not len(live):
                continue
            candidates = self.at[live]
            candidates[:, column] = self.originals[live, column]
            candidates = self.space.project(candidates, self.originals[live])
            other = self.others(live, candidates)
            self.at[live[other]] = candidates[other]

    def directions(self, step: int, count: int) -> Rows:
        """(k, width) in which way the other label's region lies, of length 1 in the norm; from labels of random steps off the boundary."""
        space = self.space
        apart = distance(space, self.at, self.originals, self.norm)
        reach = apart * (self.tolerance * (sqrt(space.width) if self.norm == "l2" else space.width))
        if step == 0:
            reach = np.full(len(apart), 0.1 * float(np.median((space.high - space.low) / space.scale)))
        bank, strides = self.bank(step, count), self.strides(step, count)
        found = np.empty_like(self.at)
        held: Rows = np.empty(0, dtype=np.float32)
        for block in _blocks(len(self.at), count * space.width):
            size = len(self.at[block]) * count * space.width
            held = held if len(held) >= size else np.empty(size, dtype=np.float32)
            found[block] = self.gradient(block, bank, strides, reach[block].astype(np.float32), held[:size])
        np.add.at(self.queries, self.of, count)
        along: Rows = found / space.scale
        along /= np.maximum(np.sqrt(np.einsum("ij,ij->i", along, along)), _TINY)[:, None]
        along += np.float32(MEMORY) * self.along
        self.along = along.copy()
        if self.norm == "l2":
            along /= np.maximum(np.sqrt(np.einsum("ij,ij->i", along, along)), _TINY)[:, None]
        else:
            along = np.sign(along)
        along *= space.scale
        return along

    def bank(self, step: int, count: int) -> Rows:
        """(count, width) directions of length 1 in units of the space, in the features' own units."""
        width = self.space.width
        if self.norm == "l2":
            drawn = normals(self.seed, f"directions {self.restart}", [SHARED], step, count * width)
        else:
            drawn = 2 * uniforms(self.seed, f"directions {self.restart}", [SHARED], step, count * width) - 1
        drawn = drawn.reshape(count, width)
        drawn[:, ~self.smooth] = 0
        drawn /= np.maximum(np.sqrt(np.einsum("ij,ij->i", drawn, drawn)), _TINY)[:, None]
        return (drawn * self.space.scale).astype(np.float32)

    def strides(self, step: int, count: int) -> Rows:
        """(count, whole features) now and then one grid step up or down, for features that a small step would not change."""
        drawn = uniforms(self.seed, f"strides {self.restart}", [SHARED], step, count * len(self.whole)).reshape(count, -1)
        share = self.stride_share / 2
        signs = (drawn < share).astype(np.float32) - (drawn >= 1 - share).astype(np.float32)
        return signs * self.space.grid[self.whole]

    def gradient(self, block: slice, bank: Rows, strides: Rows, reach: Rows, held: Rows) -> Rows:
        """Mean of the steps actually taken, those to the other label less those to the own one; `held` is memory to work in."""
        at = self.at[block]
        count = len(bank)
        candidates = np.multiply(bank, reach[:, None, None], out=held.reshape(len(at), count, -1))
        candidates += at[:, None]
        if len(self.whole):
            candidates[:, :, self.whole] += strides
        candidates = self.space.project(candidates, self.originals[block][:, None])
        asked = self.oracle.labels(candidates.reshape(-1, self.space.width)).reshape(len(at), count)
        sign = np.where(asked != self.labels[block][:, None], np.float32(1), np.float32(-1))
        mean = sign.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        weight = np.where(np.abs(mean) == 1, sign, sign - mean)
        along: Rows = np.einsum("ki,kij->kj", weight, candidates)
        along -= weight.sum(axis=1, dtype=np.float64).astype(np.float32)[:, None] * at
        if len(self.whole):  # the same slope moves the label more often where steps are larger: divide by their variances
            variance = self.stride_share * np.square(self.space.grid[self.whole] / self.space.scale[self.whole])
            along[:, self.whole] *= np.square(reach)[:, None] / (self.space.width * variance)
        return along

    def jump(self, directions: Rows, step: int) -> None:
        """Step off the boundary along the directions, half as far each time until the label is another one."""
        length = distance(self.space, self.at, self.originals, self.norm) / sqrt(step + 1)
        live, begun = self.every, self.at.copy()
        for halvings in range(1, MOST_HALVINGS + 1):
            stride = (length[live] * 2.0 ** (1 - halvings)).astype(np.float32)[:, None]
            candidates = self.space.project(begun[live] + stride * directions[live], self.originals[live])
            other = self.others(live, candidates)
            self.at[live[other]] = candidates[other]
            live = live[~other]
            if not len(live):
                return


def _blocks(rows: int, numbers_per_row: int) -> Iterator[slice]:
    each = max(1, _BLOCK_NUMBERS // max(numbers_per_row, 1))
    for start in range(0, rows, each):
        yield slice(start, min(start + each, rows))
