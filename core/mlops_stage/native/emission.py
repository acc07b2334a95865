"""Telling the CI system how a run went, in the way that it reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import ExitCode, StageError
from mlops_stage.evidence.paths import write_aside
from mlops_stage.hookspecs import told
from mlops_stage.host import resolve
from mlops_stage.report import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.host import Catalogue
    from mlops_stage.report import Run

TERMINAL = "-"


def emit(run: Run, catalogue: Catalogue, env: Mapping[str, str], out: Path) -> tuple[str, tuple[Failure, ...]]:
    """Write what the adapters of this CI system have to say to its files; returns what belongs on standard output, and what failed.

    Args:
        run: what is told.
        catalogue: whose adapters tell it.
        env: of the process.
        out: the output directory, as later steps of the same job name it.
    """
    env = {**env, "MLOPS_INPUT_OUT": out.as_posix()}  # an option may have named another one
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
                    _write(Path(name), text, anew=adapter.anew)
        except StageError as error:
            failures.append(Failure(code=error.code, message=error.message, hint=error.hint))
        except Exception as error:  # noqa: BLE001  (an adapter may be anybody's; the reports are complete without it)
            failures.append(Failure(code=ExitCode.INTERNAL, message=f"{owner} failed: {told(error)}", hint="the reports are complete"))
    return said, tuple(failures)


def _write(file: Path, text: str, *, anew: bool) -> None:
    if anew and text:
        write_aside(file, text)  # a link that stands there is replaced, not followed
    elif anew:
        file.unlink(missing_ok=True)  # nothing is handed on, nor made in a folder that holds nothing else
    else:
        with file.open("a", encoding="utf-8", newline="") as stream:
            stream.write(text)
