"""What must not be shown: small counts, and text that would break a line or a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_stage.estimates import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mlops_stage.estimates import Estimate

_CREDENTIALS = re.compile(r"(\w://)[^/\s@]+@")

MINIMUM_COUNT = 10
"""Counts below this name people more than groups; the threshold most statistical offices use."""


def masked_levels(counts: Mapping[str, int], minimum: int = MINIMUM_COUNT) -> frozenset[str]:
    """The levels whose counts must be hidden where the total of all counts is known.

    Primary: every count from 1 to `minimum - 1`; a zero names nobody. Complementary: what is hidden can be found by subtraction as a sum, so the
    next smallest levels are hidden too until at least two are and their sum reaches `minimum`. Ties go by name.
    """
    occupied = sorted((level for level, count in counts.items() if count > 0), key=lambda level: (counts[level], level))
    hidden = [level for level in occupied if counts[level] < minimum]
    if not hidden:
        return frozenset()
    for level in occupied[len(hidden) :]:
        if len(hidden) > 1 and sum(counts[name] for name in hidden) >= minimum:
            break
        hidden.append(level)
    return frozenset(hidden)


HIDDEN = NotEstimable(None, f"masked, for fewer than {MINIMUM_COUNT} rows could be told from it")
"""A figure that is masked."""


def masked(figures: Mapping[str, Estimate], kept: Collection[str] = ()) -> dict[str, Estimate]:
    """The figures of one slice or class with small counts in it: all are hidden but those in `kept`, and those of no rows at all."""
    return {
        name: figure if name in kept or (isinstance(figure, NotEstimable) and figure.n == 0) else HIDDEN for name, figure in figures.items()
    }


def masked_cells(counts: Sequence[Sequence[int]]) -> frozenset[tuple[int, int]]:
    """The cells (row, column) of a table that must be hidden where the sums of its rows and columns are known.

    Primary: every count from 1 to 9. Complementary: where a single cell of a row or column is hidden, the next smallest there is too,
    until none can be found by subtraction.
    """
    hidden = {(i, j) for i, row in enumerate(counts) for j, count in enumerate(row) if 0 < count < MINIMUM_COUNT}
    if not hidden:
        return frozenset()
    rows, columns = range(len(counts)), range(len(counts[0]))
    lines = [*([(i, j) for j in columns] for i in rows), *([(i, j) for i in rows] for j in columns)]
    alone = [line for line in lines if len(hidden.intersection(line)) == 1 < len(line)]
    while alone:
        others = (cell for cell in alone[0] if cell not in hidden)
        hidden.add(min(others, key=lambda cell: (counts[cell[0]][cell[1]] == 0, counts[cell[0]][cell[1]], cell)))
        alone = [line for line in lines if len(hidden.intersection(line)) == 1 < len(line)]
    return frozenset(hidden)


def shown(value: object, limit: int = 80) -> str:
    """Text of unknown origin for one line of a message: no control characters, and shortened in the middle."""
    raw = str(value)
    if len(raw) > 4 * limit:
        raw = raw[: 2 * limit] + raw[-2 * limit :]
    text = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in raw)
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def without_credentials(text: str) -> str:
    """The text with user and password of every address in it masked: `https://***@host/path`."""
    return _CREDENTIALS.sub(r"\1***@", text)
