"""Changes that were not needed, taken back: what is left of a changed row is what changed the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.stages.adversarial.space import distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.space import Norm, Rows, Space

MOST = 64
"""Features of a row that are tried; of images, with hundreds, nobody reads the rest."""


def restored(  # noqa: PLR0913, PLR0917  (what is taken back, and how far)
    oracle: Oracle, rows: Rows, originals: Rows, labels: NDArray[np.int64], space: Space, norm: Norm
) -> tuple[Rows, NDArray[np.float64], NDArray[np.int64]]:
    """The rows with every feature that can go back to its original gone back, one after the other, the least changed first.

    A row is never farther from its original afterwards. Each try is one query, and only what was asked and is still of another label is kept.

    Args:
        oracle: the model.
        rows: (n, width) valid rows of another label than their originals.
        originals: (n, width).
        labels: (n,) the labels of the originals.
        space: what is valid; every feature may go back alone.
        norm: how distances are measured.

    Returns:
        (n, width) rows, (n,) their distances, (n,) queries.
    """
    found = rows.copy()
    queries = np.zeros(len(rows), dtype=np.int64)
    apart = np.where(space.continuous, np.abs(rows.astype(np.float64) - originals) / space.scale, rows != originals)
    order = np.argsort(np.where(apart > 0, apart, np.inf), axis=1, kind="stable")
    for turn in range(min(space.width, MOST)):
        feature = order[:, turn]
        live = np.flatnonzero(apart[np.arange(len(rows)), feature] > 0)
        if not len(live):
            break
        tried = space.project(_with_original(found, originals, live, feature[live]), originals[live])
        other = oracle.labels(tried) != labels[live]
        queries[live] += 1
        found[live[other]] = tried[other]
    return found, distance(space, found, originals, norm), queries


def _with_original(rows: Rows, originals: Rows, live: NDArray[np.intp], feature: NDArray[np.intp]) -> Rows:
    tried: Rows = rows[live]
    every = np.arange(len(live))
    tried[every, feature] = originals[live, feature]
    return tried
