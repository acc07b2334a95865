"""The words, marks and numbers that every page uses alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlops_stage.errors import ExitCode
from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.hookspecs import OURS
from mlops_stage.report import Outcome, Verdict
from mlops_stage.words import DOCS, counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.estimates import Estimate
    from mlops_stage.report import Failure, Metric, Report, Run, Slice

NONE = "–"  # noqa: RUF001  (a dash on purpose: it stands for "nothing here")
MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?", "not_applicable": NONE, "error": "!"}
"""One mark per outcome or verdict; colour never stands alone."""
LEVEL_MARKS = {"error": "✗", "warning": "!", "note": "i"}
_ORDER = (Outcome.ERROR, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED)


def origin(run: Run, name: str) -> str:
    """Where a report comes from that this run did not make: `from an earlier run`; empty for one that it made."""
    if name in run.reused:
        return "not run again: nothing has changed that it was made from"
    return "" if name in run.ids else "from an earlier run"


def word(outcome: str) -> str:
    """`not applicable` for `not_applicable`."""
    return outcome.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The verdict on several reports together."""

    outcome: Outcome
    title: str
    sentence: str

    @property
    def mark(self) -> str:
        """The mark of the outcome."""
        return MARKS[self.outcome]


def headline(reports: Iterable[Report], failures: Iterable[Failure] = ()) -> Headline:
    """What a reader is told first: the gravest outcome, and the counts behind it."""
    reports, failures = tuple(reports), tuple(failures)
    outcomes = [report.outcome for report in reports]
    verdicts = [gate.verdict for report in reports for gate in report.gates]
    outcome = next((grave for grave in _ORDER if grave in outcomes), Outcome.NOT_APPLICABLE)
    if failures:
        outcome = Outcome.ERROR
    sentence = f"{counted(len(reports), 'report')}: {_tally(outcomes, Outcome)}." if reports else "There is no report."
    if verdicts:
        sentence += f" {counted(len(verdicts), 'gate')}: {_tally(verdicts, Verdict)}."
    settled = {said: [report.id for report in reports if counts_as(report) == said] for said in ("failed", "passed")}
    sentence += "".join(
        f" Inconclusive counts as {said} for {listed(ids)}: on_inconclusive is {said[:4]}." for said, ids in settled.items() if ids
    )
    interrupted = any(failure.code == ExitCode.INTERRUPTED for failure in failures)
    title = "The run was interrupted" if interrupted else _title(outcome, reports, verdicts)
    title += ", which counts as failed" if outcome is Outcome.INCONCLUSIVE and settled["failed"] else ""
    return Headline(outcome=outcome, title=title, sentence=sentence)


def counts_as(report: Report) -> str:
    """What its pipeline takes an inconclusive report for: `failed` or `passed`, where `on_inconclusive` says so; else empty."""
    known = {ExitCode.FAILED: "failed", ExitCode.PASSED: "passed"}
    return known.get(report.exit_code, "") if report.outcome is Outcome.INCONCLUSIVE else ""


def _tally(found: list[Outcome] | list[Verdict], kinds: type[Outcome | Verdict]) -> str:
    return ", ".join(f"{found.count(kind):,} {word(kind)}" for kind in kinds if kind in found)  # type: ignore[arg-type]  # both lists hold members of `kinds`


def _title(outcome: Outcome, reports: tuple[Report, ...], verdicts: list[Verdict]) -> str:
    ids = [report.id for report in reports if report.outcome is outcome]
    if outcome is Outcome.ERROR:
        if not ids:
            return "The run itself met an error"
        return f"{ids[0]} could not run" if len(ids) == 1 else f"{len(ids)} stages could not run"
    if outcome is Outcome.FAILED:
        failed = verdicts.count(Verdict.FAILED)
        return f"{counted(failed, 'gate')} failed" if failed else f"{listed(ids)} failed"
    if outcome is Outcome.INCONCLUSIVE:
        return "Not enough evidence to tell"
    if outcome is Outcome.PASSED:
        return {0: "Passed", 1: "The gate passed", 2: "Both gates passed"}.get(len(verdicts), f"All {len(verdicts):,} gates passed")
    return "Nothing applied" if reports else "Nothing ran"


@dataclass(frozen=True, kw_only=True)
class Spelled:
    """An estimate in words: no more digits than its interval supports."""

    value: str
    interval: str
    """`0.846 to 0.860`; empty when there is none."""
    n: str
    reason: str = ""
    """Why there is no value."""


def spelled(estimate: Estimate) -> Spelled:
    """The estimate with two digits of its interval's width, or four digits of its value where it has no interval."""
    if isinstance(estimate, NotEstimable):
        return Spelled(value=NONE, interval="", n="" if estimate.n is None else rows(estimate.n), reason=estimate.reason)
    if isinstance(estimate, Point):
        return Spelled(value=number(estimate.value), interval="", n="" if estimate.n is None else rows(estimate.n))
    low, high = interval(estimate)
    digits = decimals(high - low)
    bounds = f"{number(low, digits)} to {number(high, digits)}" if math.isfinite(high) else f"{number(low, digits)} or more"
    return Spelled(value=number(estimate.value, digits), interval=bounds, n=rows(estimate.n))


def spelled_slice(where: Slice) -> str:
    """`sex = female, race = other`; empty for all rows."""
    return ", ".join(f"{column} = {value}" for column, value in where)


def labelled(metric: Metric, within: Slice = ()) -> str:
    """The metric's name, and its slice unless that is told above it: `parity, target = host`."""
    return metric.name if metric.slice in ((), within) else f"{metric.name}, {spelled_slice(metric.slice)}"


def interval(estimate: Estimate) -> tuple[float, float]:
    """The two-sided 95 % interval; both ends are the value itself for a `Point`, and NaN for a `NotEstimable`."""
    if isinstance(estimate, NotEstimable):
        return math.nan, math.nan
    if isinstance(estimate, Point):
        return estimate.value, estimate.value
    return estimate.bound(0.025), estimate.bound(0.975)


def decimals(width: float) -> int | None:
    """Places after the point that show two digits of an interval of this width; None where the width says nothing."""
    if not 0 < width < math.inf:
        return None
    return min(max(1 - math.floor(math.log10(width)), 0), 6)


def number(value: float, digits: int | None = None) -> str:
    """`0.853`, `16,281`, `1.2e-07`; four significant digits where `digits` is not given."""
    size = abs(value)
    if digits is None:
        if size < 1e15 and value == int(value):  # noqa: PLR2004  (beyond it floats do not hold every whole number)
            return f"{value:z,.0f}"
        digits = min(max(3 - math.floor(math.log10(size)), 0), 6) if math.isfinite(size) else 0
    if size >= 1e9 or 0 < size < 10**-digits / 2:  # noqa: PLR2004  (longer numbers are not read digit by digit)
        return f"{value:.3g}"
    return f"{value:z,.{digits}f}"


def rows(n: float) -> str:
    """A denominator: whole, unless weights made it a fraction."""
    return f"{n:,.0f}" if n == int(n) or n >= 100 else f"{n:,.1f}"  # noqa: PLR2004  (a tenth of a row matters only when there are few)


def short(digest: str) -> str:
    """The first twelve digits of a digest, enough to tell two files apart by eye."""
    return digest[:12]


def rule_url(rule: str, report: Report) -> str:
    """Where a rule is explained; empty for the rules of other distributions, which we do not document."""
    if report.plugin.get("name", OURS) != OURS:
        return ""
    return f"{DOCS}/reference/rules.html#{quote(rule.replace('/', '-').lower(), safe='-_')}"
