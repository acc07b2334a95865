import numpy as np
import pytest

from mlops_stage.stages.adversarial.space import Box, box, distance

F = np.float32


def test_a_box_projects_to_its_corners_and_twice_is_once():
    for space in (box(2), box(2, low=[0, 0.5], high=[1, 2])):
        rows = np.array([[-1, 9], [0.25, 0.75]], dtype=F)
        once = space.project(rows.copy(), rows)
        assert once.tolist() == [[0, space.high[1]], [0.25, 0.75]]
        assert np.array_equal(space.project(once.copy(), rows), once)


def test_a_box_takes_rows_of_more_dimensions():
    rows = np.full((3, 4, 2), 7, dtype=F)
    assert np.array_equal(box(2).project(rows, np.zeros((3, 1, 2), dtype=F)), np.ones((3, 4, 2)))


@pytest.mark.parametrize("options", [{"low": 2}, {"high": np.inf}, {"low": np.nan}, {"scale": 0}, {"scale": [-1, 1]}])
def test_a_box_that_is_none_is_refused(options):
    with pytest.raises(ValueError, match="a box needs"):
        box(2, **options)


def test_distances_are_in_units_of_the_scale():
    space = box(2, high=100, scale=[2, 5])
    rows, originals = np.array([[6, 20]], dtype=F), np.array([[0, 0]], dtype=F)
    assert distance(space, rows, originals, "l2") == [5]
    assert distance(space, rows, originals, "linf") == [4]


def test_another_category_is_one_step_away_whatever_its_index():
    plain = box(2, high=9, scale=[1, 0.5])
    space = Box(plain.low, plain.high, plain.scale, np.array([0, 1], dtype=F), np.array([True, False]), plain.free, None)
    rows, originals = np.array([[0, 9], [0, 1], [3, 0]], dtype=F), np.zeros((3, 2), dtype=F)
    assert distance(space, rows, originals, "linf").tolist() == [2, 2, 3]
