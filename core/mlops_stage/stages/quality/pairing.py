"""Two models' answers brought together row by row, or the reason why that cannot be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.report import Finding, Level
from mlops_stage.stages.quality.validity import INVERTED, MISMATCH, listed
from mlops_stage.words import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.stats.cells import Places

_OPPOSITE = 0.05
_HINT = "write both with the same encoding; they were not compared"


@dataclass(frozen=True)
class Pairing:
    """Answers for the same rows, in the same order, with the same labels and classes."""

    new: Predictions
    old: Predictions
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Apart:
    """Answers that are not for the same rows, as far as one can see."""

    why: str


def paired(new: Predictions, old: Predictions) -> Pairing | Apart | Finding:
    """Match rows by identifier where both have one, else by place if all labels agree.

    Returns:
        The pairing; or why there is none; or the finding that says that the two cannot be compared at all.
    """
    unlike = _unlike(new, old)
    if unlike is not None:
        return unlike
    classes = new.classes + tuple(name for name in old.classes if name not in new.classes)
    old = _recoded(old, classes)
    new = replace(new, classes=classes, score=new.score if classes == new.classes else None)
    order = _order(new, old)
    if isinstance(order, Apart):
        return order
    score = None if old.score is None else old.score[order]
    return _matched(new, replace(old, label=old.label[order], prediction=old.prediction[order], score=score, weight=new.weight))


def _matched(new: Predictions, old: Predictions) -> Pairing | Apart | Finding:
    """Whether answers in the same order have the same labels."""
    agreed = np.mean(old.label == new.label).item()
    if agreed == 1:
        return Pairing(new, old)
    if new.task == "binary" and agreed < _OPPOSITE and len(np.unique(new.label)) > 1:
        message = "the labels of the baseline are the opposite of these labels: one of the two is encoded the wrong way round"
        return Finding(rule=INVERTED, level=Level.ERROR, message=message, hint=_HINT)
    if new.row_id is None or old.row_id is None:
        return Apart("the labels are not those of the same rows; name a row_id that both files have")
    differing = np.count_nonzero(old.label != new.label)
    have = "has" if differing == 1 else "have"
    message = (
        f"{differing:,} of {new.n:,} rows {have} another label in the baseline's file; both models are judged by the labels of this run"
    )
    finding = Finding(rule=MISMATCH, level=Level.WARNING, message=message, hint="check which labels are right")
    return Pairing(new, replace(old, label=new.label), (finding,))


def _unlike(new: Predictions, old: Predictions) -> Finding | None:
    """Why the two can by no means be compared."""
    common = set(new.classes) & set(old.classes)
    if new.task != old.task:
        message = f"the baseline's answers are of another task ({old.task}, not {new.task})"
    elif new.task != "regression" and (not common or (new.task == "binary" and set(new.classes) != set(old.classes))):
        message = f"the classes of the baseline are {listed(old.classes)}, those of these answers {listed(new.classes)}"
    else:
        return None
    return Finding(rule=MISMATCH, level=Level.ERROR, message=message, hint=_HINT)


def _recoded(old: Predictions, classes: tuple[str, ...]) -> Predictions:
    """The same answers, by the order of `classes`."""
    if old.task == "regression" or old.classes == classes:
        return old
    lookup = np.array([classes.index(name) for name in old.classes], dtype=np.int64)
    score: NDArray[np.float64] | None = None
    if old.score is not None and old.score.ndim == 1:
        score = 1 - old.score if old.probabilities else -old.score  # the other class is now the positive one
    elif old.score is not None and len(classes) == len(old.classes):
        score = np.empty_like(old.score)
        score[:, lookup] = old.score
    return replace(old, classes=classes, label=_coded(lookup, old.label), prediction=_coded(lookup, old.prediction), score=score)


def _coded(lookup: NDArray[np.int64], codes: NDArray[Any]) -> NDArray[np.int64]:
    return lookup[codes.astype(np.int64, copy=False)]


def _order(new: Predictions, old: Predictions) -> Places | Apart:
    """The row of the old answers for each row of the new ones."""
    if new.row_id is not None and old.row_id is not None:
        theirs, ours = np.argsort(old.row_id), np.argsort(new.row_id)
        common = np.isin(new.row_id, old.row_id, assume_unique=True).sum().item()
        if common < new.n or old.n != new.n:
            return Apart(f"it has answers for {common:,} of these {counted(new.n, 'row')}, and {counted(old.n, 'row')} in all")
        order = np.empty(new.n, dtype=np.intp)
        order[ours] = theirs
        return order
    if new.n != old.n:
        return Apart(f"it has {counted(old.n, 'row')}, these are {new.n:,}")
    return np.arange(new.n)
