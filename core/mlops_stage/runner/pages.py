"""Rendering: every reporter after every stage, each isolated from the others."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_stage.errors import ExitCode, StageError
from mlops_stage.evidence.paths import inside, write_aside
from mlops_stage.host import resolve
from mlops_stage.report import Failure, Run

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.host import Catalogue
    from mlops_stage.reporter import Reporter

TERMINAL = "-"


def write(run: Run, catalogue: Catalogue, out: Path) -> tuple[str, list[Failure]]:
    """Render and write every page; returns the text for the terminal, and what failed.

    When a reporter fails, the others render once more, so that run.json and the pages name it.
    """
    failures: list[Failure] = []
    working = list(catalogue.reporters.values())
    while True:
        pages, failed = _render(replace(run, failures=(*run.failures, *failures)), working)
        failures += failed.values()
        if not failed:
            break
        working = [reporter for reporter in working if reporter.name not in failed]
    pages["outputs.env"] = _outputs(run)
    terminal = pages.pop(TERMINAL, "")
    for path, text in pages.items():
        try:
            write_aside(inside(out, path), text)
        except StageError as error:
            failures.append(Failure(code=error.code, message=error.message, hint=error.hint))
    return terminal, failures


def preload(catalogue: Catalogue) -> None:
    """Import the reporters while the first stage works in its own process: their cost disappears behind it."""

    def load() -> None:
        for reporter in catalogue.reporters.values():
            with suppress(StageError):  # told when it is asked to render
                resolve(reporter.render, reporter.name)

    threading.Thread(target=load, name="preload", daemon=True).start()


def _render(run: Run, reporters: list[Reporter]) -> tuple[dict[str, str], dict[str, Failure]]:
    pages: dict[str, str] = {}
    failed: dict[str, Failure] = {}
    for reporter in reporters:
        try:
            made = resolve(reporter.render, f"reporter '{reporter.name}' of {reporter.distribution}")(run)
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


def _outputs(run: Run) -> str:
    """`<id>_<output>=value`, one per line, for dotenv artifacts and shells; a line end in a value becomes a space."""
    lines: list[str] = []
    for report in run.reports:
        values = {"outcome": str(report.outcome), **report.outputs}
        lines += [f"{report.id}_{name}={' '.join(value.split())}" for name, value in sorted(values.items())]
    return "".join(f"{line}\n" for line in lines)
