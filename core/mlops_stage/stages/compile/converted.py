"""The model as given beside what it answered in the framework that trained it: compiling is true to the file, faults of its export included."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.estimates import NotEstimable
from mlops_stage.inputs.arrays import Arrays
from mlops_stage.inputs.predictions import read
from mlops_stage.report import Finding, Level, Metric
from mlops_stage.report.words import counted
from mlops_stage.stages.compile.parity.original import agree_with_original

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.inputs.answers import Predictions
    from mlops_stage.report import Subject
    from mlops_stage.stages.compile.material import Labelled
    from mlops_stage.stages.compile.params import CompileParams

_GRAVE = 0.99
"""Below this share of equal decisions, beyond doubt, the export is broken rather than rounded."""
_CONFIDENT = 0.95
_NAMED = 5
_HINT = "look at how the model was exported: numbers that were double precision in training are single precision in most ONNX files"


def converted(
    params: CompileParams, root: Path, right: Predictions | None, labelled: Labelled | None
) -> tuple[tuple[Metric, ...], tuple[Finding, ...], tuple[Subject, ...]]:
    """How often the file decides as the original did, and whether that is a fault; nothing without `original`.

    Args:
        params: what was asked.
        root: the project.
        right: the answers of the model as given, on rows with labels.
        labelled: those rows.

    Raises:
        UsageError: no labels, or a column or file that is not there.
        InputError: the original predictions are of other rows, or of another task.
    """
    if not params.original:
        return (), (), ()
    if right is None or labelled is None:
        raise UsageError("original cannot be compared without labels", "give data and label: the column with the truth")
    question = replace(labelled.question, slices=(), columns={}, task=right.task)
    data = None if isinstance(labelled.table, Arrays) or params.row_id is None else labelled.table
    original = read(params.original, root, question, data=data, what="original")
    found = agree_with_original(original, right)
    metric = Metric(name="conversion_agreement", estimate=found.labels, direction="higher")
    if found.passed:
        return (metric,), (), original.subjects
    labels = found.labels
    grave = isinstance(labels, NotEstimable) or labels.bound(_CONFIDENT) < _GRAVE
    rows = ", ".join(str(place + 1) for place in found.failing_rows[:_NAMED])
    message = f"the model answers otherwise than in its own framework in {counted(found.failing, 'row')} (first: {rows}): {'; '.join(found.reasons)}"
    level = Level.ERROR if grave else Level.WARNING
    finding = Finding(rule="compile/converted", level=level, message=message, location=params.original, hint=_HINT)
    return (metric,), (finding,), original.subjects
