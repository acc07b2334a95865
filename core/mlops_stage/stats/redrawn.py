"""The bootstrap of rows by group, done on cells: what figures of groups, and the gaps between them, would have been on other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mlops_stage.stats.cells import Floats

_AT_ONCE = 2**21  # cells held in memory


def redrawn(mass: NDArray[Any], rows: float, draws: int, seed: int) -> Iterator[Floats]:
    """Tables of as many rows, drawn anew with replacement, a few at a time: shape (d, *mass.shape).

    Drawing n rows with replacement gives the cells the distribution Multinomial(n, cells / n): whatever sees rows through their counts only has the same
    distribution as with a bootstrap of the rows themselves, also where the sizes of groups vary and where groups vanish.

    Args:
        mass: counts or sums of weights.
        rows: their (effective) number; rounded.
        draws: number of tables.
        seed: the same seed, the same tables.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    flat = mass.ravel().astype(np.float64)
    occupied = np.flatnonzero(flat)
    shares = flat[occupied] / flat[occupied].sum()
    while draws > 0:
        count = min(draws, max(1, _AT_ONCE // flat.size))
        draws -= count
        tables = np.zeros((count, flat.size))
        tables[:, occupied] = generator.multinomial(max(round(rows), 1), shares, size=count)
        yield tables.reshape(count, *mass.shape)


def rates(tables: Floats, part: Sequence[int], whole: Sequence[int]) -> Floats:
    """A share by group, NaN where a group has none of its denominator.

    Args:
        tables: shape (…, G, 2, 2) or (…, G, 4).
        part: flat indices of the cells that count.
        whole: of those that they are a share of.

    Returns:
        Shape (…, G).
    """
    flat = tables.reshape(*tables.shape[:-2], 4) if tables.shape[-2:] == (2, 2) else tables
    below = flat[..., list(whole)].sum(axis=-1)
    found = np.full(below.shape, np.nan)
    np.divide(flat[..., list(part)].sum(axis=-1), below, out=found, where=below > 0)
    return found


def between(figures: Floats) -> tuple[Floats, Floats]:
    """The largest difference and the smallest ratio between groups in each draw; NaN where fewer than one group has a value.

    Args:
        figures: shape (…, G), NaN where a group has no value: such groups are left out of that draw, as Fairlearn does.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        highest, lowest = np.fmax.reduce(figures, axis=-1), np.fmin.reduce(figures, axis=-1)
        return highest - lowest, lowest / highest
