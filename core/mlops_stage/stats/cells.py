"""Rows counted by group, label and prediction: every figure of a decision follows from these counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Codes: TypeAlias = NDArray[np.integer[Any]] | NDArray[np.bool_]
"""Codes 0 … size - 1, one per row."""
Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]
"""Indices into other arrays."""
Flags: TypeAlias = NDArray[np.bool_]

_PIECE = 2**16
"""Rows gone through at a time: what is computed on the way stays in the processor's cache and needs no memory of its own."""


@dataclass(frozen=True)
class Cells:
    """Counts of shape (…, K, K): row is the label, column the prediction; leading axes are groups. Other tables have other axes.

    Without weights all three arrays are the same integers.
    """

    rows: NDArray[np.int64]
    """Number of rows."""
    mass: NDArray[Any]
    """Sum of weights."""
    squares: NDArray[Any]
    """Sum of squared weights, for the effective number of rows."""

    def __getitem__(self, group: int) -> Cells:
        """The cells of one group."""
        return Cells(self.rows[group], self.mass[group], self.squares[group])


def count_cells(axes: Sequence[Codes], shape: tuple[int, ...], weight: Floats | None = None) -> Cells:
    """Count rows by their codes on several axes, in one pass.

    Args:
        axes: for each axis of the table the codes of all rows, each of shape (n,).
        shape: of the table.
        weight: one non-negative weight per row, or None for 1 each.
    """
    size = int(np.prod(shape))
    rows = np.zeros(size, dtype=np.int64)
    mass, squares = np.zeros(size), np.zeros(size)
    for piece in pieces(len(axes[0])):
        flat = axes[0][piece].astype(np.int64)
        for codes, length in zip(axes[1:], shape[1:], strict=True):
            flat *= length
            flat += codes[piece]
        rows += np.bincount(flat, minlength=size)
        if weight is not None:
            part = weight[piece]
            mass += np.bincount(flat, weights=part, minlength=size)
            squares += np.bincount(flat, weights=part * part, minlength=size)
    rows = rows.reshape(shape)
    return Cells(rows, rows, rows) if weight is None else Cells(rows, mass.reshape(shape), squares.reshape(shape))


def pieces(rows: int) -> Iterator[slice]:
    """Slices of so many rows as are gone through at a time."""
    for begin in range(0, rows, _PIECE):
        yield slice(begin, min(begin + _PIECE, rows))


def effective(mass: float, squares: float) -> float:
    """Kish's effective number of rows, `mass² / squares`; without weights the number of rows itself (Kish 1965, Survey Sampling, 8.2)."""
    return mass if mass == squares or squares <= 0 else mass * mass / squares
