r"""What a run says on the terminal: doubts first, one sentence per gate, the verdict last.

The text is styled with ANSI colours (SGR sequences) and nothing else of ANSI; who prints it takes them out where the
terminal does not want them, as `click.echo` does by itself. Text from outside cannot hold any.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from mlops_stage.report import Level, Verdict
from mlops_stage.reporters import choice, injection, mixed
from mlops_stage.reporters.escape import harmless
from mlops_stage.reporters.judged import named
from mlops_stage.reporters.words import LEVEL_MARKS, MARKS, headline, origin, spelled, word
from mlops_stage.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_stage.report import Report, Run

WIDTH = 100
"""Columns; a terminal's own width is not known here, and a log has none."""
METRICS = 6
"""Metrics over all rows that are shown per report."""
EXAMPLES = 2
"""Findings that are shown per rule."""

_GATES = 20
_PASSED = 8
"""Gates that are shown even if all of them passed."""
_RULES = 6
_DOUBTS = 10
_STYLES = {
    "passed": "32",
    "failed": "31",
    "inconclusive": "33",
    "not_applicable": "2",
    "error": "35",
    "warning": "33",
    "note": "2",
    "doubt": "1;31",
    "strong": "1",
    "quiet": "2",
}


def render(run: Run) -> Mapping[str, str]:
    """The reports of this run; earlier ones in the same directory are counted, not repeated."""
    own = tuple(report for report in run.reports if report.id in run.ids)
    return {"-": "".join(f"{line}\n" for line in _lines(run, own))}


def _lines(run: Run, own: tuple[Report, ...]) -> Iterator[str]:
    yield from _doubts(own)
    yield from _flags(own)
    for report in own:
        yield from _report(report, origin(run, report.id))
        yield ""
    others = [report.id for report in run.reports if report.id not in run.ids]
    if others:
        names = listed([harmless(name, 60) for name in others[:5]])
        yield _styled("quiet", f"{counted(len(others), 'earlier report')} in the same directory: {names}{' …' if len(others) > 5 else ''}")  # noqa: PLR2004  (one line)
    about = mixed.strangers(run)
    if about:
        yield from _marked("warning", LEVEL_MARKS["warning"], _say(mixed.told(about)), mixed.HINT)
    for failure in run.failures:
        yield from _marked("error", MARKS["error"], _say(failure.message), failure.hint)
    told = headline(own, run.failures)
    found = [finding for report in own for finding in choice.doubts(report)]
    doubt = choice.reservation(found, passed=told.outcome == "passed") + (" (see the top)" if found else "")
    yield _styled(told.outcome, f"{told.mark} {_say(told.title)}{doubt}") + f"  {told.sentence}"


def _doubts(own: tuple[Report, ...]) -> Iterator[str]:
    found = [(report, finding) for report in own for finding in choice.doubts(report)]
    if not found:
        return
    findings = [finding for _, finding in found]
    yield _styled("doubt" if choice.in_doubt(findings) else "warning", choice.warning(findings))
    for report, finding in found[:_DOUBTS]:
        about = ", ".join(part for part in (report.id, finding.location, finding.rule) if part)
        style = "doubt" if finding.level is Level.ERROR else finding.level
        yield from _marked(style, LEVEL_MARKS[finding.level], f"{_say(finding.message)} ({_say(about)})", finding.hint, depth=2)
    if len(found) > _DOUBTS:
        yield f"  {counted(len(found) - _DOUBTS, 'more such finding')} in report.html"
    yield ""


def _flags(own: tuple[Report, ...]) -> Iterator[str]:
    flags = injection.flags(own)
    if not flags:
        return
    yield from _marked("warning", injection.MARK, injection.WARNING)
    for flag in flags[: injection.MOST]:
        yield from _marked("warning", " ", f"{flag.where} in {_say(flag.report)}: {_say(flag.text)}", depth=2)
    if len(flags) > injection.MOST:
        yield f"  {counted(len(flags) - injection.MOST, 'more such text')}"
    yield ""


def _report(report: Report, whence: str) -> Iterator[str]:
    name = report.id if report.id == report.stage else f"{report.id} ({report.stage})"
    yield _styled(report.outcome, f"{MARKS[report.outcome]} {harmless(name, 80)}: {word(report.outcome)}")
    if whence:
        yield _styled("quiet", f"    {whence}")
    if report.error is not None:
        yield from _marked("error", MARKS["error"], _say(report.error.message), report.error.hint, depth=4)
    elif not report.gates:
        yield from _marked("quiet", " ", _say(report.summary), depth=2)
    order = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)
    gates = sorted(report.gates, key=lambda gate: order.index(gate.verdict))
    most = min(_GATES, max(_PASSED, sum(gate.verdict is not Verdict.PASSED for gate in gates)))
    for gate in gates[:most]:
        yield from _marked(gate.verdict, MARKS[gate.verdict], _say(gate.sentence), depth=4)
    if len(gates) > most:
        noun = "passed gate" if gates[most].verdict is Verdict.PASSED else "gate"
        yield f"    {_left(len(gates) - most, noun, report)}"
    yield from _findings(report)
    yield from _metrics(report)


def _findings(report: Report) -> Iterator[str]:
    groups, _ = choice.ruled(finding for finding in report.findings if not finding.doubts_figures)
    shown = 0
    for group in groups[:_RULES]:
        for finding in group.examples[:EXAMPLES]:
            shown += 1
            where = f" [{finding.location}]" if finding.location else ""
            text = f"{_say(group.rule)}: {_say(finding.message)}{_say(where)}"
            yield from _marked(group.level, LEVEL_MARKS[group.level], text, finding.hint, depth=4)
    rest = sum(not finding.doubts_figures for finding in report.findings) - shown
    if rest:
        yield _styled("quiet", f"    {_left(rest, 'finding', report)}")


def _metrics(report: Report) -> Iterator[str]:
    metrics, _ = choice.overall(report, named(report))
    rows = []
    for metric in metrics[:METRICS]:
        told = spelled(metric.estimate)
        unit = f" {harmless(metric.unit_for(getattr(metric.estimate, 'value', None)), 12)}" if metric.unit else ""
        rows.append((_say(metric.name, 40), told.value + unit, told.interval or harmless(told.reason, 40), f"n {told.n}" if told.n else ""))
    if not rows:
        return
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        line = f"      {row[0]:<{wide[0]}}  {row[1]:>{wide[1]}}  {row[2]:<{wide[2]}}  {row[3]:>{wide[3]}}"
        yield _styled("quiet", line.rstrip())
    rest = len(report.metrics) - len(rows)
    if rest:
        yield _styled("quiet", f"      {_left(rest, 'figure', report)}")


def _marked(style: str, mark: str, said: str, hint: str = "", depth: int = 0) -> Iterator[str]:
    """What `_say` gave, wrapped beside its mark, and the hint below it."""
    space = " " * (depth + len(mark) + 1)
    first, *others = wrap(said, WIDTH - len(space), break_long_words=False, break_on_hyphens=False) or [""]
    yield f"{' ' * depth}{_styled(style, mark)} {first}"
    for line in others:
        yield space + line
    if hint:
        for place, line in enumerate(wrap(_say(hint), WIDTH - len(space) - 2, break_long_words=False, break_on_hyphens=False)):
            yield f"{space}{'→ ' if place == 0 else '  '}{line}"


def _left(count: int, noun: str, report: Report) -> str:
    return f"{counted(count, f'more {noun}')} in {harmless(report.id, 80)}/report.json"


def _styled(style: str, text: str) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if text.strip() else text


def _say(text: str, most: int = 500) -> str:
    """Text from outside: harmless, and marked where it reads like an instruction."""
    mark = f"{injection.MARK} " if injection.instructs(text) else ""
    return mark + harmless(text, most)
