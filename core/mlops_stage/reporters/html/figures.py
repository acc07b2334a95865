"""Figures of a report as the page shows them: a table with bars, or a drawing with its data below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.report import Bars, Curve, Intervals
from mlops_stage.reporters.html import bars, columns, curve, matrix
from mlops_stage.reporters.words import NONE, Spelled, decimals, number, rows
from mlops_stage.words import counted

if TYPE_CHECKING:
    from markupsafe import Markup

    from mlops_stage.report import Figure, Matrix
    from mlops_stage.reporters.html.scale import Scale

INTERVALS = 40
"""Rows of one figure that the page shows."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table of figures."""

    label: str
    told: Spelled
    bar: Markup | str
    versus: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures with bars on one scale."""

    title: str
    rows: tuple[Row, ...]
    caption: str = ""
    scale: str = ""
    """From where to where the bars run, and what the line in them is."""
    rest: str = ""
    """What is left out, and where it stands."""
    compared: bool = False
    open: bool = False

    @property
    def barred(self) -> bool:
        """Whether a row has a bar; columns that would be empty are not drawn."""
        return any(row.bar for row in self.rows)

    @property
    def ranged(self) -> bool:
        """Whether a row has an interval."""
        return any(row.told.interval for row in self.rows)

    @property
    def counted(self) -> bool:
        """Whether a row tells how many rows are behind it."""
        return any(row.told.n for row in self.rows)

    def apart(self, row: Row) -> bool:
        """Whether the note of a row stands where others have a bar and an interval."""
        return bool(row.note) and not row.bar and not row.told.interval and (self.barred or self.ranged)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One figure that is drawn whole, with its data."""

    title: str
    caption: str
    svg: Markup | str
    head: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]
    rest: str = ""


def drawn(figure: Figure, where: str) -> Table | Picture:
    """One figure as a table with bars or as a drawing with its data; `where` holds what is left out."""
    if isinstance(figure, Intervals):
        return _intervals(figure, where)
    if isinstance(figure, Curve):
        return _curve(figure)
    if isinstance(figure, Bars):
        return _bars(figure, where)
    return _matrix(figure, where)


def _intervals(figure: Intervals, where: str) -> Table:
    shown = figure.rows[:INTERVALS]
    rest = len(figure.rows) - len(shown)
    spans = [None if row.value is None or row.low is None or row.high is None else (row.low, row.value, row.high) for row in shown]
    scale = bars.common(spans, figure.reference)
    table = []
    for row, one in zip(shown, spans, strict=True):
        digits = None if one is None else decimals(one[2] - one[0])
        told = Spelled(
            value=NONE if row.value is None else number(row.value, digits),
            interval="" if one is None else f"{number(one[0], digits)} to {number(one[2], digits)}",
            n="" if row.n is None else rows(row.n),
        )
        table.append(Row(label=row.label, told=told, bar=bars.row(one, scale, figure.reference), note=row.note))
    return Table(
        title=figure.title,
        rows=tuple(table),
        caption=figure.caption,
        scale=scaled(scale, figure.reference, figure.reference_label or "reference"),
        rest=f"{counted(rest, 'more row')} in {where}." if rest else "",
    )


def _curve(figure: Curve) -> Picture:
    shown = figure.points[: curve.MOST_POINTS]
    body = tuple((number(p.x, 3), number(p.y, 3), f"{number(p.low, 3)} to {number(p.high, 3)}", rows(p.n)) for p in shown)
    head = (figure.x_label, figure.y_label, "95 % interval", "n")
    return Picture(title=figure.title, caption=figure.caption, svg=curve.curve(figure), head=head, body=body)


def _matrix(figure: Matrix, where: str) -> Picture:
    most = matrix.MOST_CLASSES
    rest = len(figure.rows) > most or len(figure.columns) > most
    body = tuple(
        (name, *(_cell(figure, place, column) for column in range(len(values[:most]))))
        for place, (name, values) in enumerate(zip(figure.rows[:most], figure.values[:most], strict=False))
    )
    return Picture(
        title=figure.title,
        caption=figure.caption,
        svg=matrix.matrix(figure),
        head=(f"{figure.row_label} \\ {figure.column_label}", *figure.columns[:most]),
        body=body,
        rest=f"The first {most} of {counted(len(figure.rows), 'row')} and {counted(len(figure.columns), 'column')}; all in {where}."
        if rest
        else "",
    )


def _cell(figure: Matrix, row: int, column: int) -> str:
    value = figure.values[row][column]
    counts = figure.counts[row] if row < len(figure.counts) else ()
    n = counts[column] if column < len(counts) else None
    if value is None:
        return "masked" if n is None else f"not estimable (n {rows(n)})"
    if not figure.shares:
        return rows(value)
    return number(value, 3) if n is None else f"{number(value, 3)} (n {rows(n)})"


def _bars(figure: Bars, where: str) -> Picture:
    shown = figure.bars[: columns.MOST_BARS]
    banded = any(bar.low is not None and bar.high is not None for bar in shown)
    head = (
        figure.x_label,
        figure.y_label,
        *((figure.band or "expected",) if banded else ()),
        *(("n",) if any(bar.n is not None for bar in shown) else ()),
    )
    body = []
    for bar in shown:
        cells = [bar.label, NONE if bar.value is None else number(bar.value, 3)]
        if banded:
            cells.append("" if bar.low is None or bar.high is None else f"{number(bar.low, 3)} to {number(bar.high, 3)}")
        if "n" in head[2:]:
            cells.append("" if bar.n is None else rows(bar.n))
        body.append(tuple(cells))
    rest = len(figure.bars) - len(shown)
    return Picture(
        title=figure.title,
        caption=figure.caption,
        svg=columns.columns(figure),
        head=head,
        body=tuple(body),
        rest=f"{counted(rest, 'more bar')} in {where}." if rest else "",
    )


def scaled(scale: Scale | None, reference: float | None, name: str) -> str:
    """From where to where the bars of a table run, and what the line in them is."""
    if scale is None:
        return ""
    between = f"bars from {number(scale.low, 2)} to {number(scale.high, 2)}" if scale.high - scale.low < 100 else ""  # noqa: PLR2004  (large numbers speak in the columns)
    line = f"line: {name} {number(reference)}" if reference is not None else ""
    return ", ".join(part for part in (between, line) if part)
