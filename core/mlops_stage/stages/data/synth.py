"""`mlops-stage data contract synth`: a first contract, learnt from a table, with a comment on every rule."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InternalError, UsageError
from mlops_stage.evidence.paths import relative, write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.observed import observe
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.profile import Omitted, read_profile
from mlops_stage.stage import Reply
from mlops_stage.stages.data import sensitive, widening
from mlops_stage.stages.data.contract.bounds import number
from mlops_stage.stages.data.contract.loading import inspect
from mlops_stage.stages.data.page import Page, scalar
from mlops_stage.stages.data.proposals import propose
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_stage.inputs.tables.observed import Observed
    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.inputs.tables.profile import Profile
    from mlops_stage.stages.data.params import SynthParams
    from mlops_stage.stages.data.proposals import Demand, Proposal
    from mlops_stage.workspace import Workspace

VERSION = "v3.1.0"
"""Of the standard; what is written is valid under later versions too."""
_HEADER = (
    "What this table must look like. mlops-stage wrote it from {rows} rows of {source}, and every rule says why it is there. It is a draft: mend a rule "
    "that you know better, and remove one that does not matter. It is an Open Data Contract (https://bitol.io), which other tools read too; "
    "rules of the engine mlops-stage are those that the standard has no words for."
)
_COMMANDS = {
    "Is the contract right, and what does it demand?": "mlops-stage data contract lint {output}",
    "Does a table keep it?": "mlops-stage data --contract {output} --data {source}",
}


def run(params: SynthParams, workspace: Workspace) -> Reply:
    """Write the contract.

    Raises:
        UsageError: no table is named, a column that is named is absent, or the contract is there already.
        InputError: the table cannot be read.
    """
    source = params.source or params.data
    if not source:
        raise UsageError("no table is named", "give its path: mlops-stage data contract synth data/train.parquet")
    path = workspace.root / params.output
    if path.exists() and not params.force:
        raise UsageError(
            f"output: {shown(params.output)} exists already and is left as it is", "--force replaces it, --output writes another file"
        )
    table = open_table(source, workspace.root, "data")
    named = {"label": (params.label,), "row_id": (params.row_id,), "sensitive": params.sensitive}
    for param, names in named.items():
        for name in filter(None, names):
            table.column(name, param)
    profile = read_profile(params.profile, workspace.root) if params.profile else None
    columns = observe(table, workspace.progress)
    proposals = [propose(column, label=params.label, row_id=params.row_id, named=params.sensitive, form=table.format) for column in columns]
    told = relative(workspace.root, path)
    write_aside(path, contract(table, columns, proposals, profile, told))
    _check_own(params.output, workspace)
    return Reply(text=_said(told, columns, proposals, params))


def contract(table: Table, columns: Sequence[Observed], proposals: Sequence[Proposal], profile: Profile | None, output: str) -> str:
    """The text of the contract; `output` is its path, as comments name it."""
    page, rows = Page(), columns[0].rows
    stem = _stem(table.source)
    # an absolute path would tell whose machine this was
    source = relative(table.root, table.paths[0]) if len(table.paths) == 1 else table.source
    page.why(0, _HEADER.format(rows=number(rows), source=shown(source)))
    for question, command in _COMMANDS.items():
        page.why(0, question)
        page.put(0, f"#   {command.format(output=shown(output), source=shown(source))}")
    page.pair(0, "apiVersion", VERSION)
    page.pair(0, "kind", "DataContract")
    page.pair(0, "id", stem)
    page.why(0, "Count it up whenever the rules change: the first number when data that was right no longer is.")
    page.pair(0, "version", "1.0.0")
    page.pair(0, "status", "draft")
    page.why(0, "Where other tools find the table; mlops-stage reads the one that `data` names.")
    form = {"csv": "csv", "jsonl": "json", "parquet": "parquet"}[table.format]
    page.put(0, f"servers: [{{server: local, type: local, path: {scalar(source)}, format: {form}}}]")
    page.put(0, "schema:")
    page.pair(2, "- name", stem)
    page.put(4, "properties:")
    for proposal in proposals:
        _column(page, proposal)
    _whole_table(page, rows, profile, {column.name for column in columns})
    return page.text


def _stem(source: str) -> str:
    """A name for the table from that of its file."""
    name = PurePosixPath(source.rstrip("/")).name.lower()
    while PurePosixPath(name).suffix in {".gz", ".csv", ".jsonl", ".ndjson", ".parquet"}:
        name = PurePosixPath(name).stem
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_") or "table"


def _column(page: Page, proposal: Proposal) -> None:
    page.pair(6, "- name", proposal.name)
    if proposal.kind:
        page.pair(8, "logicalType", proposal.kind)
    if proposal.physical:
        page.pair(8, "physicalType", proposal.physical)
    if proposal.restricted:
        page.why(8, sensitive.told(proposal.restricted))
        page.pair(8, "classification", "restricted")
    placed = {place: [demand for demand in proposal.demands if demand.place == place] for place in ("key", "none", "option", "quality")}
    for demand in placed["key"]:
        page.why(8, demand.why)
        page.pair(8, demand.key, demand.value)
    for demand in placed["none"]:
        page.why(8, demand.why)
    if placed["option"]:
        page.put(8, "logicalTypeOptions:")
        for demand in placed["option"]:
            page.why(10, demand.why)
            page.pair(10, demand.key, demand.value)
    if placed["quality"]:
        page.put(8, "quality:")
        for demand in placed["quality"]:
            _rule(page, 10, demand.why, demand.rule)


def _rule(page: Page, indent: int, why: str, rule: Mapping[str, Any]) -> None:
    page.why(indent, why)
    marks = iter("-")
    for key, value in rule.items():
        _entry(page, indent, f"{next(marks, ' ')} {key}", value)


def _entry(page: Page, indent: int, key: str, value: Any) -> None:
    if isinstance(value, dict):
        page.put(indent, f"{key}:")
        for inner, one in value.items():
            _entry(page, indent + 4, inner, one)
    elif isinstance(value, list):
        page.listed(indent, key, value)
    else:
        page.pair(indent, key, value)


def _whole_table(page: Page, rows: int, profile: Profile | None, names: set[str]) -> None:
    page.why(4, "Rules of the whole table.")
    page.put(4, "quality:")
    if rows >= widening.ENOUGH:
        least = int(widening.outward(rows / 10, rows / 10, up=False))
        why = "About a tenth of the rows there were: fewer, and some step before this one has lost them."
        _rule(page, 6, why, {"metric": "rowCount", "mustBeGreaterOrEqualTo": max(1, least)})
    else:
        _rule(page, 6, f"There were only {rows} rows, too few to learn more from.", {"metric": "rowCount", "mustBeGreaterThan": 0})
    others = {"type": "custom", "engine": "mlops-stage", "severity": "warning", "implementation": {"check": "no_other_columns"}}
    _rule(page, 6, "Columns beyond those above are told, and fail nothing; with `severity: error` they would.", others)
    drifting = [column.name for column in profile.columns if not isinstance(column, Omitted) and column.name in names] if profile else []
    if drifting:
        why = "Every column stays distributed as the profile says. Without a number, the threshold of the stage's reference page holds."
        _rule(page, 6, why, {"type": "custom", "engine": "mlops-stage", "implementation": {"check": "drift", "columns": drifting}})
    else:
        page.why(6, "With a profile (`mlops-stage data profile`), `implementation: {check: drift}` would hold the distributions fast too.")


def _check_own(output: str, workspace: Workspace) -> None:
    """What was written is a contract that this tool reads.

    Raises:
        InternalError: it is none.
    """
    found = inspect(output, workspace.root).problems.ordered
    if found:
        raise InternalError(f"{shown(output)}:{found[0].line}: the contract just written is none: {found[0].message}", "please report this")


def _said(told: str, columns: Sequence[Observed], proposals: Sequence[Proposal], params: SynthParams) -> str:
    demands: list[Demand] = [demand for proposal in proposals for demand in proposal.demands if demand.place != "none"]
    restricted = [shown(proposal.name) for proposal in proposals if proposal.restricted]
    columned, rules, rows = counted(len(columns), "column"), counted(len(demands), "rule"), counted(columns[0].rows, "row")
    lines = [f"wrote {told}: {columned}, and {rules} beside their names and types, learnt from {rows}"]
    if restricted:
        lines.append(f"marked as sensitive, without values: {shown(', '.join(restricted), 200)}")
    if not params.label:
        lines.append("with --label COLUMN the shares of its classes are declared too")
    lines.append(f"read it, mend what you know better, then: mlops-stage data contract lint {told}")
    return "\n".join(lines) + "\n"
