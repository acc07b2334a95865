"""Figures of decisions, from their cells, under scikit-learn's names and each with its own denominator."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mlops_stage.estimates import NotEstimable, Rate, Sampled
from mlops_stage.stats.cells import effective
from mlops_stage.stats.linear import ratio
from mlops_stage.stats.resampling import bootstrap, sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops_stage.estimates import Estimate
    from mlops_stage.stats.cells import Cells, Floats

_TN, _FP, _FN, _TP = range(4)
BINARY_RATES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...], str]] = {
    "accuracy": ((_TN, _TP), (_TN, _FP, _FN, _TP), "no rows"),
    "precision": ((_TP,), (_FP, _TP), "nothing was predicted positive"),
    "recall": ((_TP,), (_FN, _TP), "no positives"),
    "tpr": ((_TP,), (_FN, _TP), "no positives"),
    "fnr": ((_FN,), (_FN, _TP), "no positives"),
    "tnr": ((_TN,), (_TN, _FP), "no negatives"),
    "fpr": ((_FP,), (_TN, _FP), "no negatives"),
    "selection_rate": ((_FP, _TP), (_TN, _FP, _FN, _TP), "no rows"),
}
"""Name: flat indices of the cells that count, of those they are a share of, and why there may be none. Class 1 is the positive one."""


def rate(part: float, mass: float, squares: float, reason: str) -> Rate | NotEstimable:
    """A share; with weights both its counts are scaled to the effective number of rows.

    Args:
        part: the mass that counts.
        mass: the mass that it is a share of.
        squares: the sum of squared weights of the latter.
        reason: why there may be nothing to share.
    """
    if mass <= 0:
        return NotEstimable(0, reason)
    n = effective(mass, squares)
    return Rate(part if n == mass else n * part / mass, n)


def binary_estimates(cells: Cells, *, draws: int, seed: int) -> dict[str, Estimate]:
    """All figures of binary decisions; `cells` has shape (2, 2) and class 1 is the positive one."""
    rates = binary_rates(cells)
    found: dict[str, Estimate] = {**rates, "balanced_accuracy": mean_rate([rates["tnr"], rates["tpr"]]), "f1": f1(cells, 1)}
    return found | _resampled(cells, {"matthews_corrcoef": matthews_corrcoef}, draws, seed)


def binary_rates(cells: Cells) -> dict[str, Rate | NotEstimable]:
    """The plain shares among the figures of binary decisions."""
    mass, squares = cells.mass.ravel().tolist(), cells.squares.ravel().tolist()
    return {
        name: rate(sum(mass[i] for i in part), sum(mass[i] for i in whole), sum(squares[i] for i in whole), reason)
        for name, (part, whole, reason) in BINARY_RATES.items()
    }


def multiclass_estimates(cells: Cells, names: Sequence[str], *, draws: int, seed: int) -> dict[str, Estimate]:
    """All figures of decisions among K classes; `cells` has shape (K, K), `names` stand in the reasons given.

    Balanced accuracy needs to know which classes the whole table has, and so stands apart: `mean_rate` of their recalls.
    """
    recalls = [recall(cells, index, name) for index, name in enumerate(names)]
    accuracy = rate(np.trace(cells.mass).item(), cells.mass.sum().item(), cells.squares.sum().item(), "no rows")
    found: dict[str, Estimate] = {
        "accuracy": accuracy,
        "recall_macro": mean_rate(recalls),
        "recall_weighted": accuracy,
        "precision_macro": mean_rate([precision(cells, index, name) for index, name in enumerate(names)]),
    }
    statistics = {name: statistic for name, statistic in MULTICLASS_STATISTICS.items() if name not in found}
    return found | _resampled(cells, statistics, draws, seed)


def class_estimates(cells: Cells, index: int, name: str) -> dict[str, Estimate]:
    """Precision, recall and F1 of one class against all others; `cells` has shape (K, K)."""
    return {
        "precision": precision(cells, index, name),
        "recall": recall(cells, index, name),
        "f1": f1(cells, index, f"class {name} neither occurs nor was predicted"),
    }


def precision(cells: Cells, index: int, name: str) -> Rate | NotEstimable:
    """Of the rows predicted as this class, the share that is of it."""
    column = cells.mass[:, index].sum().item(), cells.squares[:, index].sum().item()
    return rate(cells.mass[index, index].item(), *column, f"class {name} was never predicted")


def recall(cells: Cells, index: int, name: str) -> Rate | NotEstimable:
    """Of the rows of this class, the share that was predicted as it."""
    row = cells.mass[index].sum().item(), cells.squares[index].sum().item()
    return rate(cells.mass[index, index].item(), *row, f"no rows of class {name}")


def f1(cells: Cells, index: int, reason: str = "no positives, and nothing was predicted positive") -> Sampled | NotEstimable:
    """F1 of one class with the interval of Jaccard's index J, a plain rate: F1 = 2 J / (1 + J)."""
    hit, squared = cells.mass[index, index].item(), cells.squares[index, index].item()
    mass = cells.mass[index].sum().item() + cells.mass[:, index].sum().item() - hit
    squares = cells.squares[index].sum().item() + cells.squares[:, index].sum().item() - squared
    jaccard = rate(hit, mass, squares, reason)
    return jaccard if isinstance(jaccard, NotEstimable) else Sampled.from_transform(jaccard, lambda j: 2 * j / (1 + j))


def mean_rate(terms: Sequence[Rate | NotEstimable]) -> Sampled | NotEstimable:
    """The average of independent rates: recalls, given the labels, or precisions, given the predictions; bounds by square-and-add.

    Its denominator is the smallest of theirs: one rare class leaves the average as uncertain as itself.
    """
    missing = next((term for term in terms if isinstance(term, NotEstimable)), None)
    if missing is not None:
        return missing
    rates = [term for term in terms if isinstance(term, Rate)]
    return Sampled.from_sum([(1 / len(rates), term) for term in rates])


def matthews_corrcoef(tables: Floats) -> Floats:
    """Matthews' correlation of labels and predictions in tables (…, K, K); 0 where either is constant (Gorodkin 2004)."""
    total, labels, predictions, hits = _margins(tables)
    covariance = hits * total - (labels * predictions).sum(-1)
    spread = (total * total - (labels * labels).sum(-1)) * (total * total - (predictions * predictions).sum(-1))
    return ratio(covariance, np.sqrt(spread))


def cohen_kappa(tables: Floats) -> Floats:
    """Cohen's unweighted kappa in tables (…, K, K); 0 where labels and predictions are the same constant (Cohen 1960)."""
    total, labels, predictions, hits = _margins(tables)
    chance = (labels * predictions).sum(-1)
    return ratio(hits * total - chance, total * total - chance)


def precision_weighted(tables: Floats) -> Floats:
    """Mean precision of the classes, weighted by their labels; 0 for a class that is never predicted."""
    total, labels, predictions, _ = _margins(tables)
    return ratio((ratio(_diagonal(tables), predictions) * labels).sum(-1), total)


def precision_macro(tables: Floats) -> Floats:
    """Mean precision of the classes; 0 for a class that is never predicted."""
    figures: Floats = ratio(_diagonal(tables), tables.sum(-2)).mean(axis=-1)
    return figures


def f1_macro(tables: Floats) -> Floats:
    """Mean F1 of the classes; 0 for a class that neither occurs nor is predicted."""
    figures: Floats = _class_f1(tables).mean(axis=-1)
    return figures


def f1_weighted(tables: Floats) -> Floats:
    """Mean F1 of the classes, weighted by their labels."""
    total, labels, _, _ = _margins(tables)
    return ratio((_class_f1(tables) * labels).sum(-1), total)


def _positive_precision(tables: Floats) -> Floats:
    return ratio(tables[..., 1, 1], tables[..., 1].sum(-1))


def _positive_f1(tables: Floats) -> Floats:
    return _class_f1(tables)[..., 1]


def _class_f1(tables: Floats) -> Floats:
    return ratio(2 * _diagonal(tables), tables.sum(-1) + tables.sum(-2))


Statistic: TypeAlias = "Callable[[Floats], Floats]"
"""A figure of each of several tables of shape (…, K, K)."""
BINARY_STATISTICS: Mapping[str, Statistic] = {
    "precision": _positive_precision,
    "f1": _positive_f1,
    "matthews_corrcoef": matthews_corrcoef,
}
"""The figures of binary decisions whose denominator depends on the decisions."""
MULTICLASS_STATISTICS: Mapping[str, Statistic] = {
    "matthews_corrcoef": matthews_corrcoef,
    "cohen_kappa": cohen_kappa,
    "precision_macro": precision_macro,
    "precision_weighted": precision_weighted,
    "f1_macro": f1_macro,
    "f1_weighted": f1_weighted,
}
"""The same among K classes."""


def _resampled(cells: Cells, statistics: Mapping[str, Statistic], draws: int, seed: int) -> dict[str, Estimate]:
    """The figures that have no interval of their own: bootstrap."""
    reasons = {name: undefined(cells, name) for name in statistics}
    wanted = {name: statistic for name, statistic in statistics.items() if not reasons[name]}
    found: dict[str, Estimate] = {name: NotEstimable(0, reason) for name, reason in reasons.items() if reason}
    if wanted:
        mass = cells.mass.astype(np.float64)
        rows = effective(cells.mass.sum().item(), cells.squares.sum().item())
        drawn = bootstrap(mass, rows, wanted, draws=draws, seed=seed)
        for name, statistic in wanted.items():
            found[name] = sampled(statistic(mass).item(), denominator(cells, name), drawn[name])
    return found


def undefined(cells: Cells, name: str) -> str:
    """Why a statistic cannot be told from these cells, of shape (K, K); empty where it can."""
    labels, predictions = cells.mass.sum(axis=1), cells.mass.sum(axis=0)
    if not labels.any():
        return "no rows"
    never = np.any(predictions == 0)
    checks: dict[str, tuple[tuple[object, str], ...]] = {
        "precision": ((predictions[-1] == 0, "nothing was predicted positive"),),
        "f1": ((labels[-1] + predictions[-1] == 0, "no positives, and nothing was predicted positive"),),
        "matthews_corrcoef": (
            (np.count_nonzero(labels) == 1, "all labels are the same"),
            (np.count_nonzero(predictions) == 1, "all predictions are the same"),
        ),
        "cohen_kappa": ((np.count_nonzero(labels + predictions) == 1, "all labels and predictions are the same"),),
        "precision_macro": ((never, "a class was never predicted"),),
        "precision_weighted": ((np.any((labels > 0) & (predictions == 0)), "a class was never predicted"),),
        "f1_macro": ((np.any(labels + predictions == 0), "a class neither occurs nor was predicted"),),
    }
    return next((reason for fails, reason in checks.get(name, ()) if fails), "")


def denominator(cells: Cells, name: str) -> float:
    """The denominator of a statistic: rows for averages over rows, else those of the smallest class that occurs."""
    mass, squares = cells.mass, cells.squares
    if name in {"precision_weighted", "f1_weighted"}:
        return effective(mass.sum().item(), squares.sum().item())
    if name == "precision":
        return effective(mass[:, -1].sum().item(), squares[:, -1].sum().item())
    if name == "f1":
        return effective((mass[-1].sum() + mass[:-1, -1].sum()).item(), (squares[-1].sum() + squares[:-1, -1].sum()).item())
    axis = 0 if name == "precision_macro" else 1
    by_class = zip(mass.sum(axis=axis).tolist(), squares.sum(axis=axis).tolist(), strict=True)
    return min(effective(part, square) for part, square in by_class if part > 0)


def _margins(tables: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Total, labels, predictions and hits of tables (…, K, K)."""
    labels = tables.sum(-1)
    return labels.sum(-1), labels, tables.sum(-2), _diagonal(tables).sum(-1)


def _diagonal(tables: Floats) -> Floats:
    return np.diagonal(tables, axis1=-2, axis2=-1)
