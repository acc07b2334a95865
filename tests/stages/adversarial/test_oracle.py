import numpy as np
import pytest

from mlops_stage.errors import InputError, LimitError
from mlops_stage.stages.adversarial.oracle import CHUNK_ROWS, WHOLE_ROWS, Oracle, OutOfQueriesError


class Told:
    """A session that answers what a function says, and notes how many rows each call has."""

    def __init__(self, answer):
        self.answer = answer
        self.sizes = []

    def run(self, inputs, outputs):
        self.sizes.append(len(inputs["x"]))
        return [self.answer(inputs["x"], output) for output in outputs]


def told(answer, **options):
    session = Told(answer)
    return session, Oracle(session, lambda rows: {"x": rows}, **({"label": "label"} | options))


def rows_of(count):
    return np.arange(count, dtype=np.float32)[:, None]


def test_every_query_is_counted_and_every_call_is_whole():
    session, oracle = told(lambda x, _: (x[:, 0] > 5).astype(np.int64))
    count = 2 * CHUNK_ROWS + 3
    assert np.array_equal(oracle.labels(rows_of(count)), np.arange(count) > 5)
    assert session.sizes == [CHUNK_ROWS, CHUNK_ROWS, WHOLE_ROWS]
    spent = oracle.spent
    assert (spent.queries, spent.calls, spent.rows) == (count, 3, 2 * CHUNK_ROWS + WHOLE_ROWS)
    assert spent.seconds > 0


def test_labels_and_scores_together_are_one_query_a_row():
    _, oracle = told(lambda x, output: np.tile([0.25, 0.75], (len(x), 1)) if output == "p" else np.ones(len(x), dtype=np.int64), scores="p")
    labels, scores = oracle.answers(rows_of(5))
    assert labels.tolist() == [1] * 5
    assert scores.tolist() == [[0.25, 0.75]] * 5
    assert oracle.spent.queries == 5


def test_nothing_asked_costs_nothing():
    session, oracle = told(lambda x, _: x, scores="p")
    assert oracle.labels(rows_of(0)).shape == (0,)
    assert oracle.scores(rows_of(0)).shape == (0, 2)
    assert session.sizes == []
    assert oracle.spent.queries == 0


def test_the_budget_holds_to_the_query():
    _, oracle = told(lambda x, _: np.zeros(len(x), dtype=np.int64), budget=10)
    oracle.labels(rows_of(10))
    with pytest.raises(OutOfQueriesError, match="10 queries") as raised:
        oracle.labels(rows_of(1))
    assert isinstance(raised.value, LimitError)
    assert oracle.spent.queries == 10


def test_without_labels_the_largest_score_decides():
    _, oracle = told(lambda x, _: np.eye(3, dtype=np.float32)[x[:, 0].astype(int) % 3], label=None, scores="p")
    assert oracle.labels(rows_of(5)).tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_single_score_says_class_one_from_one_half_on(shape):
    _, oracle = told(lambda x, _: (x[:, 0] / 4).reshape(shape), label=None, scores="p")
    assert oracle.labels(rows_of(5)).tolist() == [0, 0, 1, 1, 1]
    assert oracle.scores(rows_of(2)).tolist() == [[1, 0], [0.75, 0.25]]


def test_text_labels_are_numbered_as_the_classes_are_and_others_after_them():
    names = np.array(["yes", "no", "perhaps"], dtype=object)
    _, oracle = told(lambda x, _: names[x[:, 0].astype(int) % 3], classes=("no", "yes"))
    assert oracle.labels(rows_of(4)).tolist() == [1, 0, 2, 1]


def test_scores_may_be_a_mapping_for_each_row():
    _, oracle = told(lambda x, _: [{"a": 0.25, "b": 0.75} for _ in x], label=None, scores="p")
    assert oracle.scores(rows_of(3)).tolist() == [[0.25, 0.75]] * 3


def test_a_model_that_says_nothing_is_refused():
    with pytest.raises(InputError, match="neither"):
        Oracle(Told(None), lambda rows: {"x": rows})


def test_scores_of_three_dimensions_are_refused():
    _, oracle = told(lambda x, _: np.zeros((len(x), 2, 2)), label=None, scores="p")
    with pytest.raises(InputError, match="3 dimensions"):
        oracle.scores(rows_of(2))


@pytest.mark.parametrize("name", ["digits_mlp", "cancer_logreg", "digits_logreg", "cancer_rf", "cancer_scaled", "cancer_mlp"])
def test_an_answer_does_not_depend_on_the_rows_beside_it_to_the_bit(victim, name):
    model = victim(name)
    rows = np.random.default_rng(0).random((2500, model.rows.shape[1]), dtype=np.float32)
    whole = model.oracle().scores(rows)
    for size in (1, 7, 33, 400):
        picked = np.random.default_rng(size).permutation(len(rows))[:size]
        assert np.array_equal(model.oracle().scores(rows[picked]), whole[picked])
