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

_WIDTH, _HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 12, 62
_MOST_NAMES = 10
_NAME = 11


def columns(figure: Bars) -> Markup | str:
    """Bars from zero upward; the expected band is a box behind each, a bar outside it has the colour of what stands out."""
    bars = figure.bars[:MOST_BARS]
    ends = [end for bar in bars for end in (bar.value, bar.high) if end is not None and math.isfinite(end) and end >= 0]
    if not ends or max(ends) <= 0:
        return ""
    upward = Scale(low=0, high=max(ends) * 1.04, start=_HEIGHT - _BOTTOM, end=_TOP)
    step = (_WIDTH - _LEFT - _RIGHT) / len(bars)
    parts = [*_grid(upward), *_names(figure, step)]
    for place, bar in enumerate(bars):
        parts += _bar(bar, _LEFT + step * place, step, upward)
    return picture(*parts, width=_WIDTH, height=_HEIGHT, name=figure.title, description=_told(figure), class_="plot wide")


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


def _names(figure: Bars, step: float) -> list[str]:
    """Names under the bars, every second or third where there are many; and those of the axes."""
    bars = figure.bars[:MOST_BARS]
    every = math.ceil(len(bars) / _MOST_NAMES)
    most = max(int(_NAME * (step * every) / 55), 4)
    parts = [
        text(_cut(bar.label, most), coordinate(_LEFT + step * (place + 0.5)), str(_HEIGHT - _BOTTOM + 16), "small")
        for place, bar in enumerate(bars)
        if place % every == 0
    ]
    middle = coordinate((_TOP + _HEIGHT - _BOTTOM) / 2)
    parts.append(text(figure.x_label, coordinate((_LEFT + _WIDTH - _RIGHT) / 2), str(_HEIGHT - _BOTTOM + 38), "label"))
    if figure.band:
        y = _HEIGHT - 8
        parts.append(element("rect", x=_LEFT, y=y - 9, width=16, height=9, class_="expected"))
        parts.append(text(figure.band, str(_LEFT + 22), str(y), "small", "start"))
    return [
        *parts,
        element(
            "text", escaped(figure.y_label), x="12", y=middle, class_="label", text_anchor="middle", transform=f"rotate(-90 12 {middle})"
        ),
    ]


def _told(figure: Bars) -> str:
    known = [bar for bar in figure.bars if bar.value is not None and math.isfinite(bar.value)]
    highest = max(known, key=lambda bar: bar.value or 0)
    return f"{figure.caption} {len(figure.bars)} bars; the highest is {highest.label} with {number(highest.value or 0, 3)}; the table below holds them all."


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
