"""Each form of the model beside what the model answered in the framework that trained it: compiling is true to the file, faults of its export included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.estimates import NotEstimable
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Finding, Level, Metric
from mlops_stage.stages.compile.parity.original import agree_with_original, at, written_in
from mlops_stage.stages.compile.parity.said import said
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_stage.inputs.model import Model
    from mlops_stage.report import Slice
    from mlops_stage.stages.compile.material import Known
    from mlops_stage.stages.compile.parity.near import Tier
    from mlops_stage.stages.compile.parity.tiers import Agreement, Outputs

_GRAVE = 0.99
"""Below this share of equal decisions, beyond doubt, the export is broken rather than rounded."""
_CONFIDENT = 0.95
_NAMED = 5
_HINT = "look at how the model was exported: numbers that were double precision in training are single precision in most ONNX files"
_ITS_HINT = "the model as given answers as it did there; the folder evidence/ of this report says more of what ships"


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of the model, and what it answered on the rows of `Known.feeds`."""

    outputs: Outputs
    tier: Tier = "exact"
    target: str = ""
    """What it was compiled for; empty for the model as given."""


def converted(known: Known, model: Model, forms: Iterable[Form]) -> tuple[tuple[Metric, ...], tuple[Finding, ...]]:
    """How often each form decides as the original did, and whether that is a fault.

    Args:
        known: what the framework answered, and for which rows.
        model: the model as given.
        forms: the model as given first, then what ships; where the first is at fault, the others have the same fault, and it is told once.

    Raises:
        UsageError: a column that is not there.
        InputError: original predictions that lack an answer, or are of another task.
    """
    metrics: list[Metric] = []
    findings: list[Finding] = []
    original = None
    for form in forms:
        answers = at(said(model, form.outputs), known.within)
        if original is None:
            original = at(written_in(known.original.table, decides=answers.decision is not None or answers.width > 1), known.places)
        found = agree_with_original(original, answers, form.tier)
        where: Slice = (("target", form.target),) if form.target else ()
        metrics.append(Metric(name="conversion_agreement", estimate=found.labels, slice=where, direction="higher"))
        if not found.passed and not findings:
            findings.append(_differing(found, form, known))
    return tuple(metrics), (_used(known), *findings)


def _used(known: Known) -> Finding:
    by = f", which {shown(known.original.record)} names" if known.original.record else ""
    where = f"on {counted(len(known.within), 'row')} ({shown(known.original.table.source)}{by})"
    message = f"every form is compared with what the model answered in its own framework, {where}"
    return Finding(rule="compile/original", level=Level.NOTE, message=message, location=known.original.table.source)


def _differing(found: Agreement, form: Form, known: Known) -> Finding:
    labels = found.labels
    grave = isinstance(labels, NotEstimable) or labels.bound(_CONFIDENT) < _GRAVE
    rows = ", ".join(str(known.places[place] + 1) for place in found.failing_rows[:_NAMED])
    who = f"{form.target}: what ships" if form.target else "the model"
    message = (
        f"{who} answers otherwise than in its own framework in {counted(found.failing, 'row')} (first: {rows}): {'; '.join(found.reasons)}"
    )
    hint = _ITS_HINT if form.target else _HINT
    level = Level.ERROR if grave else Level.WARNING
    return Finding(rule="compile/converted", level=level, message=message, location=known.original.table.source, hint=hint)
