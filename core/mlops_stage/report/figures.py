"""Figures as data: what a page draws, without saying how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field


@dataclass(frozen=True, kw_only=True)
class Interval:
    """One row of an `Intervals` figure; value and bounds are None when it could not be estimated."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    n: float | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """A forest plot: one value with its 95 % interval per row, a vertical line at the reference."""

    name: str
    title: str
    caption: str
    """One sentence in plain words: what to look for."""
    x_label: str
    rows: tuple[Interval, ...]
    reference: float | None = None
    reference_label: str = ""
    kind: Literal["intervals"] = "intervals"


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One point with the 95 % interval of its y."""

    x: float
    y: float
    low: float
    high: float
    n: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points with intervals against a reference diagonal: calibration, predicted against actual."""

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    points: tuple[CurvePoint, ...]
    diagonal: bool = True
    kind: Literal["curve"] = "curve"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A heat map of counts, such as a confusion matrix, or of shares: `values[row][column]`; None is a masked cell."""

    name: str
    title: str
    caption: str
    row_label: str
    column_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    shares: bool = False
    """Whether the values are shares from 0 to 1, not counts."""
    counts: tuple[tuple[float | None, ...], ...] = ()
    """The denominators of shares, in the same shape; a share that is None beside a count could not be estimated, one without is masked."""
    kind: Literal["matrix"] = "matrix"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar of a `Bars` figure, and the band in which it was expected; a value of None could not be estimated, or is masked."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: float | None = None


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A bar chart or a histogram, from zero upward, with the band of what is expected behind each bar."""

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    bars: tuple[Bar, ...]
    band: str = ""
    """What the band is: `95 % band of the profile`."""
    kind: Literal["bars"] = "bars"


Figure = Annotated[Intervals | Curve | Matrix | Bars, Field(discriminator="kind")]
