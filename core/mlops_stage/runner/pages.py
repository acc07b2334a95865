"""Rendering: every reporter, each isolated from the others, and all pages written together."""

from __future__ import annotations

import secrets
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mlops_stage.errors import ExitCode, StageError
from mlops_stage.evidence.backing import read_backing
from mlops_stage.evidence.paths import inside, write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.host import resolve
from mlops_stage.report import Failure, Run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from mlops_stage.host import Catalogue
    from mlops_stage.report import Evidence, Report
    from mlops_stage.reporter import Reporter

TERMINAL = "-"


def write(run: Run, catalogue: Catalogue, out: Path, unanswered: Iterable[str] = ()) -> tuple[str, list[Failure]]:
    """Render and write every page, and take away what earlier runs wrote of the same ids; returns the text for the terminal, and what failed.

    When a reporter fails, the others render once more, so that run.json and the pages name it.

    Args:
        run: the record so far.
        catalogue: whose reporters render.
        out: the output directory.
        unanswered: ids that were asked for and will get no report.
    """
    failures: list[Failure] = []
    working = list(catalogue.reporters.values())
    while True:
        pages, failed = _render(replace(run, failures=(*run.failures, *failures)), working, out)
        failures += failed.values()
        if not failed:
            break
        working = [reporter for reporter in working if reporter.name not in failed]
    pages["outputs.env"] = _outputs(run)
    terminal = pages.pop(TERMINAL, "")
    try:
        _put(pages, out)
        _clear(working, frozenset((*run.ids, *unanswered)), pages, out)
    except StageError as error:
        failures += _told_once(error, run)
    return terminal, failures


def closed(run: Run, catalogue: Catalogue, out: Path, unanswered: Iterable[str] = ()) -> tuple[Run, str]:
    """Write every page of a record that is complete; returns it with what failed, and the text for the terminal."""
    terminal, failures = write(run, catalogue, out, unanswered)
    return replace(run, failures=(*run.failures, *failures)), terminal


def _put(pages: Mapping[str, str], out: Path) -> None:
    """All pages or none: they speak of each other, and those of an earlier run would be taken for this one's.

    Raises:
        StageError: full disk and the like; no page is left.
    """
    aside = out / f".pages.{secrets.token_hex(6)}.part"
    try:
        for path, text in pages.items():
            inside(out, path)
            write_aside(inside(aside, path), text)
        for path in pages:
            _replace(aside / path, out / path)
    except StageError:
        for path in pages:
            with suppress(OSError, StageError):
                inside(out, path).unlink()
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _replace(page: Path, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        page.replace(place)
    except OSError as error:
        raise StageError(f"cannot write {shown(place)}: {error.strerror}", "close what uses that file, or write elsewhere") from error


def _clear(reporters: Iterable[Reporter], ids: Collection[str], pages: Mapping[str, str], out: Path) -> None:
    """Take away what the reporters find stale.

    Raises:
        StageError: a reporter that cannot say, or a file that cannot be removed.
    """
    for reporter in reporters:
        if not reporter.stale:
            continue
        try:
            for path in resolve(reporter.stale, f"reporter '{reporter.name}' of {reporter.distribution}")(ids, frozenset(pages), out):
                inside(out, str(path.relative_to(out))).unlink(missing_ok=True)
        except Exception as error:
            told = f"what the reporter '{reporter.name}' wrote in an earlier run may still be there: {type(error).__name__}: {shown(error)}"
            raise StageError(told, f"remove it from {out} by hand") from error


def _told_once(error: StageError, run: Run) -> list[Failure]:
    """Nothing where a report has failed already for the same reason, such as a full disk."""
    cause = error.message.rsplit(": ", 1)[-1]
    if any(failure.message.endswith(f": {cause}") for failure in run.failures):
        return []
    return [Failure(code=error.code, message=error.message, hint=error.hint)]


def preload(catalogue: Catalogue) -> None:
    """Import the reporters while the first stage works in its own process: their cost disappears behind it."""

    def load() -> None:
        for reporter in catalogue.reporters.values():
            with suppress(StageError):  # told when it is asked to render
                resolve(reporter.render, reporter.name)

    threading.Thread(target=load, name="preload", daemon=True).start()


def _render(run: Run, reporters: list[Reporter], out: Path) -> tuple[dict[str, str], dict[str, Failure]]:
    pages: dict[str, str] = {}
    failed: dict[str, Failure] = {}
    for reporter in reporters:
        try:
            render = resolve(reporter.render, f"reporter '{reporter.name}' of {reporter.distribution}")
            made = render(run, partial(_read, out)) if reporter.evidence else render(run)
            taken = sorted(set(made) & set(pages) - {TERMINAL})
            if taken:
                raise StageError(f"another reporter writes {taken[0]} already")  # noqa: TRY301  (told like any other fault of it)
            said = pages.get(TERMINAL, "") + made.get(TERMINAL, "")
            pages |= made
            if said:
                pages[TERMINAL] = said
        except Exception as error:  # noqa: BLE001  (a reporter may raise anything; it costs its own page only)
            line = f"{type(error).__name__}: {error}".splitlines()[0]
            message = f"the reporter '{reporter.name}' of {reporter.distribution} failed: {line}"
            failed[reporter.name] = Failure(code=ExitCode.INTERNAL, message=message, hint="its page is missing; all others are complete")
    return pages, failed


def _read(out: Path, report: Report, evidence: Evidence) -> bytes:
    return read_backing(out / report.id, report, evidence)


def _outputs(run: Run) -> str:
    """`<id>_<output>=value`, one per line, for dotenv artifacts and shells; a line end in a value becomes a space."""
    lines: list[str] = []
    for report in run.reports:
        lines += [f"{report.id}_{name}={' '.join(value.split())}" for name, value in sorted(report.told.items())]
    return "".join(f"{line}\n" for line in lines)
