"""The bootstrap of rows, done on cells: exact for every figure that sees rows only through their counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.estimates import Sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from mlops_stage.stats.cells import Floats

DRAWS = {"quick": 400, "standard": 2_000, "deep": 10_000}
"""Draws of a bootstrap by effort."""
FEWEST_DRAWS = 200
"""Fewer cannot tell a 95 % interval."""
_MOST_SMOOTHED = 4_096  # spread over more cells, one row changes nothing but the time it takes
_MOST_WORK = 50_000_000  # binomial variates
_AT_ONCE = 2**21  # cells held in memory


def bootstrap(
    mass: NDArray[Any],
    rows: float,
    statistics: Mapping[str, Callable[[Floats], Floats]],
    *,
    draws: int,
    seed: int,
) -> dict[str, Floats]:
    """What the statistics would have been on as many rows, drawn anew from the same population.

    Drawing n rows with replacement gives the cells the distribution Multinomial(n, cells / n), so no row is touched.
    One row, spread evenly over all cells, is added to the population: a cell that happens to be empty is rare, not impossible, and
    a classifier without errors on 50 rows gets no interval of width zero (Perks 1947, J Inst Actuar 73:285).

    Args:
        mass: counts or sums of weights, of any shape.
        rows: their (effective) number of rows; rounded.
        statistics: each takes tables of shape (d, *mass.shape) and gives d finite figures.
        draws: number of tables; fewer, though never below `FEWEST_DRAWS`, where there are very many cells.
        seed: the same seed, the same figures, on any number of threads.

    Returns:
        Shape (draws,) for each statistic.
    """
    parts: dict[str, list[Floats]] = {name: [] for name in statistics}
    for tables in _tables(mass, max(round(rows), 1), draws, np.random.Generator(np.random.PCG64(seed))):
        for name, statistic in statistics.items():
            parts[name].append(statistic(tables))
    return {name: np.concatenate(found) for name, found in parts.items()}


def sampled(value: float, n: float, drawn: Floats) -> Sampled:
    """The estimate from its draws; its bounds never leave the figure itself outside, as those of very few rows could."""
    found = Sampled.from_draws(value, n, np.sort(drawn).tolist())
    return Sampled.from_limits(value, n, lambda score: (max if score > 0 else min)(found.limit(score), value))


def _tables(mass: NDArray[Any], rows: int, draws: int, generator: np.random.Generator) -> Iterator[Floats]:
    """The drawn tables, a few at a time."""
    flat = mass.ravel().astype(np.float64)
    flat *= rows / flat.sum()
    if flat.size <= _MOST_SMOOTHED:
        flat += 1 / flat.size
    drawn = np.flatnonzero(flat)
    shares = flat[drawn] / flat[drawn].sum()
    left = max(FEWEST_DRAWS, min(draws, _MOST_WORK // drawn.size))
    while left > 0:
        count = min(left, max(1, _AT_ONCE // flat.size))
        left -= count
        tables = np.zeros((count, flat.size))
        tables[:, drawn] = generator.multinomial(rows, shares, size=count)
        yield tables.reshape(count, *mass.shape)
