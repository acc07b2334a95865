"""attestations/: each report as an in-toto statement that nobody has signed yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import StageError
from mlops_stage.stages.signing import statements
from mlops_stage.stages.signing.beside import contradicted
from mlops_stage.stages.signing.dsse import SUFFIX
from mlops_stage.stages.signing.oms import FILE as SIGNATURE
from mlops_stage.stages.signing.pending import left_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from pathlib import Path

    from mlops_stage.report import Run


def render(run: Run, read: statements.Read) -> Mapping[str, str]:
    """One file for each statement: `attestations/<id>.json`, and `attestations/<id>.<name>.json` for evidence that is a statement's content."""
    made: dict[str, str] = {}
    for report in run.reports:
        try:
            found = statements.of(report, read)
        except StageError:
            if report.id in run.ids:
                raise
            continue  # an earlier run's, whose evidence is gone: `sign` refuses it and says why
        made |= {f"{statements.FOLDER}/{one.name}.json": one.content.decode() for one in found}
    return made


def stale(ids: Container[str], pages: Iterable[str], out: Path) -> Iterable[Path]:
    """Statements and bundles of what those ids say no longer; a bundle stays only beside the very statement that it is of."""
    within = f"{statements.FOLDER}/"
    names = {page.removeprefix(within).removesuffix(".json") for page in pages if page.startswith(within)}
    home = out / statements.FOLDER
    return (*left_of(home, ids, names), *contradicted(home))


def carried(home: Path) -> Iterable[Path]:
    """The bundles, and the signature of a model folder: only who holds the key or the identity could make them again."""
    folder = home / statements.FOLDER
    return [*sorted(folder.glob(f"*{SUFFIX}")), *folder.glob(SIGNATURE)]
