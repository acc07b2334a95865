from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.inputs.predictions import Predictions
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.fairness.counting import count, merged
from mlops_stage.stages.fairness.grouping import by_column


def answers(rows, classes=2, seed=0, *, weighted=False):
    rng = np.random.default_rng(seed)
    predictions = Predictions(
        task="binary" if classes == 2 else "multiclass",
        label=rng.integers(0, classes, rows),
        prediction=rng.integers(0, classes, rows),
        classes=tuple("abcdef"[:classes]),
        weight=rng.uniform(0, 3, rows) if weighted else None,
    )
    return predictions, by_column("g", Codes(rng.integers(0, 4, rows), tuple("wxyz")))


@pytest.mark.parametrize("classes", [2, 5])
def test_every_row_is_counted_in_its_cell(classes):
    predictions, grouping = answers(3_000, classes)
    expected = np.zeros((4, classes, classes), dtype=int)
    np.add.at(expected, (grouping.codes, predictions.label, predictions.prediction), 1)
    assert (count(predictions, grouping).rows == expected).all()


def part(predictions, grouping, rows):
    kept = Predictions(
        task=predictions.task,
        label=predictions.label[rows],
        prediction=predictions.prediction[rows],
        classes=predictions.classes,
        weight=None if predictions.weight is None else predictions.weight[rows],
    )
    return count(kept, type(grouping)(grouping.columns, grouping.codes[rows], grouping.levels, grouping.outside))


@pytest.mark.parametrize("shards", [1, 2, 7, 64])
def test_shards_add_up_to_the_whole_bit_by_bit(shards):
    predictions, grouping = answers(5_000)
    whole = count(predictions, grouping)
    found = merged(part(predictions, grouping, rows) for rows in np.array_split(np.random.default_rng(1).permutation(5_000), shards))
    assert found.rows.tobytes() == whole.rows.tobytes()
    assert found.mass is found.rows


def test_shards_of_weighted_rows_add_up_to_rounding():
    predictions, grouping = answers(5_000, weighted=True)
    whole = count(predictions, grouping)
    found = merged(part(predictions, grouping, rows) for rows in np.array_split(np.arange(5_000), 9))
    assert found.rows.tobytes() == whole.rows.tobytes()
    assert found.mass == pytest.approx(whole.mass)
    assert found.squares == pytest.approx(whole.squares)


def test_nothing_cannot_be_merged():
    with pytest.raises(ValueError, match="no part"):
        merged([])
