from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlops_stage.estimates import Bounded, NotEstimable
from mlops_stage.stats import drift


def binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


def normal(rng: np.random.Generator, n: int, shift: float, edges: np.ndarray) -> np.ndarray:
    return binned(rng.normal(shift, 1, n), edges)


EDGES = np.asarray(stats.norm.ppf(np.linspace(0, 1, drift.EDGES + 1)[1:-1]))


def bounded(estimate: object) -> Bounded:
    assert isinstance(estimate, Bounded)
    return estimate


def test_ks_is_the_exact_distance_but_for_the_bins() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, 20_000), rng.normal(0.3, 1, 20_000)
    found = bounded(drift.ks(binned(a, EDGES), binned(b, EDGES)))
    assert found.value == pytest.approx(stats.ks_2samp(a, b).statistic, abs=0.005)
    assert found.n == 20_000


def test_ks_by_hand() -> None:
    found = bounded(drift.ks(np.array([50, 50]), np.array([80, 20]), np.array([True, True])))
    assert found.value == pytest.approx(0.3)
    assert found.bound(0.05) == pytest.approx(0.3 - np.sqrt(-np.log(0.05) / 2) * np.sqrt(2 / 100))
    assert found.bound(0.95) == pytest.approx(0.3 + 1.6448536 * np.sqrt((0.25 + 0.16) / 100))


def test_what_a_bin_of_many_values_may_hide_is_in_the_upper_bound() -> None:
    hidden = bounded(drift.ks(np.array([5000, 5000]), np.array([5000, 5000])))  # {0, 1} against {-1, 0.5}, with edges at 0 and 1
    assert hidden.value == 0.0
    assert hidden.bound(0.95) > 0.5
    told = bounded(drift.ks(np.array([0, 5000, 0, 5000]), np.array([5000, 0, 5000, 0]), np.array([False, True, False, True])))
    assert told.value == 0.5
    assert told.bound(0.05) > 0.45


@pytest.mark.parametrize("shape", ["shift", "plateau"])
def test_ks_fails_no_more_often_than_it_says_where_the_distance_is_the_threshold(shape: str) -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    draws = 400
    for _ in range(draws):
        if shape == "shift":  # .2009 sigma is a distance of .08
            found = drift.ks(normal(rng, 2000, 0, EDGES), normal(rng, 2000, 0.2009, EDGES))
        else:
            moved = rng.multinomial(2000, [0.02, *[0.85 / 198] * 198, 0.13])
            found = drift.ks(rng.multinomial(2000, [0.1, *[0.85 / 198] * 198, 0.05]), moved)
        wrong += bounded(found).bound(0.05) > 0.08
    assert wrong / draws <= 0.075  # .05 and twice its standard error


def test_ks_passes_no_more_often_than_it_says_where_the_distance_is_the_threshold() -> None:
    rng = np.random.default_rng(6)
    passed = sum(bounded(drift.ks(normal(rng, 3000, 0, EDGES), normal(rng, 3000, 0.2009, EDGES))).bound(0.95) <= 0.08 for _ in range(400))
    assert passed / 400 <= 0.075


def test_linf_names_the_category_and_bounds_its_change() -> None:
    earlier, now = np.array([500, 300, 200]), np.array([400, 300, 300])
    found = bounded(drift.linf(earlier, now))
    assert found.value == pytest.approx(0.1)
    assert found.bound(0.05) < 0.1 < found.bound(0.95)
    assert drift.culprit(earlier, now) == 0


def test_linf_of_equal_shares_is_no_evidence() -> None:
    rng = np.random.default_rng(7)
    shares = np.full(20, 0.05)
    wrong = sum(bounded(drift.linf(rng.multinomial(500, shares), rng.multinomial(500, shares))).bound(0.05) > 0.0 for _ in range(300))
    assert wrong / 300 <= 0.12  # two sides of each change


def test_psi_of_a_hundred_rows_without_drift_is_no_evidence() -> None:
    rng = np.random.default_rng(8)
    shares = np.full(10, 0.1)
    found = [bounded(drift.psi(rng.multinomial(100, shares), rng.multinomial(100, shares), 0)) for _ in range(100)]
    assert np.mean([one.value for one in found]) < 0.08  # uncorrected: .18
    assert sum(one.bound(0.05) > 0.1 for one in found) <= 5


def test_psi_of_many_rows_is_the_plain_formula() -> None:
    a, b = np.array([4000, 3000, 3000]) * 100, np.array([3000, 3000, 4000]) * 100
    p, q = a / a.sum(), b / b.sum()
    assert bounded(drift.psi(a, b, 0)).value == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=1e-3)


def test_js_and_cramers_v_of_many_rows_are_scipys() -> None:
    a, b = np.array([4000, 3000, 3000]) * 100, np.array([3000, 3000, 4000]) * 100
    assert bounded(drift.js(a, b, 0)).value == pytest.approx(jensenshannon(a, b, base=2), rel=1e-3)
    assert bounded(drift.cramers_v(a, b, 0)).value == pytest.approx(stats.contingency.association(np.array([a, b])), rel=1e-3)


def test_wasserstein_is_in_units_of_the_profiles_spread() -> None:
    rng = np.random.default_rng(9)
    found = bounded(drift.wasserstein(normal(rng, 50_000, 0, EDGES), normal(rng, 50_000, 0.3, EDGES), EDGES, 0))
    assert found.value == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("measure", [drift.ks, drift.linf])
def test_without_values_there_is_no_distance(measure: object) -> None:
    found = measure(np.array([0, 0]), np.array([3, 4]))  # type: ignore[operator]  # one of two functions
    assert isinstance(found, NotEstimable)
    assert found.n == 0


def test_the_same_seed_gives_the_same_bounds() -> None:
    a, b = np.array([40, 30, 30]), np.array([30, 30, 40])
    assert drift.psi(a, b, 4) == drift.psi(a, b, 4)
    assert drift.psi(a, b, 4) != drift.psi(a, b, 5)


def test_bands_hold_all_bins_once_and_about_equal_shares() -> None:
    counts = np.full(200, 50)
    bands = drift.merged(counts)
    assert bands[0][0] == 0
    assert bands[-1][1] == 200
    assert all(a[1] == b[0] for a, b in pairwise(bands))
    assert drift.banded(counts, bands).tolist() == [1000] * 10
    assert drift.merged(np.array([1000, 1, 1])) == [(0, 1), (1, 3)]
