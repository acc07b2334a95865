"""Bounds leave room for later rows, and promise nothing where they cannot."""

import math

import numpy as np
import pytest

from mlops_stage.stages.data.widening import around, lower, most, outward, upper

SOURCES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "normal far from zero": lambda rng, n: rng.normal(100, 10, n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "uniform": lambda rng, n: rng.random(n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "Pareto": lambda rng, n: rng.pareto(1.5, n) + 1,
    "Poisson": lambda rng, n: rng.poisson(1, n).astype(float),
    "Student": lambda rng, n: rng.standard_t(3, n),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.9, 0, rng.lognormal(8, 1, n)),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("n", [60, 1000])
def test_later_rows_seldom_lie_beyond_a_bound(source, n):
    rng, broken, draws = np.random.default_rng(11), 0, 150
    for _ in range(draws):
        first, later = np.sort(SOURCES[source](rng, n)), SOURCES[source](rng, n)
        largest, smallest = first[::-1][:100].tolist(), first[:100].tolist()
        low, high = lower(largest, smallest), upper(largest, smallest)
        broken += (high is not None and later.max() > high) + (low is not None and later.min() < low)
    assert broken <= 0.03 * 2 * draws


@pytest.mark.parametrize("source", ["normal", "normal far from zero", "uniform", "exponential"])
def test_a_bound_still_bounds(source):
    first = np.sort(SOURCES[source](np.random.default_rng(3), 1000))
    largest, smallest = first[::-1][:100].tolist(), first[:100].tolist()
    high = upper(largest, smallest)
    assert high is not None
    assert high < largest[0] + 12 * (largest[0] - smallest[0])
    assert high > largest[0]


def test_ends():
    assert lower([9.0, 8.0, 7.0], [0.0, 1.0, 2.0]) == 0
    assert upper([1e308] * 20, [-1e308] * 20) is None
    assert upper([5.0] + [0.0] * 99, [0.0] * 100) is None


@pytest.mark.parametrize(
    ("value", "span", "up", "expected"),
    [
        (17.3, 73, True, 18),
        (17.3, 73, False, 17),
        (0.1234, 1, True, 0.2),
        (123_456, 1e5, True, 130_000),
        (-3.2, 9, False, -3.2),
        (5, 0, True, 5),
    ],
)
def test_rounding_goes_outward(value, span, up, expected):
    assert outward(value, span, up=up) == pytest.approx(expected)


def test_shares_leave_room_for_chance():
    rng = np.random.default_rng(5)
    broken = 0
    for _ in range(400):
        first, later = rng.binomial(1000, 0.05), rng.binomial(250, 0.05)
        low, high = around(first, 1000)
        broken += (100 * later / 250 > most(first, 1000)) + not_between(later / 250, low, high)
    assert broken <= 4
    assert most(0, 100) >= 1
    assert most(100, 100) == 100
    assert around(500, 1000)[1] < 0.7


def not_between(share, low, high):
    return not low <= share <= high or math.isnan(share)
