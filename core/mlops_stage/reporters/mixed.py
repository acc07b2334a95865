"""Reports of earlier runs that are about other files than this run: on one page they would be taken for its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.words import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Report, Run

_JUDGED = {"model": "another model", "data": "other data", "predictions": "other predictions"}
"""By role, what to call a file that this run did not judge; other roles only help to judge."""

_NAMED = 8
"""Reports that the sentence names."""
HINT = "run these again as well, or write to a new directory with --out"


def strangers(run: Run) -> Mapping[str, str]:
    """By id, what an earlier report is about where this run was about something else: `another model`."""
    own = [(item.role, item.sha256) for report in run.reports if report.id in run.ids for item in report.subjects]
    found = {report.id: _others(report, own) for report in run.reports if report.id not in run.ids}
    return {name: listed(others) for name, others in found.items() if others}


def _others(report: Report, own: list[tuple[str, str]]) -> list[str]:
    roles = {role for role, _ in own}
    return [
        words
        for role, words in _JUDGED.items()
        if any(item.role == role and role in roles and (role, item.sha256) not in own for item in report.subjects)
    ]


def told(found: Mapping[str, str]) -> str:
    """The strangers in one sentence, without its full stop; there is at least one."""
    named = list(found.items())[:_NAMED]
    alike = {others: listed([name for name, same in named if same == others]) for _, others in named}
    each = listed([f"{names} about {others}" for others, names in alike.items()])
    rest = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
    return f"not all reports are about the same files: from earlier runs come {each}{rest}"
