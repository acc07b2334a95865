"""What became of each target: the variants that were tried, and the one that ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.stages.compile.latency import CONTROL

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.report import Failure
    from mlops_stage.stages.compile.backends.backend import Footprint
    from mlops_stage.stages.compile.latency import Latency
    from mlops_stage.stages.compile.parity.drop import Drop
    from mlops_stage.stages.compile.parity.tiers import Agreement
    from mlops_stage.stages.compile.targets import Target

FULL = "fp32"
"""The precision that is always made, and kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Variant:
    """One precision on one target."""

    precision: str
    failure: str = ""
    """Why it cannot ship, in one line; empty where it can."""
    artefact: Path | None = None
    """The file that is opened, in a folder of its own; None where nothing was built."""
    notes: tuple[str, ...] = ()
    cached: bool = False
    """Whether an earlier run built it."""
    agreement: Agreement | None = None
    drop: Drop | None = None
    latency: Latency | None = None
    footprint: Footprint | None = None

    @property
    def timed(self) -> Latency | None:
        """How long it takes, where this machine was quiet enough to tell."""
        return self.latency if self.latency is not None and abs(self.latency.control - 1) <= CONTROL else None

    @property
    def proven(self) -> bool:
        """Whether it answers as the model does."""
        return self.agreement is not None and self.agreement.passed and not self.failure


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """What became of one target."""

    target: Target
    versions: tuple[tuple[str, str], ...] = ()
    """Libraries that made its artefacts, with their versions; the runtime first."""
    absent: str = ""
    """The backend is not installed: what to do about it."""
    unsupported: tuple[str, ...] = ()
    """Why the backend cannot compile this model."""
    broken: Failure | None = None
    """Why the backend came to no end with this model; no verdict on the model can rest on that."""
    foreign: str = ""
    """Why what was made for it was not run here: it is for another machine, or for another release of the runtime."""
    newer: str = ""
    """How this processor surpasses those that it is for, so that time taken here says nothing of them."""
    variants: tuple[Variant, ...] = ()
    shipped: Variant | None = None

    @property
    def full(self) -> Variant | None:
        """The variant in full precision."""
        return next((one for one in self.variants if one.precision == FULL and one.artefact is not None), None)

    @property
    def open(self) -> Agreement | None:
        """What was found of full precision where that is neither that it answers as the model does nor that it does not."""
        found = self.full.agreement if self.full is not None else None
        return found if found is not None and found.verdict == "inconclusive" else None


def chosen(compiled: Compiled, prefer: str) -> Variant | None:
    """The variant that ships: of those that answer as the model does, fp32 unless another is better beyond doubt.

    Better by `latency`: its upper bound lies below the lower one of fp32, or where that could not be timed, below that of the model as given, which is 1; by
    `size`: it is smaller, and its upper bound within what the target allows. What could not be timed is not better by latency. A foreign target gets fp32: nothing else can be justified unseen.
    """
    full = compiled.full
    if compiled.foreign:
        return full
    if full is None or not full.proven:
        return None
    others = [one for one in compiled.variants if one.proven and one is not full]
    if prefer == "size":
        better = [one for one in others if _fast_enough(one, compiled.target.latency_ratio) and _bytes(one) < _bytes(full)]
        best = min(better, key=_bytes, default=None)
    else:
        better = [one for one in others if _faster(one, full)]
        best = min(better, key=lambda one: one.timed.ratio if one.timed else 0.0, default=None)
    return best if best is not None else full


def _faster(one: Variant, full: Variant) -> bool:
    """Beyond doubt."""
    return one.timed is not None and one.timed.high < (full.timed.low if full.timed is not None else 1.0)


def _fast_enough(one: Variant, most: float | None) -> bool:
    return most is None or (one.timed is not None and one.timed.high <= most)


def _bytes(one: Variant) -> int:
    return one.footprint.artifact_bytes if one.footprint is not None else 0
