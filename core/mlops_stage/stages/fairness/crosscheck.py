"""Our figures against Fairlearn's, computed by it from the rows and not from our counts."""

from __future__ import annotations

import math
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mlops_stage.errors import InternalError
from mlops_stage.estimates import Bounded
from mlops_stage.evidence.redact import MINIMUM_COUNT
from mlops_stage.report import Finding, Level
from mlops_stage.stages.fairness.fairlearn import required
from mlops_stage.stages.fairness.grouping import CLASS
from mlops_stage.stages.fairness.rates import COMPOSITES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.report import Metric, Slice
    from mlops_stage.stages.fairness.hiding import Counted, Secrets

Key: TypeAlias = "tuple[str, Slice]"
"""Name and slice of a metric."""
TOLERANCE = 1e-12
_FUNCTIONS = {
    "selection_rate": "selection_rate",
    "tpr": "true_positive_rate",
    "fpr": "false_positive_rate",
    "fnr": "false_negative_rate",
    "tnr": "true_negative_rate",
}


def cross_checked(predictions: Predictions, counted: Sequence[Counted], exact: Sequence[Sequence[Metric]], secrets: Secrets) -> Finding:
    """Compare shares by group and the gaps between groups, before anything of them is masked.

    Args:
        predictions: the answers, from which Fairlearn computes.
        counted: the groupings with their cells.
        exact: for each grouping its metrics.
        secrets: which groups the gaps leave out.

    Raises:
        StageError: Fairlearn is not installed.
        InternalError: a figure differs by more than 1e-12.
    """
    library, compared = required("cross_check"), 0
    for one, metrics in zip(counted, exact, strict=True):
        known = {(metric.name, metric.slice): metric for metric in metrics}
        for key, value in _theirs(library, predictions, one, secrets.groups(one.grouping)):
            ours = known.get(key)
            if ours is not None and isinstance(ours.estimate, Bounded):
                _compare(ours, ours.estimate.value, value)
                compared += 1
    message = f"{compared:,} figures were computed again with Fairlearn {version('fairlearn')}; none differs by more than {TOLERANCE:g}"
    return Finding(rule="fairness/cross-checked", level=Level.NOTE, message=message)


def _compare(metric: Metric, ours: float, theirs: float) -> None:
    if not math.isclose(ours, theirs, rel_tol=0, abs_tol=TOLERANCE):
        raise InternalError(
            f"{metric.label} is {ours!r} here and {theirs!r} by Fairlearn {version('fairlearn')}",
            "please report it; without cross_check the stage runs",
        )


def _theirs(library: Any, predictions: Predictions, counted: Counted, hidden: frozenset[int]) -> Iterator[tuple[Key, float]]:
    """Fairlearn's figures of each group, and between groups; in a multi-class task of each class against all others."""
    classes = predictions.classes
    for index, name in [(1, "")] if len(classes) == 2 else list(enumerate(classes)):  # noqa: PLR2004  (a binary task)
        frames = _Frames(library, predictions, counted, index)
        of_class: Slice = ((CLASS, name),) if name else ()
        yield from frames.by_group(of_class)
        gaps = frames.gaps(hidden)
        for rate, (difference, ratio) in gaps.items():
            yield (f"{rate}_difference", (*counted.grouping.by, *of_class)), difference
            yield (f"{rate}_ratio", (*counted.grouping.by, *of_class)), ratio
        if not name:
            yield from _composites(gaps, counted.grouping.by)


class _Frames:
    """Fairlearn's figures of one class against all others."""

    def __init__(self, library: Any, predictions: Predictions, counted: Counted, index: int) -> None:
        self._library = library
        self._grouping = counted.grouping
        self._label, self._decision = (answers == index for answers in (predictions.label, predictions.prediction))
        self._weight = predictions.weight
        rates = [*_FUNCTIONS, "precision", *(("accuracy",) if len(predictions.classes) == 2 else ())]  # noqa: PLR2004  (see above)
        self._whole = {rate: _denominator(counted.cells.rows, rate, index) for rate in rates}

    def by_group(self, of_class: Slice) -> Iterator[tuple[Key, float]]:
        """Each rate of each group that has a denominator for it."""
        for groups, rates in self._together({rate: np.flatnonzero(whole > 0) for rate, whole in self._whole.items()}):
            table = self._frame(rates, groups).by_group
            for rate in rates:
                for group, value in table[rate].to_dict().items():
                    yield (rate, (*self._grouping.slice(int(group)), *of_class)), value

    def gaps(self, hidden: frozenset[int]) -> dict[str, tuple[float, float]]:
        """The largest difference and the smallest ratio of each rate between the groups that are compared."""
        inside = np.array([group for group in self._grouping.inside.tolist() if group not in hidden], dtype=np.intp)
        found: dict[str, tuple[float, float]] = {}
        for groups, rates in self._together({rate: inside[whole[inside] >= MINIMUM_COUNT] for rate, whole in self._whole.items()}):
            if len(groups) > 1:
                frame = self._frame(rates, groups)
                differences, ratios = frame.difference(method="between_groups"), frame.ratio(method="between_groups")
                found |= {rate: (differences[rate], ratios[rate]) for rate in rates}
        return found

    def _together(self, groups: Mapping[str, NDArray[np.intp]]) -> Iterator[tuple[list[int], list[str]]]:
        """Rates that are computed from the same groups, and so at once."""
        found: dict[tuple[int, ...], list[str]] = {}
        for rate, some in groups.items():
            found.setdefault(tuple(some.tolist()), []).append(rate)
        return ((list(some), rates) for some, rates in found.items() if some)

    def _frame(self, rates: Sequence[str], groups: Sequence[int]) -> Any:
        kept = np.isin(self._grouping.codes, groups)
        weight = None if self._weight is None else {rate: {"sample_weight": self._weight[kept]} for rate in rates}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of figures that do not exist, which nobody compares
            return self._library.MetricFrame(
                metrics={rate: self._function(rate) for rate in rates},
                y_true=self._label[kept].astype(np.int64),
                y_pred=self._decision[kept].astype(np.int64),
                sensitive_features=self._grouping.codes[kept],
                sample_params=weight,
            )

    def _function(self, rate: str) -> Any:
        from sklearn import metrics

        if rate in _FUNCTIONS:
            return getattr(self._library, _FUNCTIONS[rate])
        return metrics.accuracy_score if rate == "accuracy" else metrics.precision_score


def _composites(gaps: Mapping[str, tuple[float, float]], by: Slice) -> Iterator[tuple[Key, float]]:
    for name, parts in COMPOSITES.items():
        if all(part in gaps for part in parts):
            yield (f"{name}_difference", by), max(gaps[part][0] for part in parts)
            yield (f"{name}_ratio", by), min(gaps[part][1] for part in parts)


def _denominator(table: NDArray[np.int64], rate: str, index: int) -> NDArray[np.int64]:
    """Rows of each group that a rate is of."""
    rows: NDArray[np.int64] = table.sum(axis=(1, 2))
    if rate in {"tpr", "fnr"}:
        rows = table[:, index, :].sum(axis=1)
    elif rate in {"fpr", "tnr"}:
        rows = rows - table[:, index, :].sum(axis=1)
    elif rate == "precision":
        rows = table[:, :, index].sum(axis=1)
    return rows
