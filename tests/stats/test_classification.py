from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from mlops_stage.estimates import NotEstimable, Rate
from mlops_stage.stats.cells import Cells, count_cells
from mlops_stage.stats.classification import binary_estimates, class_estimates, denominator, mean_rate, multiclass_estimates, recall


def drawn(classes, rows=800, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, rows)
    prediction = np.where(rng.random(rows) < 0.7, label, rng.integers(0, classes, rows))
    return label, prediction, rng.random(rows) + 0.1


def cells_of(label, prediction, classes, weight=None):
    return count_cells((label, prediction), (classes, classes), weight)


def table(*rows):
    counts = np.array(rows)
    return Cells(counts, counts, counts)


@pytest.mark.parametrize("weighted", [False, True])
def test_binary_figures_are_those_of_scikit_learn(weighted):
    y, p, weight = drawn(2)
    w = weight if weighted else None
    found = binary_estimates(cells_of(y, p, 2, w), draws=200, seed=0)
    kwargs = {"sample_weight": w}
    expected = {
        "accuracy": metrics.accuracy_score(y, p, **kwargs),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, p, **kwargs),
        "precision": metrics.precision_score(y, p, **kwargs),
        "recall": metrics.recall_score(y, p, **kwargs),
        "tpr": metrics.recall_score(y, p, **kwargs),
        "fnr": 1 - metrics.recall_score(y, p, **kwargs),
        "tnr": metrics.recall_score(y, p, pos_label=0, **kwargs),
        "fpr": 1 - metrics.recall_score(y, p, pos_label=0, **kwargs),
        "selection_rate": np.average(p, weights=w),
        "f1": metrics.f1_score(y, p, **kwargs),
        "matthews_corrcoef": metrics.matthews_corrcoef(y, p, **kwargs),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("weighted", [False, True])
def test_multiclass_figures_are_those_of_scikit_learn(weighted):
    y, p, weight = drawn(4)
    w = weight if weighted else None
    cells = cells_of(y, p, 4, w)
    found = multiclass_estimates(cells, "abcd", draws=200, seed=0)
    kwargs = {"sample_weight": w}
    expected = {
        "accuracy": metrics.accuracy_score(y, p, **kwargs),
        "matthews_corrcoef": metrics.matthews_corrcoef(y, p, **kwargs),
        "cohen_kappa": metrics.cohen_kappa_score(y, p, **kwargs),
    }
    for kind in ("macro", "weighted"):
        for name, score in (("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score)):
            expected[f"{name}_{kind}"] = score(y, p, average=kind, **kwargs)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
    by_class = metrics.precision_recall_fscore_support(y, p, **kwargs)
    for index in range(4):
        for row, name in enumerate(("precision", "recall", "f1")):
            assert class_estimates(cells, index, "x")[name].value == pytest.approx(by_class[row][index], abs=1e-12)


def test_every_figure_has_its_own_denominator():
    found = binary_estimates(table([80, 20], [10, 30]), draws=200, seed=0)
    assert {name: estimate.n for name, estimate in found.items()} == {
        "accuracy": 140,
        "selection_rate": 140,
        "precision": 50,
        "recall": 40,
        "tpr": 40,
        "fnr": 40,
        "tnr": 100,
        "fpr": 100,
        "f1": 60,
        "balanced_accuracy": 40,  # the smaller class
        "matthews_corrcoef": 40,
    }
    assert found["precision"] == Rate(30, 50)


def test_weights_shrink_the_denominator_to_the_effective_number_of_rows():
    y, p, _ = drawn(2)
    weight = np.where(np.arange(800) % 2, 3.0, 1.0)
    found = binary_estimates(cells_of(y, p, 2, weight), draws=200, seed=0)
    assert found["accuracy"].n == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    heavy = binary_estimates(cells_of(y, p, 2, np.full(800, 7.0)), draws=200, seed=0)
    assert heavy["accuracy"].n == pytest.approx(800)


def test_integer_weights_give_the_values_of_repeated_rows():
    y, p, _ = drawn(3, 200)
    times = np.random.default_rng(2).integers(0, 4, 200)
    weighted = multiclass_estimates(cells_of(y, p, 3, times.astype(float)), "abc", draws=200, seed=0)
    repeated = multiclass_estimates(cells_of(np.repeat(y, times), np.repeat(p, times), 3), "abc", draws=200, seed=0)
    for name, estimate in repeated.items():
        assert weighted[name].value == pytest.approx(estimate.value, abs=1e-12), name


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        (([10, 0], [5, 0]), {"precision": "nothing was predicted positive", "matthews_corrcoef": "all predictions are the same"}),
        (
            ([10, 5], [0, 0]),
            {"recall": "no positives", "balanced_accuracy": "no positives", "matthews_corrcoef": "all labels are the same"},
        ),
        (([0, 0], [5, 5]), {"tnr": "no negatives", "fpr": "no negatives"}),
        (([10, 0], [0, 0]), {"f1": "no positives, and nothing was predicted positive"}),
        (([0, 0], [0, 0]), {"accuracy": "no rows", "selection_rate": "no rows", "matthews_corrcoef": "no rows"}),
    ],
)
def test_what_has_no_denominator_is_neither_zero_nor_left_out(rows, missing):
    found = binary_estimates(table(*rows), draws=200, seed=0)
    assert len(found) == 11
    for name, reason in missing.items():
        assert found[name] == NotEstimable(0, reason), name


def test_averages_over_classes_need_every_class():
    found = multiclass_estimates(table([10, 2, 0], [1, 9, 0], [3, 3, 0]), ["a", "b", "c"], draws=200, seed=0)
    assert found["precision_macro"] == NotEstimable(0, "class c was never predicted")
    assert found["precision_weighted"] == NotEstimable(0, "a class was never predicted")
    assert found["f1_macro"].value == pytest.approx((20 / 26 + 18 / 24 + 0) / 3)  # F1 of a class that is never hit is 0, not undefined
    found = multiclass_estimates(table([10, 0, 2], [1, 9, 1], [0, 0, 0]), ["a", "b", "c"], draws=200, seed=0)
    assert found["recall_macro"] == NotEstimable(0, "no rows of class c")
    assert found["accuracy"].value == pytest.approx(19 / 23)


def test_a_classifier_without_errors_keeps_an_interval():
    found = binary_estimates(table([30, 0], [0, 30]), draws=2_000, seed=0)
    for name in ("accuracy", "balanced_accuracy", "f1", "matthews_corrcoef", "precision"):
        assert found[name].value == 1, name
        assert 0.8 < found[name].bound(0.05) < 1, name
        assert found[name].bound(0.95) == pytest.approx(1), name


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1", "matthews_corrcoef"])
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    shares = np.array([[0.56, 0.14], [0.06, 0.24]])
    truth = binary_estimates(table(*(shares * 100_000).astype(int).tolist()), draws=200, seed=0)[name].value
    rng = np.random.default_rng(7)
    low = high = 0
    runs = 400
    for counts in rng.multinomial(80, shares.ravel(), size=runs):
        estimate = binary_estimates(table(*counts.reshape(2, 2).tolist()), draws=400, seed=0)[name]
        low += estimate.bound(0.05) <= truth
        high += estimate.bound(0.95) >= truth
    assert low / runs > 0.92
    assert high / runs > 0.92


def test_the_mean_recall_of_the_classes_that_occur_is_balanced_accuracy():
    y, p, _ = drawn(3)
    y[y == 2] = 1  # class 2 is predicted, but no label has it
    cells = cells_of(y, p, 3)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        expected = metrics.balanced_accuracy_score(y, p)
    assert mean_rate([recall(cells, 0, "a"), recall(cells, 1, "b")]).value == pytest.approx(expected, abs=1e-12)


def test_many_rows_of_one_class_do_not_make_up_for_few_of_another():
    found = binary_estimates(table([49_000, 1_000], [4, 12]), draws=200, seed=0)
    assert found["balanced_accuracy"].n == found["matthews_corrcoef"].n == 16
    counts = np.diag([50] * 9 + [3])
    assert multiclass_estimates(Cells(counts, counts, counts), "abcdefghij", draws=200, seed=0)["recall_macro"].n == 3


def test_the_mean_precision_counts_predicted_rows():
    cells = table([30, 0, 20], [5, 6, 40], [10, 0, 60])
    found = multiclass_estimates(cells, "abc", draws=200, seed=0)
    assert found["precision_macro"].n == denominator(cells, "precision_macro") == 6
    assert found["f1_macro"].n == 50
