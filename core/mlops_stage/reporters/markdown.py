"""summary.md: the run on one page of Markdown, for a job's summary or a comment."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mlops_stage.report import Verdict
from mlops_stage.reporters import choice, injection, mixed
from mlops_stage.reporters.escape import code, harmless, markdown
from mlops_stage.reporters.judged import named
from mlops_stage.reporters.words import LEVEL_MARKS, MARKS, headline, labelled, origin, rule_url, short, spelled, spelled_slice, word
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mlops_stage.report import Finding, Metric, Report, Run

MOST_BYTES = 900 * 1024
"""Of UTF-8; GitHub refuses a step's summary beyond 1 MiB, and other steps write to the same one."""

_GATES = 50
_DOUBTS = 20


def render(run: Run) -> Mapping[str, str]:
    """What puts figures in doubt, the verdict, one sentence per gate, then figures, files and settings, folded."""
    kept: list[str] = []
    size = 0
    blocks = list(_blocks(run))
    for place, block in enumerate(blocks):
        size += len(block.encode()) + 1
        if size > MOST_BYTES - 1024:
            rest = counted(len(blocks) - place, "more section")
            kept.append(f"**Cut here:** {rest} left out to stay below {MOST_BYTES // 1024} KiB; report.html and run.json hold all of it.\n")
            break
        kept.append(block)
    return {"summary.md": "\n".join(kept)}


def _blocks(run: Run) -> Iterator[str]:
    """Blocks that may each be left out without spoiling those before."""
    found = [(report, finding) for report in run.reports for finding in choice.doubts(report)]
    if found:
        yield _doubts(found)
    flags = injection.flags(run.reports)
    if flags:
        yield _flags(flags)
    told = headline(run.reports, run.failures)
    doubt = choice.reservation([finding for _, finding in found], passed=told.outcome == "passed")
    yield f"## {told.mark} {_say(told.title)}{doubt}\n\n{told.sentence}\n"
    for failure in run.failures:
        yield f"> **{MARKS['error']} {_say(failure.message)}**{_hint(failure.hint)}\n"
    about = mixed.strangers(run)
    if about:
        yield f"> [!WARNING]\n> {_say(mixed.told(about))}.{_hint(mixed.HINT)}\n"
    if len(run.reports) > 1:
        yield _contents(run)
    for report in run.reports:
        yield from _report(report, origin(run, report.id))


def _doubts(found: list[tuple[Report, Finding]]) -> str:
    findings = [finding for _, finding in found]
    lines = [f"> [!{'CAUTION' if choice.in_doubt(findings) else 'WARNING'}]", f"> **{choice.warning(findings)}.**", ">"]
    for report, finding in found[:_DOUBTS]:
        lines.append(f"> - {_finding(finding, report)} ({_say(report.id)})")
    if len(found) > _DOUBTS:
        lines.append(f"> - {counted(len(found) - _DOUBTS, 'more such finding')} in the reports")
    return "\n".join(lines) + "\n"


def _flags(flags: tuple[injection.Flag, ...]) -> str:
    lines = ["> [!WARNING]", f"> {injection.WARNING} It is marked with {injection.MARK}.", ">"]
    lines += [f"> - {flag.where} in {_say(flag.report)}: {_say(flag.text)}" for flag in flags[: injection.MOST]]
    if len(flags) > injection.MOST:
        lines.append(f"> - {counted(len(flags) - injection.MOST, 'more such text')}")
    return "\n".join(lines) + "\n"


def _contents(run: Run) -> str:
    rows = ((MARKS[report.outcome], f"**{_say(report.id)}**", word(report.outcome), _say(report.summary)) for report in run.reports)
    return _table(("", "report", "outcome", "in short"), rows)


def _report(report: Report, whence: str) -> Iterator[str]:
    stage = f" ({_say(report.stage)})" if report.stage != report.id else ""
    title = f"### {MARKS[report.outcome]} {_say(report.id)}{stage}: {word(report.outcome)}{f', {whence}' if whence else ''}"
    yield f"{title}\n\n{_say(report.summary)}\n"
    if report.error is not None:
        yield f"> **{_say(report.error.message)}**{_hint(report.error.hint)}\n"
    if report.gates:
        yield _gates(report)
    findings = _findings(report)
    if findings:
        yield findings
    asked = named(report)
    whole, rest = choice.overall(report, asked)
    if whole:
        yield _folded("Figures overall", _metrics(whole, "metric", labelled), _left(rest, "metric", report))
    single = choice.single(report, asked)
    if single is not None:
        rows = _metrics(single.rows, "metric", label=lambda metric: labelled(metric, single.where))
        yield _folded(f"Figures of {spelled_slice(single.where) or 'single slices'}", rows, _left(single.left_out, "metric", report))
    groups, _ = choice.sliced(report, asked)
    for group in groups:
        title = f"{group.name} by slice, {counted(len(group.rows) + group.left_out, 'slice')}"
        yield _folded(
            title, _metrics(group.rows, "slice", lambda metric: spelled_slice(metric.slice)), _left(group.left_out, "slice", report)
        )
    if report.subjects or choice.public(report.evidence):
        yield _files(report)


def _gates(report: Report) -> str:
    order = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)
    gates = sorted(report.gates, key=lambda gate: order.index(gate.verdict))
    rows = ((f"{MARKS[gate.verdict]} {gate.verdict}", _say(gate.sentence), code(gate.criterion)) for gate in gates[:_GATES])
    return _table(("verdict", "why", "gate"), rows) + _left(max(len(gates) - _GATES, 0), "gate", report)


def _findings(report: Report) -> str:
    groups, rest = choice.ruled(finding for finding in report.findings if not finding.doubts_figures)
    lines = []
    for group in groups:
        lines += [f"- {LEVEL_MARKS[group.level]} {group.level}: {_finding(finding, report)}" for finding in group.examples]
        if group.left_out:
            lines.append(f"- {group.left_out:,} more of {_say(group.rule)}")
    return "\n".join(lines) + "\n" + _left(rest, "finding", report) if lines else ""


def _finding(finding: Finding, report: Report) -> str:
    rule, url = _say(finding.rule), rule_url(finding.rule, report)
    where = f" {code(finding.location)}" if finding.location else ""
    mark = LEVEL_MARKS[finding.level] + " " if finding.doubts_figures else ""
    return f"{mark}{_say(finding.message)}{where}{_hint(finding.hint)} · {f'[{rule}]({url})' if url else rule}"


def _metrics(metrics: Iterable[Metric], first: str, label: Callable[[Metric], str]) -> str:
    metrics = tuple(metrics)
    compared = any(metric.versus is not None for metric in metrics)
    head = (first, "value", "95 % interval", "n", *(("against the baseline",) if compared else ()))
    return _table(head, (_row(metric, label(metric), compared=compared) for metric in metrics))


def _row(metric: Metric, label: str, *, compared: bool) -> tuple[str, ...]:
    told = spelled(metric.estimate)
    unit = f" {_say(metric.unit_for(getattr(metric.estimate, 'value', None)))}" if metric.unit else ""
    part = f" (in part: {_say(metric.incomplete)})" if metric.incomplete else ""
    interval = f"{told.interval}{part}" if told.interval else _say(told.reason)
    row = (_say(label), f"{told.value}{unit}", interval, told.n)
    if not compared:
        return row
    if metric.versus is None:
        return (*row, "")
    versus = spelled(metric.versus)
    return (*row, f"{versus.value} ({versus.interval})" if versus.interval else versus.value)


def _files(report: Report) -> str:
    rows = [(_say(item.role), _say(item.name), f"`{short(item.sha256)}`" if item.sha256.isalnum() else "") for item in report.subjects]
    rows += [
        ("evidence", _say(item.path), f"`{short(item.sha256)}`" if item.sha256.isalnum() else "") for item in choice.public(report.evidence)
    ]
    return _folded("Files", _table(("role", "file", "SHA-256"), rows[:_GATES]), _left(max(len(rows) - _GATES, 0), "file", report))


def _folded(title: str, *parts: str) -> str:
    """A block that opens on a click; its title stands inside HTML, where Markdown's escapes mean nothing."""
    return f"<details><summary>{escape(harmless(title))}</summary>\n\n{''.join(part for part in parts if part)}\n</details>\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _left(count: int, noun: str, report: Report) -> str:
    return f"\n{counted(count, f'more {noun}')} in {code(f'{report.id}/report.json')}.\n" if count else ""


def _hint(hint: str) -> str:
    return f" → {_say(hint)}" if hint else ""


def _say(text: str) -> str:
    """Text from outside: harmless, escaped, and marked where it reads like an instruction."""
    mark = f"{injection.MARK} " if injection.instructs(text) else ""
    return mark + markdown(text)
