import warnings

import numpy as np
import pytest

from mlops_stage.errors import InputError
from mlops_stage.stages.adversarial import square as squares
from mlops_stage.stages.adversarial.oracle import Oracle
from mlops_stage.stages.adversarial.space import Box, box
from mlops_stage.stages.adversarial.square import Image, square


def attacked(victim, oracle=None, space=None, **options):
    asked = {"epsilon": 0.1, "queries": 120, "seed": 0} | options
    return square(oracle or victim.oracle(), victim.rows, victim.labels, victim.ids, space or box(victim.rows.shape[1]), **asked)


@pytest.mark.parametrize("image", [None, Image(1, 8, 8)])
@pytest.mark.parametrize("name", ["digits_mlp", "digits_rf"])
def test_rows_of_another_label_lie_within_epsilon_and_a_fresh_session_confirms_them(victim, name, image):
    one = victim(name)
    found = attacked(one, image=image)
    assert 0.2 < found.fooled.mean() < 1
    assert (one.oracle().labels(found.rows) != one.labels)[found.fooled].all()
    assert np.array_equal(found.rows[~found.fooled], one.rows[~found.fooled])
    assert found.distance[found.fooled].max() <= 0.1
    assert np.abs(found.rows.astype(np.float64) - one.rows).max() <= 0.1
    assert ((found.rows >= 0) & (found.rows <= 1)).all()


def test_no_candidate_is_asked_twice(victim):
    """With few features the same corners are drawn again and again; whether they are asked again changes nothing but the cost."""
    one, oracle, seen = victim("cancer_mlp"), victim("cancer_mlp").oracle(), []
    space = box(30)
    real = oracle.answers
    oracle.answers = lambda rows: seen.append(rows.copy()) or real(rows)
    found = square(oracle, one.rows[:1], one.labels[:1], one.ids[:1], space, epsilon=0.01, queries=300, seed=0)
    asked = np.concatenate(seen)
    assert len(np.unique(asked, axis=0)) == len(asked) == found.queries[0]
    assert 30 < len(asked) < 301


def test_memory_changes_the_cost_alone(victim, monkeypatch):
    one = victim("cancer_mlp")
    told = []
    for most in (64, 0):
        monkeypatch.setattr(squares, "MOST_REMEMBERED", most)
        told.append(attacked(one, one.oracle(), queries=300))
    np.testing.assert_array_equal(told[0].rows, told[1].rows)
    assert told[0].queries.sum() < told[1].queries.sum()


def test_one_query_a_round_and_none_once_fooled(victim):
    one = victim("cancer_mlp")
    oracle = one.oracle()
    found = attacked(one, oracle)
    assert oracle.spent.queries == found.queries.sum()
    assert (found.queries[~found.fooled] > 30).all()
    assert found.queries[found.fooled].max() <= 121
    assert found.queries[found.fooled].mean() < 60


@pytest.mark.parametrize("epsilons", [(0.02, 0.05, 0.1, 0.3)])
def test_a_larger_epsilon_fools_no_fewer_rows(victim, epsilons):
    fooled = [attacked(victim("cancer_rf"), epsilon=epsilon).fooled.mean() for epsilon in epsilons]
    assert fooled == sorted(fooled)
    assert fooled[0] < fooled[-1]


def test_epsilon_is_in_units_of_the_scale_and_fixed_features_stay(victim):
    one = victim("cancer_logreg")
    plain = box(30, scale=np.where(np.arange(30) < 15, 1, 0.1))
    space = Box(plain.low, plain.high, plain.scale, plain.grid, plain.continuous, np.arange(30) != 20, None)
    moved = np.abs(attacked(one, space=space, epsilon=0.5).rows - one.rows)
    assert moved[:, :15].max() > 0.1
    assert moved[:, 15:].max() <= 0.05 + 1e-7
    assert (moved[:, 20] == 0).all()


class Choice:
    """Class 1 for category 2 alone."""

    def run(self, inputs, outputs):
        one = 0.1 + 0.8 * (inputs["x"][:, 1] == 2)
        return [(one > 0.5).astype(np.int64) if name == "label" else np.stack([1 - one, one], axis=1) for name in outputs]


@pytest.mark.parametrize(("epsilon", "fooled"), [(0.5, 0), (1, 1)])
def test_a_category_changes_only_where_one_step_is_within_epsilon(epsilon, fooled):
    plain = box(2, high=[1, 3])
    space = Box(plain.low, plain.high, plain.scale, np.array([0, 1], dtype=np.float32), np.array([True, False]), plain.free, None)
    oracle = Oracle(Choice(), lambda rows: {"x": rows}, label="label", scores="p")
    rows = np.full((10, 2), 0, dtype=np.float32)
    found = square(oracle, rows, np.zeros(10, dtype=np.int64), np.arange(10), space, epsilon=epsilon, queries=100, seed=0)
    assert found.fooled.mean() == fooled


def test_a_row_of_another_label_from_the_start_is_done_with_one_query(victim):
    one = victim("cancer_logreg")
    found = square(one.oracle(), one.rows, 1 - one.labels, one.ids, box(30), epsilon=0.1, queries=50, seed=0)
    assert (found.queries == 1).all()
    assert (found.distance == 0).all()


def test_labels_alone_are_refused(victim):
    one = victim("cancer_logreg")
    with pytest.raises(InputError, match="labels alone"):
        attacked(one, one.oracle(scores=None))


def test_scores_alone_are_enough(victim):
    one = victim("cancer_logreg")
    assert np.array_equal(attacked(one, one.oracle(label=None)).rows, attacked(one).rows)


def test_a_row_does_not_depend_on_the_rows_beside_it(victim):
    one = victim("digits_mlp")
    whole = attacked(one)
    some = np.arange(len(one.rows))[5::7]
    alone = square(one.oracle(), one.rows[some], one.labels[some], one.ids[some], box(64), epsilon=0.1, queries=120, seed=0)
    assert np.array_equal(alone.rows, whole.rows[some])
    assert np.array_equal(alone.queries, whole.queries[some])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_mlp", "digits_logreg"])
def test_it_fools_more_rows_than_arts_for_two_fifths_of_its_queries(victim, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from art.attacks.evasion import SquareAttack
        from art.estimators.classification import BlackBoxClassifierNeuralNetwork
    one = victim(name)
    theirs = one.oracle()
    classifier = BlackBoxClassifierNeuralNetwork(
        lambda x: theirs.scores(np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)),
        (1, 8, 8),
        10,
        channels_first=True,
        clip_values=(0.0, 1.0),
    )
    np.random.seed(0)  # noqa: NPY002  (what ART draws from, wherever other tests left it)
    attack = SquareAttack(classifier, eps=0.1, max_iter=300, p_init=0.8, verbose=False)
    made = attack.generate(one.rows.reshape(-1, 1, 8, 8), one.labels).reshape(len(one.rows), -1)
    ours = one.oracle()
    found = attacked(one, ours, queries=300, image=Image(1, 8, 8))
    assert found.fooled.mean() >= (one.oracle().labels(made) != one.labels).mean()
    assert ours.spent.queries <= 0.4 * theirs.spent.queries
