from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.estimates import NotEstimable, Paired
from mlops_stage.stats.cells import count_cells
from mlops_stage.stats.classification import BINARY_STATISTICS, MULTICLASS_STATISTICS, binary_estimates, multiclass_estimates
from mlops_stage.stats.paired import (
    change_axes,
    changed_accuracy,
    changed_mean,
    changed_rates,
    changed_recall,
    changed_statistics,
    false_discoveries,
)


def drawn(classes, rows=600, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, rows)
    old = np.where(rng.random(rows) < 0.7, label, rng.integers(0, classes, rows))
    new = np.where(rng.random(rows) < 0.8, old, label)
    return label, old, new, rng.random(rows) + 0.5


def figures(label, decision, classes, weight=None):
    cells = count_cells((label, decision), (classes, classes), weight)
    if classes == 2:
        return binary_estimates(cells, draws=200, seed=0)
    return multiclass_estimates(cells, "abcdef"[:classes], draws=200, seed=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_changes_are_the_differences_of_the_figures(weighted):
    label, old, new, weight = drawn(2)
    w = weight if weighted else None
    before, after = figures(label, old, 2, w), figures(label, new, 2, w)
    found = changed_rates(count_cells(change_axes(label, old, new), (2, 2, 2), w))
    triples = count_cells((label, old, new), (2, 2, 2), w)
    found |= changed_statistics(triples, BINARY_STATISTICS, draws=200, seed=0)
    assert found.keys() == before.keys()
    for name, change in found.items():
        assert change.value == pytest.approx(after[name].value - before[name].value, abs=1e-12), name
        assert change.bound(0.05) < change.value < change.bound(0.95), name


def test_changes_among_many_classes_are_the_differences_of_the_figures():
    label, old, new, _ = drawn(4)
    before, after = figures(label, old, 4), figures(label, new, 4)
    changes = count_cells(change_axes(label, old, new), (4, 2, 2))
    found = changed_statistics(count_cells((label, old, new), (4, 4, 4)), MULTICLASS_STATISTICS, draws=200, seed=0)
    found["accuracy"] = changed_accuracy(changes)
    found["recall_macro"] = changed_mean([changed_recall(changes, index, "") for index in range(4)])
    for name, change in found.items():
        assert change.value == pytest.approx(after[name].value - before[name].value, abs=1e-12), name


def test_fixes_and_breaks_are_what_the_interval_sees():
    label = np.array([0, 0, 0, 1, 1, 1])
    old = np.array([1, 0, 0, 1, 0, 1])
    new = np.array([0, 1, 0, 1, 1, 1])
    assert changed_accuracy(count_cells(change_axes(label, old, new), (2, 2, 2))) == Paired(2, 1, 6)
    rates = changed_rates(count_cells(change_axes(label, old, new), (2, 2, 2)))
    assert rates["tpr"] == Paired(1, 0, 3)
    assert rates["fnr"] == Paired(0, 1, 3)
    assert rates["fpr"] == Paired(1, 1, 3)
    assert rates["selection_rate"] == Paired(2, 1, 6)


def test_a_class_without_rows_has_no_change():
    changes = count_cells(change_axes(np.zeros(5, int), np.zeros(5, int), np.ones(5, int)), (2, 2, 2))
    found = changed_rates(changes)
    assert found["tpr"] == NotEstimable(0, "no positives")
    assert found["balanced_accuracy"] == NotEstimable(0, "no positives")
    assert found["accuracy"] == Paired(0, 5, 5)


def test_the_pairing_sharpens_the_interval():
    label, old, new, _ = drawn(2)
    change = changed_statistics(count_cells((label, old, new), (2, 2, 2)), {"f1": BINARY_STATISTICS["f1"]}, draws=1_000, seed=0)["f1"]
    before, after = figures(label, old, 2)["f1"], figures(label, new, 2)["f1"]
    apart = np.hypot(before.bound(0.95) - before.value, after.value - after.bound(0.05))
    assert change.value - change.bound(0.05) < 0.7 * apart


def test_two_models_that_never_differ_are_not_known_to_be_equal():
    label, old, _, _ = drawn(2, 100)
    change = changed_statistics(count_cells((label, old, old), (2, 2, 2)), BINARY_STATISTICS, draws=2_000, seed=0)["f1"]
    assert change.value == 0
    assert -0.1 < change.bound(0.05) < 0 < change.bound(0.95) < 0.1


def test_false_discoveries_are_limited_as_benjamini_and_hochberg_say():
    assert false_discoveries([0.01, 0.04, 0.03, 0.005]) == [True, True, True, True]
    assert false_discoveries([0.02, 0.9, 0.04, 0.8]) == [False, False, False, False]
    assert false_discoveries([0.012, 0.9, 0.024, 0.8]) == [True, False, True, False]
    assert false_discoveries([]) == []
