"""`mlops-stage data contract lint`: every mistake of a contract with its line, or what it demands, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import ExitCode, UsageError, nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.stage import Reply
from mlops_stage.stages.data.contract.loading import chosen, inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.inputs.tables.open import Table
    from mlops_stage.stages.data.contract.loading import Inspected
    from mlops_stage.stages.data.params import LintParams
    from mlops_stage.stages.data.rules import Contract, Rule
    from mlops_stage.workspace import Workspace

_MARKS = {"error": "", "warning": "  (warns only)", "info": "  (for information)"}


def run(params: LintParams, workspace: Workspace) -> Reply:
    """Check the contract by itself, and where a table is given, whether that has the declared columns.

    Raises:
        UsageError: no contract is named, or there is no such file.
    """
    path = params.source or params.contract
    if not path:
        raise UsageError("no contract is named", "give its path: mlops-stage data contract lint contract.odcs.yaml")
    inspected = inspect(path, workspace.root)
    if params.data and not inspected.problems.found:
        _hold_against(open_table(params.data, workspace.root, "data"), inspected, params.table)
    if inspected.problems.found:
        return Reply(text=_mistakes(inspected), code=int(ExitCode.USAGE))
    return Reply(text="\n".join(_summary(inspected)) + "\n")


def _hold_against(table: Table, inspected: Inspected, name: str | None) -> None:
    """Declared columns that the table lacks are mistakes of one of them."""
    for column in chosen(inspected, name).columns:
        if column.name not in table.columns:
            line = int(column.where.rpartition(":")[2])
            inspected.problems.add(line, f"{table.name} has no column {shown(column.name)!r}", nearest(column.name, table.columns))


def _mistakes(inspected: Inspected) -> str:
    lines = []
    for problem in inspected.problems.ordered:
        lines.append(f"{inspected.source}:{problem.line}: {problem.message}")
        if problem.hint:
            lines.append(f"  {problem.hint}")
    count = len(inspected.problems.found)
    lines.append(
        f"{count} {'mistake' if count == 1 else 'mistakes'}; nothing would be checked before {'it is' if count == 1 else 'they are'} mended"
    )
    return "\n".join(lines) + "\n"


def _summary(inspected: Inspected) -> Iterator[str]:
    yield f"{inspected.source}: {shown(inspected.name)} (Open Data Contract Standard {inspected.api_version})"
    for contract in inspected.contracts:
        yield ""
        columns, rules = len(contract.columns), len(contract.rules)
        yield f"table {shown(contract.table)}: {columns} {'column' if columns == 1 else 'columns'}, {rules} {'rule' if rules == 1 else 'rules'}"
        yield from _of_table(contract)
    if not inspected.contracts:
        yield "no table is declared, so nothing would be checked"


def _of_table(contract: Contract) -> Iterator[str]:
    for column in contract.columns:
        kept = "  (values are hidden in reports)" if column.sensitive else ""
        yield f"  {shown(column.name)}{f', {column.kind}' if column.kind else ''}{kept}"
        yield from (
            _line(rule) for rule in contract.rules if rule.columns == (column.name,) and not rule.id.endswith((".present", ".type"))
        )
    of_table = [rule for rule in contract.rules if len(rule.columns) != 1]
    if of_table:
        yield "  of the whole table"
        yield from map(_line, of_table)
    if contract.unchecked:
        yield "  declared, and not checked"
        yield from (f"    - {one.what}  [{one.where.rpartition(':')[2]}]" for one in contract.unchecked)


def _line(rule: Rule) -> str:
    return f"    - {rule.sentence}{_MARKS[rule.severity]}  [{rule.where.rpartition(':')[2]}]"
