from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.estimates import Difference, Rate
from mlops_stage.stats.overall import Beside, differences_to_overall, ratios_to_overall
from mlops_stage.stats.shares import Shares


def compared(*counts):
    part, whole = (np.array(side, dtype=float) for side in zip(*counts, strict=True))
    arguments = Shares(part, whole), Shares(part.sum() - part, whole.sum() - whole), whole / whole.sum()
    return differences_to_overall(Beside(*arguments)), ratios_to_overall(Beside(*arguments))


def test_values_are_those_of_group_and_all_rows():
    differences, ratios = compared((30, 100), (60, 100), (10, 50))
    assert [one.value for one in differences] == pytest.approx([0.3 - 0.4, 0.6 - 0.4, 0.2 - 0.4])
    assert [one.value for one in ratios] == pytest.approx([0.75, 1.5, 0.5])
    assert [one.n for one in differences] == [100, 100, 50]


def test_the_interval_is_that_of_the_difference_to_the_rest_in_proportion():
    differences, _ = compared((30, 100), (60, 100), (10, 50))
    rest = Difference(Rate(30, 100), Rate(70, 150))
    for level in (0.025, 0.05, 0.95, 0.975):
        assert differences[0].bound(level) == pytest.approx(0.6 * rest.bound(level))


def test_ratio_and_difference_agree_on_whether_a_group_differs():
    rng = np.random.default_rng(0)
    for _ in range(200):
        whole = rng.integers(30, 400, 3)
        differences, ratios = compared(*zip(rng.binomial(whole, rng.uniform(0.2, 0.6, 3)).tolist(), whole.tolist(), strict=True))
        for difference, ratio in zip(differences, ratios, strict=True):
            assert (difference.value > 0) == (ratio.value > 1)
            assert ratio.bound(0.025) <= ratio.value <= ratio.bound(0.975)


def test_the_ratio_has_the_coverage_it_claims():
    rng, whole, rates = np.random.default_rng(1), np.array([80, 200]), np.array([0.25, 0.4])
    truth, held = 0.25 / ((80 * 0.25 + 200 * 0.4) / 280), 0
    for _ in range(500):
        _, ratios = compared(*zip(rng.binomial(whole, rates).tolist(), whole.tolist(), strict=True))
        held += ratios[0].bound(0.025) <= truth <= ratios[0].bound(0.975)
    assert held >= 460


def test_where_one_side_has_no_case_the_other_has_them_all():
    differences, ratios = compared((10, 50), (0, 150))
    assert ratios[0].value == pytest.approx(4.0)
    assert 1 < ratios[0].bound(0.025) <= 4.0
    assert ratios[0].bound(0.975) == pytest.approx(4.0)
    assert ratios[1].value == ratios[1].bound(0.025) == 0
    assert 0 < ratios[1].bound(0.975) < 1
    assert differences[0].value == pytest.approx(0.15)


def test_there_is_no_ratio_to_nothing_and_no_value_of_an_empty_group():
    differences, ratios = compared((0, 50), (0, 150))
    assert [one.value for one in differences] == [0, 0]
    assert ratios == [None, None]
    differences, ratios = compared((0, 0), (20, 150))
    assert differences == [None, None]
    assert ratios == [None, None]
