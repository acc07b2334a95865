"""The rows that ranges of numbers are learned from: a sample of data that no model is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import UsageError
from mlops_stage.evidence.digest import sha256
from mlops_stage.inputs.arrayed import blocks
from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.columns import map_columns
from mlops_stage.inputs.feeding import Columns
from mlops_stage.inputs.tables import query
from mlops_stage.inputs.tables.query import opened
from mlops_stage.stages.compile import arrays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.tables.open import Table

ROWS = 512
"""Enough for the ranges of numbers of toy and middling models; more rows cost time and find more outliers."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A sample of rows in a file."""

    path: Path
    """As `arrays.save` writes it."""
    rows: int
    sha256: str
    """Of the tensors in that file: the same table, seed and number of rows give the same."""


def calibration(  # noqa: PLR0913  (each says something else about where rows come from)
    model: Model,
    table: Table | Arrays,
    to: Path,
    *,
    seed: int,
    judged: Table | Arrays | None = None,
    rows: int = ROWS,
    columns: Mapping[str, str] | None = None,
    label: str = "",
) -> Calibration:
    """Draw rows to learn ranges from, and write them.

    Args:
        model: the source.
        table: what to draw from.
        to: the file to write.
        seed: of the draw.
        judged: the table that the model is judged on, which must be another.
        rows: at most so many.
        columns: the param of that name: model input -> column or columns, where names differ.
        label: the column of the truth, which no hint names.

    Raises:
        UsageError: the table is the one that the model is judged on, or lacks a column.
        InputError: cells that the model cannot be given.
    """
    if judged is not None and judged.subject().sha256 == table.subject().sha256:
        raise UsageError(
            f"{table.what}: ranges would be learned from the very rows that the model is judged on ({judged.what})",
            "give other rows of the same kind as train",
        )
    save = _drawn(model, table, rows, np.random.Generator(np.random.PCG64(seed)), columns or {}, label)
    arrays.save(to, save)
    return Calibration(path=to, rows=len(next(iter(save.values()))), sha256=sha256(to))


def _drawn(  # noqa: PLR0913, PLR0917  (as `calibration`)
    model: Model, table: Table | Arrays, rows: int, generator: np.random.Generator, columns: Mapping[str, str], label: str
) -> dict[str, NDArray[Any]]:
    if isinstance(table, Arrays):
        held = blocks(model.inputs, table, columns)
        places = np.sort(generator.permutation(table.rows)[:rows])
        return {one.input: one.chunk(places) for one in held}
    feeds = map_columns(model.inputs, table.columns, columns, model.metadata, label=label)
    total = query.rows(table)
    some = table if total <= rows else table.picked(np.sort(generator.permutation(total)[:rows]).tolist())
    with opened(some, [column for feed in feeds for column in feed.columns]) as selection:
        return {feed.input: Columns(feed, selection).chunk(slice(None)) for feed in feeds}
