"""Running requests: every stage in its own process, every report kept, one exit code."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from mlops_stage import __version__
from mlops_stage.errors import ExitCode, InternalError, InterruptedByUserError, StageError
from mlops_stage.evidence.paths import relative
from mlops_stage.params import Refusal, Request
from mlops_stage.report import Cost, Failure, Report, Run, stamp
from mlops_stage.runner import circumstances, folders, handed, pages, policy, process, unchanged, verdict
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mlops_stage.host import Catalogue
    from mlops_stage.workspace import EarlierReport


PAGES_SECONDS = 5.0
"""Pages that are younger are not written anew after a stage: of a run of short stages they would be most of the cost."""


class Watch(Protocol):
    """Who is told how a run goes."""

    def started(self, request_id: str, stage: str) -> None:
        """A stage begins."""

    def progress(self, request_id: str, done: float, what: str) -> None:
        """How far it is, from 0 to 1, and what it does."""

    def finished(self, report: Report, seconds: float) -> None:
        """Its report is written."""

    def reused(self, report: Report, folder: Path) -> None:
        """A stage did not run: its report in that folder is what it would say again."""

    def log(self, request_id: str, text: str) -> None:
        """What the stage and its libraries printed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where a run works and what it may use."""

    root: Path
    out: Path
    cache: Path
    env: Mapping[str, str]
    config: str = ""
    """Where mlops.yaml stands in the repository, if not at its top; the root is its folder."""
    reports: tuple[EarlierReport, ...] = ()
    """Reports of earlier jobs, for stages that consume them."""
    if_changed: bool = False
    """Whether a stage is passed over whose report would be the same again."""
    in_process: bool = False
    """For debugging only: no child process, no limits, tracebacks in a debugger."""


def run(asked: Sequence[Request | Refusal], catalogue: Catalogue, settings: Settings, watch: Watch) -> tuple[Run, str]:
    """Run the requests in the order of what they consume; returns the record and what the reporters say to the terminal.

    Every report is on disk before the next stage starts; the pages are written at the end, and before it when they are older than some seconds.
    Ctrl-C and SIGTERM end the run with exit code 130; finished reports stay. Of an id that was asked for and got no report, none is left of earlier runs.

    Raises:
        UsageError: the output directory cannot be written, or it, or a folder in it that a report would replace, holds something else; or a policy is demanded.
        StageError: the disk is full.
    """
    policy.refuse(settings.env)
    folders.check(settings.out, [request.id for request in asked])
    begun, started = time.monotonic(), datetime.now(UTC)
    pages.preload(catalogue)
    recorder = _Recorder(catalogue, settings, watch, frozenset(request.id for request in asked), (started, begun))
    try:
        with process.terminated_as_interrupt(), process.undumpable():
            for request in in_order(asked, catalogue):
                recorder.run_one(request)
    except KeyboardInterrupt:
        recorder.interrupted([request.id for request in asked])
    return recorder.close()


def in_order(asked: Sequence[Request | Refusal], catalogue: Catalogue) -> list[Request | Refusal]:
    """Consumers after what they consume, `"*"` last, otherwise as given."""
    waiting = list(asked)
    ordered: list[Request | Refusal] = []
    while waiting:
        names = {item.stage for item in waiting}
        ready = [item for item in waiting if not _awaits(item, names, catalogue)] or waiting[:1]  # a circle is broken at its first
        ordered += ready
        waiting = [item for item in waiting if item not in ready]
    return ordered


def _awaits(item: Request | Refusal, waiting: set[str], catalogue: Catalogue) -> bool:
    stage = catalogue.stages.get(item.stage)
    if stage is None:
        return False
    others = waiting - {item.stage}
    if "*" in stage.consumes:
        return any("*" not in catalogue.stages[name].consumes for name in others if name in catalogue.stages) or bool(
            others & set(stage.consumes)
        )
    return bool(others & set(stage.consumes))


class _Recorder:
    """One run in progress: what is finished, what it took, what went wrong beside the stages."""

    def __init__(
        self, catalogue: Catalogue, settings: Settings, watch: Watch, asked: frozenset[str], since: tuple[datetime, float]
    ) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._watch = watch
        self._asked = asked
        self._started = stamp(since[0])
        self._begun = since[1]
        self._finished: dict[str, Report] = {}
        self._cost: dict[str, Cost] = {}
        self._reused: dict[str, str] = {}
        self._read: dict[str, Any] = {}
        """What a stage's process said that it read."""
        self._failures: list[Failure] = []
        self._configs = folders.configs(settings.out, {file.parent.name for file in settings.out.glob(f"*/{folders.REPORT}")} - asked)
        """Of the reports of earlier runs, whose record is written anew."""
        self._shown = since[1]
        """When the pages were last written."""
        self._terminal: str | None = None
        """What the pages said when they were last written; None when something has happened since."""

    def run_one(self, request: Request | Refusal) -> None:
        """One stage from start to a report on disk and fresh pages."""
        now = self._before(request)
        if now is not None and self._reuse(request, now):
            return
        self._watch.started(request.id, request.stage)
        folder = folders.begin(self._settings.out, request.id)
        begun, since = time.monotonic(), folder.stat().st_ctime_ns
        try:
            report, cost = self._reported(request, folder)
            self._cost[request.id] = replace(cost, wall_seconds=round(time.monotonic() - begun, 3))
            folders.finish(self._settings.out, folder, report)
            if now is not None and request.id in self._read:
                unchanged.keep(self._settings.out / request.id, now, self._read[request.id], since, self._settings)
        except StageError as error:  # the report itself could not be written: a full disk, say
            self.fail(error, request.id)
            return
        except Exception as error:  # noqa: BLE001  (whatever one stage brings about, the next one runs)
            self.fail(InternalError(f"{type(error).__name__}: {error}", "this is a bug, please report it"), request.id)
            return
        finally:
            folders.discard(folder)
        self._add(report)
        self._watch.finished(report, self._cost[request.id].wall_seconds)
        if time.monotonic() - self._shown > PAGES_SECONDS:
            self._write_pages()

    def _add(self, report: Report) -> None:
        self._finished[report.id] = report
        self._terminal = None

    def _before(self, request: Request | Refusal) -> unchanged.Before | None:
        """All that decides what the stage will say; None where nobody asks, or where it cannot be known."""
        if not self._settings.if_changed or isinstance(request, Refusal):
            return None
        try:
            return unchanged.before(request, self._catalogue.stage(request.stage), self._catalogue, self._settings)
        except StageError as error:
            self._watch.log(request.id, f"runs, changed or not: {error.message}\n")
            return None

    def _reuse(self, request: Request | Refusal, now: unchanged.Before) -> bool:
        """Take the earlier report for the new one, if it is what the stage would write."""
        try:
            found = unchanged.earlier(request.id, request.stage, now, self._settings)
            handed.place(found, self._settings.out, private=True)
        except StageError as error:
            self._watch.log(request.id, f"runs: {error.message}\n")
            return False
        self._reused[request.id] = relative(self._settings.root, found.folder)
        self._add(found.report)
        self._watch.reused(found.report, found.folder)
        return True

    def _reported(self, request: Request | Refusal, folder: Path) -> tuple[Report, Cost]:
        if isinstance(request, Refusal):
            return verdict.refused(request), Cost(wall_seconds=0, cpu_seconds=0, peak_bytes=0)
        stage = self._catalogue.stage(request.stage)
        try:
            task = process.task(stage, request.params, self._settings, folder, self._consumed(stage.consumes))
        except StageError as error:
            return self._reported(Refusal(id=request.id, stage=request.stage, error=error), folder)
        task["watch"] = self._settings.if_changed
        begin = process.in_this_process if self._settings.in_process else process.in_child
        answer = begin(
            task,
            request.params.limits,
            self._settings.env,
            lambda done, what: self._watch.progress(request.id, done, what),
            lambda text: self._watch.log(request.id, text),
        )
        if "read" in answer.frame and "answer" in answer.frame:
            self._read[request.id] = answer.frame["read"]
        version = self._catalogue.plugins.get(stage.distribution, __version__)
        about = verdict.about(stage, version, request, self._settings.root, self._settings.env)
        return verdict.report(about, stage, request.params, answer.frame, folder), answer.cost

    def _consumed(self, consumes: Iterable[str]) -> list[Path]:
        """Folders of the reports a stage reads: those of this run win over those of `--reports`, and these over earlier ones in the output directory."""
        names, out = set(consumes), self._settings.out
        if not names:
            return []
        known = {report.id: (report, out / report.id) for report in folders.others(out, self._asked)[0]}
        known |= {item.report.id: (item.report, item.folder) for item in self._settings.reports}
        known |= {name: (report, out / name) for name, report in self._finished.items()}
        return [folder for _, (report, folder) in sorted(known.items()) if names & {report.stage, "*"}]

    def fail(self, error: StageError, where: str = "") -> None:
        """Something went wrong that no report can tell."""
        message = f"{where}: {error.message}" if where else error.message
        self._failures.append(Failure(code=ExitCode(error.code), message=message, hint=error.hint))
        self._terminal = None

    def interrupted(self, asked: Sequence[str]) -> None:
        """Somebody ended the run: how far it came, and what to run again."""
        missing = [name for name in asked if name not in self._finished]
        done = f"{len(self._finished)} of {counted(len(asked), 'report')}" if self._finished else "no report"
        self.fail(InterruptedByUserError(f"interrupted; {done} complete", f"run again what is missing: {', '.join(missing)}"))

    def _write_pages(self, unanswered: Iterable[str] = ()) -> str:
        terminal, failures = pages.write(self._run(), self._catalogue, self._settings.out, unanswered)
        self._failures += [failure for failure in failures if failure not in self._failures]
        self._terminal = terminal
        self._shown = time.monotonic()
        return terminal

    def close(self) -> tuple[Run, str]:
        """Take away what earlier runs left of ids that got no report, and write the pages a last time if need be; they show every report in the output directory."""
        unanswered = self._asked - self._finished.keys()
        for name in unanswered:
            folders.retire(self._settings.out, name)
        terminal = self._write_pages(unanswered) if self._terminal is None else self._terminal
        return self._run(), terminal

    def _run(self) -> Run:
        earlier, unreadable = folders.others(self._settings.out, self._asked)
        return Run(
            reports=(*self._finished.values(), *earlier),
            ids=tuple(self._finished),
            started=self._started,
            seconds=round(time.monotonic() - self._begun, 3),
            cost=dict(self._cost),
            versions=circumstances.versions(self._catalogue),
            reused=dict(self._reused),
            configs=self._configs | (dict.fromkeys(self._finished, self._settings.config) if self._settings.config else {}),
            failures=tuple(self._failures),
            unreadable=tuple(unreadable),
        )
