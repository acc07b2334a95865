"""Rows through a runtime: in pieces of a size that fits, and padded where a model takes exactly so many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops_stage.stages.compile.backends.backend import Arrays

CHUNK_ROWS = 1024


class Runner:
    """What answers for some rows, made to answer for any number."""

    def __init__(self, ask: Callable[[Arrays], Arrays], ports: Sequence[tuple[str, Sequence[Any] | None]]) -> None:
        """Take it over.

        Args:
            ask: all outputs for one piece of rows.
            ports: name and shape of each input; a first dimension that is a number is how many rows the model takes, no more and no fewer.
        """
        self._ask = ask
        fixed = {shape[0] for _, shape in ports if shape and isinstance(shape[0], int) and shape[0] > 0}
        self.exact = max(fixed, default=0)
        """How many rows the model takes; 0 for any number."""

    def run(self, feeds: Arrays) -> Arrays:
        """All outputs for these rows."""
        rows = len(next(iter(feeds.values())))
        size = self.exact or CHUNK_ROWS
        if rows <= size and not (self.exact and rows < size):
            return self._asked(feeds)
        pieces = [self._piece(feeds, start, size) for start in range(0, rows, size)]
        return {name: np.concatenate([piece[name] for piece in pieces])[:rows] for name in pieces[0]}

    def _piece(self, feeds: Arrays, start: int, size: int) -> Arrays:
        part = {name: values[start : start + size] for name, values in feeds.items()}
        short = size - len(next(iter(part.values())))
        if self.exact and short > 0:
            part = {name: np.concatenate([values, np.repeat(values[-1:], short, axis=0)]) for name, values in part.items()}
        return self._asked(part)

    def _asked(self, feeds: Arrays) -> Arrays:
        """All outputs for one piece.

        Raises:
            BuildError: one does not have the rows as its first axis.
        """
        rows = len(next(iter(feeds.values())))
        found = self._ask(feeds)
        for name, values in found.items():
            if not values.ndim or len(values) != rows:
                told = f"the model's outputs are not one per row: {shown(name)!r} has the shape {values.shape} for {counted(rows, 'row')}"
                raise BuildError(told, "export the model so that the first axis of every output is rows")
        return found
