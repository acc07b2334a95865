"""What a compile backend is: the record that a plugin offers, and the methods by which its artefacts are made, run and weighed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mlops_stage.errors import StageError
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

    from mlops_stage.inputs.onnx.facts import OnnxFacts
    from mlops_stage.stages.compile.targets import Target

    Arrays = Mapping[str, np.ndarray[Any, Any]]
    """Tensors by the name of a model's input or output; all have rows as their first axis."""
    Shapes = Mapping[str, tuple[int, ...]]
    """Name of an input -> its shape after the first axis."""

PRECISIONS = ("fp32", "fp16", "int8")
"""From the most to the least exact."""

NATIVE = "optimised for this machine's processor: no other will take it"
"""What is said of full precision for a target that is native."""


def learned(rows: int) -> str:
    """What is said of eight bits whose ranges come from so many rows."""
    return f"ranges learned from {counted(rows, 'row')}"


Verdict = Literal["supported", "unsupported", "unknown"]


class MissingBackendError(StageError):
    """The library of a backend is not installed; the hint says how to get it."""


class BuildError(StageError):
    """A backend cannot make this variant of this model; other variants may still work."""


class BrokenBackendError(BuildError):
    """A backend came to no answer: it crashed, or raised what nobody put into words. That is no fault of the model."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Whether a backend can run a model on a target, told before anything is compiled."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    """Why it cannot, or why that cannot be told; one line each."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """One variant of a model for one target."""

    path: Path
    """The file that is opened; whatever else belongs to it lies in the same folder, which holds nothing else."""
    precision: str
    changed: bool
    """False where converting to that precision left the model as it was."""
    notes: tuple[str, ...] = ()
    """What was done to it, one line each."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What an artefact takes, in bytes."""

    artifact_bytes: int
    """On disk: all files of the artefact."""
    ram_bytes: int | None
    """In memory while it answers: weights, and the most that is alive of what lies between. An estimate that errs upwards; the runtime's own code comes on top.
    None where sizes of what lies between cannot be told."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What the files of an artefact say, read without a runtime."""

    files: tuple[str, ...]
    """All that belongs to it, relative to its folder; the one that is opened first."""
    faults: tuple[str, ...] = ()
    """Why it must not be opened, or will not load in the target's runtime; one line each."""


class Runnable(Protocol):
    """An artefact that was loaded, one thread, ready to answer."""

    def run(self, feeds: Arrays) -> Arrays:
        """All outputs for these rows, by the names of the source's outputs.

        Raises:
            BuildError: the runtime refuses them.
        """


class Backend(Protocol):
    """A compiler together with the runtime that runs what it makes. Its methods are called in a worker process of their own.

    A library that is not installed may raise ModuleNotFoundError from any of them; the caller turns it into `MissingBackendError`.
    """

    name: str
    extra: str
    """The optional dependency group that installs it; empty for none."""

    def versions(self) -> Mapping[str, str]:
        """Name of each library that shapes the artefact -> its version; first the runtime, which a target's `runtime.version` is about; one for another release is never run here."""

    def supports(self, facts: OnnxFacts, target: Target) -> Coverage:
        """Whether it can compile that model for that target; `supported` promises that compiling works."""

    def compile(self, source: Path, precision: str, target: Target, calibration: Path | None, folder: Path) -> Built:
        """Make one variant.

        Args:
            source: an ONNX file that passed the screen, a copy that nobody else can change.
            precision: one of `PRECISIONS`.
            target: what it is for.
            calibration: rows to learn the ranges of int8 from, as `arrays.save` writes them.
            folder: empty; everything that belongs to the artefact goes there.

        Raises:
            BuildError: it cannot; the message says which operator or number is in the way.
        """

    def inspect(self, artefact: Path, source: OnnxFacts, target: Target) -> Inspection:
        """Look into an artefact before anything opens it, for a stranger may have put it into the cache.

        Args:
            artefact: the file that is opened, and whatever lies in its folder.
            source: of the model that it was made of.
            target: what it is for.

        Raises:
            InputError: it cannot be read.
        """

    def load(self, artefact: Path, target: Target) -> Runnable:
        """The artefact in the backend's runtime on this machine.

        Raises:
            BuildError: the runtime refuses it.
        """

    def footprint(self, artefact: Path, target: Target, rows: int = 1, shapes: Shapes | None = None) -> Footprint:
        """What the artefact takes while it answers so many rows at once, whose inputs have these shapes after the first axis."""

    def largest_weight(self, artefact: Path) -> int | None:
        """The largest absolute value of a signed eight-bit weight of the artefact; 0 where there are none, None where it cannot be told.

        Above 64, sums overflow on some processors, and the artefact does not answer the same on all of them (`parity.saturation`).
        """
