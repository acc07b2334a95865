from __future__ import annotations

import math

import numpy as np
import pytest

from mlops_stage.estimates import Difference, Rate, Ratio, Sampled
from mlops_stage.estimates.limits import SCORES
from mlops_stage.stats.shares import Means, Shares, ratio_above, ratio_below

COUNTS = [(0, 40), (1, 40), (20, 40), (39, 40), (40, 40), (7, 100_000), (3.5, 12.25)]


def shares(*counts):
    part, whole = zip(*counts, strict=True)
    return Shares(np.array(part, dtype=float), np.array(whole, dtype=float))


@pytest.mark.parametrize("score", [0.1, 1.645, 1.96, 4.5])
def test_bounds_are_those_of_the_rate(score):
    found = shares(*COUNTS)
    rates = [Rate(k, n) for k, n in COUNTS]
    assert found.low(score) == pytest.approx([rate.limit(-score) for rate in rates], abs=1e-15)
    assert found.high(score) == pytest.approx([rate.limit(score) for rate in rates], abs=1e-15)
    assert found.values == pytest.approx([rate.value for rate in rates])


def test_a_group_without_a_denominator_has_no_value_and_no_bounds():
    found = shares((0, 0), (1, 2))
    assert found.known.tolist() == [False, True]
    assert np.isnan([found.values[0], found.low(1.0)[0], found.high(1.0)[0]]).all()
    assert found.of(found.known).whole.tolist() == [2.0]


def test_a_mean_has_the_bounds_of_the_sum_of_its_terms():
    first, second = shares((10, 40), (0, 0)), shares((70, 80), (5, 9))
    mean = Means([first, second])
    whole = Sampled.from_sum([(0.5, Rate(10, 40)), (0.5, Rate(70, 80))])
    assert mean.known.tolist() == [True, False]
    assert mean.whole.tolist() == [40.0, 0.0]
    assert mean.values[0] == pytest.approx(whole.value)
    assert mean.low(1.96)[0] == pytest.approx(whole.bound(0.025), abs=1e-4)
    assert mean.high(1.96)[0] == pytest.approx(whole.bound(0.975), abs=1e-4)


@pytest.mark.parametrize("a", COUNTS)
@pytest.mark.parametrize("b", [count for count in COUNTS if count[0]])
def test_bounds_of_a_ratio_are_those_of_the_ratio_of_two_rates(a, b):
    expected = Ratio(Rate(*a), Rate(*b))
    own, base = shares(a), shares(b)
    for score in (score for score in SCORES if score > 0):
        above = ratio_above(own.values, own.high(score), base.values, base.low(score))[0]
        below = ratio_below(own.values, own.low(score), base.values, base.high(score))[0]
        assert above == pytest.approx(expected.limit(score))
        assert below == pytest.approx(expected.limit(-score), abs=1e-12)


def test_nothing_is_known_of_a_ratio_to_nothing():
    none, some = shares((0, 50)), shares((9, 50))
    assert ratio_above(some.values, some.high(2.0), none.values, none.low(2.0))[0] == math.inf
    assert ratio_below(some.values, some.low(2.0), none.values, none.high(2.0))[0] == math.inf
    assert Difference(Rate(9, 50), Rate(0, 50)).value == pytest.approx(some.values[0])
