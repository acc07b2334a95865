"""Findings with a place in the repository, as code scanning and code quality want them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING

from mlops_stage.report import Finding, Level, Verdict
from mlops_stage.reporters.choice import gravity

if TYPE_CHECKING:
    from mlops_stage.report import Gate, Report, Run

SYNTHETIC = "mlops.yaml"
"""Where a finding stands that belongs to no file: consumers refuse results without a location."""

GATE = "/gate"
"""What the rule of a gate that did not pass ends with."""

_LOCATION = re.compile(r"(?P<path>.*?)(?::(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?)?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Located:
    """One finding, or one gate that did not pass, at a line of a file of the repository."""

    finding: Finding
    report: Report
    path: str
    line: int
    column: int | None

    @property
    def fingerprint(self) -> str:
        """The same for the same rule, location and message, in every run."""
        parts = (self.finding.rule, self.finding.location, self.finding.message)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def located(run: Run) -> tuple[Located, ...]:
    """What a reviewer should see, the gravest first and each once: findings, and gates that failed or stayed open."""
    found: dict[str, Located] = {}
    for report in run.reports:
        for finding in (*report.findings, *(_of_gate(gate, report) for gate in report.gates if gate.verdict is not Verdict.PASSED)):
            item = _at(finding, report)
            found.setdefault(item.fingerprint, item)
    return tuple(sorted(found.values(), key=lambda item: (*gravity(item.finding), not item.finding.rule.endswith(GATE))))


def _of_gate(gate: Gate, report: Report) -> Finding:
    failed = gate.verdict is Verdict.FAILED
    return Finding(
        rule=f"{report.stage}{GATE}",
        level=Level.ERROR if failed else Level.WARNING,
        message=f"{report.id}: {gate.sentence}",
    )


def _at(finding: Finding, report: Report) -> Located:
    match = _LOCATION.fullmatch(finding.location)
    path = "" if match is None else _inside(match["path"])
    if match is None or not path:
        return Located(finding=finding, report=report, path=SYNTHETIC, line=1, column=None)
    column = int(match["column"] or 0) or None
    return Located(finding=finding, report=report, path=path, line=max(int(match["line"] or 1), 1), column=column)


def _inside(path: str) -> str:
    """The path as it lies in the repository; empty where it is none: a URL, an absolute path, one that leads out."""
    if not path or "://" in path or path.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", path):
        return ""
    plain = normpath(path.replace("\\", "/"))
    return "" if plain == "." or plain.startswith("../") or plain == ".." else plain
