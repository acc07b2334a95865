"""Curves as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlops_stage.reporters.html.scale import Scale, coordinate, spanning
from mlops_stage.reporters.html.svg import element, escaped, line, picture, text
from mlops_stage.reporters.words import number

if TYPE_CHECKING:
    from markupsafe import Markup

    from mlops_stage.report import Curve, CurvePoint

MOST_POINTS = 200
_WIDTH, _HEIGHT = 380, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 44


def curve(figure: Curve) -> Markup | str:
    """Points with their intervals, joined by a line, on a square grid; a dashed diagonal where the figure asks for one."""
    points = [point for point in figure.points[:MOST_POINTS] if all(map(math.isfinite, (point.x, point.y, point.low, point.high)))]
    ends = [end for point in points for end in (point.y, point.low, point.high)]
    xs = [point.x for point in points]
    across = _scale(xs + (ends if figure.diagonal else []), _LEFT, _WIDTH - _RIGHT)
    upward = _scale(ends + (xs if figure.diagonal else []), _HEIGHT - _BOTTOM, _TOP)
    if across is None or upward is None:
        return ""
    parts = [*_grid(across, upward), *_names(figure)]
    if figure.diagonal:
        low, high = max(across.low, upward.low), min(across.high, upward.high)
        parts.append(line(across(low), upward(low), across(high), upward(high), "diagonal"))
    parts += [line(across(point.x), upward(point.low), across(point.x), upward(point.high), "whisker") for point in points]
    parts.append(_path(points, across, upward))
    parts += [element("circle", cx=across(point.x), cy=upward(point.y), r="3.5", class_="dot") for point in points]
    return picture(*parts, width=_WIDTH, height=_HEIGHT, name=figure.title, description=_told(figure), class_="plot")


def _scale(values: list[float], start: float, end: float) -> Scale | None:
    """From 0 to 1 for shares that fill at least half of it, otherwise as wide as the values."""
    if values and min(values) >= 0 and max(values) <= 1 and max(values) - min(values) >= 0.5:  # noqa: PLR2004  (half of it)
        return Scale(low=0, high=1, start=start, end=end)
    return spanning(values, start=start, end=end, pad=0.03)


def _grid(across: Scale, upward: Scale) -> list[str]:
    bottom, top = coordinate(_HEIGHT - _BOTTOM), coordinate(_TOP)
    left, right = coordinate(_LEFT), coordinate(_WIDTH - _RIGHT)
    parts = []
    for value, label in across.ticks(5):
        parts += [line(across(value), bottom, across(value), top, "grid"), text(label, across(value), str(_HEIGHT - _BOTTOM + 15), "small")]
    for value, label in upward.ticks(5):
        y = upward(value)
        parts += [line(left, y, right, y, "grid"), text(label, str(_LEFT - 7), coordinate(float(y) + 3.5), "small", "end")]
    return [*parts, line(left, bottom, right, bottom, "axis"), line(left, bottom, left, top, "axis")]


def _names(figure: Curve) -> list[str]:
    middle = coordinate((_TOP + _HEIGHT - _BOTTOM) / 2)
    across = text(figure.x_label, coordinate((_LEFT + _WIDTH - _RIGHT) / 2), str(_HEIGHT - 8), "label")
    upward = element(
        "text", escaped(figure.y_label), x="12", y=middle, class_="label", text_anchor="middle", transform=f"rotate(-90 12 {middle})"
    )
    return [across, upward]


def _path(points: list[CurvePoint], across: Scale, upward: Scale) -> str:
    steps = " ".join(f"{across(point.x)},{upward(point.y)}" for point in points)
    return element("polyline", points=steps, class_="curve")


def _told(figure: Curve) -> str:
    first, last = figure.points[0], figure.points[-1]
    return (
        f"{figure.caption} {len(figure.points)} points, from {figure.x_label} {number(first.x, 2)}, {figure.y_label} {number(first.y, 2)}, "
        f"to {figure.x_label} {number(last.x, 2)}, {figure.y_label} {number(last.y, 2)}; the table below holds them all."
    )
