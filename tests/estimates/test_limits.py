from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from mlops_stage.estimates import LEVELS, NotEstimable, Paired, Point, Rate, Sampled, to_json

CONFIDENCES = sorted({*LEVELS, 1e-6, 0.2, 0.45, 0.55, 0.8, 1 - 1e-6})


def test_bounds_rise_with_confidence_and_surround_the_value(bounded):
    bounds = [bounded.bound(confidence) for confidence in CONFIDENCES]
    assert all(earlier <= later + 1e-12 for earlier, later in pairwise(bounds))
    assert bounded.bound(0.5) == pytest.approx(bounded.value, abs=1e-9)
    assert bounds[0] <= bounded.value <= bounds[-1]


def test_an_estimate_at_its_own_denominator_is_itself(bounded):
    assert bounded.at(bounded.n) == bounded


def test_more_rows_narrow_the_interval_around_the_same_value(bounded):
    larger = bounded.at(4 * bounded.n)
    assert larger.n == pytest.approx(4 * bounded.n)
    assert larger.value == pytest.approx(bounded.value)
    assert larger.bound(0.95) - larger.bound(0.05) < bounded.bound(0.95) - bounded.bound(0.05)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_figures_that_are_not_finite_are_refused_when_built(bad):
    for build in (
        lambda: Rate(bad, 10),
        lambda: Rate(1, bad),
        lambda: Paired(bad, 0, 10),
        lambda: Paired(0, bad, 10),
        lambda: Point(bad),
        lambda: Point(1, bad),
        lambda: NotEstimable(bad, "x"),
        lambda: Sampled(bad, 10, (0.0,) * 17),
        lambda: Sampled(0.0, 10, (0.0,) * 16 + (bad,)),
        lambda: Sampled.from_normal(0.0, 10, bad),
        lambda: Sampled.from_draws(0.0, 10, [0.0] * 500 + [bad]),
        lambda: Sampled.from_transform(Rate(1, 2), lambda _: bad),
    ):
        with pytest.raises(ValueError, match=r"finite|negative"):
            build()


def test_impossible_counts_are_refused_but_roundings_are_not():
    for build in (lambda: Rate(-1, 10), lambda: Rate(11, 10), lambda: Rate(0, 0), lambda: Paired(6, 5, 10), lambda: Paired(-1, 0, 10)):
        with pytest.raises(ValueError, match=r"between|within|positive"):
            build()
    assert Rate(10.000000000001, 10).value == 1
    assert Rate(-1e-12, 10).value == 0


def test_numbers_of_numpy_become_plain_ones():
    rate = Rate(np.int64(3), np.float64(10))
    assert (type(rate.k), type(rate.n)) == (int, float)
    assert json.dumps(to_json(Sampled.from_draws(np.float32(0.5), np.int32(10), np.linspace(0, 1, 500))))
