from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest

from mlops_stage.estimates import LEVELS, Difference, Rate, Ratio
from mlops_stage.estimates.limits import score_of
from mlops_stage.stats.gaps import largest_difference, smallest_ratio
from mlops_stage.stats.shares import Shares

ENOUGH = 30


def shares(*counts):
    part, whole = zip(*counts, strict=True)
    return Shares(np.array(part, dtype=float), np.array(whole, dtype=float))


GROUPS = [(30, 100), (60, 100), (210, 400), (9, 35)]


def test_between_two_groups_it_is_the_difference_of_two_rates():
    found = largest_difference([shares((30, 100), (60, 100))], ENOUGH)
    expected = Difference(Rate(60, 100), Rate(30, 100))
    assert found.value == expected.value
    assert found.n == 100
    for level in LEVELS[3:]:  # farther out the other direction takes a part of so small an error
        assert found.bound(level) == pytest.approx(expected.bound(level), abs=1e-3)


def test_between_two_groups_it_is_the_ratio_of_two_rates():
    found = smallest_ratio([shares((30, 100), (60, 100))], ENOUGH)
    expected = Ratio(Rate(30, 100), Rate(60, 100))
    assert found.value == expected.value
    for level in LEVELS[:-1]:
        assert found.bound(level) == pytest.approx(expected.bound(level), rel=2e-2)


def test_what_lets_a_gate_pass_is_the_worst_bound_of_any_pair():
    difference, ratio = largest_difference([shares(*GROUPS)], ENOUGH), smallest_ratio([shares(*GROUPS)], ENOUGH)
    rates = [Rate(*group) for group in GROUPS]
    for level in LEVELS[9:]:
        worst = max(Difference(a, b).bound(level) for a, b in permutations(rates, 2))
        assert difference.bound(level) == pytest.approx(worst)
        assert ratio.bound(1 - level) == pytest.approx(min(Ratio(a, b).bound(1 - level) for a, b in permutations(rates, 2)))


def test_what_lets_a_gate_fail_holds_for_all_pairs_at_once():
    found = largest_difference([shares(*GROUPS)], ENOUGH)
    rates = [Rate(*group) for group in GROUPS]
    for level in LEVELS[:8]:
        alone = max(Difference(a, b).bound(level) for a, b in permutations(rates, 2))
        bonferroni = max(0.0, *(Difference(a, b).bound(level / 12) for a, b in permutations(rates, 2)))
        across = max(0.0, *(Difference(a, b).bound(level / 4) for a, b in permutations(rates, 2)))
        assert bonferroni - 1e-9 <= found.bound(level) <= across + 1e-9
        assert found.bound(level) < alone


def test_two_figures_share_the_error_and_the_worse_counts():
    near, far = shares((50, 100), (52, 100)), shares((20, 80), (60, 80))
    both, alone = largest_difference([near, far], ENOUGH), largest_difference([far], ENOUGH)
    assert both.value == alone.value
    assert both.n == 80
    assert both.bound(0.05) < alone.bound(0.05)
    assert both.bound(0.95) == alone.bound(0.95)
    assert smallest_ratio([near, far], ENOUGH).value == smallest_ratio([far], ENOUGH).value


def test_a_small_group_is_no_evidence_of_a_gap_but_lets_nothing_pass():
    large = [(500, 1000), (520, 1000)]
    without, beside = largest_difference([shares(*large)], ENOUGH), largest_difference([shares(*large, (0, 8))], ENOUGH)
    assert beside.n == 8
    assert beside.value == 0.52
    assert beside.bound(0.05) == without.bound(0.05)
    assert beside.bound(0.95) > 0.5 > without.bound(0.95)
    ratio = smallest_ratio([shares(*large, (0, 8))], ENOUGH)
    assert ratio.value == 0
    assert ratio.bound(0.95) == smallest_ratio([shares(*large)], ENOUGH).bound(0.95)


def test_a_gap_between_large_groups_is_evidence_whatever_a_small_one_shows():
    found = largest_difference([shares((200, 1000), (600, 1000), (2, 5))], ENOUGH)
    assert found.bound(0.05) == pytest.approx(largest_difference([shares((200, 1000), (600, 1000))], ENOUGH).bound(0.05))


def test_nothing_is_compared_where_there_are_no_two_groups():
    assert largest_difference([shares((3, 50), (0, 0))], ENOUGH) is None
    assert smallest_ratio([shares((3, 50), (0, 0))], ENOUGH) is None
    assert smallest_ratio([shares((0, 50), (0, 60))], ENOUGH) is None
    assert largest_difference([shares((0, 50), (0, 60))], ENOUGH).value == 0


def test_a_group_without_a_case_has_the_ratio_zero_and_an_upper_bound():
    found = smallest_ratio([shares((0, 200), (100, 200))], ENOUGH)
    assert found.value == 0
    assert found.bound(0.05) == 0
    assert 0 < found.bound(0.95) < 0.1


@pytest.mark.parametrize("count", [2, 3, 10])
def test_bounds_rise_and_stay_where_a_gap_can_be(count):
    rng = np.random.default_rng(count)
    for _ in range(50):
        whole = rng.integers(1, 200, count)
        figure = shares(*zip(rng.binomial(whole, rng.random(count)).tolist(), whole.tolist(), strict=True))
        for found in (largest_difference([figure], ENOUGH), smallest_ratio([figure], ENOUGH)):
            if found is not None:
                assert found.quantiles[0] >= 0
                assert found.quantiles[-1] <= 1 + 1e-9
                assert found.quantiles[7] <= found.value <= found.quantiles[9]


def test_a_figure_does_not_depend_on_the_order_of_groups():
    orders = [largest_difference([shares(*order)], ENOUGH) for order in permutations(GROUPS, 4)]
    assert len(set(orders)) == 1


def test_gaps_of_equal_groups_are_seldom_called_gaps():
    """Ten equal groups of 2,000 rows: 5 % may seem to differ at all; the bootstrap's percentiles say so in all of 100 %."""
    rng, whole = np.random.default_rng(4), np.full(10, 2_000)
    flagged = sum(
        largest_difference([Shares(rng.binomial(whole, 0.3).astype(float), whole.astype(float))], ENOUGH).bound(0.05) > 0
        for _ in range(600)
    )
    assert flagged / 600 <= 0.06 + 0.02  # two standard errors of 600 draws


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.3), (0.05, 0.15)])
def test_on_the_threshold_both_wrong_verdicts_are_rare(low, high):
    rng, whole = np.random.default_rng(7), np.array([200, 300, 250, 150])
    rates = np.array([low, low, high, high])
    failed = passed = 0
    for _ in range(500):
        found = largest_difference([Shares(rng.binomial(whole, rates).astype(float), whole.astype(float))], ENOUGH)
        failed += found.bound(0.05) > 0.1
        passed += found.bound(0.95) <= 0.1
    assert failed <= 500 * 0.075
    assert passed <= 500 * 0.075


def test_in_the_least_favourable_case_the_error_is_used_and_not_exceeded():
    """Half of many equal groups at each end of a gap that lies exactly on the threshold: 5 % at most may be said to fail."""
    rng, whole, failed = np.random.default_rng(3), np.full(8, 2_000), 0
    rates = np.repeat([0.4, 0.5], 4)
    for _ in range(500):
        failed += largest_difference([Shares(rng.binomial(whole, rates).astype(float), whole.astype(float))], ENOUGH).bound(0.05) > 0.1
    assert 500 * 0.005 <= failed <= 500 * 0.07


def test_pairs_are_counted_once_for_each_direction():
    bounds = {}
    for count in (2, 3, 6):
        found = largest_difference([shares(*[(30, 100)] * (count - 1), (60, 100))], ENOUGH)
        bounds[count] = found.bound(0.05)
        limit = Difference(Rate(60, 100), Rate(30, 100)).limit(score_of(0.05 / (count * (count - 1))))
        assert found.bound(0.05) >= limit - 1e-9
    assert bounds[2] > bounds[3] > bounds[6] > 0
    assert len(list(combinations(range(6), 2))) * 2 == 30
    assert math.isclose(bounds[6], Difference(Rate(60, 100), Rate(30, 100)).limit(score_of(0.05 / 9)), abs_tol=5e-3)
