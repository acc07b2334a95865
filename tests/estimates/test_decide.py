from __future__ import annotations

import math

import pytest
from scipy import stats

from mlops_stage.estimates import Difference, Paired, Rate, Sampled, holds, p_value, rows_needed


@pytest.mark.parametrize(("value", "op", "expected"), [(1, ">=", True), (1, ">", False), (1, "<=", True), (1, "<", False)])
def test_a_value_on_the_threshold(value, op, expected):
    assert holds(value, op, 1) is expected


def test_the_p_value_of_a_rate_is_the_score_tests():
    for k, threshold in ((80, 0.85), (80, 0.9), (80, 0.7), (80, 0.8)):
        z = (k / 100 - threshold) / math.sqrt(threshold * (1 - threshold) / 100)
        assert p_value(Rate(k, 100), threshold, ">=") == pytest.approx(stats.norm.cdf(z), rel=1e-6)
        assert p_value(Rate(k, 100), threshold, "<=") == pytest.approx(stats.norm.sf(z), rel=1e-6)


@pytest.mark.parametrize("op", [">=", "<="])
def test_p_values_agree_with_bounds(bounded, op):
    for alpha in (0.05, 0.01, 0.002):
        beyond = bounded.bound(1 - alpha if op == ">=" else alpha)
        if not math.isfinite(beyond) or beyond in {0, 1, -1}:
            continue
        outward = 1e-6 if op == ">=" else -1e-6
        assert p_value(bounded, beyond + outward, op) < alpha < p_value(bounded, beyond - outward, op)


def test_small_p_values_are_told_apart():
    assert 0 < p_value(Rate(395, 1000), 0.5, ">=") < p_value(Rate(400, 1000), 0.5, ">=") < 1e-9


@pytest.mark.parametrize(
    ("estimate", "threshold", "op"),
    [
        (Rate(28, 33), 0.8, ">="),
        (Rate(28, 33), 0.9, ">="),
        (Rate(3, 33), 0.2, "<"),
        (Paired(4, 3, 60), -0.01, ">="),
        (Difference(Rate(20, 30), Rate(50, 90)), 0.05, "<="),
        (Sampled.from_logit(0.72, 40, 0.06), 0.7, ">"),
    ],
)
def test_the_rows_needed_decide_and_one_row_fewer_does_not(estimate, threshold, op):
    needed = rows_needed(estimate, threshold, op)

    def decided(n):
        low, high = estimate.at(n).bound(0.05), estimate.at(n).bound(0.95)
        return (holds(low, op, threshold) and holds(high, op, threshold)) or not (holds(low, op, threshold) or holds(high, op, threshold))

    assert needed > estimate.n
    assert decided(needed)
    assert not decided(needed - 1)
    assert rows_needed(estimate, threshold, op, confidence=0.99) > needed


def test_no_number_of_rows_decides_on_the_threshold_itself():
    assert rows_needed(Rate(80, 100), 0.8, ">=") is None
    assert rows_needed(Rate(100, 100), 1, ">=") is None
    assert rows_needed(Rate(80, 100), 0.8 - 1e-12, ">=") is None


def test_a_decided_estimate_needs_no_more_rows_than_it_has():
    assert rows_needed(Rate(800, 1000), 0.5, ">=") < 10
