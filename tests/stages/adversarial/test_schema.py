"""What is learned of valid rows, and that it is honest."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.errors import UsageError
from mlops_stage.stages.adversarial.schema import CONSTANT, IMMUTABLE, Category, Number, OneHot, synthesised


def of(features, column):
    return next(feature for feature in features if column in feature.columns)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_a_range_leaves_the_tails_out_but_never_leaves_what_was_seen(frame, rng):
    income = np.append(rng.normal(40, 10, 999), 4000.0)
    feature = of(synthesised(frame(income=income), frame(income=income[:5])), "income")
    below, above = np.percentile(income, [1, 99])
    assert isinstance(feature, Number)
    assert income.min() <= feature.low < below
    assert above < feature.high < 100, "one row of 4000 widens nothing"
    assert feature.scale == pytest.approx(income.std())
    assert not feature.whole


def test_an_end_is_nobodys_exact_value(frame, rng):
    height = rng.uniform(1.5, 1.9, 500)
    feature = of(synthesised(frame(height=height), frame(height=height)), "height")
    assert feature.low not in height
    assert feature.low * 1000 == pytest.approx(round(feature.low * 1000))
    assert height.min() <= feature.low <= feature.high <= height.max()


def test_whole_numbers_stay_whole_unless_a_judged_row_says_otherwise(frame, rng):
    age = rng.integers(18, 80, 400)
    assert of(synthesised(frame(age=age), frame(age=age)), "age").whole
    assert not of(synthesised(frame(age=age), frame(age=[30.5, 40])), "age").whole


def test_what_does_not_vary_may_not_change(frame):
    feature = of(synthesised(frame(a=[3.0] * 40, b=np.arange(40)), frame(a=[3.0], b=[1])), "a")
    assert feature.fixed == CONSTANT
    assert feature.scale == 1


def test_an_empty_column_is_no_crash(frame):
    feature = of(synthesised(frame(a=[np.nan] * 4), frame(a=[np.nan])), "a")
    assert feature.fixed == CONSTANT


def test_columns_that_exclude_one_another_are_one_choice(frame, rng):
    job = rng.integers(0, 3, 200)
    columns = {f"job_{name}": (job == code) * 1.0 for code, name in enumerate("abc")}
    features = synthesised(frame(**columns), frame(**columns))
    assert features == (OneHot(levels=("job_a", "job_b", "job_c"), known=3),)
    assert features[0].stem == "job"


def test_a_group_whose_first_column_was_dropped_may_be_none(frame, rng):
    job = rng.integers(0, 3, 200)
    columns = {f"job_{name}": (job == code) * 1.0 for code, name in enumerate("ab")}
    assert synthesised(frame(**columns), frame(**columns)) == (OneHot(levels=("job_a", "job_b", ""), known=3),)


def test_a_group_is_found_by_its_sum_where_names_say_nothing(frame, rng):
    job = rng.integers(0, 3, 200)
    columns = {name: (job == code) * 1.0 for code, name in enumerate(("clerk", "smith", "cook"))}
    member = rng.integers(0, 2, 200)
    features = synthesised(frame(member=member, **columns), frame(member=member[:3], **{k: v[:3] for k, v in columns.items()}))
    assert of(features, "smith") == OneHot(levels=("clerk", "smith", "cook"), known=3)
    assert isinstance(of(features, "member"), Number)


def test_flags_that_occur_together_are_no_group(frame, rng):
    columns = {f"has_{name}": rng.integers(0, 2, 200) for name in "abc"}
    assert all(isinstance(feature, Number) for feature in synthesised(frame(**columns), frame(**columns)))


def test_a_few_rows_show_no_group(frame):
    columns = {"job_a": [1.0, 0.0], "job_b": [0.0, 1.0]}
    assert all(isinstance(feature, Number) for feature in synthesised(frame(**columns), frame(**columns)))


def test_a_column_of_the_group_that_the_reference_never_sets_is_known_but_not_reachable(frame, rng):
    job = rng.integers(0, 2, 100)
    columns = {f"job_{name}": (job == code) * 1.0 for code, name in enumerate("abc")}
    judged = {"job_a": [0.0], "job_b": [0.0], "job_c": [1.0]}
    assert synthesised(frame(**columns), frame(**judged)) == (OneHot(levels=("job_a", "job_b", "job_c"), known=2),)


def test_levels_of_the_reference_come_first(frame):
    found = synthesised(frame(texts={"town": ["b", "a", ""]}), frame(texts={"town": ["c", "a"]}))
    assert found == (Category(column="town", levels=("a", "b", "", "c"), known=3),)


def test_declared_columns(frame, rng):
    job, age = rng.integers(0, 3, 200), rng.integers(18, 80, 200)
    columns = {f"job_{name}": (job == code) * 1.0 for code, name in enumerate("abc")} | {"age": age, "debt": age * 1.5}
    features = synthesised(frame(**columns), frame(**columns), immutable=("job", "debt"), monotone={"age": "up"})
    assert of(features, "job_b").fixed == IMMUTABLE
    assert of(features, "debt").fixed == IMMUTABLE
    assert of(features, "age").way == "up"


def test_a_category_has_no_up(frame):
    with pytest.raises(UsageError, match="town"):
        synthesised(frame(texts={"town": ["a", "b"]}), frame(texts={"town": ["a"]}), monotone={"town": "up"})


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("capital", "its columns: capital_gain, capital_loss"),
        ("jobs", "'job'"),
        ("agee", "'age'"),
        ("has", "its columns: has_car, has_cat"),
    ],
)
def test_what_would_fix_nothing_is_refused_with_the_nearest_name(frame, rng, name, near):
    """A stem stands for a group of columns that exclude one another, never for columns that merely begin alike."""
    job = rng.integers(0, 3, 200)
    amounts = {"capital_gain": rng.normal(size=200), "capital_loss": rng.normal(size=200), "age": rng.integers(18, 80, 200)}
    flags = {f"has_{thing}": rng.integers(0, 2, 200) for thing in ("car", "cat")}
    columns = {**amounts, **flags, **{f"job_{name}": (job == code) * 1.0 for code, name in enumerate("abc")}}
    with pytest.raises(UsageError, match=f"immutable: .*'{name}'") as caught:
        synthesised(frame(**columns), frame(**columns), immutable=("age", name))
    assert near in caught.value.hint


def test_a_column_that_the_model_does_not_take_may_be_immutable(frame, rng):
    age = rng.integers(18, 80, 200)
    assert of(synthesised(frame(age=age), frame(age=age), immutable=("client",), others=("client", "age")), "age").fixed == ""
