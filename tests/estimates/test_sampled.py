from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mlops_stage.estimates import LEVELS, Difference, Rate, Sampled


def two_sided(estimate):
    return estimate.bound(0.025), estimate.bound(0.975)


def test_a_sampled_estimate_is_a_line_in_the_normal_score_within_its_levels_and_beyond():
    sampled = Sampled.from_normal(10.0, 100, 2.0)
    for confidence in (1e-7, 0.0004, 0.03, 0.2, 0.62, 0.9999, 1 - 1e-7):
        assert sampled.bound(confidence) == pytest.approx(10 + 2 * stats.norm.ppf(confidence))
    assert sampled.at(400).bound(0.975) == pytest.approx(10 + stats.norm.ppf(0.975))


def test_bounds_are_kept_within_the_figures_own_range():
    sampled = Sampled.from_normal(0.98, 30, 0.02, low=0, high=1)
    assert sampled.bound(0.975) == 1
    assert sampled.bound(0.025) == pytest.approx(0.98 - 0.02 * stats.norm.ppf(0.975))


def test_the_logit_scale_keeps_bounds_within_zero_and_one():
    sampled = Sampled.from_logit(0.97, 40, 0.03)
    centre, step = math.log(0.97 / 0.03), 0.03 / (0.97 * 0.03)
    for level in (0.05, 0.95, 0.975):
        assert sampled.bound(level) == pytest.approx(1 / (1 + math.exp(-centre - step * stats.norm.ppf(level))))


def test_perfect_separation_is_not_certainty():
    assert Sampled.from_logit(1.0, 50, 0.0).bound(0.05) == pytest.approx(Rate(50, 50).bound(0.05))


def test_a_monotone_transform_carries_its_bounds_along():
    error = Sampled.from_transform(Rate(80, 100), lambda share: 1 - share)
    assert error.value == pytest.approx(0.2)
    assert two_sided(error) == pytest.approx(two_sided(Rate(20, 100)))
    square = Sampled.from_transform(Rate(80, 100), lambda share: share**2)
    assert square.bound(0.05) == pytest.approx(Rate(80, 100).bound(0.05) ** 2)
    assert square.n == 100


def test_draws_become_percentiles_and_tails_that_they_cannot_show_are_extrapolated():
    z = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    sampled = Sampled.from_draws(0.0, 80, list(np.random.default_rng(1).permutation(z)))
    for level in LEVELS:
        assert sampled.bound(level) == pytest.approx(stats.norm.ppf(level), abs=0.02)
    assert sampled.bound(0.9995) > max(z)
    with pytest.raises(ValueError, match="at least 200 draws"):
        Sampled.from_draws(0.0, 80, [0.0] * 199)


def test_balanced_accuracy_is_a_sum_of_recalls():
    recalls = [Rate(45, 60), Rate(18, 20), Rate(30, 30)]
    balanced = Sampled.from_sum([(1 / 3, recall) for recall in recalls])
    assert balanced.value == pytest.approx((0.75 + 0.9 + 1.0) / 3)
    assert balanced.n == 20
    below = [recall.value - recall.bound(0.05) for recall in recalls]
    above = [recall.bound(0.95) - recall.value for recall in recalls]
    assert balanced.bound(0.05) == pytest.approx(balanced.value - math.hypot(*below) / 3)
    assert balanced.bound(0.95) == pytest.approx(balanced.value + math.hypot(*above) / 3)


def test_a_sum_with_a_negative_weight_is_a_difference():
    a, b = Rate(56, 70), Rate(48, 80)
    assert two_sided(Sampled.from_sum([(1, a), (-1, b)])) == pytest.approx(two_sided(Difference(a, b)))
