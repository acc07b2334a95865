"""Rows counted by group, label and prediction: every figure of a decision follows from these counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.integer[Any]]
"""Codes 0 … size - 1, one per row."""
Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]
"""Indices into other arrays."""
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """Counts of shape (…, K, K): row is the label, column the prediction; leading axes are groups.

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


def count_cells(codes: Codes, shape: tuple[int, ...], weight: Floats | None = None) -> Cells:
    """Count rows by the code of their cell, in one pass.

    Args:
        codes: the flat index of each row's cell in an array of that shape, as `pair_codes` and `grouped_codes` give it, shape (n,).
        shape: of the result: (K, K), or (groups, K, K), or any other table of cells.
        weight: one non-negative weight per row, or None for 1 each.
    """
    size = int(np.prod(shape))
    rows = np.bincount(codes, minlength=size).reshape(shape)
    if weight is None:
        return Cells(rows, rows, rows)
    mass = np.bincount(codes, weights=weight, minlength=size).reshape(shape)
    squares = np.bincount(codes, weights=weight * weight, minlength=size).reshape(shape)
    return Cells(rows, mass, squares)


def pair_codes(label: Codes, prediction: Codes, classes: int) -> NDArray[np.int64]:
    """`label * classes + prediction`: the flat index into (classes, classes), shape (n,)."""
    pairs = label.astype(np.int64)
    pairs *= classes
    pairs += prediction
    return pairs


def grouped_codes(group: Codes, codes: Codes, size: int) -> NDArray[np.int64]:
    """`group * size + codes`: the flat index into (groups, size), shape (n,)."""
    return pair_codes(group, codes, size)


def effective(mass: float, squares: float) -> float:
    """Kish's effective number of rows, `mass² / squares`; without weights the number of rows itself (Kish 1965, Survey Sampling, 8.2)."""
    return mass if mass == squares or squares <= 0 else mass * mass / squares
