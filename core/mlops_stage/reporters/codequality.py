"""codequality.json: findings, open gates and errors for GitLab's code quality widget."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlops_stage.report import Level
from mlops_stage.reporters.escape import harmless
from mlops_stage.reporters.located import SYNTHETIC, located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Run
    from mlops_stage.reporters.located import Located

MOST = 5_000
"""Issues that the file holds; a last one says how many more there are."""

_SEVERITY = {Level.NOTE: "info", Level.WARNING: "minor", Level.ERROR: "major"}


def render(run: Run) -> Mapping[str, str]:
    """GitLab's code quality report: a list of issues, the gravest first; fingerprints stay the same from run to run."""
    items = located(run)
    issues = [_issue(item) for item in items[:MOST]]
    if len(items) > MOST:
        issues.append(_rest(len(items) - MOST))
    return {"codequality.json": json.dumps(issues, indent=1, ensure_ascii=False) + "\n"}


def _issue(item: Located) -> dict[str, object]:
    finding = item.finding
    hint = f" ({finding.hint})" if finding.hint else ""
    return {
        "description": harmless(f"{finding.message}{hint}", 1_000) or "no message",
        "check_name": harmless(finding.rule),
        "fingerprint": item.fingerprint,
        "severity": _severity(item),
        "location": {"path": harmless(item.path, 1_000), "lines": {"begin": item.line}},
    }


def _severity(item: Located) -> str:
    """A failed gate, or an error, weighs more than a finding, and an error that puts figures in doubt weighs most."""
    grave = item.finding.level is Level.ERROR
    if grave and item.finding.doubts_figures:
        return "blocker"
    if grave and item.verdict:
        return "critical"
    return _SEVERITY[item.finding.level]


def _rest(count: int) -> dict[str, object]:
    return {
        "description": f"{count:,} more findings stand in run.json and in the report.json of each stage",
        "check_name": "mlops-stage/left-out",
        "fingerprint": "0" * 64,
        "severity": "info",
        "location": {"path": SYNTHETIC, "lines": {"begin": 1}},
    }
