"""What `mlops-stage run --plan` says: targets, what will be tried for each, and what cannot be shown on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.fitting import refuse_unfit
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.report import Plan
from mlops_stage.stages.compile.building import check_precisions, lacking, ladder
from mlops_stage.stages.compile.material import open_file, opened
from mlops_stage.stages.compile.offers import backends_of, installed, offered_to
from mlops_stage.stages.compile.parity.rows import ROWS
from mlops_stage.stages.compile.targets import foreign, load_targets, surpassed
from mlops_stage.words import counted, listed

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
    model = open_file(params.model, workspace.root)
    check_precisions(params)
    targets = load_targets(params.targets, workspace.root)
    backends_of(targets, offered_to(workspace))
    table, train = opened(params, workspace.root)
    for one in (table, train):
        if one is not None:
            refuse_unfit(model, one, params.columns, params.label, workspace.root)
    tried = sum(len(_tried(params, target)) for target in targets)
    labelled = table is not None and params.label in (table.headers if isinstance(table, Arrays) else table.columns)
    return Plan(
        rows=params.rows or ROWS[params.effort],
        cost=f"{counted(tried, 'variant')}, about {tried * _SECONDS} s for a small model",
        notes=tuple(_notes(params, targets, has_rows=table is not None, learns=train is not None, labelled=labelled)),
    )


def _tried(params: CompileParams, target: Target) -> tuple[str, ...]:
    """The precisions of a target; none where nothing can be made for it."""
    absent, other = installed(target)
    return () if absent else ladder(params, target, foreign(target) or other)


def _notes(params: CompileParams, targets: Sequence[Target], *, has_rows: bool, learns: bool, labelled: bool) -> list[str]:
    found = []
    for target in targets:
        absent, other = installed(target)
        if absent:
            found.append(f"{target.name}: left out, for {absent}")
            continue
        away = foreign(target) or other
        more = f"; it is not emulated and stays inconclusive: {away}" if away else ""
        slow = surpassed(target)
        more += f"; it is not timed: {slow}" if slow else ""
        found.append(f"{target.name}: {listed(ladder(params, target, away))} with the backend {target.backend}{more}")
    if not has_rows:
        found.append("no data: answers are compared on made-up rows, a weak proof")
    missing = lacking(params, learns=learns, labelled=labelled)
    if missing and any("int8" in _tried(params, target) for target in targets):
        found.append(f"int8 will not be tried: {missing}")
    return found
