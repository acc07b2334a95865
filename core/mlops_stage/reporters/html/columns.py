"""Bar charts and histograms as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlops_stage.reporters.html.scale import Scale, coordinate
from mlops_stage.reporters.html.svg import element, escaped, line, picture, text
from mlops_stage.reporters.words import number

if TYPE_CHECKING:
    from markupsafe import Markup

    from mlops_stage.report import Bar, Bars

MOST_BARS = 40
"""Bars that are drawn; the rest stands in the report."""

_WIDTH, _FLOOR = 400, 198
_LEFT, _RIGHT, _TOP, _LINE = 52, 8, 12, 18
_MOST_NAMES = 12
_LETTER = 5.8
"""Width of a letter in a small label, a little more than most have."""
_LONGEST, _TURN = 16, 35
"""Letters of a long name, and by how many degrees it is turned."""


def columns(figure: Bars) -> Markup | str:
    """Bars from zero upward; the expected band is a box over each, a bar outside it has the colour of what stands out."""
    bars = figure.bars[:MOST_BARS]
    ends = [end for bar in bars for end in (bar.value, bar.high) if end is not None and math.isfinite(end) and end >= 0]
    if not ends or max(ends) <= 0:
        return ""
    upward = Scale(low=0, high=max(ends) * 1.04, start=_FLOOR, end=_TOP)
    step = (_WIDTH - _LEFT - _RIGHT) / len(bars)
    names, below = _names(bars, step)
    parts = [*_grid(upward), *names, *_axes(figure, _FLOOR + below)]
    for place, bar in enumerate(bars):
        parts += _bar(bar, _LEFT + step * place, step, upward)
    height = _FLOOR + below + (_LINE * 2 if figure.band else _LINE)
    return picture(*parts, width=_WIDTH, height=height, name=figure.title, description=_told(figure), class_="plot")


def _bar(bar: Bar, x: float, step: float, upward: Scale) -> list[str]:
    parts = []
    banded = bar.low is not None and bar.high is not None and math.isfinite(bar.low) and math.isfinite(bar.high)
    outside = False
    if bar.value is not None and math.isfinite(bar.value):
        outside = banded and not float(bar.low or 0) <= bar.value <= float(bar.high or 0)
        parts.append(_box(x + step * 0.14, step * 0.72, 0, bar.value, upward, "outside" if outside else "column"))
    if banded:
        low, high = float(bar.low or 0), float(bar.high or 0)
        parts.append(_box(x + step * 0.05, step * 0.9, low, high, upward, "expected"))
    return parts


def _box(x: float, width: float, low: float, high: float, upward: Scale, class_: str) -> str:  # noqa: PLR0913, PLR0917  (the sides of a box)
    top, bottom = upward(high), upward(low)
    height = max(float(bottom) - float(top), 1.0)
    return element("rect", x=coordinate(x), y=top, width=coordinate(width), height=coordinate(height), class_=class_)


def _grid(upward: Scale) -> list[str]:
    left, right = coordinate(_LEFT), coordinate(_WIDTH - _RIGHT)
    parts = []
    for value, label in upward.ticks(4):
        y = upward(value)
        parts += [line(left, y, right, y, "grid"), text(label, str(_LEFT - 7), coordinate(float(y) + 3.5), "small", "end")]
    return [*parts, line(left, upward(0), right, upward(0), "axis")]


def _names(bars: tuple[Bar, ...], step: float) -> tuple[list[str], float]:
    """Names under the bars, every second or third where there are many, turned where they are long; and how much room they take."""
    every = math.ceil(len(bars) / _MOST_NAMES)
    shown = [(place, bar.label) for place, bar in enumerate(bars) if place % every == 0]
    middles = [_LEFT + step * (place + 0.5) for place, _ in shown]
    longest = max(len(label) for _, label in shown)
    if longest * _LETTER <= step * every:
        return [text(label, coordinate(x), str(_FLOOR + 16), "small") for x, (_, label) in zip(middles, shown, strict=True)], 2 * _LINE
    longest = min(longest, _LONGEST)
    parts = []
    for x, (_, label) in zip(middles, shown, strict=True):
        at, y = coordinate(x + 3), str(_FLOOR + 14)
        turn = f"rotate(-{_TURN} {at} {y})"
        parts.append(element("text", escaped(_cut(label)), x=at, y=y, class_="small", text_anchor="end", transform=turn))
    return parts, _LINE * 2 + longest * _LETTER * math.sin(math.radians(_TURN))


def _axes(figure: Bars, y: float) -> list[str]:
    """The names of the axes, and what the band is."""
    middle = coordinate((_TOP + _FLOOR) / 2)
    parts = [
        text(figure.x_label, coordinate((_LEFT + _WIDTH - _RIGHT) / 2), coordinate(y), "label"),
        element(
            "text", escaped(figure.y_label), x="12", y=middle, class_="label", text_anchor="middle", transform=f"rotate(-90 12 {middle})"
        ),
    ]
    if figure.band:
        parts.append(element("rect", x=_LEFT, y=coordinate(y + _LINE - 8), width=16, height=9, class_="expected"))
        parts.append(text(figure.band, str(_LEFT + 22), coordinate(y + _LINE), "small", "start"))
    return parts


def _told(figure: Bars) -> str:
    known = [(bar.value, bar.label) for bar in figure.bars if bar.value is not None and math.isfinite(bar.value)]
    value, label = max(known, key=lambda pair: pair[0], default=(0.0, ""))
    highest = f"the highest is {label} with {number(value, 3)}; " if known else ""
    return f"{figure.caption} {len(figure.bars)} bars; {highest}the table below holds them all."


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
