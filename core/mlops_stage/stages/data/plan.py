"""What `mlops-stage run --plan` says: rows, cost, and what these rows can decide."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.inputs.tables.profile import Omitted, read_profile
from mlops_stage.inputs.tables.rejects import read_all
from mlops_stage.report import Plan
from mlops_stage.stages.data.contract.loading import load_contract
from mlops_stage.stats.drift import THRESHOLD
from mlops_stage.words import counted

if TYPE_CHECKING:
    from mlops_stage.inputs.tables.profile import Profile
    from mlops_stage.stages.data.params import DataParams
    from mlops_stage.workspace import Workspace

_REACH = 2.8
"""What the upper bounds of twenty columns without drift stay below in 19 of 20 data sets, in units of sqrt(1/n + 1/m); by simulation (`benchmarks/drift.py`)."""
_SURE = 0.82
"""Beyond its bound a distance has to lie by so much, in the same units, to be found in 19 of 20 data sets: 1.645 standard errors of at most 1/2."""


def plan(params: DataParams, workspace: Workspace) -> Plan:
    """Records and cost, the rules, and whether the rows can show that nothing drifted; nothing is checked.

    Raises:
        UsageError: no data; a file that is not there; a contract with a mistake.
        InputError: a table that cannot be read.
    """
    if not params.data:
        raise UsageError("there is no data to judge", "give data: a CSV, JSONL or Parquet file, a folder or a glob")
    contract = load_contract(params.contract, workspace.root, params.table, params.sensitive) if params.contract else None
    profile = read_profile(params.profile, workspace.root) if params.profile else None
    with TemporaryDirectory(prefix="mlops-stage-") as folder:
        reading = read_all(params.data, workspace.root, Path(folder))
    cells = reading.rows * len(reading.table.columns)
    notes = []
    if contract:
        rules, others = counted(len(contract.rules), "rule"), counted(len(contract.unchecked), "declaration")
        notes.append(f"{rules} of {contract.source}, {others} that {'is' if len(contract.unchecked) == 1 else 'are'} not checked")
    else:
        notes.append(
            "no contract: the default gates ask for no unreadable record and no empty column; `mlops-stage data contract synth` writes one"
        )
    if profile:
        notes.append(_drift(profile, reading.rows))
    return Plan(rows=reading.rows, cost=f"about {1 + cells / 20_000_000:.0f} s and {150 + cells // 500_000:,} MB", notes=tuple(notes))


def _drift(profile: Profile, rows: int) -> str:
    """Whether the rows suffice to show that nothing drifted."""
    columns = sum(not isinstance(column, Omitted) for column in profile.columns)
    limit = THRESHOLD["ks"]
    told = f"drift of {counted(columns, 'column')} from a profile of {counted(profile.rows, 'row')}"
    if rows and profile.rows and _REACH * math.sqrt(1 / rows + 1 / profile.rows) <= limit:
        return f"{told}: {counted(rows, 'row')} suffice to show that nothing drifted where nothing did; what moved by {_found(columns, rows, profile.rows):.2f} or more is found"
    room = (limit / _REACH) ** 2 - 1 / max(profile.rows, 1)
    if room <= 0:
        return f"{told}: the profile has too few rows to show that nothing drifted; at least {math.ceil(2 * (_REACH / limit) ** 2):,} are needed on both sides"
    return f"{told}: where nothing drifted, about {math.ceil(1 / room):,} rows show it; there are {rows:,}"


def _found(columns: int, rows: int, before: int) -> float:
    """The distance that is found in 19 of 20 data sets, at the level that Holm's correction leaves each column."""
    bound = math.sqrt(-math.log(0.05 / max(columns, 1)) / 2)
    return THRESHOLD["ks"] + (bound + _SURE) * math.sqrt(1 / rows + 1 / before)
