"""How far a linear model's rows are from another label, in closed form: a half-space for each other class, met with the box of valid values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.stages.adversarial.space import Found, distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.affine import Affine
    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.space import Norm, Rows, Space

    Numbers = NDArray[np.float64]

ROUNDING = 1e-6
"""How much more than the gap steps on a grid have to gain, as a share of the scores: models round, and on a tie the label stays."""
_HALVINGS = 50
OVERSHOOTS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
"""How much further than the boundary the rows that are asked lie, as shares of the way: models round."""


def linear_margin(  # noqa: PLR0913  (what is attacked)
    oracle: Oracle, affine: Affine, rows: Rows, labels: NDArray[np.int64], space: Space, *, norm: Norm
) -> Found:
    """The least change of numeric features within their bounds that gives another label: rows just beyond the boundary, asked and of another label.

    For the model's own class y and another class c it is the least v with (w_c - w_y) v >= s_y - s_c; features that may not change, categories and
    features at a bound give no way, and the rest go further. Without bounds it is |s_y - s_c| / ||w_c - w_y||, in the dual norm. Where whole
    numbers are free, the rows that are asked are on their grid: the nearest on it for `linf`, and for `l2` the best of a Lagrangian, which is as near or nearly so.

    Args:
        oracle: the model, asked at most 6 times a row for the proof.
        affine: what it computes.
        rows: (n, width).
        labels: (n,) the model's own for the rows.
        space: what is valid, and the unit of distance.
        norm: `l2` or `linf`.
    """
    scores = affine.scores(oracle.feeds(rows))
    slopes = _slopes(oracle, affine, rows, space)
    own = scores.argmax(axis=1)
    low, high = (space.project(np.broadcast_to(ends, rows.shape).copy(), rows).astype(np.float64) for ends in (space.low, space.high))
    stepped = bool((space.grid[space.free] > 0).any())
    on, beyond = _Nearest.of(rows), _Nearest.of(rows)
    for place, other in zip(*np.nonzero(np.arange(scores.shape[1]) != own[:, None]), strict=True):
        along = slopes[:, other] - slopes[:, own[place]]
        room = np.abs(np.where(along > 0, high[place], low[place]) - rows[place])
        gap = max(scores[place, own[place]] - scores[place, other], 0.0)
        if not stepped:
            beyond.take(place, *_least_step(along, gap, room, space, norm))
        else:
            rounding = ROUNDING * (1 + np.abs(scores[place]).max())
            on.take(place, *_step_on_grid(along, gap - rounding, room, space, norm))
            beyond.take(place, *_step_on_grid(along, gap + rounding, room, space, norm))
    return _proved(oracle, rows, labels, space, norm, [on, beyond] if stepped else [beyond])


@dataclass(frozen=True)
class _Nearest:
    """The least step found so far for each of n rows."""

    steps: Numbers
    distance: Numbers

    @classmethod
    def of(cls, rows: Rows) -> _Nearest:
        return cls(np.zeros(rows.shape), np.full(len(rows), np.inf))

    def take(self, place: int, step: Numbers, far: float) -> None:
        if far < self.distance[place]:
            self.steps[place], self.distance[place] = step, far


def _slopes(oracle: Oracle, affine: Affine, rows: Rows, space: Space) -> Numbers:
    """(width, K) what each score gains per unit of each feature; 0 for what may not change and for categories."""
    found = np.zeros((space.width, affine.weights.shape[1]))
    moving = np.flatnonzero(space.continuous & space.free & (space.high > space.low))
    if not len(rows) or not len(moving):
        return found
    low = np.repeat(rows[:1], len(moving), axis=0)
    high = low.copy()
    every = np.arange(len(moving))
    low[every, moving], high[every, moving] = space.low[moving], space.high[moving]
    gained = affine.scores(oracle.feeds(high)) - affine.scores(oracle.feeds(low))
    found[moving] = gained / (space.high[moving].astype(np.float64) - space.low[moving])[:, None]
    return found


def _least_step(along: Numbers, gap: float, room: Numbers, space: Space, norm: Norm) -> tuple[Numbers, float]:
    """The least step within the bounds that gains `gap` along a direction, and its length; infinite where the bounds allow none.

    Every feature goes at its own rate until it meets its bound; the gain is piecewise linear in the common time, so the time is found exactly.
    """
    scale = space.scale.astype(np.float64)
    rate = _rate(along, scale, norm)
    with np.errstate(divide="ignore", invalid="ignore"):
        stops = np.where(rate > 0, room / rate, np.inf)
    order = np.argsort(stops, kind="stable")
    gains = np.abs(along) * rate
    moving = gains[order][::-1].cumsum()[::-1]
    """What all features that still move at each stop gain per unit of time."""
    spent = np.concatenate([[0.0], (np.abs(along) * room)[order][:-1].cumsum()])
    for place, stop in enumerate(stops[order]):
        if moving[place] > 0 and spent[place] + moving[place] * stop >= gap:
            time = (gap - spent[place]) / moving[place]
            step = np.sign(along) * np.minimum(rate * time, room)
            return step, _length(step, scale, norm)
    return np.zeros_like(room), np.inf


def _step_on_grid(along: Numbers, gap: float, room: Numbers, space: Space, norm: Norm) -> tuple[Numbers, float]:
    """The same where whole features move by whole steps; found by halving the common time, of which the gain is a rising function.

    Within a size (`linf`) each goes as far as whole steps lead; for `l2`, rounding to the nearest step is what the Lagrangian of the problem asks.
    """
    scale = space.scale.astype(np.float64)
    rate = _rate(along, scale, norm)
    whole = space.grid > 0
    room = np.where(whole, np.floor(room + ROUNDING), room)

    def moved(time: float) -> Numbers:
        gone = rate * time
        steps = np.where(whole, np.floor(gone + ROUNDING) if norm == "linf" else np.rint(gone), gone)
        return np.minimum(steps, room)

    size = np.abs(along)
    low, high = 0.0, float(np.max((room + 1) / np.where(rate > 0, rate, np.inf), initial=0.0))
    if moved(high) @ size < gap:
        return np.zeros_like(room), np.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if moved(middle) @ size >= gap else (middle, high)
    step = np.sign(along) * moved(high)
    return step, _length(step, scale, norm)


def _rate(along: Numbers, scale: Numbers, norm: Norm) -> Numbers:
    """How fast each feature goes along a direction."""
    return scale * (along != 0) if norm == "linf" else np.square(scale) * np.abs(along)


def _length(step: Numbers, scale: Numbers, norm: Norm) -> float:
    return float(np.abs(step / scale).max(initial=0.0) if norm == "linf" else np.sqrt(np.square(step / scale).sum()))


def _proved(  # noqa: PLR0913, PLR0917  (what was found)
    oracle: Oracle, rows: Rows, labels: NDArray[np.int64], space: Space, norm: Norm, nearest: list[_Nearest]
) -> Found:
    """Ask rows on a grid that may stand on the boundary, then rows just beyond it, further where the model does not agree."""
    found = Found(rows=rows.copy(), distance=np.full(len(rows), np.inf), queries=np.zeros(len(rows), dtype=np.int64))
    tries = [(one, OVERSHOOTS[0]) for one in nearest[:-1]] + [(nearest[-1], overshoot) for overshoot in OVERSHOOTS]
    live = np.arange(len(rows))
    for one, overshoot in tries:
        live = live[np.isfinite(one.distance[live])]
        if not len(live):
            break
        candidates = space.project((rows[live] + one.steps[live] * (1 + overshoot)).astype(np.float32), rows[live])
        other = oracle.labels(candidates) != labels[live]
        found.queries[live] += 1
        found.rows[live[other]] = candidates[other]
        found.distance[live[other]] = distance(space, candidates[other], rows[live[other]], norm)
        live = live[~other]
    return found
