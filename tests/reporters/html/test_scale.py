from __future__ import annotations

import math

import pytest

from mlops_stage.reporters.html.scale import Scale, coordinate, spanning


def test_numbers_land_between_start_and_end():
    scale = Scale(low=0, high=10, start=100, end=200)
    assert [scale(value) for value in (0, 2.5, 10)] == ["100", "125", "200"]
    assert [scale(value) for value in (-5, 15)] == ["100", "200"]


def test_a_scale_may_run_downward():
    assert Scale(low=0, high=1, start=300, end=0)(0.25) == "225"


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.0", "0.5", "1.0"]),
        (0.86, 0.881, ["0.86", "0.87", "0.88"]),
        (-0.012, 0.03, ["0.00", "0.02"]),
        (0, 41_000, ["0", "20,000", "40,000"]),
        (1e-6, 3.1e-6, ["0.000001", "0.000002", "0.000003"]),
    ],
)
def test_ticks_are_round(low, high, labels):
    assert [label for _, label in Scale(low=low, high=high, start=0, end=1).ticks(4)] == labels


def test_a_scale_spans_what_is_finite_with_room():
    scale = spanning([1, 3, math.nan, math.inf, 2], start=0, end=10, pad=0.1)
    assert (scale.low, scale.high) == pytest.approx((0.8, 3.2))


def test_shares_do_not_leave_their_range():
    scale = spanning([0.95, 1.0], start=0, end=10, pad=1, within=(0, 1))
    assert (scale.low, scale.high) == (pytest.approx(0.9), 1)
    assert spanning([0.95, 1.2], start=0, end=10, pad=1, within=(0, 1)).high > 1.2


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]])
def test_nothing_finite_is_no_scale(values):
    assert spanning(values, start=0, end=1) is None


@pytest.mark.parametrize("values", [[0.5], [0, 0], [1e308, -1e308], [5e-324, 0]])
def test_extremes_are_drawn_or_refused_but_never_raise(values):
    scale = spanning(values, start=0, end=1)
    if scale is not None:
        assert all(math.isfinite(float(scale(value))) for value in values)
        assert all(math.isfinite(value) for value, _ in scale.ticks())


def test_coordinates_have_one_decimal_at_most():
    assert [coordinate(value) for value in (1.0, 1.25, 1 / 3)] == ["1", "1.2", "0.3"]
