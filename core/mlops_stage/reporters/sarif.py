"""report.sarif: findings and open gates for code scanning, as SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_stage import __version__
from mlops_stage.hookspecs import OURS
from mlops_stage.report import Outcome
from mlops_stage.reporters.escape import harmless
from mlops_stage.reporters.located import located
from mlops_stage.words import DOCS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.report import Run
    from mlops_stage.reporters.located import Located

MOST = 5_000
"""Results that the file holds, as many as GitHub keeps of one upload."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(run: Run) -> Mapping[str, str]:
    """One SARIF run: every result has a rule, a level and a physical location, the gravest come first."""
    items = located(run, errors=False)  # those are notifications of the tool
    kept = items[:MOST]
    rules = {harmless(item.finding.rule): item for item in reversed(kept)}
    places = {id_: place for place, id_ in enumerate(sorted(rules))}
    results = [_result(item, places) for item in kept]
    driver = {"name": OURS, "version": __version__, "informationUri": DOCS, "rules": [_rule(id_, rules[id_]) for id_ in places]}
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "automationDetails": {"id": f"{OURS}/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [_invocation(run, len(items) - len(results))],
                "results": results,
            }
        ],
    }
    return {"report.sarif": json.dumps(log, indent=1, ensure_ascii=False) + "\n"}


def _rule(id_: str, item: Located) -> dict[str, Any]:
    return {"id": id_, "shortDescription": {"text": id_}, **({"helpUri": item.url} if item.url else {})}


def _result(item: Located, places: Mapping[str, int]) -> dict[str, Any]:
    finding = item.finding
    id_ = harmless(finding.rule)
    region = {"startLine": item.line, **({"startColumn": item.column} if item.column else {})}
    # A colon in the first part of a relative reference would be read as the end of a scheme, so it is quoted as well.
    uri = quote(harmless(item.path, 1_000), safe="/-._~!$'()*+,;=@", errors="replace")
    return {
        "ruleId": id_,
        "ruleIndex": places[id_],
        "level": str(finding.level),
        "message": {"text": _message(finding.message, finding.hint)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}, "region": region}}],
        "partialFingerprints": {"mlopsStageFinding/v1": item.fingerprint},
    }


def _message(message: str, hint: str = "") -> str:
    """Plain text: a bracket before a parenthesis would become a link (SARIF 2.1.0, 3.11.6)."""
    whole = harmless(message, 1_000) or "no message"
    return (f"{whole} ({harmless(hint, 1_000)})" if hint else whole).replace("](", "] (")


def _invocation(run: Run, left_out: int) -> dict[str, Any]:
    """Whether every stage could run; what could not, and what is left out, as notifications."""
    errors = [(f"{report.id}: {report.error.message}", report.error.hint) for report in run.reports if report.error is not None]
    errors += [(failure.message, failure.hint) for failure in run.failures]
    notes = [{"level": "error", "message": {"text": _message(message, hint)}} for message, hint in errors]
    if left_out:
        text = f"{left_out:,} more results are left out here; all stand in run.json and in the report.json of each stage"
        notes.append({"level": "warning", "message": {"text": text}})
    broken = bool(errors) or any(report.outcome is Outcome.ERROR for report in run.reports)
    return {"executionSuccessful": not broken, "exitCode": int(run.exit_code), "toolExecutionNotifications": notes}
