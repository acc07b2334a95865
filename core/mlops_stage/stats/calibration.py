"""How far predicted probabilities can be believed: log loss, Brier score, calibration by bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Rate, Sampled
from mlops_stage.stats.cells import effective, pieces
from mlops_stage.stats.classification import rate
from mlops_stage.stats.linear import Groups, whole
from mlops_stage.stats.resampling import bootstrap

if TYPE_CHECKING:
    from mlops_stage.stats.cells import Flags, Floats

BINS = 10
_TINY = float(np.finfo(np.float64).eps)


def log_losses(probability: Floats, happened: Flags) -> Floats:
    """The negative logarithm of the probability that was given to what happened, in nats, clipped as scikit-learn does.

    Args:
        probability: that it happens, shape (rows,).
        happened: whether it did, shape (rows,).
    """
    found = np.empty(len(probability))
    for piece in pieces(len(found)):
        part = probability[piece]
        found[piece] = np.where(happened[piece], part, 1 - part)
        np.clip(found[piece], _TINY, 1 - _TINY, out=found[piece])
        np.log(found[piece], out=found[piece])
    return np.negative(found, out=found)


def squared_errors(probability: Floats, happened: Flags) -> Floats:
    """The squared difference between the probability of an event and what happened, 0 or 1; their mean is the Brier score."""
    found = np.empty(len(probability))
    for piece in pieces(len(found)):
        np.subtract(probability[piece], happened[piece], out=found[piece])
        np.square(found[piece], out=found[piece])
    return found


@dataclass(frozen=True)
class Bin:
    """The rows whose probability lies in one of `BINS` equal intervals."""

    predicted: float
    """Their mean probability."""
    observed: Rate
    """The share of them whose event happened."""


@dataclass(frozen=True)
class Calibration:
    """Probabilities against outcomes."""

    bins: tuple[Bin, ...]
    """Those that hold rows, in rising order."""
    error: Sampled
    """Expected calibration error: the mean distance between what was predicted and what was observed, over equal intervals."""


def calibration(groups: Groups, probability: Floats, hit: Flags, *, draws: int, seed: int) -> Calibration:
    """Calibration of all rows.

    Args:
        groups: one group of at least one row.
        probability: between 0 and 1, shape (rows,).
        hit: whether the predicted event happened, shape (rows,).
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    codes = np.empty(groups.rows, dtype=np.uint8)
    for piece in pieces(groups.rows):
        codes[piece] = np.minimum(probability[piece] * BINS, BINS - 1)
    binned = Groups(groups.rows, codes, BINS, groups.weight)
    predicted, observed = binned.mean(probability), binned.mean(hit.astype(np.float64))
    squares = binned.mass if groups.weight is None else binned.sum(groups.weight**2)
    bins = []
    for index in np.flatnonzero(binned.mass):
        mass = binned.mass[index].item()
        happened = observed[index].item() * mass
        share = rate(happened if groups.weight is not None else round(happened), mass, squares[index].item(), "")
        if isinstance(share, Rate):
            bins.append(Bin(predicted[index].item(), Rate(share.k, whole(share.n))))
    rows = effective(binned.mass.sum().item(), squares.sum().item())
    cells = np.stack([binned.mass * (1 - observed), binned.mass * observed], axis=1)
    return Calibration(tuple(bins), _expected_error(cells, predicted, rows, draws, seed))


def _expected_error(cells: Floats, predicted: Floats, rows: float, draws: int, seed: int) -> Sampled:
    """Expected calibration error with an interval that knows its bias: distances are never negative, so chance alone makes some.

    The upper bounds are the bootstrap's percentiles less that bias, the lower ones are reversed percentiles, and 0
    where a model whose every probability is right would show as much. `cells` has the shape (bins, 2): it did not happen, it did.
    """

    def distance(tables: Floats) -> Floats:
        found: Floats = np.abs(tables[..., 1] - tables.sum(-1) * predicted).sum(-1) / tables.sum((-1, -2))
        return found

    value, n = distance(cells).item(), whole(rows)
    drawn = bootstrap(cells, rows, {"": distance}, draws=draws, seed=seed)[""]
    totals = np.rint(cells.sum(-1) * (rows / cells.sum())).astype(np.int64)
    happened = np.random.Generator(np.random.PCG64(seed)).binomial(totals, np.clip(predicted, 0, 1), size=(len(drawn), len(totals)))
    right = distance(np.stack([totals - happened, happened], axis=-1).astype(np.float64))
    chance = Sampled.from_draws(value, n, np.sort(right).tolist())
    above = Sampled.from_draws(value, n, np.sort(drawn - (drawn.mean() - value)).tolist())
    below = Sampled.from_draws(value, n, np.sort(2 * value - drawn).tolist())

    def limit(score: float) -> float:
        if score >= 0:
            return max(above.limit(score), value)
        return 0.0 if chance.limit(-score) >= value else min(max(below.limit(score), 0.0), value)

    return Sampled.from_limits(value, n, limit)
