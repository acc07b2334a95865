import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from mlops_stage.stages.adversarial.affine import Affine
from mlops_stage.stages.adversarial.kinds import kind_of
from mlops_stage.stages.adversarial.linear import linear_margin
from mlops_stage.stages.adversarial.oracle import Oracle
from mlops_stage.stages.adversarial.space import Box, box, distance


class Sums:
    """Scores of weighted sums, in double precision."""

    def __init__(self, affine):
        self.affine = affine

    def run(self, inputs, _):
        return [self.affine.scores(inputs).argmax(axis=1)]


def margins(affine, rows, space, norm):
    oracle = Oracle(Sums(affine), lambda x: {"x": x}, label="label")
    return linear_margin(oracle, affine, rows, oracle.labels(rows), space, norm=norm)


def drawn(seed, width, classes):
    rng = np.random.default_rng(seed)
    affine = Affine(("x",), rng.normal(size=(width, classes)), rng.normal(size=classes), "")
    return affine, rng.random((20, width)).astype(np.float32), rng


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_without_bounds_it_is_the_gap_over_the_dual_norm(norm):
    affine, rows, rng = drawn(0, 5, 2)
    scale = rng.uniform(0.5, 2, 5).astype(np.float32)
    told = margins(affine, rows, box(5, low=-100, high=100, scale=scale), norm)
    scores = affine.scores({"x": rows})
    slope = (affine.weights[:, 1] - affine.weights[:, 0]) * scale
    dual = np.abs(slope).sum() if norm == "linf" else np.sqrt(np.square(slope).sum())
    least = np.abs(scores[:, 1] - scores[:, 0]) / dual
    assert told.distance == pytest.approx(least, rel=1e-3)
    assert (told.distance >= least * (1 - 1e-6)).all()
    assert told.fooled.all()


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("seed", range(4))
def test_with_bounds_it_is_what_a_general_solver_finds(norm, seed):
    affine, rows, _ = drawn(seed, 4, 3)
    told = margins(affine, rows[:6], box(4), norm)
    scores = affine.scores({"x": rows})
    for place in range(6):
        own = scores[place].argmax()
        far = min(solved(affine, rows[place].astype(float), own, other, norm) for other in range(3) if other != own)
        if np.isfinite(far):
            assert told.distance[place] == pytest.approx(far, abs=2e-4)
        else:
            assert told.distance[place] == far


def solved(affine, row, own, other, norm):
    """The least change within [0, 1]: a linear program, or sequential quadratic programming."""
    along = affine.weights[:, other] - affine.weights[:, own]
    gap = (row @ affine.weights + affine.intercepts)[[own, other]] @ [1, -1]
    if np.maximum(along * (1 - row), -along * row).sum() < gap:
        return np.inf
    bounds = [(-x, 1 - x) for x in row]
    if norm == "linf":
        every = np.eye(len(row))
        limits = np.block([[every, -np.ones((len(row), 1))], [-every, -np.ones((len(row), 1))], [-along[None], np.zeros((1, 1))]])
        found = linprog(
            np.append(np.zeros(len(row)), 1), A_ub=limits, b_ub=np.append(np.zeros(2 * len(row)), -gap), bounds=[*bounds, (0, 1)]
        )
        return found.fun
    start = np.where(along > 0, 1 - row, -row)
    limits = [{"type": "ineq", "fun": lambda v: v @ along - gap}]
    found = minimize(
        lambda v: v @ v, start, jac=lambda v: 2 * v, bounds=bounds, constraints=limits, method="SLSQP", options={"ftol": 1e-12}
    )
    assert found.success
    return np.sqrt(found.fun)


def test_where_the_bounds_allow_no_other_label_it_is_infinite():
    affine = Affine(("x",), np.array([[0.0, 1.0]]), np.array([5.0, 0.0]), "")
    told = margins(affine, np.array([[0.5]], dtype=np.float32), box(1), "l2")
    assert np.isinf(told.distance).all()
    assert not told.fooled.any()
    assert told.queries.sum() == 0


def test_features_that_stay_and_categories_give_no_way():
    affine = Affine(("x",), np.array([[0.0, 9.0], [0.0, 9.0], [0.0, 1.0]]), np.array([0.5, 0.0]), "")
    plain = box(3)
    space = Box(
        plain.low, plain.high, plain.scale, np.array([0, 1, 0], dtype=np.float32), np.array([True, False, True]), np.arange(3) > 0, None
    )
    told = margins(affine, np.zeros((1, 3), dtype=np.float32), space, "linf")
    assert told.distance[0] == pytest.approx(0.5, rel=1e-5)
    assert told.rows[0].tolist() == pytest.approx([0, 0, 0.5], abs=1e-5)


class Whole(Box):
    """Features of which some are whole: they go the whole steps that are asked, never further."""

    def project(self, rows, originals):
        inside = super().project(rows, originals)
        steps = np.trunc(inside - originals + np.copysign(1e-4, inside - originals))
        return np.where(self.grid > 0, originals + steps, inside).astype(np.float32)


def whole(grid, high, scale):
    plain = box(len(grid), high=high, scale=scale)
    return Whole(plain.low, plain.high, plain.scale, np.array(grid, dtype=np.float32), plain.continuous, plain.free, plain.corners)


def test_whole_numbers_get_the_first_step_beyond_the_boundary():
    affine = Affine(("x",), np.array([[0.0, 1.0]]), np.array([1.5, 0.0]), "")
    told = margins(affine, np.zeros((1, 1), dtype=np.float32), whole([1], 9, 1), "linf")
    assert told.rows[0, 0] == 2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_on_a_grid_it_is_what_trying_every_row_finds(norm, seed):
    """Four whole features of seven values and scales of their own: 2,401 rows are tried for each."""
    rng = np.random.default_rng(seed)
    space = whole([1] * 4, 6, rng.uniform(0.5, 3, 4))
    affine = Affine(("x",), rng.normal(size=(4, 3)), rng.normal(size=3), "")
    rows = rng.integers(0, 7, (12, 4)).astype(np.float32)
    told = margins(affine, rows, space, norm)
    every = np.stack(np.meshgrid(*[np.arange(7)] * 4, indexing="ij"), axis=-1).reshape(-1, 4).astype(np.float32)
    answers = affine.scores({"x": every}).argmax(axis=1)
    own = affine.scores({"x": rows}).argmax(axis=1)
    truth = np.array(
        [
            distance(space, every[answers != label], np.repeat(row[None], (answers != label).sum(), axis=0), norm).min(initial=np.inf)
            for row, label in zip(rows, own, strict=True)
        ]
    )
    np.testing.assert_array_equal(told.fooled, np.isfinite(truth))
    some = np.isfinite(truth)
    ratio = told.distance[some] / truth[some]
    assert (ratio >= 1 - 1e-5).all()
    assert ratio.max() < (1 + 1e-5 if norm == "linf" else 1.5)
    assert np.median(ratio) < (1 + 1e-5 if norm == "linf" else 1.1)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", ["cancer_logreg", "digits_logreg", "cancer_scaled"])
def test_a_session_confirms_the_closed_form_and_nothing_a_thousandth_nearer(victim, name, norm):
    one = victim(name)
    space, oracle = box(one.rows.shape[1]), one.oracle()
    told = linear_margin(oracle, kind_of(one.model(), "label").affine, one.rows, one.labels, space, norm=norm)
    assert told.fooled.all()
    assert (one.oracle().labels(told.rows) != one.labels).all()
    short = (one.rows + 0.999 * (told.rows - one.rows)).astype(np.float32)
    assert (one.oracle().labels(short) == one.labels).mean() > 0.95
    assert oracle.spent.queries <= 5 * len(one.rows)


def test_no_rows_are_no_work(victim):
    one = victim("cancer_logreg")
    affine = kind_of(one.model(), "label").affine
    assert linear_margin(one.oracle(budget=0), affine, one.rows[:0], one.labels[:0], box(30), norm="l2").distance.shape == (0,)
