from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.stats.cells import count_cells, effective, grouped_codes, pair_codes

LABEL = np.array([0, 0, 1, 1, 2, 2])
PREDICTION = np.array([0, 1, 1, 1, 2, 0])


def test_rows_are_labels_and_columns_are_predictions():
    cells = count_cells(pair_codes(LABEL, PREDICTION, 3), (3, 3))
    assert cells.rows.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert cells.mass is cells.rows
    assert cells.squares is cells.rows


def test_weights_and_their_squares_are_summed_beside_the_rows():
    weight = np.array([1, 2, 3, 4, 5, 6.0])
    cells = count_cells(pair_codes(LABEL, PREDICTION, 3), (3, 3), weight)
    assert cells.rows[1, 1] == 2
    assert cells.mass[1, 1] == 7
    assert cells.squares[1, 1] == 25


def test_one_pass_counts_every_group():
    group = np.array([0, 0, 0, 2, 2, 2])
    cells = count_cells(grouped_codes(group, pair_codes(LABEL, PREDICTION, 3), 9), (3, 3, 3))
    for index in range(3):
        mine = group == index
        alone = count_cells(pair_codes(LABEL[mine], PREDICTION[mine], 3), (3, 3))
        assert (cells[index].rows == alone.rows).all()


def test_small_codes_do_not_overflow():
    label = np.full(4, 200, dtype=np.uint8)
    assert pair_codes(label, label, 201).tolist() == [200 * 201 + 200] * 4


@pytest.mark.parametrize(("weights", "expected"), [([1, 1, 1], 3), ([2, 2, 2], 3), ([1, 0, 0], 1), ([3, 1], 1.6)])
def test_the_effective_number_of_rows_is_kishs(weights, expected):
    assert effective(sum(weights), sum(w * w for w in weights)) == pytest.approx(expected)
