from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from mlops_stage.estimates import Difference, Rate, Ratio, Sampled, from_json, to_json


def two_sided(estimate):
    return estimate.bound(0.025), estimate.bound(0.975)


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [  # Newcombe 1998, Stat Med 17:873, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_rates_has_newcombes_interval(a, b, low, high):
    assert two_sided(Difference(Rate(*a), Rate(*b))) == pytest.approx((low, high), abs=5e-5)


def test_the_difference_of_normal_figures_adds_their_variances():
    difference = Difference(Sampled.from_normal(5.0, 40, 3.0), Sampled.from_normal(1.0, 90, 4.0))
    assert difference.value == 4
    assert difference.n == 40
    assert difference.bound(0.975) == pytest.approx(4 + 5 * stats.norm.ppf(0.975))
    assert difference.bound(0.05) == pytest.approx(4 + 5 * stats.norm.ppf(0.05))


def test_the_ratio_of_large_rates_has_the_classic_log_interval():
    ratio = Ratio(Rate(6000, 10_000), Rate(7000, 10_000))
    error = math.sqrt(1 / 6000 - 1 / 10_000 + 1 / 7000 - 1 / 10_000)
    for confidence in (0.025, 0.05, 0.95, 0.975):
        assert ratio.bound(confidence) == pytest.approx(6 / 7 * math.exp(error * stats.norm.ppf(confidence)), rel=3e-4)


def test_the_exact_coverage_of_ratios_of_rates():
    for (n_a, n_b), (a, b) in product([(30, 30), (40, 160)], [(0.1, 0.1), (0.2, 0.5), (0.5, 0.5), (0.95, 0.9)]):
        chance = np.outer(stats.binom.pmf(np.arange(n_a + 1), n_a, a), stats.binom.pmf(np.arange(n_b + 1), n_b, b))
        below = above = chance[:, 0].sum()  # a denominator of 0 makes no claim
        for i, j in zip(*np.nonzero(chance > 1e-7), strict=True):
            if j:
                ratio = Ratio(Rate(int(i), n_a), Rate(int(j), n_b))
                below += chance[i, j] * (ratio.bound(0.05) <= a / b)
                above += chance[i, j] * (ratio.bound(0.95) >= a / b)
        assert below >= 0.93
        assert above >= 0.93


def test_a_ratio_with_nothing_in_the_numerator_has_bounds_all_the_same():
    ratio = Ratio(Rate(0, 40), Rate(20, 40))
    assert ratio.value == 0
    assert ratio.bound(0.025) == 0
    assert 0 < ratio.bound(0.975) < Rate(0, 40).bound(0.975) / Rate(20, 40).bound(0.025)


def test_a_ratio_whose_denominator_may_be_nothing_has_no_upper_bound():
    ratio = Ratio(Rate(20, 40), Sampled.from_normal(0.1, 40, 0.1))
    assert ratio.bound(0.975) == math.inf
    plain = to_json(ratio)
    assert plain["high"] is None
    assert from_json(json.loads(json.dumps(plain, allow_nan=False))) == ratio


def test_both_sides_of_a_difference_scale_alike():
    larger = Difference(Rate(5, 10), Rate(30, 40)).at(20)
    assert larger == Difference(Rate(10, 20), Rate(60, 80))
