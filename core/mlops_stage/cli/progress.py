"""How a run goes, on standard error: a bar with the time left on a terminal, plain lines otherwise."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlops_stage.cli.terminal import say
from mlops_stage.reporters.escape import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.progress import Progress, TaskID

    from mlops_stage.report import Report
    from mlops_stage.runner import Watch

_LOGS = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TF_BUILD")
"""What CI systems set: what looks like a terminal there is a log that keeps every frame of a bar."""
_LINE_SECONDS = 10.0
"""How often a stage says how far it is where there is no terminal."""


@contextmanager
def watching(*, quiet: bool, verbose: bool) -> Iterator[Watch]:
    """The watcher that suits the terminal."""
    if quiet:
        yield _Silent(verbose=verbose)
    elif sys.stderr is not None and sys.stderr.isatty() and not any(os.environ.get(name) for name in _LOGS):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.fields[id]:<16}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, TextColumn("{task.description}", markup=False), console=Console(stderr=True), transient=True) as progress:
            yield _Bar(progress, verbose=verbose)
    else:
        yield _Lines(verbose=verbose)


class _Silent:
    """Says nothing, except the stages' own output when asked."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose

    def started(self, request_id: str, stage: str) -> None:
        """A stage begins."""

    def progress(self, request_id: str, done: float, what: str) -> None:
        """How far it is."""

    def finished(self, report: Report, seconds: float) -> None:
        """Its report is written."""

    def reused(self, report: Report, folder: Path) -> None:
        """Its earlier report stands; the terminal report says so too."""

    def log(self, request_id: str, text: str) -> None:
        """What it printed, line by line, with the id in front."""
        if self._verbose:
            for line in text.splitlines():
                say(f"{request_id} | {harmless(line)}", err=True)


class _Lines(_Silent):
    """Plain lines, few enough for a pipeline's log."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._last = time.monotonic()

    def started(self, request_id: str, stage: str) -> None:
        name = request_id if request_id == stage else f"{request_id} ({stage})"
        say(f"{name}: started", err=True)
        self._last = time.monotonic()

    def progress(self, request_id: str, done: float, what: str) -> None:
        if time.monotonic() - self._last >= _LINE_SECONDS:
            self._last = time.monotonic()
            say(f"{request_id}: {done:.0%} {harmless(what)}", err=True)

    def reused(self, report: Report, folder: Path) -> None:
        del folder
        say(f"{report.id}: unchanged, its report is used again", err=True)

    def finished(self, report: Report, seconds: float) -> None:
        say(f"{report.id}: {report.outcome.replace('_', ' ')} in {seconds:.1f} s", err=True)


class _Bar(_Silent):
    """One bar per stage that works."""

    def __init__(self, bars: Progress, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._bars = bars
        self._task: TaskID | None = None

    def started(self, request_id: str, stage: str) -> None:
        self._task = self._bars.add_task(stage, id=request_id, total=1.0)

    def progress(self, request_id: str, done: float, what: str) -> None:
        del request_id
        if self._task is not None:
            self._bars.update(self._task, completed=done, description=harmless(what), refresh=True)

    def finished(self, report: Report, seconds: float) -> None:
        del report, seconds
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
