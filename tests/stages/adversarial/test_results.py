"""Only what is valid and what a fresh session confirms counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlops_stage.estimates import NotEstimable, Point, Rate, Sampled
from mlops_stage.report import Observations
from mlops_stage.stages.adversarial.campaign import Outcome
from mlops_stage.stages.adversarial.criteria import criteria
from mlops_stage.stages.adversarial.oracle import Oracle
from mlops_stage.stages.adversarial.params import AdversarialParams
from mlops_stage.stages.adversarial.results import Results, confirmed, metrics
from mlops_stage.stages.adversarial.selftest import Session
from mlops_stage.stages.adversarial.space import box


class Anything(type(box(1))):
    """A box in which every row is valid but those whose first feature is 0.9."""

    def satisfied(self, rows, originals):
        del originals
        return rows[:, 0] != np.float32(0.9)


def space():
    plain = box(2)
    return Anything(**{name: getattr(plain, name) for name in ("low", "high", "scale", "grid", "continuous", "free", "corners")})


def oracle(score):
    return Oracle(Session(score), lambda rows: {"x": rows}, label="label", scores="scores")


def outcome(rows, distance, by=0):
    rows, distance = np.array(rows, dtype=np.float32), np.array(distance)
    return Outcome(rows=rows, distance=distance, by=np.full(len(rows), by), queries=np.full(len(rows), 7))


def confirm(found, originals, fresh):
    originals = np.array(originals, dtype=np.float32)
    labels = np.zeros(len(originals), dtype=np.int64)
    return confirmed(
        [(slice(0, len(originals)), found)],
        n=len(originals),
        right=np.arange(len(originals)),
        originals=originals,
        labels=labels,
        space=space(),
        norm="linf",
        fresh=fresh,
    )


def above(x):
    return (x[:, 0] > 0.5) * 1.0


def test_confirmed_rows_count_with_the_distance_that_they_have():
    found = confirm(outcome([[0.6, 0], [0.2, 0]], [0.4, np.inf]), [[0.2, 0], [0.2, 0]], oracle(above))
    assert found.distance.tolist() == [pytest.approx(0.4), np.inf]
    assert found.unconfirmed == 0
    assert found.others.tolist() == [1, 0]
    assert found.queries == 14


def test_a_row_whose_answer_changes_by_itself_has_withstood_nothing():
    """The attack's own session lied, or the model's answers change from session to session: no change is reported, and no robustness either."""
    found = confirm(outcome([[0.6, 0], [0.6, 0]], [0.4, 0.4]), [[0.2, 0], [0.2, 0]], oracle(lambda x: (x[:, 0] > 0.7) * 1.0))
    assert found.unconfirmed == 2
    assert found.broken(0.01).all()
    assert not found.turned(1.0).any()
    np.testing.assert_array_equal(found.rows, found.originals)


def test_an_original_that_a_fresh_session_answers_otherwise_counts_whether_or_not_attacks_found_anything():
    found = confirm(outcome([[0.6, 0], [0.2, 0]], [0.4, np.inf]), [[0.2, 0], [0.2, 0]], oracle(lambda x: np.ones(len(x))))
    assert found.unconfirmed == 2
    assert found.broken(0.01).all()


def test_a_changed_row_that_is_not_valid_is_not_reported():
    found = confirm(outcome([[0.9, 0]], [0.7]), [[0.2, 0]], oracle(above))
    assert found.unconfirmed == 1
    assert found.by.tolist() == [-1]


@pytest.mark.parametrize(("unconfirmed", "told"), [(0, Rate(80, 100)), (4, Rate(76, 100)), (5, NotEstimable), (68, NotEstimable)])
def test_rows_without_a_lasting_answer_count_as_broken_and_beyond_a_few_there_is_no_figure(unconfirmed, told):
    """Of 98 rows, 4 are within a twentieth; never do they raise the figure."""
    distance = np.full(98, np.inf)
    distance[:18] = 0.01
    distance[18 : 18 + unconfirmed] = 0
    found = metrics(replace(results(distance, n=100), unconfirmed=unconfirmed), (0.05, 0.1))
    robust = of(found, "robust_accuracy[epsilon=0.05]")
    assert robust == told if isinstance(told, Rate) else isinstance(robust, told)
    if not isinstance(told, Rate):
        assert f"{unconfirmed} of 98 rows" in robust.reason
        assert isinstance(of(found, "median_distance"), NotEstimable)
        assert not isinstance(of(found, "clean_accuracy"), NotEstimable)


def results(distance, n=None, done=None):
    distance = np.array(distance, dtype=np.float64)
    m = len(distance)
    rows = np.zeros((m, 1), dtype=np.float32)
    whole = np.zeros(m, dtype=np.int64)
    return Results(
        n=n or m, right=np.arange(m), originals=rows, rows=rows, labels=whole, others=whole, distance=distance, by=whole,
        queries=100, done=m if done is None else done, unconfirmed=0,
    )  # fmt: skip


def of(found, label):
    return next(one.estimate for one in found if one.label == label)


def test_rates_have_their_own_denominators():
    found = metrics(results([0.01, 0.1, 0.3, np.inf], n=5), (0.05, 0.1))
    assert of(found, "clean_accuracy") == Rate(4, 5)
    assert of(found, "robust_accuracy[epsilon=0.05]") == Rate(3, 5)
    assert of(found, "robust_accuracy[epsilon=0.1]") == Rate(2, 5), "a change of exactly the size counts"
    assert of(found, "attack_success_rate[epsilon=0.1]") == Rate(2, 4)
    assert of(found, "queries_per_row") == Point(25, 4)


def test_a_median_beyond_what_was_found_is_not_estimable():
    assert isinstance(of(metrics(results([0.1, np.inf, np.inf]), (0.1,)), "median_distance"), NotEstimable)
    assert isinstance(of(metrics(results([0.1, 0.2, 0.3, np.inf, 0.1]), (0.1,)), "median_distance"), Point)
    found = of(metrics(results(np.arange(1, 101) / 100), (0.1,)), "median_distance")
    assert isinstance(found, Sampled)
    assert found.value == pytest.approx(0.505)
    assert (found.bound(0.025), found.bound(0.975)) == (pytest.approx(0.40, abs=0.015), pytest.approx(0.60, abs=0.015))


def test_the_interval_of_the_median_holds_it_as_often_as_it_says():
    """Coverage by simulation: 1,000 samples of 83 exponential distances, whose median is log 2."""
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(1000):
        found = of(metrics(results(rng.exponential(size=83)), (0.1,)), "median_distance")
        inside += found.bound(0.025) <= np.log(2) <= found.bound(0.975)
    assert 940 <= inside <= 990


def test_an_unfinished_campaign_claims_nothing():
    found = metrics(results([0.1, 0.2], done=1), (0.1,))
    assert isinstance(of(found, "robust_accuracy[epsilon=0.1]"), NotEstimable)
    assert isinstance(of(found, "median_distance"), NotEstimable)
    assert "1 of 2" in of(found, "robust_accuracy[epsilon=0.1]").reason


def test_where_nothing_can_move_there_is_nothing_to_withstand():
    """A green figure there would be empty: whole numbers of 1 are no change of a twentieth."""
    found = metrics(results([0.2, 0.4, np.inf]), (0.05, 0.2), least=0.2)
    assert isinstance(of(found, "robust_accuracy[epsilon=0.05]"), NotEstimable)
    assert of(found, "robust_accuracy[epsilon=0.2]") == Rate(2, 3)
    seen = Observations(metrics=tuple(found))
    (gate,) = criteria(AdversarialParams(), seen)
    assert gate.slice == (("epsilon", "0.2"),)
    (stuck,) = criteria(AdversarialParams(), Observations(metrics=tuple(metrics(results([0.2, 0.4]), (0.05,), least=0.2))))
    assert stuck.slice == (("epsilon", "0.05"),), "where no size moves anything the gate stays inconclusive"
