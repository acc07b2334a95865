"""The space that an attack searches: one column per feature, what a valid row is, and how far two rows are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Rows = NDArray[np.float32]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Norm = Literal["l2", "linf"]


class Space(Protocol):
    """What an attack may ask about rows of shape (…, width), float32."""

    width: int
    scale: Floats
    """(width,) how much of a feature is one unit of distance: its standard deviation in reference data, 1 for raw units; above 0."""
    low: Floats
    """(width,) least valid value, finite."""
    high: Floats
    """(width,) largest valid value, finite."""
    grid: Floats
    """(width,) how far neighbouring valid values are apart: 1 for whole numbers and categories, 0 where every number is valid."""
    continuous: Flags
    """(width,) False for a category that is held as its index: only equality has a meaning, and another category is `1 / scale` away."""
    free: Flags
    """(width,) False for a feature that no valid row changes."""

    def project(self, rows: Rows, originals: Rows) -> Rows:
        """The nearest valid rows, the same for the same input and row by row: no row depends on another.

        Args:
            rows: (…, width); may be overwritten.
            originals: the rows that they were made from, of a shape that broadcasts to that of `rows`, such as (n, 1, width) for (n, k, width).

        Returns:
            Rows of the shape of `rows`; projecting them again changes nothing.
        """
        ...


@dataclass(frozen=True)
class Box:
    """Every row between two corners."""

    low: Floats
    high: Floats
    scale: Floats
    grid: Floats
    continuous: Flags
    free: Flags
    corners: tuple[np.float32, np.float32] | None
    """The bounds where all features have the same."""

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.low)

    def project(self, rows: Rows, originals: Rows) -> Rows:  # noqa: ARG002  (a box does not look at where a row came from)
        """Clip to the box, in place."""
        if self.corners is not None:  # NumPy is ten times faster with two numbers than with two rows of them
            return np.clip(rows, *self.corners, out=rows)
        np.maximum(rows, self.low, out=rows)
        return np.minimum(rows, self.high, out=rows)


def box(width: int, low: ArrayLike = 0.0, high: ArrayLike = 1.0, scale: ArrayLike = 1.0) -> Box:
    """A box with the same or separate bounds and units for each feature.

    Raises:
        ValueError: a bound that is not finite, a lower bound above the upper one, or a unit that is not above 0.
    """
    below, above, unit = (np.ascontiguousarray(np.broadcast_to(np.asarray(v, dtype=np.float32), width)) for v in (low, high, scale))
    if not (np.isfinite(below).all() and np.isfinite(above).all() and (below <= above).all() and (unit > 0).all()):
        raise ValueError("a box needs finite bounds, the lower one not above the upper one, and units above 0")
    every = np.ones(width, dtype=np.bool_)
    even = width > 0 and (below == below[0]).all() and (above == above[0]).all()
    return Box(
        low=below,
        high=above,
        scale=unit,
        grid=np.zeros(width, dtype=np.float32),
        continuous=every,
        free=below < above,
        corners=(below[0], above[0]) if even else None,
    )


def distance(space: Space, rows: Rows, originals: Rows, norm: Norm) -> NDArray[np.float64]:
    """How far rows are from their originals, in units of `space.scale`.

    Args:
        space: gives the units; a changed category counts as one step of 1 / scale.
        rows: (n, width).
        originals: (n, width).
        norm: `l2`, the root of the sum of squares over features, or `linf`, the largest over features.

    Returns:
        (n,).
    """
    apart = np.subtract(rows, originals, dtype=np.float64)
    if not space.continuous.all():
        apart[:, ~space.continuous] = apart[:, ~space.continuous] != 0
    apart /= space.scale
    if norm == "l2":
        root: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", apart, apart))
        return root
    largest: NDArray[np.float64] = np.abs(apart).max(axis=1, initial=0.0)
    return largest


@dataclass(frozen=True)
class Found:
    """What an attack found for n rows. Every row of another class was given to the model as it stands here, and got another label."""

    rows: Rows
    """(n, width) the nearest valid row found that the model answers otherwise; the original where none was found."""
    distance: NDArray[np.float64]
    """(n,) how far it is, in units of `Space.scale`; infinite where none was found."""
    queries: NDArray[np.int64]
    """(n,) how many queries the row took."""

    @property
    def fooled(self) -> Flags:
        """(n,) where a row of another label was found."""
        return np.isfinite(self.distance)
