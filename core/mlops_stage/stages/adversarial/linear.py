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

OVERSHOOTS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
"""How much further than the boundary the rows that are asked lie, as shares of the way: models round."""


@dataclass(frozen=True)
class Margins:
    """What the closed form says of n rows, and the rows that prove it."""

    bound: Numbers
    """(n,) no change of numeric features that is smaller gives another label, but for the rounding of the model; infinite where no valid one does."""
    found: Found
    """Rows just beyond the boundary, asked and of another label; none where the grid of whole numbers takes them back."""


def linear_margin(  # noqa: PLR0913  (what is attacked)
    oracle: Oracle, affine: Affine, rows: Rows, labels: NDArray[np.int64], space: Space, *, norm: Norm
) -> Margins:
    """The least change of numeric features within their bounds that gives another label.

    For the model's own class y and another class c it is the least v with (w_c - w_y) v >= s_y - s_c; features that may not change, categories and
    features at a bound give no way, and the rest go further. Whole numbers are treated as if they could be any, so `bound` stays a lower bound.
    Without bounds it is |s_y - s_c| / ||w_c - w_y||, in the dual norm.

    Args:
        oracle: the model, asked at most 5 times a row for the proof.
        affine: what it computes.
        rows: (n, width).
        labels: (n,) the model's own for the rows.
        space: what is valid, and the unit of distance.
        norm: `l2` or `linf`.
    """
    scores = affine.scores(oracle.feeds(rows))
    slopes = _slopes(oracle, affine, rows, space)
    own = scores.argmax(axis=1)
    bound = np.full(len(rows), np.inf)
    nearest = rows.astype(np.float64)
    for place in range(len(rows)):
        for other in range(scores.shape[1]):
            if other == own[place]:
                continue
            along = slopes[:, other] - slopes[:, own[place]]
            gap = scores[place, own[place]] - scores[place, other]
            step, far = _least_step(along, max(gap, 0.0), rows[place].astype(np.float64), space, norm)
            if far < bound[place]:
                bound[place], nearest[place] = far, rows[place] + step
    return Margins(bound=bound, found=_proved(oracle, rows, labels, space, norm, nearest, np.isfinite(bound)))


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


def _least_step(along: Numbers, gap: float, row: Numbers, space: Space, norm: Norm) -> tuple[Numbers, float]:
    """The least step within the bounds that gains `gap` along a direction, and its length; infinite where the bounds allow none.

    Every feature goes at its own rate until it meets its bound; the gain is piecewise linear in the common time, so the time is found exactly.
    """
    scale = space.scale.astype(np.float64)
    room = np.maximum(np.where(along > 0, space.high - row, row - space.low), 0.0)
    rate = scale * (along != 0) if norm == "linf" else np.square(scale) * np.abs(along)
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
            return step, float(np.abs(step / scale).max(initial=0.0) if norm == "linf" else np.sqrt(np.square(step / scale).sum()))
    return np.zeros_like(row), np.inf


def _proved(  # noqa: PLR0913, PLR0917  (what was found)
    oracle: Oracle, rows: Rows, labels: NDArray[np.int64], space: Space, norm: Norm, nearest: Numbers, reachable: NDArray[np.bool_]
) -> Found:
    """Ask rows just beyond the boundary, further where the model does not agree."""
    found = Found(rows=rows.copy(), distance=np.full(len(rows), np.inf), queries=np.zeros(len(rows), dtype=np.int64))
    live = np.flatnonzero(reachable)
    for overshoot in OVERSHOOTS:
        if not len(live):
            break
        step = (nearest[live] - rows[live]) * (1 + overshoot)
        candidates = space.project((rows[live] + step).astype(np.float32), rows[live])
        other = oracle.labels(candidates) != labels[live]
        found.queries[live] += 1
        found.rows[live[other]] = candidates[other]
        found.distance[live[other]] = distance(space, candidates[other], rows[live[other]], norm)
        live = live[~other]
    return found
