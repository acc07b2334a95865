import numpy as np
import pytest
from scipy import stats

from mlops_stage.stages.adversarial.rng import SHARED, normals, uniforms

PINNED = [[0.3831993888092474, 0.8752011727115498], [0.9744489017804414, 0.542929925883382]]


def test_numbers_are_pinned_so_that_a_report_can_be_repeated_by_a_later_version():
    drawn = uniforms(7, "start", [0, 5], 3, 2)
    assert drawn.tolist() == PINNED


def test_a_rows_numbers_do_not_depend_on_the_rows_beside_it():
    together = uniforms(1, "start", np.arange(100), 4, 9)
    assert np.array_equal(together[[17, 3]], uniforms(1, "start", [17, 3], 4, 9))
    assert np.array_equal(together[:, :4], uniforms(1, "start", np.arange(100), 4, 4))


@pytest.mark.parametrize(
    "other", [(2, "start", [0], 0), (1, "stars", [0], 0), (1, "start", [1], 0), (1, "start", [0], 1), (1, "start", [SHARED], 0)]
)
def test_seed_stream_row_and_step_each_give_other_numbers(other):
    one, two = uniforms(1, "start", [0], 0, 1000), uniforms(*other, 1000)
    assert not np.isin(one, two).any()
    assert abs(np.corrcoef(one[0], two[0])[0, 1]) < 0.1


def test_streams_that_share_their_first_eight_letters_differ():
    assert not np.array_equal(uniforms(0, "directions 0", [0], 0, 5), uniforms(0, "directions 1", [0], 0, 5))


@pytest.mark.parametrize("draw", [lambda: uniforms(0, "a", np.arange(500), 0, 40), lambda: uniforms(0, "a", [SHARED], 0, 20_000)])
def test_uniform_numbers_fill_the_unit_interval_evenly(draw):
    drawn = draw().ravel()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert stats.kstest(drawn, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 4 / np.sqrt(drawn.size)


@pytest.mark.parametrize("count", [1, 20_001])
def test_normal_numbers_are_normal(count):
    drawn = normals(3, "a", np.arange(20_000 // count + 1), 0, count)
    assert drawn.shape == (20_000 // count + 1, count)
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 0.001


def test_any_seed_and_any_id_is_taken():
    assert np.isfinite(normals(2**63 - 1, "", [-(2**63), 2**63 - 1], 2**40, 3)).all()
