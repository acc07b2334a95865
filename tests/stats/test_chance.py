from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from mlops_stage.stats.chance import chance
from mlops_stage.stats.shares import Shares


def shares(*counts):
    part, whole = zip(*counts, strict=True)
    return Shares(np.array(part, dtype=float), np.array(whole, dtype=float))


def test_the_p_value_is_that_of_all_permutations():
    """Ten rows, four cases, groups of 3 and 7: every way to deal the cases is gone through."""
    cases, whole = np.array([3, 1]), np.array([3, 7])
    expected = whole * 0.4

    def statistic(first):
        return max(abs(np.array([first, 4 - first]) - expected) / np.sqrt(whole * 0.4 * 0.6 * (1 - whole / 10)))

    dealt = [sum(row < 3 for row in rows) for rows in combinations(range(10), 4)]
    exact = np.mean([statistic(first) >= statistic(cases[0]) - 1e-9 for first in dealt])
    found = chance(Shares(cases.astype(float), whole.astype(float)), 20_000, 0)
    assert found.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact / 20_000))
    assert found.reached


def test_a_gap_that_no_draw_reaches_is_as_unlikely_as_the_draws_can_tell():
    found = chance(shares((100, 1000), (600, 1000), (120, 1000)), 999, 0)
    assert found.p_value == 1 / 1000
    assert not found.reached
    assert found.difference < 0.1
    assert found.ratio > 0.7


def test_the_same_seed_gives_the_same_and_another_seed_another():
    groups = shares((10, 40), (20, 50), (9, 30))
    assert chance(groups, 500, 1) == chance(groups, 500, 1)
    assert chance(groups, 500, 1) != chance(groups, 500, 2)


def test_under_no_gap_p_values_are_no_smaller_than_they_should_be():
    rng, whole = np.random.default_rng(5), np.array([20, 40, 80, 160])
    p_values = np.array([chance(Shares(rng.binomial(whole, 0.1).astype(float), whole.astype(float)), 400, 0).p_value for _ in range(400)])
    for level in (0.05, 0.2, 0.5):
        assert (p_values <= level).mean() <= level + 3 * math.sqrt(level * (1 - level) / 400)
    assert (p_values <= 0.5).mean() > 0.35


@pytest.mark.parametrize("groups", [shares((0, 40), (0, 50)), shares((40, 40), (50, 50)), shares((3, 40), (0, 0))])
def test_where_nothing_can_differ_there_is_no_sign_of_a_gap(groups):
    assert chance(groups, 200, 0).p_value == 1


def test_more_rows_than_the_sampler_takes_are_no_obstacle():
    found = chance(shares((300_000_000, 10**9), (300_000_900, 10**9)), 500, 0)
    assert 0.5 < found.p_value <= 1
    assert found.difference < 1e-4
    assert chance(shares((300_000_000, 10**9), (301_000_000, 10**9)), 500, 0).p_value == 1 / 501


def test_effective_rows_of_weights_need_not_be_whole():
    assert 0 < chance(shares((3.4, 11.2), (8.1, 20.9)), 300, 0).p_value <= 1
    assert 0 < chance(shares((0.2, 0.3), (8.1, 20.9)), 300, 0).p_value <= 1
