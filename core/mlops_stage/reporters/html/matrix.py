"""Matrices as SVG heat maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlops_stage.reporters.html.scale import coordinate
from mlops_stage.reporters.html.svg import element, picture, text
from mlops_stage.reporters.words import number, rows

if TYPE_CHECKING:
    from markupsafe import Markup

    from mlops_stage.report import Matrix

MOST_CLASSES = 12
"""Rows and columns of a matrix that are drawn; more cells than these nobody reads."""

PHONE_CLASSES = 4
"""Columns up to which a matrix shrinks to the width of a phone; a wider one scrolls in its box."""

_CELL, _CELL_HIGH, _NAMES, _HEAD = 74, 50, 96, 44


def matrix(figure: Matrix) -> Markup | str:
    """Counts as a heat map whose shade is the share of the row, or shares whose shade is the share itself; what cannot be shown says why."""
    names = figure.rows[:MOST_CLASSES]
    columns = figure.columns[:MOST_CLASSES]
    if not names or not columns:
        return ""
    width, height = _NAMES + _CELL * len(columns) + 2, _HEAD + _CELL_HIGH * len(names) + 2
    parts = [text(figure.column_label, coordinate(_NAMES + _CELL * len(columns) / 2), "14", "label")]
    parts.append(text(figure.row_label, str(_NAMES - 10), "34", "label", "end"))
    parts += [text(_cut(name, 10), coordinate(_NAMES + _CELL * (place + 0.5)), "34", "small") for place, name in enumerate(columns)]
    for place, name in enumerate(names):
        y = _HEAD + _CELL_HIGH * place
        parts.append(text(_cut(name, 14), str(_NAMES - 10), coordinate(y + _CELL_HIGH / 2 + 4), "small", "end"))
        values = figure.values[place][: len(columns)] if place < len(figure.values) else ()
        known = figure.counts[place] if place < len(figure.counts) else ()
        parts += _shares(values, known, y) if figure.shares else _counts(values, y)
    told = f"{figure.caption} {len(figure.rows)} rows ({figure.row_label}) by {len(figure.columns)} columns ({figure.column_label})."
    return picture(
        *parts,
        width=width,
        height=height,
        name=figure.title,
        description=told,
        class_="plot matrix" if len(columns) <= PHONE_CLASSES else "plot matrix wide",
    )


def _counts(values: tuple[float | None, ...], y: float) -> list[str]:
    whole = math.fsum(value for value in values if value is not None and math.isfinite(value))
    parts: list[str] = []
    for place, value in enumerate(values):
        share = value / whole if value is not None and whole > 0 and math.isfinite(value) else 0.0
        if value is None:
            parts += _cell(place, y, 0, "masked")
        else:
            below = f"{share:.1%}".replace("%", " %") if whole > 0 else ""
            parts += _cell(place, y, share, rows(value) if math.isfinite(value) else "?", below)
    return parts


def _shares(values: tuple[float | None, ...], counts: tuple[float | None, ...], y: float) -> list[str]:
    parts: list[str] = []
    for place, value in enumerate(values):
        n = counts[place] if place < len(counts) else None
        below = "" if n is None or not math.isfinite(n) else f"n {rows(n)}"
        if value is None or not math.isfinite(value):
            parts += _cell(place, y, 0, "too few" if below else "masked", below, unknown=True)
        else:
            parts += _cell(place, y, min(max(value, 0.0), 1.0), number(value, 2), below)
    return parts


def _cell(place: int, y: float, shade: float, said: str, below: str = "", *, unknown: bool = False) -> list[str]:  # noqa: PLR0913  (all of one cell)
    x = _NAMES + _CELL * place
    box = {"x": x + 1, "y": y + 1, "width": _CELL - 2, "height": _CELL_HIGH - 2, "rx": 4}
    parts = [element("rect", **box, class_="cell", fill_opacity=f"{0.05 + 0.57 * shade:.2f}")]
    if unknown:
        parts.append(element("rect", **box, class_="unknown"))
    middle, y = coordinate(x + _CELL / 2), y + _CELL_HIGH / 2
    parts.append(text(said, middle, coordinate(y if below else y + 4), "small strong" if said in {"masked", "too few"} else "count"))
    return [*parts, text(below, middle, coordinate(y + 14), "small strong")] if below else parts


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
