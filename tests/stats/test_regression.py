from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from mlops_stage.estimates import NotEstimable, Rate
from mlops_stage.stats.linear import Groups, paired_difference
from mlops_stage.stats.regression import error_figures, median_absolute_error

SCIKIT = {
    "mean_absolute_error": metrics.mean_absolute_error,
    "mean_squared_error": metrics.mean_squared_error,
    "root_mean_squared_error": metrics.root_mean_squared_error,
    "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error,
    "r2": metrics.r2_score,
}


def drawn(rows, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.normal(10, 3, rows)
    return label, label + rng.standard_t(5, rows) + 0.2, rng


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [40, 2_001])
def test_figures_are_those_of_scikit_learn(weighted, rows):
    label, prediction, rng = drawn(rows)
    weight = rng.random(rows) if weighted else None
    groups = Groups(rows, weight=weight)
    found = error_figures(groups, label, prediction)
    for name, score in SCIKIT.items():
        assert found[name].value[0] == pytest.approx(score(label, prediction, sample_weight=weight), rel=1e-12), name
    assert found["bias"].value[0] == pytest.approx(np.average(prediction - label, weights=weight), abs=1e-12)
    expected = metrics.median_absolute_error(label, prediction, sample_weight=weight)
    assert median_absolute_error(groups, label, prediction)[0].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_each_group_has_the_figures_it_would_have_alone(weighted):
    label, prediction, rng = drawn(900)
    codes = rng.integers(0, 3, 900)
    codes[codes == 1] = 2
    weight = rng.random(900) if weighted else None
    groups = Groups(900, codes, 3, weight)
    found, medians = error_figures(groups, label, prediction), median_absolute_error(groups, label, prediction)
    for group in (0, 2):
        mine = codes == group
        alone = Groups(int(mine.sum()), weight=None if weight is None else weight[mine])
        for name, figure in error_figures(alone, label[mine], prediction[mine]).items():
            assert found[name].estimate(group).quantiles == pytest.approx(figure.estimate(0).quantiles, rel=1e-9), name
        assert medians[group] == median_absolute_error(alone, label[mine], prediction[mine])[0]
    assert found["r2"].estimate(1) == NotEstimable(0, "no rows")
    assert medians[1] == NotEstimable(0, "no rows")


def test_influence_is_the_derivative_by_a_rows_weight():
    label, prediction, rng = drawn(80)
    weight = rng.random(80) + 0.5
    found = error_figures(Groups(80, weight=weight), label, prediction, influence=True)
    for row in (0, 13, 41):
        heavier = weight.copy()
        heavier[row] += 1e-6
        for name, figure in error_figures(Groups(80, weight=heavier), label, prediction).items():
            slope = (figure.value[0] - found[name].value[0]) / 1e-6 * weight.sum()
            assert found[name].influence[row] == pytest.approx(slope, abs=1e-3), name


def test_labels_that_do_not_vary_have_no_r2():
    label = np.full(50, 0.1)
    found = error_figures(Groups(50), label, label + np.linspace(-1, 1, 50))
    assert found["r2"].estimate(0) == NotEstimable(0, "all labels are the same")
    assert found["mean_absolute_error"].estimate(0).value > 0


def test_a_model_worse_than_the_mean_has_a_negative_r2_whose_upper_bound_is_below_zero():
    label, _, rng = drawn(400)
    estimate = error_figures(Groups(400), label, rng.permutation(label))["r2"].estimate(0)
    assert estimate.value < -0.5
    assert estimate.bound(0.95) < 0


@pytest.mark.parametrize("name", ["mean_absolute_error", "root_mean_squared_error", "r2", "median_absolute_error"])
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    def figure(rows, seed):
        rng = np.random.default_rng(seed)
        label = rng.normal(10, 3, rows)
        prediction = label + rng.normal(0.2, 1.5, rows)
        groups = Groups(rows)
        if name == "median_absolute_error":
            return median_absolute_error(groups, label, prediction)[0]
        return error_figures(groups, label, prediction)[name].estimate(0)

    truth = figure(1_000_000, 99).value
    runs = 600
    estimates = [figure(100, seed) for seed in range(runs)]
    assert sum(estimate.bound(0.05) <= truth for estimate in estimates) / runs > 0.92
    assert sum(estimate.bound(0.95) >= truth for estimate in estimates) / runs > 0.92


def test_two_models_that_err_alike_are_told_apart_only_in_pairs():
    label, prediction, _ = drawn(300)
    groups = Groups(300)
    better = label + 0.9 * (prediction - label)
    new, old = (error_figures(groups, label, answer, influence=True) for answer in (better, prediction))
    for name in SCIKIT:
        change = paired_difference(groups, new[name], old[name]).estimate(0)
        assert (change.bound(0.05) > 0) if name == "r2" else (change.bound(0.95) < 0), name


def test_the_median_is_not_moved_by_rows_of_weight_zero():
    label, prediction, _ = drawn(41)
    weight = np.ones(41)
    weight[30:] = 0
    weighted = median_absolute_error(Groups(41, weight=weight), label, prediction)[0]
    assert weighted.value == pytest.approx(np.median(np.abs(prediction - label)[:30]), abs=1e-12)
    assert weighted.n == 30


def test_predictions_without_any_error_leave_room_for_errors_not_seen():
    label, _, _ = drawn(60)
    figures = error_figures(Groups(60), label, label.copy(), influence=True)
    distance = (label - label.mean()) ** 2
    r2 = figures["r2"].estimate(0)
    assert (r2.value, r2.bound(0.95)) == (1, 1)
    assert r2.bound(0.05) == pytest.approx(1 - Rate(0, 60).bound(0.95) * distance.max() / distance.mean())
    change = paired_difference(Groups(60), figures["r2"], figures["r2"]).estimate(0)
    assert change.bound(0.05) == pytest.approx(r2.bound(0.05) - 1)
    for name in ("mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "bias"):
        assert isinstance(figures[name].estimate(0), NotEstimable), name
