"""The framework's own predictions beside those of the ONNX form."""

from dataclasses import replace

import numpy as np
import pytest

from mlops_stage.errors import InputError
from mlops_stage.inputs.answers import Predictions
from mlops_stage.stages.compile.parity.original import agree_with_original


def predicted(rows=500, seed=0):
    score = np.random.default_rng(seed).random(rows)
    return Predictions(
        task="binary", label=np.arange(rows) % 2, prediction=(score > 0.5).astype(np.int64), classes=("no", "yes"), score=score,
        probabilities=True,
    )  # fmt: skip


def test_rounding_to_single_precision_passes():
    original = predicted()
    found = agree_with_original(original, replace(original, score=original.score.astype(np.float32).astype(np.float64)))
    assert found.passed
    assert 0 < found.largest < 1e-6


def test_rows_that_answer_otherwise_are_named():
    """As where whole numbers fall on the other side of a threshold once they were scaled in single precision."""
    original = predicted()
    other = replace(original, prediction=original.prediction.copy(), score=original.score.copy())
    other.prediction[[3, 40]] = 1 - other.prediction[[3, 40]]
    other.score[[3, 40]] = 1 - other.score[[3, 40]]
    found = agree_with_original(original, other)
    assert found.verdict == "failed"
    assert found.failing_rows == (3, 40)
    assert "rounding to single precision" in found.reasons[0]


def test_rows_are_matched_by_their_identifiers():
    original = replace(predicted(), row_id=np.arange(500, dtype=np.uint64))
    order = np.random.default_rng(1).permutation(500)
    shuffled = replace(
        original,
        row_id=original.row_id[order],
        prediction=original.prediction[order],
        score=original.score[order],
        label=original.label[order],
    )
    assert agree_with_original(original, shuffled).passed
    assert not agree_with_original(replace(original, row_id=None), shuffled).passed


def test_other_rows_are_refused():
    original = replace(predicted(), row_id=np.arange(500, dtype=np.uint64))
    with pytest.raises(InputError, match="rows that data does not have"):
        agree_with_original(original, replace(original, row_id=original.row_id + np.uint64(1)))
    with pytest.raises(InputError, match="of 500 rows, data has 400"):
        agree_with_original(predicted(), predicted(400))


def test_another_task_is_refused():
    numbers = Predictions(task="regression", label=np.ones(5), prediction=np.ones(5))
    with pytest.raises(InputError, match="another task"):
        agree_with_original(predicted(5), numbers)


def test_decisions_alone():
    found = agree_with_original(replace(predicted(), score=None), predicted())
    assert found.passed
    assert found.worst is None


def test_scores_of_classes_in_another_order():
    original = predicted()
    turned = replace(original, classes=("yes", "no"), prediction=1 - original.prediction, score=1 - original.score)
    assert agree_with_original(original, turned).passed


def test_scores_of_several_classes():
    score = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    original = Predictions(
        task="multiclass", label=np.zeros(200, dtype=np.int64), prediction=score.argmax(axis=1), classes=("a", "b", "c"), score=score
    )
    turned = replace(original, classes=("c", "b", "a"), prediction=2 - original.prediction, score=score[:, ::-1])
    assert agree_with_original(original, turned).passed


def test_quantities():
    numbers = Predictions(task="regression", label=np.ones(50), prediction=np.linspace(0, 9, 50))
    assert agree_with_original(numbers, replace(numbers, prediction=numbers.prediction.astype(np.float32).astype(np.float64))).passed
    assert not agree_with_original(numbers, replace(numbers, prediction=numbers.prediction * 1.01)).passed
