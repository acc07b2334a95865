"""How far the outputs of two forms of a model are apart: numbers by size, everything else by being the same or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from mlops_stage.estimates import NotEstimable, Sampled
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Outputs = Mapping[str, NDArray[Any]]
    Flags = NDArray[np.bool_]

Tier = Literal["exact", "reduced", "quantised"]
ABSOLUTE, RELATIVE = 1e-5, 1e-4
"""`exact`: |difference| ≤ 1e-5 · (the largest number of its column, at most 1) + 1e-4 · |reference|, number by number."""
REDUCED = 1e-2
"""`reduced`: |difference| ≤ 1 % of the number or of a large one of its column (`_LARGE`), whichever is larger; where columns are scores of classes, which are
held against one another, of the largest number of its row or of the typical row."""
_TINY = float(np.finfo(np.float32).tiny)
"""Smaller numbers are 0 on many a processor."""
_LARGE = 95
"""Percentile of the sizes of a column."""


@dataclass(frozen=True)
class Worst:
    """The number that differs most, measured by what its tier allows."""

    output: str
    row: int
    reference: float
    candidate: float
    difference: float
    """Absolute."""
    of_allowed: float
    """Times what is allowed: above 1 it is too much. In `quantised`, where single numbers may differ, times what `reduced` allows."""


class Distance(NamedTuple):
    """Of one output of numbers."""

    excess: NDArray[np.float64]
    """For each row the largest difference as a multiple of what is allowed; infinite where NaN or infinity is not the same."""
    largest: float
    """The largest difference of a finite number."""
    worst: Worst


def misfits(reference: Outputs, candidate: Outputs) -> list[str]:
    """Outputs that are missing, or of another shape or type, one line each."""
    found = []
    for name, values in reference.items():
        other = candidate.get(name)
        if other is None:
            found.append(f"output {shown(name)!r} is missing")
        elif other.shape != values.shape:
            found.append(f"output {shown(name)!r} has the shape {other.shape}, not {values.shape}")
        elif _kind(values) != _kind(other):
            found.append(f"output {shown(name)!r} holds {_kind(other)}, not {_kind(values)}")
    return found


def _kind(values: NDArray[Any]) -> str:
    return "text" if values.dtype.kind in "OUS" else values.dtype.name


def is_number(values: NDArray[Any]) -> bool:
    """Whether an output is judged by size; whole numbers, booleans and text are the same or not."""
    return values.dtype.kind == "f"


def allowed(values: NDArray[Any], tier: Tier, *, shared: bool = False) -> NDArray[np.float64]:
    """By how much a number may differ, for each of the reference's, shape (n, k); in `quantised` as in `reduced`.

    Args:
        values: the reference's, shape (n, k).
        tier: how near they must be.
        shared: whether its columns have one scale, as scores of classes do; else each is judged by its own.
    """
    size = np.abs(np.where(np.isfinite(values), values, 0)).astype(np.float64)
    least = np.maximum(ABSOLUTE * np.minimum(_largest(size, shared=shared), 1), _TINY)
    if tier == "exact":
        return np.asarray(least + RELATIVE * size)
    if not len(size):
        return size
    if shared:
        rows = size.max(axis=1, initial=0)
        return np.broadcast_to(np.maximum(REDUCED * np.maximum(rows, np.median(rows))[:, None], least), size.shape)
    return np.maximum(REDUCED * np.maximum(size, np.percentile(size, _LARGE, axis=0)), least)


def _largest(size: NDArray[np.float64], *, shared: bool) -> NDArray[np.float64]:
    """Of each column, shape (k,); of all where they have one scale, where a column is 0 throughout too; 1 where all are."""
    whole = size.max(initial=0) or 1.0
    columns = size.max(axis=0, initial=0)
    return np.where((columns == 0) | shared, whole, columns)


def blind(values: NDArray[Any], tier: Tier, *, shared: bool) -> bool:
    """Whether a tier allows differences as large as the output's own spread over rows, so that one number might stand for all of them."""
    flat = _flat(values)
    flat = flat[np.isfinite(flat).all(axis=1)]
    if not flat.size:
        return False
    spread, most = flat.std(axis=0), np.median(allowed(flat, tier, shared=shared), axis=0)
    if shared:
        spread, most = spread.max(keepdims=True), most.max(keepdims=True)
    return bool(((spread > 0) & (most >= spread)).any())


def distances(reference: Outputs, candidate: Outputs, tier: Tier, shared: str = "") -> dict[str, Distance]:
    """How far every output of numbers is from the reference's; the columns of the one named `shared` have one scale."""
    found = {}
    for name, values in reference.items():
        if is_number(values) and values.size:
            found[name] = _distance(name, values, candidate[name], allowed(_flat(values), tier, shared=name == shared))
    return found


def _distance(name: str, reference: NDArray[Any], candidate: NDArray[Any], most: NDArray[np.float64]) -> Distance:
    before, after = _flat(reference), _flat(candidate)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(after - before)
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    over = difference / most
    row, place = np.unravel_index(int(np.argmax(over)), over.shape)
    told = (float(one[row, place]) for one in (before, after, difference, over))
    largest = float(np.max(difference, where=np.isfinite(difference), initial=0.0))
    return Distance(over.max(axis=1), largest, Worst(name, int(row), *told))


def _flat(values: NDArray[Any]) -> NDArray[np.float64]:
    return values.reshape(len(values), -1).astype(np.float64)


def otherwise(reference: NDArray[Any], candidate: NDArray[Any]) -> Flags:
    """In which rows an output that holds no numbers of any size is not the same, shape (n,)."""
    return np.asarray((reference != candidate).reshape(len(reference), -1).any(axis=1))


def differs(reference: Outputs, candidate: Outputs) -> Flags:
    """In which rows answers are further apart than `exact` allows; where the model gives no numbers, in which they are not the same."""
    found = [one.excess > 1 for one in distances(reference, candidate, "exact").values()]
    found = found or [otherwise(values, candidate[name]) for name, values in reference.items()]
    return np.asarray(np.logical_or.reduce(found))


def noise(reference: NDArray[Any], candidate: NDArray[Any], *, shared: bool = False) -> Sampled | NotEstimable:
    """The variance that a candidate's differences add to an output, as a share of the output's own variance over rows.

    Of columns that do not have one scale it is the mean of their shares. Rows in which a number is not finite are left out. The share of two means has
    bounds by the delta method.
    """
    before, after = _flat(reference), _flat(candidate)
    whole = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    n = int(whole.sum())
    if n < 2:  # noqa: PLR2004  (one row has no variance)
        return NotEstimable(n, "fewer than 2 rows of finite numbers")
    before, after = before[whole], after[whole]
    scale = _spread(before, shared=shared)
    own = (((before - before.mean(axis=0)) / scale) ** 2).sum(axis=1)
    added = (((after - before) / scale) ** 2).sum(axis=1)
    if own.mean() <= 0:
        return NotEstimable(n, "it is the same in every row")
    share = float(added.mean() / own.mean())
    return Sampled.from_normal(share, n, float(np.std(added - share * own, ddof=1) / own.mean() / n**0.5), low=0.0)


def _spread(values: NDArray[np.float64], *, shared: bool) -> NDArray[np.float64]:
    """By what the numbers of each column are divided: its standard deviation; that of all together where they have one scale, and for a column that never changes."""
    each = values.std(axis=0)
    whole = float((each**2).mean() ** 0.5) or 1.0
    return np.where((each == 0) | shared, whole, each)
