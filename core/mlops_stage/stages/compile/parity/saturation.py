"""Whether the answers of an eight-bit model depend on the processor: some add up products of eight bits in sixteen, which overflow and are cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_stage.stages.compile.runtime import loaded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Feeds = Mapping[str, NDArray[Any]]

SAFE = 64
"""Weights up to this are safe: 255 · 64 + 255 · 64 still fits sixteen bits with a sign."""
ONNX = ".onnx"
"""How the file is called that ONNX Runtime opens, and that can be run both ways."""


@dataclass(frozen=True, kw_only=True)
class Saturation:
    """What was found about one eight-bit artefact."""

    verdict: Literal["safe", "seen", "possible"]
    """`safe`: no sum can overflow on any processor; `seen`: it does on this one; `possible`: on others it may, or that cannot be told."""
    largest_weight: int | None
    """The largest absolute value of a signed eight-bit weight; 0 where there are none, None where it cannot be told."""
    difference: float
    """By how much the outputs on this processor differ from those computed without that shortcut: 0 where there is none, or where it was not run."""
    row: int | None
    """The row where that is so."""


def saturation(artefact: Path, largest: int | None, feeds: Feeds) -> Saturation:
    """Judge an artefact by its weights; where they are too large or unknown, run an ONNX file with and without the instruction that cuts sums off.

    x86 processors without VNNI multiply unsigned by signed eight-bit numbers and add pairs of products in sixteen bits (`vpmaddubsw`), which overflow
    when both weights are large; newer ones, and other families, have no such limit. The same file then answers otherwise there.

    Args:
        artefact: the file that ships.
        largest: its largest weight, as its backend tells it; None where that cannot be told.
        feeds: rows to run it on.
    """
    if largest is not None and largest <= SAFE:
        return Saturation(verdict="safe", largest_weight=largest, difference=0.0, row=None)
    by_row = _apart(artefact, feeds) if artefact.suffix == ONNX else np.zeros(1)
    worst = int(by_row.argmax())
    seen = bool(by_row[worst] > 0)
    return Saturation(
        verdict="seen" if seen else "possible", largest_weight=largest, difference=float(by_row[worst]), row=worst if seen else None
    )


def _apart(artefact: Path, feeds: Feeds) -> NDArray[np.float64]:
    """For each row by how much an output differs between the processor's own kernels and those that lose nothing."""
    shortened, whole = (loaded(artefact, shortened=short).run(feeds) for short in (True, False))
    by_row = np.zeros(len(next(iter(feeds.values()))))
    for name, values in whole.items():
        if values.dtype.kind == "f":
            apart = np.abs(values.astype(np.float64) - shortened[name]).reshape(len(values), -1)
            by_row = np.maximum(by_row, np.nan_to_num(apart.max(axis=1, initial=0.0)))
    return by_row
