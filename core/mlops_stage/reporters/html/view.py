"""What the page's template shows: chosen, spelled and drawn, so that the template holds no logic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from posixpath import normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_stage.estimates import NotEstimable
from mlops_stage.report import Outcome, Verdict
from mlops_stage.reporters import choice, mixed
from mlops_stage.reporters.html import bars
from mlops_stage.reporters.html.figures import Picture, Row, Table, drawn, scaled
from mlops_stage.reporters.html.scale import Scale
from mlops_stage.reporters.html.svg import decoration, element
from mlops_stage.reporters.judged import judged, named
from mlops_stage.reporters.words import labelled, origin, rule_url, spelled, spelled_slice
from mlops_stage.words import counted

if TYPE_CHECKING:
    from markupsafe import Markup

    from mlops_stage.report import Finding, Gate, Metric, Report, Run, Slice, Subject

GATES = 200
"""Gates of one report that the page holds."""
_SEEN = 15
"""Of 1,000: the least width of a verdict in the bar of all gates."""
PASSED = 10
"""Gates that are shown unfolded even if all of them passed."""


@dataclass(frozen=True, kw_only=True)
class GateView:
    """One gate with its picture."""

    gate: Gate
    picture: Markup | str


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A finding that puts figures in doubt."""

    finding: Finding
    report: str
    anchor: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One sentence of what did not pass."""

    outcome: Outcome
    sentence: str
    report: str
    anchor: str


@dataclass(frozen=True, kw_only=True)
class File:
    """A file with its digest."""

    role: str
    name: str
    sha256: str
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One report on the page."""

    report: Report
    anchor: str
    whence: str
    """Where it comes from if this run did not make it: `from an earlier run`."""
    stranger: str
    """What an earlier report is about that this run was not: `another model`."""
    doubted: bool
    reserved: bool
    tally: str
    gates: tuple[GateView, ...]
    """All that did not pass, and the first that did."""
    passed: tuple[GateView, ...]
    """Further gates that passed, folded away and without pictures."""
    gates_rest: str
    findings: tuple[choice.Ruled, ...]
    findings_rest: str
    tables: tuple[Table, ...]
    slices: tuple[Table, ...]
    slices_rest: str
    figures: tuple[Table | Picture, ...]
    files: tuple[File, ...]
    params: tuple[tuple[str, str], ...]
    where: str

    def url(self, rule: str) -> str:
        """Where a rule is explained."""
        return rule_url(rule, self.report)


def sections(run: Run) -> tuple[Section, ...]:
    """The reports, in their order; ids may repeat or be hostile, so anchors are numbers."""
    about = mixed.strangers(run)
    return tuple(
        replace(_section(report, f"report-{place}", origin(run, report.id)), stranger=about.get(report.id, ""))
        for place, report in enumerate(run.reports, 1)
    )


def doubts(shown: tuple[Section, ...]) -> tuple[Doubt, ...]:
    """Everything that puts figures in doubt, over all reports."""
    return tuple(
        Doubt(finding=finding, report=section.report.id, anchor=section.anchor, url=section.url(finding.rule))
        for section in shown
        for finding in choice.doubts(section.report)
    )


def first(shown: tuple[Section, ...]) -> list[Line]:
    """One sentence for all that did not pass: what could not run, then the failed gates, then the open ones."""
    lines = []
    for section in shown:
        about = {"anchor": section.anchor, "report": section.report.id}
        if section.report.error is not None:
            lines.append(Line(outcome=Outcome.ERROR, sentence=section.report.error.message, **about))
        open_gates = [view.gate for view in section.gates if view.gate.verdict is not Verdict.PASSED]
        lines += [Line(outcome=Outcome(gate.verdict), sentence=gate.sentence, **about) for gate in open_gates]
    order = (Outcome.ERROR, Outcome.FAILED, Outcome.INCONCLUSIVE)
    return sorted(lines, key=lambda line: order.index(line.outcome))


def subjects(run: Run) -> tuple[Subject, ...]:
    """What was judged, each file once."""
    return tuple({(item.role, item.name, item.sha256): item for report in run.reports for item in report.subjects}.values())


def share(run: Run) -> Markup | str:
    """The verdicts of all gates as one divided bar."""
    verdicts = [gate.verdict for report in run.reports for gate in report.gates]
    counts = {verdict: verdicts.count(verdict) for verdict in (Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE)}
    occurring = {verdict: count for verdict, count in counts.items() if count}
    free = 1000 - _SEEN * len(occurring)  # what one gate of thousands says must be seen too
    parts = []
    done = 0.0
    for verdict, count in occurring.items():
        width = _SEEN + free * count / len(verdicts)
        parts.append(element("rect", x=f"{done:.1f}", y="0", width=f"{width:.1f}", height="10", class_=f"{verdict} share"))
        done += width
    return decoration(*parts, width=1000, height=10, class_="shares") if parts else ""


def _section(report: Report, anchor: str, whence: str) -> Section:
    asked = named(report)
    groups, groups_rest = choice.sliced(report, asked)
    found, found_rest = choice.ruled(finding for finding in report.findings if not finding.doubts_figures)
    where = f"{report.id}/report.json"
    gates = _gates(report)
    unfolded = min(max(sum(view.gate.verdict is not Verdict.PASSED for view in gates), PASSED), GATES)
    return Section(
        report=report,
        anchor=anchor,
        whence=whence,
        stranger="",
        doubted=choice.in_doubt(report.findings),
        reserved=bool(choice.doubts(report)),
        tally=_tally(report),
        gates=gates[:unfolded],
        passed=tuple(replace(view, picture="") for view in gates[unfolded:GATES]),
        gates_rest=f"{counted(len(gates) - GATES, 'more gate')} in {where}." if len(gates) > GATES else "",
        findings=found,
        findings_rest=f"{counted(found_rest, 'more finding')} of other rules in {where}." if found_rest else "",
        tables=tuple(_tables(report, asked, where)),
        slices=tuple(_sliced(group, report, where, asked, is_open=place == 0) for place, group in enumerate(groups)),
        slices_rest=f"{counted(groups_rest, 'more metric')} by slice in {where}." if groups_rest else "",
        figures=tuple(drawn(figure, where) for figure in report.figures),
        files=_files(report),
        params=tuple((name, _value(value)) for name, value in report.params.items() if value not in (None, "", [], (), {})),
        where=where,
    )


def _tally(report: Report) -> str:
    passed = sum(gate.verdict is Verdict.PASSED for gate in report.gates)
    return f"{passed:,} of {counted(len(report.gates), 'gate')}" if report.gates else ""


def _gates(report: Report) -> tuple[GateView, ...]:
    known = judged(report)
    shown = [GateView(gate=gate, picture=bars.gate(known[place]) if place in known else "") for place, gate in enumerate(report.gates)]
    order = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)
    return tuple(sorted(shown, key=lambda view: order.index(view.gate.verdict)))


def _listed(title: str, metrics: tuple[Metric, ...], left_out: int, where: str, within: Slice = ()) -> Table:
    """Shares between 0 and 1 on one scale; counts and figures of other units have no common scale, so they have no bar."""
    scale = Scale(low=0, high=1, start=1, end=99)
    shown = []
    for metric in metrics:
        one = bars.span(metric.estimate)
        is_share = one is not None and one[0] >= 0 and one[2] <= 1 and not metric.unit and not bars.whole(metric.estimate)
        shown.append(_row(metric, labelled(metric, within), bars.row(one, scale) if is_share else ""))
    return Table(
        title=title,
        rows=tuple(shown),
        scale="bars from 0 to 1" if any(row.bar for row in shown) else "",
        rest=f"{counted(left_out, 'more metric')} in {where}." if left_out else "",
        compared=any(metric.versus is not None for metric in metrics),
    )


def _tables(report: Report, asked: set[tuple[str, Slice]], where: str) -> Iterator[Table]:
    """The metrics that are not compared by slice."""
    whole, rest = choice.overall(report, asked)
    if whole:
        yield _listed("Overall", whole, rest, where)
    single = choice.single(report, asked)
    if single is not None:
        title = spelled_slice(single.where) or "Single slices"
        yield _listed(title, single.rows, single.left_out, where, single.where)


def _sliced(group: choice.Sliced, report: Report, where: str, asked: set[tuple[str, Slice]], *, is_open: bool) -> Table:
    whole = next((metric for metric in report.metrics if metric.name == group.name and not metric.slice), None)
    reference = None if whole is None or isinstance(whole.estimate, NotEstimable) else whole.estimate.value
    spans = [bars.span(metric.estimate) for metric in group.rows]
    scale = None if all(bars.whole(metric.estimate) for metric in group.rows) else bars.common(spans, reference)
    total = len(group.rows) + group.left_out
    order = f"most surely {'worse than' if group.rows[0].direction else 'other than'} all rows first"
    order = f"what gates name first, then {order}" if any((metric.name, metric.slice) in asked for metric in group.rows) else order
    unknown = f", {group.unknown:,} of them could not be estimated" if group.unknown else ""
    return Table(
        title=f"{group.name} by slice",
        rows=tuple(
            _row(metric, spelled_slice(metric.slice), bars.row(one, scale, reference))
            for metric, one in zip(group.rows, spans, strict=True)
        ),
        caption=f"{len(group.rows)} of {counted(total, 'slice')}, {order}" if group.left_out else f"{counted(total, 'slice')}, {order}",
        scale=scaled(scale, reference, "all rows"),
        rest=f"{counted(group.left_out, 'more slice')} in {where}{unknown}." if group.left_out else "",
        compared=any(metric.versus is not None for metric in group.rows),
        open=is_open,
    )


def _row(metric: Metric, label: str, bar: Markup | str) -> Row:
    told = spelled(metric.estimate)
    versus = ""
    if metric.versus is not None:
        difference = spelled(metric.versus)
        sign = "+" if not isinstance(metric.versus, NotEstimable) and metric.versus.value > 0 else ""
        versus = f"{sign}{difference.value}" + (f" ({difference.interval})" if difference.interval else "")
    unit = f" ({metric.unit})" if metric.unit not in {"", metric.name} else ""
    note = told.reason or (f"in part: {metric.incomplete}" if metric.incomplete else "")
    return Row(label=f"{label}{unit}", told=told, bar=bar, versus=versus, note=note)


def _files(report: Report) -> tuple[File, ...]:
    judged_files = [File(role=item.role, name=item.name, sha256=item.sha256) for item in report.subjects]
    backing = [
        File(role="evidence", name=item.path, sha256=item.sha256, href=_href(report, item.path)) for item in choice.public(report.evidence)
    ]
    return (*judged_files, *backing)


def _href(report: Report, path: str) -> str:
    """Where the file lies beside the page; empty where the path leads elsewhere."""
    plain = normpath(f"{report.id}/{path}")
    inside = not path.startswith(("/", "\\")) and plain.startswith(f"{report.id}/") and normpath(report.id) == report.id
    return "./" + quote(plain, safe="/", errors="replace") if inside and ".." not in report.id else ""


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
