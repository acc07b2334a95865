from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from mlops_stage.estimates import Paired, Rate


def two_sided(estimate):
    return estimate.bound(0.025), estimate.bound(0.975)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 30), (1, 30), (15, 30), (30, 30), (81, 263), (999_999, 1_000_000)])
def test_a_rate_has_wilsons_interval(k, n):
    interval = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert two_sided(Rate(k, n)) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_a_rate_stays_within_zero_and_one_exactly():
    assert Rate(0, 41).bound(0.01) == 0
    assert Rate(41, 41).bound(0.99) == 1
    assert Rate(0, 41).bound(0.99) > 0
    assert Rate(41, 41).bound(0.01) < 1


def wilson_tables(n):
    counts = np.arange(n + 1)
    return [np.array([Rate(int(k), n).bound(c) for k in counts]) for c in (0.025, 0.05, 0.95, 0.975)]


def test_the_exact_coverage_of_wilsons_interval():
    worst, total, cases = 1.0, 0.0, 0
    for n in range(20, 201, 3):
        low, _, _, high = wilson_tables(n)
        for p in np.arange(0.05, 0.501, 0.025):
            held = stats.binom.pmf(np.arange(n + 1), n, p)[(low <= p) & (p <= high)].sum()
            worst, total, cases = min(worst, held), total + held, cases + 1
    assert worst >= 0.9195  # .9198 at n=35, p=.1
    assert 0.948 <= total / cases <= 0.958


def test_two_halves_of_one_data_set_contradict_each_other_in_at_most_one_percent_exactly():
    # One half passes `>= p` and the other fails it, with p the truth: 2 P(pass) P(fail).
    for n in (30, 60, 100, 200, 1000):
        _, low, high, _ = wilson_tables(n)
        for p in (0.05, 0.1, 0.3, 0.5, 0.8, 0.9, 0.95):
            chance = stats.binom.pmf(np.arange(n + 1), n, p)
            assert 2 * chance[low >= p].sum() * chance[high < p].sum() <= 0.01


def score_limit(gained, lost, n, z, side):
    """Tango's limit from the definition: the constrained maximum of the likelihood is searched for, not computed."""

    def share(delta):
        low, high = max(0.0, -delta), (1 - delta) / 2

        def minus_log_likelihood(q):
            cells = ((gained, q + delta), (lost, q), (n - gained - lost, 1 - 2 * q - delta))
            return -sum(count * math.log(max(chance, 1e-300)) for count, chance in cells if count)

        found = optimize.minimize_scalar(minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
        return found.x

    def excess(delta):
        variance = n * (2 * share(delta) + delta * (1 - delta))
        return (gained - lost - n * delta) / math.sqrt(variance) + side * z

    value = (gained - lost) / n
    inner = value + side * 1e-9
    outer = side * (1 - 1e-9)
    return optimize.brentq(excess, min(inner, outer), max(inner, outer), xtol=1e-10)


@pytest.mark.parametrize(("gained", "lost", "n"), [(1, 7, 21), (3, 3, 40), (25, 9, 300), (1, 0, 44), (0, 20, 21), (40, 62, 5000)])
@pytest.mark.parametrize("confidence", [0.95, 0.975])
def test_a_paired_difference_has_tangos_score_interval(gained, lost, n, confidence):
    z = stats.norm.ppf(confidence)
    paired = Paired(gained, lost, n)
    assert paired.bound(confidence) == pytest.approx(score_limit(gained, lost, n, z, 1), abs=2e-6)
    assert paired.bound(1 - confidence) == pytest.approx(score_limit(gained, lost, n, z, -1), abs=2e-6)


def test_a_published_example_of_tangos_interval():
    # Fagerland, Lydersen and Laake 2014, Stat Med 33:2850: airway responsiveness before and after transplantation.
    assert two_sided(Paired(1, 7, 21)) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_paired_rows_that_all_agree_still_leave_doubt():
    z = stats.norm.ppf(0.975)
    assert two_sided(Paired(0, 0, 50)) == pytest.approx((-z * z / (50 + z * z), z * z / (50 + z * z)))
    assert Paired(21, 0, 21).bound(0.99) == 1
    assert Paired(0, 21, 21).bound(0.01) == -1
    assert Paired(21, 0, 21).bound(0.025) == pytest.approx((21 - z * z) / (21 + z * z))
