"""Rows that attacks propose become valid ones, and go to the model as its inputs."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.inputs.columns import Feed
from mlops_stage.stages.adversarial.schema import synthesised
from mlops_stage.stages.adversarial.space import distance
from mlops_stage.stages.adversarial.tabular import Tabular

N = 300


@pytest.fixture
def table(frame):
    rng = np.random.default_rng(0)
    job = rng.integers(0, 3, N)
    income = rng.lognormal(3, 0.5, N).round(2)
    income[5] = np.nan
    income[6] = 10_000
    return frame(
        age=rng.integers(18, 80, N),
        income=income,
        sex=rng.integers(0, 2, N),
        **{f"job_{name}": (job == code) * 1.0 for code, name in enumerate("abc")},
        texts={"town": rng.choice(["Ulm", "Aix", ""], N).tolist()},
    )


FEEDS = (
    Feed(input="x", dtype="float32", columns=("job_a", "age", "job_b", "income", "job_c", "sex"), rank=2),
    Feed(input="town", dtype="string", columns=("town",), rank=2),
    Feed(input="years", dtype="int64", columns=("age",), rank=1),
)


def space_of(table, **declared):
    features = synthesised(table, table, immutable=("sex",), **declared)
    return Tabular(features, FEEDS, [table], category_distance=1.0)


def wild(space, originals, seed=1):
    rng = np.random.default_rng(seed)
    return (originals + rng.normal(size=originals.shape) * 3 * space.scale).astype(np.float32)


def test_rows_survive_the_way_there_and_back(table):
    space = space_of(table)
    rows = space.encoded(table)
    x = space.feeds(rows)["x"]
    for place, column in enumerate(FEEDS[0].columns):
        np.testing.assert_array_equal(x[:, place], table.numbers[column].astype(np.float32))
    assert space.feeds(rows)["years"].dtype == np.int64
    assert space.feeds(rows)["years"].shape == (N,)
    codes = table.texts["town"]
    assert space.feeds(rows)["town"][:, 0].tolist() == [codes.levels[code] if code >= 0 else "" for code in codes.codes]


def test_a_row_as_it_is_is_valid_and_stays(table):
    space = space_of(table)
    rows = space.encoded(table)
    assert space.satisfied(rows, rows).all()
    np.testing.assert_array_equal(space.project(rows.copy(), rows), rows)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_proposed_becomes_valid(table, seed):
    space = space_of(table, monotone={"age": "up", "income": "down"})
    originals = space.encoded(table)
    rows = space.project(wild(space, originals, seed), originals)
    assert space.satisfied(rows, originals).all()
    assert (rows != originals).any(axis=0).tolist() == [bool(flag) for flag in space.free]
    np.testing.assert_array_equal(space.project(rows.copy(), originals), rows)
    made = space.feeds(rows)["x"]
    age, income, jobs, sex = made[:, 1], made[:, 3], made[:, [0, 2, 4]], made[:, 5]
    assert (age == np.rint(age)).all()
    assert (age >= table.numbers["age"]).all()
    known = ~np.isnan(table.numbers["income"])
    assert (income[known] <= table.numbers["income"].astype(np.float32)[known]).all()
    np.testing.assert_array_equal(np.isnan(income), ~known)
    assert (jobs.sum(axis=1) == 1).all()
    assert np.isin(jobs, (0, 1)).all()
    np.testing.assert_array_equal(sex, table.numbers["sex"])


def test_no_feature_ends_farther_from_its_original_than_it_was_proposed(table):
    space = space_of(table)
    originals = space.encoded(table)
    proposed = wild(space, originals)
    rows = space.project(proposed.copy(), originals)
    numbers = space.continuous
    assert (np.abs(rows - originals) <= np.abs(proposed - originals) + 1e-3)[:, numbers].all()


def test_projecting_many_candidates_of_a_row_is_projecting_each(table):
    space = space_of(table)
    originals = space.encoded(table)[:7]
    many = np.stack([wild(space, originals, seed) for seed in range(4)], axis=1)
    together = space.project(many.copy(), originals[:, None, :])
    for one in range(4):
        np.testing.assert_array_equal(together[:, one], space.project(many[:, one].copy(), originals))


@pytest.mark.parametrize(
    ("column", "value"),
    [("age", 30.5), ("age", 200), ("age", -5), ("income", 1e6), ("sex", 2), ("sex", 0.5), ("town", 3), ("town", 0.5), ("job_a", -1)],
)
def test_what_is_not_valid_is_called_so(table, column, value):
    space = space_of(table)
    originals = space.encoded(table)[:1]
    place = next(at for at, feature in enumerate(space.features) if column in feature.columns)
    rows = originals.copy()
    rows[0, place] = value
    assert not space.satisfied(rows, originals).any()


def test_a_row_beyond_the_range_may_stay_or_come_back(table):
    space = space_of(table)
    originals = space.encoded(table)[6:7]
    place = [feature.columns for feature in space.features].index(("income",))
    assert originals[0, place] > space.high[place]
    rows = originals.copy()
    rows[0, place] = 50
    assert space.satisfied(rows, originals).all()
    rows[0, place] = 20_000
    np.testing.assert_array_equal(space.project(rows.copy(), originals), originals)


def test_an_empty_cell_costs_no_distance_and_shows_as_empty(table):
    space = space_of(table)
    originals = space.encoded(table)[5:6]
    assert space.cells(originals[0])["income"] is None
    rows = space.project(wild(space, originals), originals)
    assert space.cells(rows[0])["income"] is None
    assert np.isfinite(distance(space, rows, originals, "linf")).all()


def test_a_category_is_as_far_as_declared(table):
    features = synthesised(table, table)
    rows = Tabular(features, FEEDS, [table]).encoded(table)[:1]
    place = [feature.columns for feature in features].index(("town",))
    other = rows.copy()
    other[0, place] = (other[0, place] + 1) % 3
    for declared in (0.0, 0.25, 1.0, 3.0):
        space = Tabular(features, FEEDS, [table], category_distance=declared)
        assert distance(space, other, rows, "linf")[0] == pytest.approx(declared, abs=1e-6)


def test_cells_are_as_short_as_in_the_table(table):
    space = space_of(table)
    cells = space.cells(space.encoded(table)[0])
    assert cells["income"] == table.numbers["income"][0]
    assert isinstance(cells["age"], int)
    assert sorted(cells) == sorted(table.columns)
