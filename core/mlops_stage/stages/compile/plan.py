"""What `mlops-stage run --plan` says: targets, what will be tried for each, and what cannot be shown on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.report import Plan
from mlops_stage.report.words import counted, listed
from mlops_stage.stages.compile.building import check_precisions, ladder
from mlops_stage.stages.compile.material import open_file, opened
from mlops_stage.stages.compile.parity.rows import ROWS
from mlops_stage.stages.compile.targets import foreign, load_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stages.compile.params import CompileParams
    from mlops_stage.stages.compile.targets import Target
    from mlops_stage.workspace import Workspace

_SECONDS = 8
"""Of one variant of a small model: four processes that each load a runtime."""


def plan(params: CompileParams, workspace: Workspace) -> Plan:
    """Rows, and for every target the precisions that are tried; nothing is compiled.

    Raises:
        UsageError: no model; a target, precision, file or column that is not there.
        InputError: a file that cannot be read.
    """
    if not params.model:
        raise UsageError("there is nothing to compile", "give model: an ONNX file, or the folder that holds it")
    if is_url(params.model):
        return Plan(rows=None, cost="nothing", notes=("not applicable: the model is served, and there is no file to compile",))
    open_file(params.model, workspace.root)
    check_precisions(params)
    targets = load_targets(params.targets, workspace.root)
    table, train = opened(params, workspace.root)
    tried = sum(len(ladder(params, target, foreign(target))) for target in targets)
    labelled = table is not None and params.label in (table.headers if isinstance(table, Arrays) else table.columns)
    return Plan(
        rows=params.rows or ROWS[params.effort],
        cost=f"{counted(tried, 'variant')}, about {tried * _SECONDS} s for a small model",
        notes=tuple(_notes(params, targets, has_rows=table is not None, can_learn=train is not None and labelled)),
    )


def _notes(params: CompileParams, targets: Sequence[Target], *, has_rows: bool, can_learn: bool) -> list[str]:
    found = []
    for target in targets:
        away = foreign(target)
        more = f"; it is not emulated and stays inconclusive: {away}" if away else ""
        found.append(f"{target.name}: {listed(ladder(params, target, away))} with the backend {target.backend}{more}")
    if not has_rows:
        found.append("no data: answers are compared on made-up rows, a weak proof")
    if not can_learn and any("int8" in ladder(params, target, foreign(target)) for target in targets):
        found.append("int8 will not be tried: it takes train to learn ranges from, and labels in data to show what it costs")
    return found
