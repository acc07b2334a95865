"""What puts figures in doubt, looked for before any of them is believed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.estimates import Bounded
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_stage.estimates import Estimate
    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.inputs.tables.overlap import Overlap

INVERTED = "validity/inverted-labels"
MISMATCH = "validity/label-mismatch"
SHARED = "validity/shared-rows"
COARSE = "quality/coarse-rows"
_BEYOND_DOUBT = 0.9995
_CHANCE = {"balanced_accuracy": 0.5, "roc_auc": 0.5, "cohen_kappa": 0.0}
_MOST_STRANGE = 0.05
_MOST_SHARED = 0.01
_COARSE = 0.05
"""More rows that repeat a row of their own table: equal rows are then no sign of the same case."""


def strange_decisions(predictions: Predictions, what: str) -> list[Finding]:
    """Many decisions for classes that no label has."""
    if predictions.task == "regression":
        return []
    counts = np.bincount(predictions.prediction.astype(np.int64, copy=False), minlength=len(predictions.classes))
    strange = _classes(predictions, predictions.prediction) - _classes(predictions, predictions.label)
    rows = sum(int(counts[predictions.classes.index(name)]) for name in strange)
    if rows <= _MOST_STRANGE * predictions.n:
        return []
    message = f"{what}: {rows:,} of {predictions.n:,} decisions are for classes that no label has: {listed(strange)}"
    return [Finding(rule=MISMATCH, level=Level.WARNING, message=message, hint="check that labels and decisions are encoded alike")]


def worse_than_chance(figures: Mapping[str, Estimate], what: str) -> list[Finding]:
    """Figures that a predictor which ignores its input would beat beyond doubt: most often an inverted encoding."""
    for name, chance in _CHANCE.items():
        estimate = figures.get(name)
        if isinstance(estimate, Bounded) and estimate.bound(_BEYOND_DOUBT) < chance:
            message = (
                f"{what}: {name} is {estimate.value:.3g}, and a predictor that ignores its input has {chance:g}: "
                "the labels, or the class that counts as positive, may be inverted"
            )
            hint = "check the encoding of labels and decisions, and which class the score is of (positive)"
            return [Finding(rule=INVERTED, level=Level.ERROR, message=message, hint=hint)]
    return []


def shared_rows(overlap: Overlap) -> list[Finding]:
    """Rows to judge on that the model was trained on."""
    if not overlap.shared:
        return []
    share = overlap.shared / overlap.of
    if overlap.repeated > _COARSE * overlap.of:
        message = (
            f"{overlap.shared:,} of {overlap.of:,} rows are equal to a row of the training data, but {overlap.repeated:,} also repeat another row "
            f"of their own table: by {listed(overlap.columns)} rows are too coarse to tell whether they are the same cases"
        )
        hint = "give tables with more columns, or name a row_id that both have"
        return [Finding(rule=COARSE, level=Level.NOTE, message=message, hint=hint)]
    message = (
        f"{overlap.shared:,} of {overlap.of:,} rows ({share:.2%}) also stand in the training data: the model may have learnt them by heart"
    )
    if overlap.repeated:
        message += f" ({overlap.repeated:,} rows repeat another row of their own table, so some rows are equal by nature)"
    level = Level.ERROR if share > _MOST_SHARED else Level.WARNING
    if level is Level.WARNING:
        message += f"; a share over all rows can be off by at most {_rounded_up(share)} because of them"
    first = ", ".join(str(row) for _, row in overlap.examples)
    return [Finding(rule=SHARED, level=level, message=message, hint=f"leave them out of the data to judge on; the first are rows {first}")]


def _rounded_up(share: float) -> str:
    """Two digits that are not less than the share."""
    place = 1 - math.floor(math.log10(share))
    return f"{math.ceil(share * 10**place) / 10**place:.{place}f}"


def _classes(predictions: Predictions, codes: np.ndarray) -> set[str]:
    if predictions.task == "regression":
        return set()
    present = np.flatnonzero(np.bincount(codes.astype(np.int64, copy=False), minlength=len(predictions.classes)))
    return {predictions.classes[index] for index in present}


def listed(names: Iterable[str]) -> str:
    """Some names for one line of a message."""
    ordered = sorted(names)
    told = ", ".join(shown(repr(name), 30) for name in ordered[:5])
    return told + (", …" if len(ordered) > 5 else "")  # noqa: PLR2004  (what fits on a line)
