import numpy as np
import pytest

from mlops_stage.evidence.redact import MINIMUM_COUNT, window


def test_a_window_leaves_room_on_both_sides_of_a_count():
    for count in range(15, 300):
        low, high = window(count)
        assert low + 5 <= count <= high - 5
        assert high - low == 19


def test_no_window_reaches_down_to_small_counts_which_are_told_otherwise():
    for count in range(MINIMUM_COUNT, 15):
        assert window(count) == (10, 19)


def test_a_zero_is_told():
    assert window(0) == (0, 0)


def test_a_window_tells_no_more_than_ten_neighbours_share():
    told = {}
    for count in range(15, 1_000):
        told.setdefault(window(count), []).append(count)
    assert {len(counts) for counts in list(told.values())[:-1]} == {10}


@pytest.mark.parametrize("kind", [np.int64, float])
def test_windows_of_many_counts_are_those_of_each(kind):
    counts = np.array([0, 10, 14, 15, 24, 25, 99, 10_000])
    low, high = window(counts.astype(kind))
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [window(count) for count in counts.tolist()]
