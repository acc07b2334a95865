"""Telling the CI system how a run went, in the way that it reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import ExitCode
from mlops_stage.hookspecs import told
from mlops_stage.host import resolve
from mlops_stage.report import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.host import Catalogue
    from mlops_stage.report import Run

TERMINAL = "-"


def emit(run: Run, catalogue: Catalogue, env: Mapping[str, str]) -> tuple[str, tuple[Failure, ...]]:
    """Append what the adapters of this CI system have to say to its files; returns what belongs on standard output, and what failed."""
    said = ""
    failures: list[Failure] = []
    for adapter in catalogue.adapters.values():
        owner = f"adapter '{adapter.name}' of {adapter.distribution}"
        try:
            if not (adapter.detect and adapter.emit and resolve(adapter.detect, owner)(env)):
                continue
            texts: Mapping[str, str] = resolve(adapter.emit, owner)(run, env)
            said += texts.get(TERMINAL, "")
            for name, text in texts.items():
                if name != TERMINAL:
                    with Path(name).open("a", encoding="utf-8", newline="") as stream:
                        stream.write(text)
        except Exception as error:  # noqa: BLE001  (an adapter may be anybody's; the reports are complete without it)
            failures.append(Failure(code=ExitCode.INTERNAL, message=f"{owner} failed: {told(error)}", hint="the reports are complete"))
    return said, tuple(failures)
