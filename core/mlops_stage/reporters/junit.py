"""junit.xml: one test suite per report, one test case per gate, for CI systems that count tests."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mlops_stage.errors import ExitCode
from mlops_stage.report import Outcome, Verdict
from mlops_stage.reporters.choice import doubts
from mlops_stage.reporters.escape import harmless
from mlops_stage.reporters.words import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_stage.report import Report, Run

_ELEMENTS = {"failed": "failure", "inconclusive": "skipped", "not_applicable": "skipped", "error": "error"}


def render(run: Run) -> Mapping[str, str]:
    """JUnit XML as Jenkins, GitLab and others read it: failed is a failure, inconclusive is skipped, error is an error.

    An inconclusive gate is a failure where the report's params say `on_inconclusive: fail`. There are no times: they stand in run.json.
    """
    suites = [_suite(report) for report in run.reports]
    if run.failures:
        cases = [_case("run", f"run {place}", "error", failure.message, failure.hint) for place, failure in enumerate(run.failures, 1)]
        suites.append(_tagged_suite("run", cases, ""))
    return {"junit.xml": '<?xml version="1.0" encoding="UTF-8"?>\n' + _element("testsuites", {"name": "mlops-stage"}, suites) + "\n"}


def _suite(report: Report) -> str:
    group = f"mlops_stage.{report.stage}.{report.id}"
    if report.error is not None:
        cases = [_case(group, "verdict", "error", report.error.message, report.error.hint)]
    elif report.gates:
        cases = [_case(group, gate.criterion, _kind(gate.verdict, report), gate.sentence) for gate in report.gates]
    else:
        cases = [_case(group, "verdict", _kind(report.outcome, report), report.summary)]
    said = "\n".join(f"{finding.rule}: {harmless(finding.message)}" for finding in doubts(report)[:20])
    return _tagged_suite(report.id, cases, said)


def _kind(verdict: Outcome | Verdict, report: Report) -> str:
    if verdict == Outcome.INCONCLUSIVE.value and report.outcome is Outcome.INCONCLUSIVE and report.exit_code is ExitCode.FAILED:
        return "failed"
    return str(verdict)


def _tagged_suite(name: str, cases: list[str], said: str) -> str:
    counts = {plural: str(sum(f"<{tag} " in case for case in cases)) for plural, tag in _COUNTED.items()}
    parts = [*cases, f"<system-out>{_text(said, 10_000)}</system-out>"] if said else cases
    return _element("testsuite", {"name": name, "tests": str(len(cases)), **counts}, parts)


_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def _case(group: str, name: str, kind: str, message: str, hint: str = "") -> str:
    about = {"classname": group, "name": name}
    if kind not in _ELEMENTS:
        return _element("testcase", about, [f"<system-out>{_text(message)}</system-out>"])
    tag = _ELEMENTS[kind]
    inner = _element(tag, {"type": kind, "message": f"{MARKS[kind]} {message}"}, [_text(hint)] if hint else [])
    return _element("testcase", about, [inner])


def _element(tag: str, attributes: Mapping[str, str], parts: Iterable[str]) -> str:
    opened = "".join(f' {name}="{_text(value)}"' for name, value in attributes.items())
    inner = "\n".join(parts)
    return f"<{tag}{opened}>\n{inner}\n</{tag}>" if inner else f"<{tag}{opened}/>"


def _text(text: str, most: int = 2_000) -> str:
    """XML 1.0 cannot hold control characters, not even escaped: they are shown as escapes instead."""
    return escape("\n".join(harmless(line, most) for line in text.split("\n")) if "\n" in text else harmless(text, most))
