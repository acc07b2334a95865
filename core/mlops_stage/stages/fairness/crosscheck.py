"""Our figures against Fairlearn's, computed by it from the rows and not from our counts."""

from __future__ import annotations

import math
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mlops_stage.errors import InternalError
from mlops_stage.estimates import Bounded
from mlops_stage.report import Finding, Level
from mlops_stage.stages.fairness.fairlearn import required
from mlops_stage.stages.fairness.grouping import CLASS, Grouping
from mlops_stage.stages.fairness.hiding import Counted
from mlops_stage.stages.fairness.rates import COMPOSITES
from mlops_stage.stats.cells import Cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.inputs.predictions import Predictions
    from mlops_stage.report import Metric, Slice

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


def cross_checked(
    predictions: Predictions, counted: Sequence[Counted], exact: Sequence[Sequence[Metric]], references: Mapping[str, str]
) -> Finding:
    """Compare every share and gap, as it is before anything of it is told as a range.

    Args:
        predictions: the answers, from which Fairlearn computes.
        counted: the groupings with their cells.
        exact: the metrics of all rows, and then of each grouping.
        references: column -> the group that others are compared with.

    Raises:
        StageError: Fairlearn is not installed.
        InternalError: a figure differs by more than 1e-12, or is one that nobody computes again.
    """
    compared = 0
    overall, *by_grouping = exact
    theirs = _of_all_rows(predictions, counted[0])
    compared += _all_compared(overall, theirs)
    for one, metrics in zip(counted, by_grouping, strict=True):
        compared += _all_compared(metrics, _theirs(predictions, one, theirs, references))
    message = f"{compared:,} figures were computed again with Fairlearn {version('fairlearn')}; none differs by more than {TOLERANCE:g}"
    if not compared:
        message = "there was no figure that Fairlearn could compute again"
    return Finding(rule="fairness/cross-checked", level=Level.NOTE, message=message)


def _all_compared(metrics: Sequence[Metric], theirs: Mapping[Key, float]) -> int:
    """How many figures there are; each is compared."""
    count = 0
    for metric in metrics:
        if isinstance(metric.estimate, Bounded):
            key = metric.name, metric.slice
            if key not in theirs:
                raise InternalError(
                    f"{metric.label} was not computed again by Fairlearn", "please report it; without cross_check the stage runs"
                )
            _compare(metric, metric.estimate.value, theirs[key])
            count += 1
    return count


def _compare(metric: Metric, ours: float, theirs: float) -> None:
    if not math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        raise InternalError(
            f"{metric.label} is {ours!r} here and {theirs!r} by Fairlearn {version('fairlearn')}",
            "please report it; without cross_check the stage runs",
        )


def _of_all_rows(predictions: Predictions, counted: Counted) -> dict[Key, float]:
    """All rows as one group."""
    rows = counted.cells.rows.sum(axis=0, keepdims=True)
    whole = Grouping((), np.zeros(predictions.n, dtype=np.int64), ((),), frozenset())
    return dict(_shares(predictions, Counted(whole, Cells(rows, rows, rows))))


def _shares(predictions: Predictions, counted: Counted) -> Iterator[tuple[Key, float]]:
    for frames in _every(predictions, counted):
        yield from frames.by_group()


def _every(predictions: Predictions, counted: Counted) -> Iterator[_Frames]:
    """In a multi-class task one for each class against all others, and one of the accuracy."""
    if len(predictions.classes) == 2:  # noqa: PLR2004  (a binary task)
        yield _Frames(predictions, counted, [*_FUNCTIONS, "precision", "accuracy"], 1)
        return
    yield _Frames(predictions, counted, ["accuracy"])
    for index, name in enumerate(predictions.classes):
        yield _Frames(predictions, counted, [*_FUNCTIONS, "precision"], index, name)


def _theirs(predictions: Predictions, counted: Counted, overall: Mapping[Key, float], references: Mapping[str, str]) -> dict[Key, float]:
    """Fairlearn's figures of each group, and between groups."""
    by = counted.grouping.by
    every = list(_every(predictions, counted))
    shares = {key: value for frames in every for key, value in frames.by_group()}
    found = dict(shares)
    found |= _beside_others(shares, overall, counted.grouping, references)
    gaps: dict[str, list[tuple[float, float]]] = {}
    for frames in every:
        for rate, (difference, ratio) in frames.gaps().items():
            gaps.setdefault(rate, []).append((difference, ratio))
            found[f"{rate}_difference", (*by, *frames.of_class)] = difference
            found[f"{rate}_ratio", (*by, *frames.of_class)] = ratio
    for name, parts in [*((rate, (rate,)) for rate in gaps), *COMPOSITES.items()]:
        pairs = [pair for part in parts for pair in gaps.get(part, ())]
        if pairs:
            found[f"{name}_difference", by] = max(difference for difference, _ in pairs)
            found[f"{name}_ratio", by] = min((ratio for _, ratio in pairs if math.isfinite(ratio)), default=math.nan)
    return found | _macro(shares, predictions, counted)


def _beside_others(
    shares: Mapping[Key, float], overall: Mapping[Key, float], grouping: Grouping, references: Mapping[str, str]
) -> dict[Key, float]:
    """Each group less, and divided by, all rows and the reference group."""
    found: dict[Key, float] = {}
    length = len(grouping.columns)
    for (rate, where), value in shares.items():
        of_class = where[length:]
        reference = tuple((column, references.get(column, "")) for column in grouping.columns) + of_class
        for kind, base in (("overall", overall.get((rate, of_class))), ("reference", shares.get((rate, reference)))):
            if base is not None:
                found[f"{rate}_difference_to_{kind}", where] = value - base
                found[f"{rate}_ratio_to_{kind}", where] = value / base if base else math.nan
    return found


def _macro(shares: Mapping[Key, float], predictions: Predictions, counted: Counted) -> dict[Key, float]:
    """The mean recall of all classes, by Fairlearn's recall of each."""
    if len(predictions.classes) == 2:  # noqa: PLR2004  (a binary task)
        return {}
    there = [name for index, name in enumerate(predictions.classes) if counted.cells.rows[:, index].sum()]
    means = []
    for group in counted.grouping.inside.tolist():
        recalls = [shares.get(("tpr", (*counted.grouping.slice(group), (CLASS, name)))) for name in there]
        known = [recall for recall in recalls if recall is not None]
        if len(known) == len(there):
            means.append(math.fsum(known) / len(known))
    if len(means) < 2:  # noqa: PLR2004  (a gap is of two)
        return {}
    ratio = min(means) / max(means) if max(means) else math.nan
    return {("recall_macro_difference", counted.grouping.by): max(means) - min(means), ("recall_macro_ratio", counted.grouping.by): ratio}


class _Frames:
    """Fairlearn's figures of one class against all others."""

    def __init__(self, predictions: Predictions, counted: Counted, rates: Sequence[str], index: int | None = None, name: str = "") -> None:
        self._library = required("cross_check")
        self._grouping = counted.grouping
        self._label, self._decision = (
            (answers if index is None else answers == index).astype(np.int64) for answers in (predictions.label, predictions.prediction)
        )
        self._weight = predictions.weight
        self._whole = {rate: _denominator(counted.cells.rows, rate, index or 0) for rate in rates}
        self.of_class: Slice = ((CLASS, name),) if name else ()

    def by_group(self) -> Iterator[tuple[Key, float]]:
        """Each rate of each group that has a denominator for it."""
        for groups, rates in self._together({rate: np.flatnonzero(whole > 0) for rate, whole in self._whole.items()}):
            table = self._frame(rates, groups).by_group
            for rate in rates:
                for group, value in table[rate].to_dict().items():
                    yield (rate, (*self._grouping.slice(int(group)), *self.of_class)), value

    def gaps(self) -> dict[str, tuple[float, float]]:
        """The largest difference and the smallest ratio of each rate between the groups that are compared."""
        inside = self._grouping.inside
        found: dict[str, tuple[float, float]] = {}
        for groups, rates in self._together({rate: inside[whole[inside] > 0] for rate, whole in self._whole.items()}):
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
                y_true=self._label[kept],
                y_pred=self._decision[kept],
                sensitive_features=self._grouping.codes[kept],
                sample_params=weight,
            )

    def _function(self, rate: str) -> Any:
        from sklearn import metrics

        if rate in _FUNCTIONS:
            return getattr(self._library, _FUNCTIONS[rate])
        return metrics.accuracy_score if rate == "accuracy" else metrics.precision_score


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
