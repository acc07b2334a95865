"""The earlier model: its answers, or at least its figures, wherever they are kept."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, UsageError
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.paths import existing
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.oip.address import is_url
from mlops_stage.inputs.predictions import Question, read
from mlops_stage.inputs.tables.formats import SUFFIXES
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.report import Subject, read_report
from mlops_stage.stages.quality import history, points, validity
from mlops_stage.stages.quality.reading import alike, model_of, open_data, scored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.model import Model, Served
    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.report import Finding, Report, Slice
    from mlops_stage.stages.quality.params import QualityParams
    from mlops_stage.workspace import Workspace

_ITS_BASELINE = re.compile(r"\bbaseline\b")


@dataclass(frozen=True)
class Baseline:
    """What there is to compare with: answers, or else figures."""

    name: str
    """As the user named it."""
    subjects: tuple[Subject, ...]
    predictions: Predictions | None = None
    figures: Mapping[tuple[str, Slice], Estimate] = field(default_factory=dict)
    """By name and slice."""
    findings: tuple[Finding, ...] = ()
    """What is to be said of the figures, where they come from a report or from elsewhere; above all what puts them in doubt."""


def baseline(params: QualityParams, workspace: Workspace, judged: Predictions | None) -> Baseline | None:
    """The baseline that the params name; `judged` are the answers that it will be compared with, None where only figures are.

    Raises:
        UsageError: it is not there, or is nothing that can be compared with.
        InputError: it cannot be read.
    """
    source = params.baseline
    if not source:
        return None
    workspace.progress(0.45, "reading the baseline")
    if is_url(source):
        return _served(source, params, workspace, judged)
    if not history.is_in_history(source):
        return _found(source, _Place(workspace.root, source), params, workspace, judged)
    with tempfile.TemporaryDirectory(prefix="mlops-stage-") as folder:
        path = history.fetched(source, workspace.root, Path(folder), workspace.env)
        return _found(source, _Place(Path(folder), path.name), params, workspace, judged)


@dataclass(frozen=True)
class _Place:
    """Where the baseline lies: a path relative to a folder, in whose terms messages speak."""

    root: Path
    text: str


def _found(source: str, place: _Place, params: QualityParams, workspace: Workspace, judged: Predictions | None) -> Baseline:
    path = existing(place.root, place.text, "baseline")
    if path.is_dir() and (kept := _report_in(path)):
        path = kept
    if path.name.lower().endswith(".json"):
        subject = Subject(role="baseline", name=source, sha256=sha256(path))
        if path.name != "report.json":
            bare = points.read_points(path, "baseline")
            notes = tuple(replace(note, message=f"baseline: {note.message}") for note in bare.notes)
            return Baseline(source, (subject,), figures={(name, ()): point for name, point in bare.figures.items()}, findings=notes)
        report = _report(path, source)
        return Baseline(
            source,
            (subject,),
            figures={(metric.name, metric.slice): metric.estimate for metric in report.metrics},
            findings=_doubts(report),
        )
    if judged is None:
        raise UsageError(
            f"baseline: {shown(source)} holds no figures, and metrics need figures beside them", "give a report, or a JSON file of figures"
        )
    found = _answers(place, params, workspace, judged)
    own = [replace(subject, role="baseline", name=source) for subject in found.subjects if subject.role in {"model", "baseline"}]
    return Baseline(source, tuple(own[:1]), predictions=found)


def _served(source: str, params: QualityParams, workspace: Workspace, judged: Predictions | None) -> Baseline:
    """The answers of a served model, such as the one in production, to the same data."""
    if judged is None:
        raise UsageError(
            "baseline: a served model has no figures, and metrics need figures beside them", "give a report, or a JSON file of figures"
        )
    model = model_of(source, params, workspace, "baseline")
    found = _scored(model, params, workspace, judged)
    return Baseline(model.name, model.subjects("baseline"), predictions=found)


def _report_in(folder: Path) -> Path | None:
    """The report in a report folder; in an output directory, that of its only report of this stage."""
    if (folder / "report.json").is_file():
        return folder / "report.json"
    reports = [path for path in sorted(folder.glob("*/report.json")) if read_report(path).stage == "quality"]
    if len(reports) > 1:
        names = ", ".join(path.parent.name for path in reports)
        raise UsageError(f"baseline: {shown(folder.name)} holds {len(reports)} reports of quality", f"name one of them: {shown(names)}")
    return reports[0] if reports else None


def _report(path: Path, source: str) -> Report:
    report = read_report(path)
    if report.stage != "quality":
        raise UsageError(
            f"baseline: {shown(source)} is a report of the stage {shown(report.stage)}, not of quality", "name a report of quality"
        )
    if not report.metrics:
        raise InputError(
            f"baseline: the report {shown(source)} has no figures (its outcome is {report.outcome})", "name a report of a complete run"
        )
    return report


def _doubts(report: Report) -> tuple[Finding, ...]:
    """What a report says against its own figures, then what these say themselves; doubts about what it was compared with in turn do not matter."""
    own = [finding for finding in report.findings if finding.doubts_figures and not _ITS_BASELINE.search(finding.message)]
    told = tuple(replace(finding, message=f"baseline: {finding.message}", location="") for finding in own)
    if any(finding.rule == validity.INVERTED for finding in own):
        return told
    return (*told, *validity.worse_than_chance({metric.name: metric.estimate for metric in report.metrics if not metric.slice}, "baseline"))


def _answers(place: _Place, params: QualityParams, workspace: Workspace, judged: Predictions) -> Predictions:
    """The answers in a file, or of a model for the same data."""
    if not _is_table(place.root / place.text):
        return _scored(open_model(place.text, place.root, what="baseline"), params, workspace, judged)
    table = open_table(place.text, place.root, "baseline")
    known = tuple(name for name in params.slices if name in table.columns)
    asked = replace(alike(Question.of(params, known), judged, table), positive=params.positive)
    source = params.data or params.predictions
    labels = open_table(source, workspace.root, "data") if source and params.label not in table.columns else None
    return read(place.text, place.root, asked, data=labels, what="baseline")


def _scored(model: Model | Served, params: QualityParams, workspace: Workspace, judged: Predictions) -> Predictions:
    if not params.data:
        raise UsageError("baseline: a model needs data to be compared on", "give data, or the baseline's predictions or report")
    data = open_data(params.data, workspace.root)
    asked = replace(alike(Question.of(params), judged, data), positive=params.positive)
    return scored(model, data, asked, workspace, params.effort)


def _is_table(path: Path) -> bool:
    """Whether it holds predictions; a folder does if one of its files is a table."""
    if path.is_dir():
        return any(_is_table(entry) for entry in path.iterdir() if entry.is_file())
    return path.name.lower().endswith(SUFFIXES)
