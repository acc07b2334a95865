"""`mlops-stage data profile`: write the statistics of a table, from which later data must not drift."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.evidence.paths import write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.observed import observe
from mlops_stage.inputs.tables.profile import Categories, Omitted, as_text
from mlops_stage.inputs.tables.profiled import profile_of
from mlops_stage.inputs.tables.rejects import read_all
from mlops_stage.stage import Reply
from mlops_stage.stages.data.sensitive import reason
from mlops_stage.words import counted

ENOUGH = 50_000
"""Rows of a profile from which on later tables decide how small a drift is found (decision 0008)."""

if TYPE_CHECKING:
    from mlops_stage.inputs.tables.profile import Profile
    from mlops_stage.stages.data.params import ProfileParams
    from mlops_stage.workspace import Workspace


def run(params: ProfileParams, workspace: Workspace) -> Reply:
    """Write the profile, and say what it keeps and leaves out.

    Raises:
        UsageError: no table is named, or a file or sensitive column is not there.
        InputError: the table cannot be read, or holds records that cannot.
    """
    source = params.source or params.data
    if not source:
        raise UsageError("no table is named", "give its path: mlops-stage data profile train.parquet")
    contract = None
    if params.contract:  # its libraries take longer to import than a small table to profile
        from mlops_stage.stages.data.contract.loading import load_contract

        contract = load_contract(params.contract, workspace.root, params.table)
    with TemporaryDirectory(prefix="mlops-stage-") as folder:
        reading = read_all(source, workspace.root, Path(folder))
        for name in params.sensitive:
            reading.table.column(name, "sensitive")
        kinds = {column.name: column.kind for column in contract.columns if column.kind} if contract else {}
        sensitive = {column.name for column in (contract.columns if contract else ()) if column.sensitive}
        sensitive |= {column.name for column in observe(reading.table) if reason(column, params.sensitive)}
        profile = profile_of(reading.table, reading.subject.sha256, sensitive=sensitive, kinds=kinds)
    write_aside(workspace.root / params.output, as_text(profile))
    return Reply(text=_told(profile, params.output, reading.rejected))


def _told(profile: Profile, output: str, rejected: int) -> str:
    left_out = [column for column in profile.columns if isinstance(column, Omitted)]
    kept = len(profile.columns) - len(left_out)
    of = counted(len(profile.columns), "column")
    lines = [f"{shown(output)}: {counted(profile.rows, 'row')}, the distribution{'s' if kept != 1 else ''} of {kept:,} of {of}"]
    lines += [f"  {shown(column.name, 40)} is left out: {column.reason}" for column in left_out]
    hidden = [shown(column.name, 40) for column in profile.columns if isinstance(column, Categories) and column.hidden]
    if hidden:
        lines.append(f"  kept as digests, for they say something about people: {', '.join(hidden)}")
    if rejected:
        lines.append(f"  not in it, for they could not be read: {counted(rejected, 'record')}")
    if profile.rows < ENOUGH:
        lines.append(f"  a profile of {ENOUGH:,} rows or more would find smaller drift, and be as small a file")
    return "\n".join([*lines, "Commit it, and give it as profile: drift is measured from it.", ""])
