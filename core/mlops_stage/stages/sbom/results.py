"""What the other stages found about this model and its data, read from their reports; what they do not say is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.report import Outcome, Verdict, metric_label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from mlops_stage.report import Gate, Metric, Report, Slice, Subject
    from mlops_stage.stages.sbom.facts import Model
    from mlops_stage.workspace import EarlierReport

_FIGURES = ("quality", "fairness", "adversarial", "compile")
"""The stages whose metrics are figures of a model."""
_LIMITS = "_budget"
"""How metrics end that are no figures of the model but what is allowed of it."""
_MODEL, _ARTEFACT, _OF_DATA = "model", "artefact", ("data", "train", "reference", "predictions")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A metric of the model that could be estimated."""

    name: str
    """scikit-learn's name where it has one."""
    value: float
    low: float | None
    """The 95 % interval; None of a bare figure, and where there is no such end."""
    high: float | None
    n: float | None
    unit: str
    direction: str
    """`higher`, `lower` or empty: which way is better."""
    slice: Slice
    stage: str
    source: str
    """The id of the report that says so."""
    incomplete: str = ""
    """What the figure should cover and does not."""
    data: str = ""
    """The name of the data it was measured on, where figures of more than one data set are here, or of data that is not described here."""

    @property
    def where(self) -> str:
        """Of which rows it is, in one text: `sex=female`; empty for all rows."""
        parts = [metric_label("", self.slice)[1:-1], f"data: {self.data}" if self.data else "", self.incomplete]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """A judged gap between groups of people."""

    groups: tuple[str, str]
    """Where the figure is lowest, and where it is highest: `sex=Female`, `sex=Male`."""
    errs_more: str
    """The one in which the model errs more; empty where the figure is no rate of errors, as a selection rate."""
    metric: str
    """`tpr_difference[by=sex]`."""
    verdict: str
    sentence: str
    """One plain sentence with the figure, its interval and what was required."""
    source: str

    @property
    def group(self) -> str:
        """Whom it is about."""
        return self.errs_more or " and ".join(self.groups)


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """An artefact that was compiled from the model."""

    target: str
    name: str
    """Of the file."""
    path: str
    """Relative to the output directory."""
    sha256: str
    source: str
    verdict: str
    """The gravest of its gates."""
    doubt: str = ""
    """Why it did not pass, where it did not."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What one stage said: its outcome and gates."""

    id: str
    stage: str
    outcome: str
    summary: str
    passed: int
    failed: int
    inconclusive: int
    model: bool
    """Whether it judged the model, not data alone."""
    data: tuple[str, ...]
    """SHA-256 of the data of this bill of materials that it judged, or took in."""
    contract: str = ""
    """The contract that the data was held against."""
    tested: tuple[str, ...] = ()
    """SHA-256 of the data of this bill of materials that its figures of the model are of."""


@dataclass(frozen=True, kw_only=True)
class Passed:
    """A report that was left out, and why."""

    id: str
    stage: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Results:
    """All of it, in the order of the reports; the same figure from two reports stands here once."""

    figures: tuple[Figure, ...] = ()
    assessments: tuple[Assessment, ...] = ()
    compiled: tuple[Compiled, ...] = ()
    judged: tuple[Judged, ...] = ()
    passed_over: tuple[Passed, ...] = ()


def read(reports: Iterable[EarlierReport], model: Model, data: Collection[str] = ()) -> Results:
    """What the reports say of this model and its data; what judged another model, a part of this one, or none by digest is passed over.

    Args:
        reports: of the stages that this one consumes.
        model: as it was found.
        data: SHA-256 of the data sets.
    """
    reasons = [(earlier.report, _foreign(earlier.report, model, data)) for earlier in reports]
    counting = [report for report, reason in reasons if not reason]
    of_model = [report for report in counting if _whole(_judged_files(report), model)]
    measured = [report for report in of_model if report.stage in _FIGURES]
    outside = frozenset(one.name for report in measured for one in _measured_on(report) if one.sha256 not in data)
    return Results(
        figures=_told_apart([figure for report in measured for figure in _figures(report)], outside),
        assessments=tuple(one for report in of_model for one in _assessments(report)),
        compiled=tuple(one for report in of_model if report.stage == "compile" for one in _compiled(report)),
        judged=tuple(_judged(report, model, data) for report in counting),
        passed_over=tuple(Passed(id=report.id, stage=report.stage, reason=reason) for report, reason in reasons if reason),
    )


def _judged_files(report: Report) -> frozenset[str]:
    """SHA-256 of the files of the model that a report is about."""
    return frozenset(one.sha256 for one in report.subjects if one.role == _MODEL)


def _whole(judged: frozenset[str], model: Model) -> bool:
    """Whether these are all the weights of the model and nothing that is not of it; two models may share a file, and any number of them a tokenizer."""
    if not model.sha256:
        return False  # a served model: nothing tells which one it is
    weights = {file.sha256 for file in model.files if file.role == "weights"} or {model.sha256}
    return judged == {model.sha256} or weights <= judged <= {file.sha256 for file in model.files} | weights


def _foreign(report: Report, model: Model, data: Collection[str]) -> str:
    """Why a report says nothing of these files; empty where it does."""
    if report.error is not None:
        return "it ended in an error"
    if report.outcome is Outcome.NOT_APPLICABLE:
        return "it did not apply"
    judged = _judged_files(report)
    if judged:
        shared = not judged.isdisjoint(file.sha256 for file in model.files)
        other = "it judged another set of files, some of them this model's" if shared else "it judged another model"
        return "" if _whole(judged, model) else other
    if report.stage != "data":
        return "it does not name the model by digest"
    return "" if any(subject.sha256 in data for subject in report.subjects if subject.role in _OF_DATA) else "it judged other data"


def _judged(report: Report, model: Model, data: Collection[str]) -> Judged:
    verdicts = [gate.verdict for gate in report.gates]
    whole = _whole(_judged_files(report), model)
    return Judged(
        id=report.id,
        stage=report.stage,
        outcome=str(report.outcome),
        summary=report.summary,
        passed=verdicts.count(Verdict.PASSED),
        failed=verdicts.count(Verdict.FAILED),
        inconclusive=verdicts.count(Verdict.INCONCLUSIVE),
        model=whole,
        data=tuple(dict.fromkeys(one.sha256 for one in report.subjects if one.role in _OF_DATA and one.sha256 in data)),
        contract=str(report.params.get("contract") or "") if report.stage == "data" else "",
        tested=tuple(one.sha256 for one in _measured_on(report) if one.sha256 in data) if whole and report.stage in _FIGURES else (),
    )


def _measured_on(report: Report) -> tuple[Subject, ...]:
    """The data that figures are of; predictions where nothing tells what they were made from."""
    found = {role: tuple(one for one in report.subjects if one.role == role) for role in ("data", "predictions")}
    return found["data"] or found["predictions"]


def _figures(report: Report) -> Iterator[Figure]:
    data = ", ".join(dict.fromkeys(one.name for one in _measured_on(report)))
    for metric in report.metrics:
        if isinstance(metric.estimate, NotEstimable) or metric.name.endswith(_LIMITS):
            continue
        low, high = _interval(metric)
        yield Figure(
            name=metric.name,
            value=metric.estimate.value,
            low=low,
            high=high,
            n=metric.estimate.n,
            unit=metric.unit,
            direction=metric.direction,
            slice=metric.slice,
            stage=report.stage,
            source=report.id,
            incomplete=metric.incomplete,
            data=data,
        )


def _interval(metric: Metric) -> tuple[float | None, float | None]:
    """The ends of the 95 % interval, as far as there are any."""
    if isinstance(metric.estimate, NotEstimable | Point):
        return None, None
    low, high = metric.estimate.bound(0.025), metric.estimate.bound(0.975)
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None


def _told_apart(figures: Sequence[Figure], outside: Collection[str]) -> tuple[Figure, ...]:
    """Each figure once; the name of the data goes where all are of one data set, and that is described here."""
    several = len({figure.data for figure in figures}) > 1 or bool(outside)
    kept: dict[tuple[object, ...], Figure] = {}
    for figure in figures:
        one = figure if several else replace(figure, data="")
        kept.setdefault((one.name, one.slice, one.value, one.low, one.high, one.data), one)
    return tuple(kept.values())


def _assessments(report: Report) -> Iterator[Assessment]:
    """Gates on gaps between groups of people; only the stage fairness knows which columns name people."""
    if report.stage != "fairness":
        return
    gaps = {metric.label: metric for metric in report.metrics if metric.between is not None}
    for gate in report.gates:
        label = gate.criterion.rpartition(" ")[0].rpartition(" ")[0]
        if label in gaps:
            yield _assessed(gaps[label], gate, report.id)


def _assessed(metric: Metric, gate: Gate, source: str) -> Assessment:
    between = metric.between
    low, high = ("", "") if between is None else (metric_label("", end)[1:-1] for end in (between.low, between.high))
    worse = {"tpr": low, "tnr": low, "precision": low, "accuracy": low, "fpr": high, "fnr": high}
    return Assessment(
        groups=(low, high),
        errs_more="" if between is None else worse.get(between.figure, ""),
        metric=metric.label,
        verdict=str(gate.verdict),
        sentence=gate.sentence,
        source=source,
    )


def _compiled(report: Report) -> Iterator[Compiled]:
    """What was made, with what was found of it: each file lies in the folder of its target."""
    for one in report.subjects:
        parts = PurePosixPath(one.name).parts
        if one.role == _ARTEFACT and len(parts) > 2 and parts[0] == "evidence":  # noqa: PLR2004  (evidence, target, file)
            verdict, doubt = _found_of(parts[1], report)
            path = f"{report.id}/{one.name}"
            yield Compiled(target=parts[1], name=parts[-1], path=path, sha256=one.sha256, source=report.id, verdict=verdict, doubt=doubt)


def _found_of(target: str, report: Report) -> tuple[str, str]:
    """The gravest verdict on a target, and its sentence unless it passed; the outcome of the report where no gate is about that target alone."""
    own = [gate for gate in report.gates if f"[target={target}]" in gate.criterion]
    for verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE):
        worst = next((gate for gate in own if gate.verdict is verdict), None)
        if worst:
            return str(verdict), worst.sentence
    return (str(Verdict.PASSED), "") if own else (str(report.outcome), "" if report.outcome is Outcome.PASSED else report.summary)
