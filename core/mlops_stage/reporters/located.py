"""What a reviewer should see, with a place in the repository, as code scanning, code quality and annotations want it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING

from mlops_stage.hookspecs import OURS
from mlops_stage.report import Finding, Level, Outcome, Verdict
from mlops_stage.reporters.choice import gravity
from mlops_stage.reporters.words import counts_as, rule_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.report import Failure, Gate, Report, Run

SYNTHETIC = "mlops.yaml"
"""Where a finding stands that belongs to no file, if the config has no other place: consumers refuse results without a location."""

_EXPLAINED = "quality/gate"
"""The rule where verdicts are explained."""

_LOCATION = re.compile(r"(?P<path>.*?)(?::(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?)?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Located:
    """One finding, or a verdict that is no pass, at a line of a file of the repository."""

    finding: Finding
    path: str
    line: int
    column: int | None
    config: str
    """The mlops.yaml that its location is relative to."""
    url: str
    """Where its rule is explained; empty for those of other distributions."""
    verdict: bool = False
    """Whether it is a gate that did not pass, an error, or a stage that cannot tell."""

    @property
    def fingerprint(self) -> str:
        """The same for the same rule, location and message, in every run."""
        parts = [self.finding.rule, self.finding.location, self.finding.message]
        parts += [self.config] if self.config != SYNTHETIC else []
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def located(run: Run, *, errors: bool = True) -> tuple[Located, ...]:
    """What a reviewer should see, the gravest first and each once: findings, gates that failed or stayed open, and stages that say nothing else.

    Args:
        run: whose reports speak.
        errors: whether what could not run, or went wrong beside the stages, is there too.
    """
    found: dict[str, Located] = {}
    for item in _each(run, errors=errors):
        found.setdefault(item.fingerprint, item)
    return tuple(sorted(found.values(), key=lambda item: (*gravity(item.finding), not item.verdict)))


def _each(run: Run, *, errors: bool) -> Iterator[Located]:
    for failure in run.failures if errors else ():
        config = _inside(next((run.configs[name] for name in run.ids if name in run.configs), "")) or SYNTHETIC
        yield Located(finding=_of_failure(OURS, failure), path=config, line=1, column=None, config=config, url="", verdict=True)
    for report in run.reports:
        config = _inside(run.configs.get(report.id, "")) or SYNTHETIC
        for finding in report.findings:
            yield _at(finding, config, rule_url(finding.rule, report))
        for finding in _verdicts(report, errors=errors):
            url = rule_url(_EXPLAINED, report)
            yield Located(finding=finding, path=config, line=1, column=None, config=config, url=url, verdict=True)


def _verdicts(report: Report, *, errors: bool) -> Iterator[Finding]:
    """The gates that did not pass; of a report without gates, why it says nothing."""
    yield from (_of_gate(gate, report) for gate in report.gates if gate.verdict is not Verdict.PASSED)
    if report.error is not None and errors:
        yield _of_failure(report.stage, report.error, f"{report.id}: ")
    if report.outcome is Outcome.INCONCLUSIVE and not report.gates:
        level, settled = _open(report)
        yield Finding(rule=f"{report.stage}/inconclusive", level=level, message=f"{report.id}: {report.summary}{settled}")


def _of_gate(gate: Gate, report: Report) -> Finding:
    level, settled = (Level.ERROR, "") if gate.verdict is Verdict.FAILED else _open(report)
    return Finding(rule=f"{report.stage}/gate", level=level, message=f"{report.id}: {gate.sentence}{settled}")


def _open(report: Report) -> tuple[Level, str]:
    """How grave it is that something stayed open, and what to add where that counts as failed."""
    failed = counts_as(report) == "failed"
    return (Level.ERROR, " (counts as failed: on_inconclusive is fail)") if failed else (Level.WARNING, "")


def _of_failure(whose: str, failure: Failure, where: str = "") -> Finding:
    return Finding(rule=f"{whose}/error", level=Level.ERROR, message=f"{where}{failure.message}", hint=failure.hint)


def _at(finding: Finding, config: str, url: str) -> Located:
    match = _LOCATION.fullmatch(finding.location)
    path = "" if match is None else _inside(match["path"], dirname(config))
    if match is None or not path:
        return Located(finding=finding, path=config, line=1, column=None, config=config, url=url)
    column = int(match["column"] or 0) or None
    return Located(finding=finding, path=path, line=max(int(match["line"] or 1), 1), column=column, config=config, url=url)


def _inside(path: str, base: str = "") -> str:
    """The path as it lies in the repository; empty where it is none: a URL, an absolute path, one that leads out."""
    if not path or "://" in path or path.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", path):
        return ""
    plain = normpath(join(base, path.replace("\\", "/")))
    return "" if plain in {".", normpath(base)} or plain.startswith("../") or plain == ".." else plain
