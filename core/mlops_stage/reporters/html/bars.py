"""Values with their intervals as bars: one per gate, one per row of a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlops_stage.estimates import Point
from mlops_stage.report import COUNT_UNITS
from mlops_stage.reporters.html.scale import Scale, coordinate, spanning
from mlops_stage.reporters.html.svg import element, line, picture, strip, text
from mlops_stage.reporters.words import interval, number, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

    from mlops_stage.estimates import Estimate
    from mlops_stage.reporters.judged import Judged

_WIDTH, _HEIGHT = 340, 62
_MIDDLE = "34"
_REQUIRED = {">=": "at least", ">": "above", "<=": "at most", "<": "below"}

Span = tuple[float, float, float]
"""Low, value, high."""


def span(estimate: Estimate) -> Span | None:
    """What a bar shows of an estimate; None for what has no value."""
    low, high = interval(estimate)
    value = getattr(estimate, "value", math.nan)
    return None if math.isnan(value) or math.isnan(low) or math.isnan(high) else (low, value, high)


def whole(estimate: Estimate) -> bool:
    """A whole number without an interval: a count, or 1 for yes and 0 for no; a place on a scale says no more."""
    return isinstance(estimate, Point) and float(estimate.value).is_integer()


def common(spans: Iterable[Span | None], reference: float | None = None) -> Scale | None:
    """One scale for all rows of a table."""
    ends = [end for one in spans if one is not None for end in one]
    if reference is not None:
        ends.append(reference)
    return spanning(ends, start=2, end=98, pad=0.04, within=(0, 1))


def row(one: Span | None, scale: Scale | None, reference: float | None = None) -> Markup | str:
    """The bar of one row; the numbers stand beside it."""
    if one is None or scale is None:
        return ""
    low, value, high = one
    parts = []  # the rail, and what is alike in all bars, is drawn by the style sheet
    if reference is not None and math.isfinite(reference):
        parts.append(element("rect", x=f"{scale(reference)}%"))
    if high > low:
        parts.append(element("line", x1=f"{scale(low)}%", x2=f"{scale(high)}%"))
    parts.append(element("circle", cx=f"{scale(value)}%"))
    return strip(*parts, class_="bar")


def gate(one: Judged) -> Markup | str:
    """The value with its interval on a scale around the threshold; the side that meets it is shaded."""
    drawn = span(one.estimate)
    counted = one.metric.unit in COUNT_UNITS or (whole(one.estimate) and one.threshold.is_integer())
    if drawn is None or (isinstance(one.estimate, Point) and counted):
        return ""  # a count, or a yes or no, says by itself how far it is from what is required
    low, value, high = drawn
    bound = one.gate.bound if one.gate.bound is not None and math.isfinite(one.gate.bound) else value
    scale = spanning((low, value, high, one.threshold, bound), start=8, end=_WIDTH - 8, pad=0.18, within=None if one.baseline else (0, 1))
    if scale is None:
        return ""
    upward = one.op in {">", ">="}
    at = scale(one.threshold)
    zone = (at, coordinate(_WIDTH - 8 - float(at))) if upward else ("8", coordinate(float(at) - 8))
    parts = [
        element("rect", x=zone[0], y="20", width=zone[1], height="28", class_="zone"),
        line("8", "48", str(_WIDTH - 8), "48", "axis"),
        *(_tick(scale, value_, label) for value_, label in scale.ticks(5)),
        line(at, "18", at, "48", "threshold"),
        _threshold_label(one, float(at)),
    ]
    if high > low:
        parts.append(line(scale(low), _MIDDLE, scale(high), _MIDDLE, "whisker"))
        parts.append(line(scale(bound), "27", scale(bound), "41", "bound"))
    parts.append(element("circle", cx=scale(value), cy=_MIDDLE, r="5", class_="dot"))
    return picture(*parts, width=_WIDTH, height=_HEIGHT, name=_said(one), description=_explained(one), class_="gauge")


def _tick(scale: Scale, value: float, label: str) -> str:
    x = scale(value)
    anchor = "start" if float(x) < 20 else "end" if float(x) > _WIDTH - 20 else "middle"  # noqa: PLR2004  (half a label's width)
    return line(x, "48", x, "51", "axis") + text(label, x, "60", "small", anchor)


def _threshold_label(one: Judged, at: float) -> str:
    shown = f"required {one.threshold:.4g}"
    if one.baseline:
        sign = "+" if one.threshold > 0 else "-"
        shown = f"baseline {sign} {abs(one.threshold):.4g}" if one.threshold else "baseline"
    anchor = "start" if at < 60 else "end" if at > _WIDTH - 60 else "middle"  # noqa: PLR2004  (half a label's width)
    return text(shown, coordinate(at), "13", "label", anchor)


def _said(one: Judged) -> str:
    told = spelled(one.estimate)
    between = f", 95 % interval {told.interval}" if told.interval else ""
    wanted = f"{_REQUIRED[one.op]} {one.threshold:.4g}"
    what = f"{one.metric.label}, difference to the baseline" if one.baseline else one.metric.label
    return f"{what}: {told.value}{between}; required: {wanted}"


def _explained(one: Judged) -> str:
    bound = "" if one.gate.bound is None else f" The bound that decides is {number(one.gate.bound)}."
    return f"A scale with the value as a dot, its 95 % interval as a bar, and the threshold as a line; the side that meets it is shaded.{bound}"
