"""Error rates of the default gates of `quality`, by simulation: false passes and false fails where nothing is to be found, power, halving.

Each gate is judged exactly as in a run. `quality.py` measures speed.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from mlops_stage.gate import Rules, judge
from mlops_stage.report import Criterion, Metric, Observations
from mlops_stage.stats.cells import count_cells
from mlops_stage.stats.classification import binary_estimates
from mlops_stage.stats.linear import Groups
from mlops_stage.stats.paired import change_axes, changed_rates
from mlops_stage.stats.ranking import rank, rank_figures, rising
from mlops_stage.stats.regression import error_figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_stage.estimates import Estimate

RUNS = 2_000
RULES = Rules(mode="evidence", min_denominator=30)
BALANCED = Criterion(metric="balanced_accuracy", op=">", number=0.5)
AREA = Criterion(metric="roc_auc", op=">", number=0.5)
R2 = Criterion(metric="r2", op=">", number=0.0)
NOT_WORSE = Criterion(metric="balanced_accuracy", op=">=", number=-0.01, baseline=True)


def verdict(criterion: Criterion, estimate: Estimate) -> str:
    """What the gate says of one sample."""
    metric = Metric(name=criterion.metric, estimate=estimate, versus=estimate if criterion.baseline else None)
    return judge(Observations(metrics=(metric,)), [criterion], RULES).gates[0].verdict.value


def shares(criterion: Criterion, sample: Callable[[np.random.Generator], Estimate], seed: int) -> dict[str, float]:
    """How often each verdict is given."""
    rng = np.random.default_rng(seed)
    told = Counter(verdict(criterion, sample(rng)) for _ in range(RUNS))
    return {name: told[name] / RUNS for name in ("passed", "failed", "inconclusive")}


def decided(rng: np.random.Generator, rows: int, prior: float, skill: float) -> Estimate:
    """Balanced accuracy of decisions that are right with probability 0.5 + skill in either class."""
    label = (rng.random(rows) < prior).astype(np.int64)
    decision = np.where(rng.random(rows) < 0.5 + skill, label, 1 - label)
    return binary_estimates(count_cells((label, decision), (2, 2)), draws=200, seed=0)["balanced_accuracy"]


def ranked(rng: np.random.Generator, rows: int, prior: float, shift: float) -> Estimate:
    """ROC AUC of scores whose mean is higher by `shift` standard deviations for positives."""
    label = rng.random(rows) < prior
    score = rng.normal(size=rows) + shift * label
    return rank_figures(rank(Groups(rows), rising(score), score, label))["roc_auc"].estimate(0)


def explained(rng: np.random.Generator, rows: int, share: float) -> Estimate:
    """R² of predictions that explain this share of the labels' variance."""
    label = rng.normal(size=rows)
    noise = rng.normal(size=rows) * (share * (1 - share)) ** 0.5
    return error_figures(Groups(rows), label, share * label + noise)["r2"].estimate(0)


def replaced(rng: np.random.Generator, rows: int, gain: float) -> Estimate:
    """Change of balanced accuracy where one decision in ten changes, `gain` more of all for the better than for the worse."""
    label = (rng.random(rows) < 0.3).astype(np.int64)
    change = rng.choice(3, size=rows, p=[0.9, 0.05 + gain / 2, 0.05 - gain / 2])
    old_right = np.where(change == 0, rng.random(rows) < 0.8, change == 2)
    new_right = np.where(change == 0, old_right, change == 1)
    old, new = (np.where(right, label, 1 - label) for right in (old_right, new_right))
    return changed_rates(count_cells(change_axes(label, old, new), (2, 2, 2)))["balanced_accuracy"]


def halving() -> dict[str, float]:
    """A fresh data set, both random halves gated at the population's value: how often one half passes and the other fails."""
    rng = np.random.default_rng(11)
    told: Counter[str] = Counter()
    for _ in range(RUNS):
        halves = [decided(rng, 500, 0.3, 0.2) for _ in range(2)]
        criterion = Criterion(metric="balanced_accuracy", op=">=", number=0.7)
        told["evidence"] += {verdict(criterion, half) for half in halves} == {"passed", "failed"}
        told["point"] += (halves[0].value >= 0.7) != (halves[1].value >= 0.7)
    return {name: count / RUNS for name, count in told.items()}


def main() -> None:
    """Print JSON."""
    told = {
        "balanced_accuracy > 0.5, 200 rows, no skill": shares(BALANCED, lambda rng: decided(rng, 200, 0.5, 0.0), 1),
        "balanced_accuracy > 0.5, 1000 rows, 10 % positive, no skill": shares(BALANCED, lambda rng: decided(rng, 1_000, 0.1, 0.0), 2),
        "balanced_accuracy > 0.5, 200 rows, truth 0.6": shares(BALANCED, lambda rng: decided(rng, 200, 0.5, 0.1), 3),
        "roc_auc > 0.5, 200 rows, no skill": shares(AREA, lambda rng: ranked(rng, 200, 0.5, 0.0), 4),
        "roc_auc > 0.5, 200 rows, truth 0.64": shares(AREA, lambda rng: ranked(rng, 200, 0.5, 0.5), 5),
        "r2 > 0, 200 rows, truth 0": shares(R2, lambda rng: explained(rng, 200, 1e-9), 6),
        "r2 > 0, 200 rows, truth 0.1": shares(R2, lambda rng: explained(rng, 200, 0.1), 7),
        "balanced_accuracy >= baseline - 0.01, 5000 rows, truth -0.01": shares(NOT_WORSE, lambda rng: replaced(rng, 5_000, -0.01), 8),
        "balanced_accuracy >= baseline - 0.01, 5000 rows, equal": shares(NOT_WORSE, lambda rng: replaced(rng, 5_000, 0.0), 9),
        "balanced_accuracy >= baseline - 0.01, 5000 rows, truth -0.03": shares(NOT_WORSE, lambda rng: replaced(rng, 5_000, -0.03), 10),
        "halves of 1000 rows, gate at the population's balanced accuracy, contradictions": halving(),
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
