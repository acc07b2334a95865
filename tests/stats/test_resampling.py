from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.stats import resampling
from mlops_stage.stats.resampling import FEWEST_DRAWS, bootstrap, sampled


def kappa(tables):
    total = tables.sum((-1, -2))
    agreed = np.trace(tables, axis1=-2, axis2=-1) / total
    chance = (tables.sum(-1) * tables.sum(-2)).sum(-1) / total**2
    return (agreed - chance) / (1 - chance)


TABLE = np.array([[40, 9], [7, 44]])


def test_drawing_cells_is_drawing_rows():
    rng = np.random.default_rng(1)
    rows = np.repeat(np.arange(4), TABLE.ravel())
    by_rows = [kappa(np.bincount(rng.choice(rows, 100), minlength=4).reshape(2, 2)) for _ in range(3_000)]
    by_cells = bootstrap(TABLE, 100, {"": kappa}, draws=3_000, seed=0)[""]
    assert np.mean(by_cells) == pytest.approx(np.mean(by_rows), abs=0.01)  # the spread row draws it to 0 a little
    assert np.std(by_cells) == pytest.approx(np.std(by_rows), rel=0.05)


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    first, again, other = (bootstrap(TABLE, 100, {"": kappa}, draws=300, seed=seed)[""] for seed in (5, 5, 6))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_a_table_without_errors_still_varies():
    drawn = bootstrap(np.array([[25, 0], [0, 25]]), 50, {"": kappa}, draws=2_000, seed=0)[""]
    assert drawn.max() == 1
    assert 0.9 < np.quantile(drawn, 0.05) < 1


def test_drawing_a_few_tables_at_a_time_changes_nothing(monkeypatch):
    at_once = bootstrap(TABLE, 100, {"": kappa}, draws=500, seed=1)[""]
    monkeypatch.setattr(resampling, "_AT_ONCE", 28)
    assert bootstrap(TABLE, 100, {"": kappa}, draws=500, seed=1)[""].tolist() == at_once.tolist()


def test_very_many_cells_cost_draws_but_never_all_of_them(monkeypatch):
    table = np.eye(100) * 100  # 10,000 cells of which 100 hold rows: only these are drawn
    drawn = bootstrap(table, 10_000, {"": lambda tables: np.trace(tables, axis1=-2, axis2=-1)}, draws=300, seed=0)[""]
    assert (drawn == 10_000).all()
    monkeypatch.setattr(resampling, "_MOST_WORK", 1_000_000)
    assert len(bootstrap(np.ones(8_000), 8_000, {"": lambda tables: tables[:, 0]}, draws=2_000, seed=0)[""]) == FEWEST_DRAWS


def test_weighted_mass_is_scaled_to_the_effective_number_of_rows():
    total = bootstrap(TABLE * 7.0, 100, {"": lambda tables: tables.sum((-1, -2))}, draws=200, seed=0)[""]
    assert (total == 100).all()


def test_bounds_never_leave_the_figure_itself_outside():
    estimate = sampled(1.0, 1, np.linspace(0, 0.9, 300))
    assert estimate.bound(0.05) == pytest.approx(0.045, abs=0.003)
    assert estimate.bound(0.95) == 1.0
