"""What a stage may touch: folders, earlier reports, environment, clock and a way to tell how far it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlops_stage.hookspecs import Plugin
    from mlops_stage.report import Report

WORK = ".work-"
"""How the name of a folder begins that a stage makes in `out` for what it is at work on; none is published, and none outlives an interrupt."""


@dataclass(frozen=True, kw_only=True)
class EarlierReport:
    """A report that a stage reads, and the folder with its evidence."""

    report: Report
    folder: Path


def silent(_done: float, _what: str) -> None:
    """Tell nobody."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Handed to `measure` and `act`; a stage touches nothing else."""

    root: Path
    """The project: paths in params are relative to it."""
    run_dir: Path
    """The output directory of the run."""
    out: Path
    """This stage's own folder, empty at first; it becomes `<run_dir>/<id>` once the report is complete."""
    cache: Path
    """Kept between runs, and to be read as data from a stranger: a CI job may have restored it from anybody's run. A digest beside an entry proves
    nothing about who wrote it; whoever reads one confirms it by other means, or computes anew."""
    reports: tuple[EarlierReport, ...] = ()
    """Reports of the stages that this one consumes."""
    plugins: tuple[Plugin, ...] = ()
    """Other distributions' plugins, not yet loaded: for `hookspecs.gather`, where the stage opens hooks of its own."""
    env: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[float, str], None] = silent
    """`progress(done, what)`: done from 0 to 1, what in a few words."""
    clock: Callable[[], datetime] = _now
    """A stage that asks for it says something else on another day: what it said is then never taken for what it would say now."""
    timer: Callable[[], float] = time.monotonic
    """Seconds, for deadlines alone: no figure may depend on it."""
