from __future__ import annotations

import math

import numpy as np
import pytest

from mlops_stage.estimates import NotEstimable, Rate
from mlops_stage.stats.linear import Groups, Linear, average, paired_difference

RNG = np.random.default_rng(0)
VALUES = RNG.exponential(size=60)
CODES = np.repeat([0, 2], 30)


def test_the_standard_error_of_a_mean_is_the_textbooks():
    figure = average(Groups(60), VALUES, "plain")
    assert figure.value[0] == pytest.approx(VALUES.mean(), abs=1e-14)
    assert figure.se[0] == pytest.approx(VALUES.std(ddof=1) / 60**0.5, rel=1e-12)
    assert figure.skew[0] == pytest.approx(((VALUES - VALUES.mean()) ** 3).mean() / VALUES.std() ** 3 / 60**0.5, rel=1e-12)
    symmetric = average(Groups(2), np.array([1.0, 3.0]), "plain")
    estimate = symmetric.estimate(0)
    assert (estimate.bound(0.025), estimate.bound(0.975)) == pytest.approx([2 - 1.959964, 2 + 1.959964])


def test_the_bounds_of_a_skewed_mean_lean_to_the_side_of_the_rare_rows():
    estimate = average(Groups(60), VALUES, "loss").estimate(0)
    assert estimate.bound(0.95) - estimate.value > 1.1 * (estimate.value - estimate.bound(0.05))


def test_the_bounds_of_a_skewed_mean_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(3)
    runs = 1_000
    found = [average(Groups(60), rng.exponential(size=60), "loss").estimate(0) for _ in range(runs)]
    assert 0.93 < sum(estimate.bound(0.05) <= 1 for estimate in found) / runs < 0.97
    assert 0.925 < sum(estimate.bound(0.95) >= 1 for estimate in found) / runs < 0.97  # .90 without regard to the skew


def test_groups_are_the_rows_alone_and_an_empty_group_has_a_reason():
    figure = average(Groups(60, CODES, 3), VALUES, "loss")
    for group in (0, 2):
        alone = average(Groups(30), VALUES[group == CODES], "loss")
        assert figure.estimate(group).value == pytest.approx(alone.estimate(0).value, abs=1e-14)
        assert figure.estimate(group).quantiles == pytest.approx(alone.estimate(0).quantiles)
    assert figure.estimate(1) == NotEstimable(0, "no rows")


def test_one_row_has_no_interval():
    assert average(Groups(1), np.array([3.0]), "loss").estimate(0) == NotEstimable(1, "one row has no spread")


def test_weights_scale_out_and_equal_weights_change_nothing():
    plain, heavy = average(Groups(60), VALUES, "plain"), average(Groups(60, weight=np.full(60, 5.0)), VALUES, "plain")
    assert heavy.value[0] == pytest.approx(plain.value[0])
    assert heavy.se[0] == pytest.approx(plain.se[0])
    assert heavy.n[0] == pytest.approx(60)


def test_a_row_of_weight_zero_is_not_there():
    weight = np.ones(60)
    weight[50:] = 0
    figure, without = average(Groups(60, weight=weight), VALUES, "plain"), average(Groups(50), VALUES[:50], "plain")
    assert (figure.value[0], figure.se[0], figure.n[0]) == pytest.approx((without.value[0], without.se[0], without.n[0]))


@pytest.mark.parametrize(
    ("scale", "value", "low", "high"),
    [("loss", 0.01, -1e-9, 9), ("root", 0.01, -1e-9, 9), ("determination", 0.99, -9, 1 + 1e-9), ("share", 0.99, 0, 1)],
)
def test_no_bound_leaves_the_figures_range(scale, value, low, high):
    estimate = Linear(np.array([value]), np.array([20.0]), np.array([0.009]), np.array([0.3]), scale).estimate(0)
    assert low < estimate.bound(0.0001) < value < estimate.bound(0.9999) < high


@pytest.mark.parametrize("loss", [0.0, 0.1, math.log(2)])
def test_rows_that_are_all_alike_show_no_spread(loss):
    estimate = average(Groups(30), np.full(30, loss), "loss").estimate(0)
    assert estimate == NotEstimable(30, f"all rows have the same value, {loss:.6g}, and so show no spread")
    weighted = average(Groups(60, CODES, 3, RNG.random(60)), np.full(60, loss), "loss")
    assert isinstance(weighted.estimate(2), NotEstimable)


def losses(values, groups=None):
    return average(groups or Groups(len(values)), values, "loss", influence=True)


def test_what_two_models_have_in_common_cancels():
    other = VALUES + 0.1 + 0.01 * RNG.standard_normal(60)
    change = paired_difference(Groups(60), losses(other), losses(VALUES))
    difference = other - VALUES
    assert change.difference.value[0] == pytest.approx(difference.mean(), abs=1e-14)
    assert change.difference.se[0] == pytest.approx(difference.std(ddof=1) / 60**0.5, rel=1e-9)
    assert change.estimate(0).bound(0.05) > 0


def test_losses_that_never_differ_may_on_rows_that_were_not_seen():
    estimate = paired_difference(Groups(60, CODES, 3), *[losses(VALUES, Groups(60, CODES, 3))] * 2).estimate(2)
    largest = np.abs(VALUES[30:] - VALUES[30:].mean()).max()
    assert estimate.value == 0
    assert estimate.bound(0.95) == pytest.approx(largest * Rate(0, 30).bound(0.95))
    assert estimate.bound(0.05) == pytest.approx(-largest * Rate(0, 30).bound(0.95))


def test_losses_without_any_spread_have_no_difference_that_can_be_told():
    estimate = paired_difference(Groups(40), losses(np.full(40, 0.1)), losses(np.full(40, 0.3))).estimate(0)
    assert estimate == NotEstimable(40, "all rows have the same difference, -0.2, and so show no spread")


def test_what_only_the_old_model_cannot_tell_is_said_of_the_old_model():
    new = losses(VALUES)
    old = Linear(new.value, np.zeros(1), new.se, new.skew, "loss", ("no negatives",), new.influence)
    assert paired_difference(Groups(60), new, old).estimate(0) == NotEstimable(0, "in what it is compared with: no negatives")
    assert paired_difference(Groups(60), old, new).estimate(0) == NotEstimable(0, "no negatives")


@pytest.mark.parametrize("weight", [None, RNG.random(60)])
def test_the_correlation_of_figures_is_that_of_what_rows_do_to_them(weight):
    a, b = RNG.standard_normal((2, 60))
    found = Groups(60, CODES, 3, weight).correlation(a, a + b)
    w = np.ones(60) if weight is None else weight
    for group, rows in ((0, slice(0, 30)), (2, slice(30, 60))):
        x, y = (w * a)[rows], (w * (a + b))[rows]
        assert found[group] == pytest.approx((x @ y) / np.sqrt((x @ x) * (y @ y)))
    assert found[1] == 0


def test_rows_come_group_by_group_in_the_order_given():
    order, bounds = Groups(60, CODES[::-1].copy(), 3).arrange(np.argsort(VALUES))
    assert bounds.tolist() == [0, 30, 30, 60]
    assert (np.diff(VALUES[order[:30]]) > 0).all()
    assert set(order[:30]) == set(range(30, 60))
