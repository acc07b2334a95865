from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.stats import cells as module
from mlops_stage.stats.cells import count_cells, effective

LABEL = np.array([0, 0, 1, 1, 2, 2])
PREDICTION = np.array([0, 1, 1, 1, 2, 0])


def test_rows_are_labels_and_columns_are_predictions():
    cells = count_cells((LABEL, PREDICTION), (3, 3))
    assert cells.rows.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert cells.mass is cells.rows
    assert cells.squares is cells.rows


def test_weights_and_their_squares_are_summed_beside_the_rows():
    weight = np.array([1, 2, 3, 4, 5, 6.0])
    cells = count_cells((LABEL, PREDICTION), (3, 3), weight)
    assert cells.rows[1, 1] == 2
    assert cells.mass[1, 1] == 7
    assert cells.squares[1, 1] == 25


def test_one_pass_counts_every_group():
    group = np.array([0, 0, 0, 2, 2, 2])
    cells = count_cells((group, LABEL, PREDICTION), (3, 3, 3))
    for index in range(3):
        mine = group == index
        alone = count_cells((LABEL[mine], PREDICTION[mine]), (3, 3))
        assert (cells[index].rows == alone.rows).all()


def test_small_codes_do_not_overflow():
    label = np.full(4, 200, dtype=np.uint8)
    assert count_cells((label, label), (201, 201)).rows[200, 200] == 4


def test_rows_gone_through_in_pieces_count_the_same(monkeypatch):
    weight = np.array([1, 2, 3, 4, 5, 6.0])
    at_once = count_cells((LABEL, PREDICTION), (3, 3), weight)
    monkeypatch.setattr(module, "_PIECE", 4)
    in_pieces = count_cells((LABEL, PREDICTION), (3, 3), weight)
    assert (in_pieces.rows == at_once.rows).all()
    assert (in_pieces.mass == at_once.mass).all()
    assert (in_pieces.squares == at_once.squares).all()


@pytest.mark.parametrize(("weights", "expected"), [([1, 1, 1], 3), ([2, 2, 2], 3), ([1, 0, 0], 1), ([3, 1], 1.6)])
def test_the_effective_number_of_rows_is_kishs(weights, expected):
    assert effective(sum(weights), sum(w * w for w in weights)) == pytest.approx(expected)
