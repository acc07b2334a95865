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
    """A heat map of counts, such as a confusion matrix: `values[row][column]`; None is a masked cell."""

    name: str
    title: str
    caption: str
    row_label: str
    column_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    kind: Literal["matrix"] = "matrix"


Figure = Annotated[Intervals | Curve | Matrix, Field(discriminator="kind")]
