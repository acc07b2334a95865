"""What a merge demands of the reports, as a report of its own: every page then shows it, and its outcome joins theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.errors import alike
from mlops_stage.report import Gate, Outcome, Report, Verdict
from mlops_stage.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.evidence.required import Requirement

ID = "required"
"""Of the report; it stands on the pages and in run.json, and in no folder, for it is true of this merge alone."""
STAGE = "merge"
_SOURCE = "--require"


def judged(requirements: Sequence[Requirement], reports: Sequence[Report]) -> Report:
    """One gate for each requirement.

    Args:
        requirements: at least one.
        reports: all that were merged.
    """
    gates = tuple(_gate(one, reports) for one in requirements)
    missing = [gate for gate in gates if gate.verdict is Verdict.FAILED]
    told = f"{counted(len(gates), 'requirement')} met"
    return Report(
        stage=STAGE,
        id=ID,
        outcome=Outcome.FAILED if missing else Outcome.PASSED,
        summary=f"{listed([gate.sentence.rstrip('.') for gate in missing])}." if missing else f"{told}.",
        gates=gates,
        params={"require": [_spelled(one) for one in requirements]},
    )


def _gate(one: Requirement, reports: Sequence[Report]) -> Gate:
    met, sentence = _of_kind(one, reports) if one.predicate_type else _of_run(one, reports)
    return Gate(
        criterion=f"require {_spelled(one)}", verdict=Verdict.PASSED if met else Verdict.FAILED, sentence=f"{sentence}.", source=_SOURCE
    )


def _of_run(one: Requirement, reports: Sequence[Report]) -> tuple[bool, str]:
    found = next((report for report in reports if report.id == one.id), None)
    if found is None:
        near = alike(one.id, [report.id for report in reports])
        return False, f"{one.id} is required, and there is no report of it" + (f" (there is one of {near})" if near else "")
    said = found.outcome.value.replace("_", " ")
    if one.suffices(found.outcome.value):
        return True, f"{one.id} is {said}, as required"
    return False, f"{one.id} is {said}, and {one.outcome} is required"


def _of_kind(one: Requirement, reports: Sequence[Report]) -> tuple[bool, str]:
    kind = one.predicate_type
    holder = next((report.id for report in reports for item in report.evidence if item.predicate_type == kind), "")
    return bool(holder), f"evidence of the type {kind} is required, and {f'{holder} holds it' if holder else 'no report holds any'}"


def _spelled(one: Requirement) -> str:
    return one.predicate_type or (one.id if one.outcome == "passed" else f"{one.id}={one.outcome}")
