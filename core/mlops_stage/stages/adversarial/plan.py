"""What `mlops-stage run --plan` says: rows, queries, and what these rows can decide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Rate, rows_needed
from mlops_stage.gate import spell
from mlops_stage.inputs.fitting import refuse_unfit
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.query import rows
from mlops_stage.report import Plan
from mlops_stage.stages.adversarial import art, gates
from mlops_stage.stages.adversarial.budget import budget
from mlops_stage.stages.adversarial.results import size

if TYPE_CHECKING:
    from mlops_stage.report import Criterion
    from mlops_stage.stages.adversarial.params import AdversarialParams
    from mlops_stage.workspace import Workspace

_LOWER = 0.05
_SECONDS = 30e-6
"""Of a query, all in all, for a model of trees; a small network takes a tenth."""


def plan(params: AdversarialParams, workspace: Workspace) -> Plan:
    """Rows and queries, and for every gate on robust accuracy what would have to be observed; the model is not asked.

    Raises:
        UsageError: nothing to attack; a file that is not there; a gate that cannot be read, or on a figure that there will not be.
        InputError: a table that cannot be read.
    """
    art.check(params.art)
    asked = gates.check(params)
    if not params.model:
        if params.predictions:
            return Plan(rows=0, cost="nothing", notes=("not applicable: an attack asks the model itself, and there are only predictions",))
        raise UsageError("there is nothing to attack", "give model and data: a table with labels and the model's inputs")
    if not params.data:
        raise UsageError("a model alone cannot be attacked", "give data: a table with labels and the model's inputs")
    spend = budget(params)
    table = open_table(params.data, workspace.root, "data")
    table.column(params.label, "label")
    refuse_unfit(params.model, table, params.columns, params.label, workspace.root)
    total = rows(table)
    judged = min(total, spend.rows)
    queries = judged * (spend.most + len(params.epsilons) * spend.queries) + spend.pool
    seconds = 2 + queries * _SECONDS / params.processes
    cost = f"at most {queries:,} queries, about {math.ceil(seconds):,} s for a model that answers one in {_SECONDS * 1e6:.0f} µs"
    return Plan(rows=judged, cost=cost, notes=(*(_note(one, judged) for one in asked), *_general(params, judged)))


def _note(gate: Criterion, judged: int) -> str:
    if gate.metric not in {"robust_accuracy", "clean_accuracy"} or not 0 < gate.number < 1:
        return f"{spell(gate)}: whether {judged:,} rows suffice cannot be told before the attacks"
    least = next((k for k in range(judged + 1) if Rate(k, judged).bound(_LOWER) >= gate.number), None)
    if least is None:
        return f"{spell(gate)}: {judged:,} rows can never show it; raise rows or effort"
    needed = rows_needed(Rate(min(gate.number + 0.05, 1) * 1000, 1000), gate.number, gate.op)
    more = f"; were the truth 5 points above, {needed:,} rows would show it" if needed and needed > judged else ""
    return f"{spell(gate)}: passes with at least {least:,} of {judged:,} rows right under attack{more}"


def _general(params: AdversarialParams, judged: int) -> list[str]:
    notes = []
    if judged < params.min_denominator:
        notes.append(f"{judged} rows are fewer than {params.min_denominator}: every gate stays inconclusive")
    if not params.reference and not params.train:
        notes.append("neither reference nor train: what is valid is learned from the rows that are judged")
    if not params.gates:
        notes.append(
            f"no gates: the default one asks that robust accuracy at {size(params.epsilons[0])} is not below half the clean accuracy"
        )
    return notes
