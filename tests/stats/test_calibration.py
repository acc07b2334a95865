from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from mlops_stage.stats.calibration import calibration, log_losses, squared_errors
from mlops_stage.stats.linear import Groups, average


def drawn(rows, seed=0, tilt=0.0):
    rng = np.random.default_rng(seed)
    probability = rng.random(rows)
    happened = rng.random(rows) < np.clip(probability + np.where(probability < 0.5, tilt, -tilt), 0, 1)
    return probability, happened, rng


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_scikit_learn(weighted):
    probability, happened, rng = drawn(500)
    probability[:3], happened[:3] = (0.0, 1.0, 0.0), (True, False, False)  # certain, and wrong twice
    weight = rng.random(500) if weighted else None
    groups = Groups(500, weight=weight)
    expected = metrics.log_loss(happened, np.column_stack([1 - probability, probability]), sample_weight=weight)
    assert average(groups, log_losses(probability, happened), "loss").value[0] == pytest.approx(expected, rel=1e-12)
    expected = metrics.brier_score_loss(happened, probability, sample_weight=weight)
    assert average(groups, squared_errors(probability, happened), "loss").value[0] == pytest.approx(expected, rel=1e-12)


def test_bins_are_ten_equal_intervals_and_the_last_one_is_closed():
    probability = np.array([0.0, 0.05, 0.1, 0.95, 1.0])
    found = calibration(Groups(5), probability, np.array([False, True, True, True, False]), draws=200, seed=0)
    assert [(bin_.predicted, bin_.observed.k, bin_.observed.n) for bin_ in found.bins] == [(0.025, 1, 2), (0.1, 1, 1), (0.975, 1, 2)]
    assert found.error.value == pytest.approx((2 * abs(0.5 - 0.025) + abs(1 - 0.1) + 2 * abs(0.5 - 0.975)) / 5)


def test_probabilities_that_are_right_are_not_called_wrong():
    runs = 200
    found = []
    for seed in range(runs):
        probability, happened, _ = drawn(300, seed)
        found.append(calibration(Groups(300), probability, happened, draws=200, seed=0).error)
    assert sum(error.bound(0.05) == 0 for error in found) / runs > 0.92
    assert min(error.value for error in found) > 0  # which a plain percentile interval would call evidence


@pytest.mark.parametrize("rows", [300, 2_000])
def test_the_interval_holds_the_error_as_often_as_it_says(rows):
    probability = (np.arange(1_000_000) + 0.5) / 1_000_000
    chance = np.clip(probability + np.where(probability < 0.5, 0.1, -0.1), 0, 1)
    bins = (probability * 10).astype(int)
    truth = np.abs(np.bincount(bins, weights=chance - probability)).sum() / 1_000_000
    runs = 200
    found = []
    for seed in range(runs):
        probability, happened, _ = drawn(rows, seed, 0.1)
        found.append(calibration(Groups(rows), probability, happened, draws=200, seed=0).error)
    assert sum(error.bound(0.05) <= truth for error in found) / runs > 0.92
    assert sum(error.bound(0.95) >= truth for error in found) / runs > 0.92


def test_weights_count():
    probability, happened, _ = drawn(200)
    times = np.random.default_rng(1).integers(0, 3, 200)
    weighted = calibration(Groups(200, weight=times.astype(float)), probability, happened, draws=200, seed=0)
    repeated = calibration(Groups(int(times.sum())), np.repeat(probability, times), np.repeat(happened, times), draws=200, seed=0)
    assert weighted.error.value == pytest.approx(repeated.error.value, abs=1e-12)
    assert weighted.error.n < repeated.error.n
