"""Square attack on all rows at once: random changes to the edge of the allowed box, kept where scores get worse (Andriushchenko et al. 2020, arXiv 1912.00049)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.stages.adversarial.rng import uniforms
from mlops_stage.stages.adversarial.space import Found, distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.space import Flags, Rows, Space

SHARE = 0.8
"""Share of the features that the first changes touch (the paper's p)."""
EVEN = 0.5
MOST_REMEMBERED = 64
"""Features of a row of which candidates are remembered; with more, none comes twice."""
_ROUNDING = 1e-12
_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Iterations, of 10,000, after which the share is halved: the paper's schedule, stretched to the budget."""


@dataclass(frozen=True)
class Image:
    """How the features of a row are the pixels of an image: channels first, rows of pixels next."""

    channels: int
    height: int
    width: int


def square(  # noqa: PLR0913  (what is attacked, and the budget)
    oracle: Oracle,
    rows: Rows,
    labels: NDArray[np.int64],
    ids: NDArray[np.int64],
    space: Space,
    *,
    epsilon: float,
    queries: int,
    seed: int,
    image: Image | None = None,
) -> Found:
    """A row of another label within `epsilon` in the largest change of a feature, from scores.

    Each round asks one candidate for every row that still has its label: some features are set to the edge of the allowed box, up or down at random,
    a square window of an image or, in a table, any of them; a category, if changing one stays within epsilon, to any category. The candidate is made
    valid and asked, and kept where the score of the label fell behind the best other one. A row that got another label is done. A candidate that was
    asked before is not asked again: with few features they come often, and the answer would be the same, as good as where the row stands at best.

    Args:
        oracle: the model, with scores.
        rows: (n, width) valid rows.
        labels: (n,) the label to get away from; normally the model's own for the row.
        ids: (n,) whole numbers that name the rows.
        space: what is valid, and the unit of epsilon.
        epsilon: in units of `space.scale`.
        queries: how many candidates are drawn for a row at most, besides the row itself.
        seed: of the run.
        image: the shape of the image, or None for a table.

    Raises:
        OutOfQueriesError: the oracle's budget is spent.
        InputError: the model gives no scores.
    """
    if not oracle.has_scores:
        raise InputError("the attack needs scores, and the model gives labels alone", "export the scores, or leave the attack out")
    search = _Search(oracle, space, rows, labels, ids, epsilon, seed, image)
    search.begin()
    for step in range(queries):
        live = np.flatnonzero(~search.fooled)
        if not len(live):
            break
        search.turn(live, search.candidates(live, step, _share(step, queries)))
    far = np.where(search.fooled, distance(space, search.at, rows, "linf"), np.inf)
    return Found(rows=np.where(search.fooled[:, None], search.at, rows), distance=far, queries=search.queries)


def _share(step: int, queries: int) -> float:
    stretched = step * 10_000 / max(queries, 1)
    return float(SHARE / 2 ** sum(stretched > at for at in _HALVED_AT))


class _Search:
    """Where n rows stand; arrays are (n, width) or (n,)."""

    def __init__(  # noqa: PLR0913, PLR0917  (the search's own arguments)
        self,
        oracle: Oracle,
        space: Space,
        rows: Rows,
        labels: NDArray[np.int64],
        ids: NDArray[np.int64],
        epsilon: float,
        seed: int,
        image: Image | None,
    ) -> None:
        self.oracle = oracle
        self.space = space
        self.originals = rows
        self.labels = labels
        self.ids = ids
        self.seed = seed
        self.image = image
        self.at = rows.copy()
        self.margin = np.full(len(rows), np.inf)
        """How far the score of the label is ahead of the best other one."""
        self.fooled: Flags = np.zeros(len(rows), dtype=np.bool_)
        self.queries = np.zeros(len(rows), dtype=np.int64)
        self.asked: list[set[bytes]] = [set() for _ in rows] if space.width <= MOST_REMEMBERED else []
        reach = epsilon * (1 - _ROUNDING) * space.scale.astype(np.float64) * (space.continuous & space.free)
        self.low = _edge(rows, -reach)
        self.high = _edge(rows, reach)
        self.categories = np.flatnonzero(~space.continuous & space.free & (epsilon * space.scale >= 1))
        self.movable = reach > 0
        self.movable[self.categories] = True

    def begin(self) -> None:
        """Ask the rows themselves: one of another label from the start is done."""
        self.turn(np.arange(len(self.at)), self.at.copy())

    def turn(self, live: NDArray[np.intp], candidates: Rows) -> None:
        """Ask one valid candidate for each live row, unless it was asked before; stay where it is better."""
        new = self.new(live, candidates)
        if not len(new):
            return
        live, candidates = live[new], candidates[new]
        labels, scores = self.oracle.answers(candidates)
        self.queries[live] += 1
        margin = _margin(scores, self.labels[live])
        other = labels != self.labels[live]
        better = other | (margin < self.margin[live])
        self.at[live[better]] = candidates[better]
        self.margin[live[better]] = margin[better]
        self.fooled[live[other]] = True

    def new(self, live: NDArray[np.intp], candidates: Rows) -> NDArray[np.intp]:
        """Places of the candidates that were not asked before."""
        if not self.asked:
            return np.arange(len(live))
        found = []
        cells = np.ascontiguousarray(candidates + np.float32(0))  # of the two zeros one
        for place, (row, key) in enumerate(
            zip(live.tolist(), cells.view(f"V{cells.itemsize * cells.shape[1]}")[:, 0].tolist(), strict=True)
        ):
            if key not in self.asked[row]:
                self.asked[row].add(key)
                found.append(place)
        return np.array(found, dtype=np.intp)

    def candidates(self, live: NDArray[np.intp], step: int, share: float) -> Rows:
        """(k, width) valid rows with some features at the edge of the allowed box."""
        if self.image is None:
            touched, up = self.any_features(live, step, share)
        elif step == 0:
            touched, up = self.stripes(live, self.image)
        else:
            touched, up = self.window(live, step, share, self.image)
        made = np.where(touched & self.movable, np.where(up, self.high[live], self.low[live]), self.at[live])
        if len(self.categories):
            drawn = self.drawn("category", live, step, len(self.categories))
            levels = np.floor(drawn * (self.space.high[self.categories].astype(np.float64) + 1)).astype(np.float32)
            made[:, self.categories] = np.where(touched[:, self.categories], levels, self.at[live][:, self.categories])
        return self.space.project(made, self.originals[live])

    def drawn(self, stream: str, live: NDArray[np.intp], step: int, count: int) -> NDArray[np.float64]:
        """(k, count) uniform numbers."""
        return uniforms(self.seed, f"square {stream}", self.ids[live], step, count)

    def any_features(self, live: NDArray[np.intp], step: int, share: float) -> tuple[Flags, Flags]:
        """Each movable feature with a probability, at least one of them; and which go up."""
        width = self.space.width
        drawn = self.drawn("features", live, step, 2 * width)
        rank = np.where(self.movable, drawn[:, :width], 2.0)
        return (rank < share) | (rank == rank.min(axis=1, keepdims=True)), drawn[:, width:] < EVEN

    def stripes(self, live: NDArray[np.intp], image: Image) -> tuple[Flags, Flags]:
        """All pixels, columns of them in the same direction: the paper's start."""
        up = self.drawn("stripes", live, 0, image.channels * image.width) < EVEN
        whole = np.repeat(up.reshape(len(live), image.channels, 1, image.width), image.height, axis=2)
        return np.ones((len(live), self.space.width), dtype=np.bool_), whole.reshape(len(live), -1)

    def window(self, live: NDArray[np.intp], step: int, share: float, image: Image) -> tuple[Flags, Flags]:
        """A square window at a random place, each channel up or down."""
        side = min(max(round(np.sqrt(share * image.height * image.width)), 1), image.height, image.width)
        drawn = self.drawn("window", live, step, 2 + image.channels)
        top = np.floor(drawn[:, :1] * (image.height - side + 1))
        left = np.floor(drawn[:, 1:2] * (image.width - side + 1))
        down, across = np.arange(image.height), np.arange(image.width)
        inside = ((down >= top) & (down < top + side))[:, :, None] & ((across >= left) & (across < left + side))[:, None, :]
        touched = np.repeat(inside.reshape(len(live), 1, -1), image.channels, axis=1).reshape(len(live), -1)
        return touched, np.repeat(drawn[:, 2:] < EVEN, image.height * image.width, axis=1)


def _edge(rows: Rows, reach: NDArray[np.float64]) -> Rows:
    """Rows moved by `reach`, rounded to single precision towards where they came from."""
    single = (rows.astype(np.float64) + reach).astype(np.float32)
    beyond = np.abs(single.astype(np.float64) - rows) > np.abs(reach)
    edge: Rows = np.where(beyond, np.nextafter(single, rows), single)
    return edge


def _margin(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far the label's score is ahead of the best other one; for a label without a score, how far the best is ahead of the second."""
    every = np.arange(len(scores))
    columns = np.where((labels >= 0) & (labels < scores.shape[1]), labels, scores.argmax(axis=1))
    own = scores[every, columns]
    others = scores.copy()
    others[every, columns] = -np.inf
    margin: NDArray[np.float64] = own - others.max(axis=1)
    return margin
