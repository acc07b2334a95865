from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlops_stage.errors import InputError, UsageError
from mlops_stage.estimates import Sampled
from mlops_stage.inputs.tables.connection import connect, run
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.profile import (
    Categories,
    Numbers,
    Omitted,
    Profile,
    as_text,
    counted,
    histogram,
    is_point,
    read_profile,
)
from mlops_stage.inputs.tables.profiled import profile_of
from mlops_stage.stats.drift import ks

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "ab" * 32


def profile(folder: Path, frame: pd.DataFrame, name: str = "x.parquet", **options: object) -> Profile:
    if name.endswith("csv"):
        frame.to_csv(folder / name, index=False)
    else:
        frame.to_parquet(folder / name)
    return profile_of(open_table(name, folder), DIGEST, **options)  # type: ignore[arg-type]  # passed on


def frame(n: int = 2000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "x": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "age": rng.integers(18, 90, n),
            "colour": rng.choice(["red", "green", "blue"], n, p=[0.6, 0.395, 0.005]),
            "email": [f"person{place % 40}@example.org" for place in range(n)],
            "note": [f"{place} says so" for place in range(n)],
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), unit="h"),
            "flag": rng.random(n) < 0.5,
        }
    )


@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
def test_a_profile_holds_counts_that_add_up_to_the_rows(tmp_path: Path, name: str) -> None:
    made = frame()
    found = profile(tmp_path, made, name)
    assert found.rows == 2000
    for column in found.columns:
        if isinstance(column, Numbers):
            assert sum(column.counts) + column.nulls + column.odd == 2000
        if isinstance(column, Categories):
            assert sum(column.counts) + column.others + column.nulls == 2000
    x = found.column("x")
    assert isinstance(x, Numbers)
    below = np.searchsorted(np.sort(made["x"].dropna()), x.edges, side="right")
    assert np.cumsum(x.counts)[:-1].tolist() == below.tolist()
    # pandas writes NaN to Parquet as NULL, and to CSV as an empty cell
    assert x.nulls == made["x"].isna().sum()


def test_csv_and_parquet_of_the_same_data_have_the_same_bins(tmp_path: Path) -> None:
    columns = ["x", "age", "colour", "flag"]
    a, b = profile(tmp_path, frame()[columns]), profile(tmp_path, frame()[columns], "x.csv")
    assert a.columns == b.columns


def test_what_is_left_out_says_why(tmp_path: Path) -> None:
    found = profile(tmp_path, frame(), sensitive=["age"])
    reasons = {column.name: column.reason for column in found.columns if isinstance(column, Omitted)}
    assert reasons == {
        "id": "every value stands there once: it identifies rows",
        "age": "numbers of a sensitive column are not kept",
        "note": "more than 1,000 different values",
        "when": "times move on by nature",
    }


def test_no_value_of_a_sensitive_or_personal_column_and_no_rare_one_stands_in_the_file(tmp_path: Path) -> None:
    text = as_text(profile(tmp_path, frame(), sensitive=["colour"]))
    assert "example.org" not in text
    assert "red" not in text
    assert "says so" not in text
    open_text = as_text(profile(tmp_path, frame()))
    assert "red" in open_text
    assert "blue" not in open_text or '"others": 0' in open_text


def test_counting_the_same_data_again_gives_the_same_counts(tmp_path: Path) -> None:
    found = profile(tmp_path, frame(), sensitive=["colour"])
    table = open_table("x.parquet", tmp_path)
    for column in found.columns:
        if isinstance(column, Omitted):
            continue
        sql = ", ".join(histogram(column, table, found.salt))
        counts, nulls, odd = counted(column, run(connect(table.paths), f"SELECT {sql} FROM {table.scan}", "x")[0])  # noqa: S608  (our own SQL)
        rest = [column.others] if isinstance(column, Categories) else []
        assert counts.tolist() == [*column.counts, *rest]
        assert (nulls, odd) == (column.nulls, column.odd if isinstance(column, Numbers) else 0)


def test_a_value_that_the_profile_does_not_know_is_counted_as_new_and_a_rare_one_is_not(tmp_path: Path) -> None:
    made = frame()[["colour"]]
    made.loc[:3, "colour"] = "violet"
    found = profile(tmp_path, made)
    column = found.column("colour")
    assert isinstance(column, Categories)
    assert "violet" not in column.levels
    pd.DataFrame({"colour": ["violet", "red", "mauve", "mauve", None, ""]}).to_parquet(tmp_path / "new.parquet")
    table = open_table("new.parquet", tmp_path)
    sql = ", ".join(histogram(column, table, found.salt))
    counts, nulls, new = counted(column, run(connect(table.paths), f"SELECT {sql} FROM {table.scan}", "x")[0])  # noqa: S608  (our own SQL)
    assert (counts.sum(), nulls, new) == (5, 1, 3)


def test_values_far_from_zero_keep_their_bins(tmp_path: Path) -> None:
    x = profile(tmp_path, pd.DataFrame({"x": 1e6 + np.random.default_rng(0).random(5000)})).column("x")
    assert isinstance(x, Numbers)
    assert len(x.edges) > 150


def test_infinities_and_nan_are_no_numbers_to_compare(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x\n" + "\n".join(["1", "2", "nan", "inf", "-inf"] * 50))
    x = profile_of(open_table("x.csv", tmp_path), DIGEST).column("x")
    assert isinstance(x, Numbers)
    assert (x.odd, sum(x.counts)) == (150, 100)


@pytest.mark.parametrize("cell", ["", "word"])
def test_columns_without_any_number_are_counted(tmp_path: Path, cell: str) -> None:
    (tmp_path / "x.csv").write_text("x,y\n" + f"{cell},1\n" * 50)
    found = profile_of(open_table("x.csv", tmp_path), DIGEST, kinds={"x": "number"})
    (tmp_path / "good.csv").write_text("x,y\n" + "".join(f"{place % 7},1\n" for place in range(50)))
    earlier = profile_of(open_table("good.csv", tmp_path), DIGEST)
    x = earlier.column("x")
    assert isinstance(x, Numbers)
    assert isinstance(found.column("x"), Omitted)
    table = open_table("x.csv", tmp_path)
    sql = ", ".join(histogram(x, table, earlier.salt))
    counts, nulls, odd = counted(x, run(connect(table.paths), f"SELECT {sql} FROM {table.scan}", "x")[0])  # noqa: S608  (our own SQL)
    assert (counts.sum(), nulls, odd) == ((0, 50, 0) if not cell else (0, 0, 50))


def test_categories_of_a_column_that_is_all_missing_are_counted(tmp_path: Path) -> None:
    earlier = profile(tmp_path, frame()[["colour"]])
    column = earlier.column("colour")
    assert isinstance(column, Categories)
    (tmp_path / "none.csv").write_text("colour,y\n" + ",1\n" * 30)
    table = open_table("none.csv", tmp_path)
    sql = ", ".join(histogram(column, table, earlier.salt))
    counts, nulls, new = counted(column, run(connect(table.paths), f"SELECT {sql} FROM {table.scan}", "x")[0])  # noqa: S608  (our own SQL)
    assert (counts.sum(), nulls, new) == (0, 30, 0)


SHAPES = {
    "flag": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "zero-inflated": lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.lognormal(0, 3, n)),
    "integers": lambda rng, n: rng.poisson(6, n).astype(float),
    "many integers": lambda rng, n: rng.integers(0, 5000, n).astype(float),
    "heavy tail": lambda rng, n: rng.standard_cauchy(n),
    "rounded": lambda rng, n: rng.normal(size=n).round(1),
    "capped": lambda rng, n: np.minimum(rng.normal(size=n), 0.5),
    "constant": lambda _, n: np.full(n, 3.5),
}
MOVES = {
    "moved by one": lambda _, x: x - 1.0,
    "off the atoms": lambda rng, x: x - rng.choice([0.5, 1e-9], len(x)),
    "half of it": lambda _, x: x[: len(x) // 2],
    "stretched": lambda _, x: x * 1.1,
    "the same": lambda _, x: x,
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_distance_at_the_edges_is_exact_but_for_the_largest_bin_of_many_values(tmp_path: Path, shape: str, move: str) -> None:
    rng = np.random.default_rng(0)
    before = SHAPES[shape](rng, 4000)
    now = MOVES[move](rng, SHAPES[shape](rng, 4000))
    x = profile(tmp_path, pd.DataFrame({"x": before})).column("x")
    assert isinstance(x, Numbers)
    counts = np.bincount(np.searchsorted(x.edges, now, side="left"), minlength=len(x.edges) + 1)
    points = np.array([is_point(x.edges, place) for place in range(len(x.counts))])
    assert max((count for count, point in zip(x.counts, points, strict=True) if not point), default=0) <= 0.011 * 4000
    found = ks(np.array(x.counts), counts, points)
    exact = stats.ks_2samp(before, now).statistic
    assert isinstance(found, Sampled)
    assert exact - 0.011 <= found.value <= exact + 1e-12
    assert found.bound(0.95) >= exact
    if shape in {"flag", "integers", "rounded", "constant"} and move != "off the atoms":
        assert found.value == pytest.approx(exact, abs=1e-12)


def test_few_rows_are_kept_in_bins_of_ten_or_more(tmp_path: Path) -> None:
    x = profile(tmp_path, pd.DataFrame({"x": [*np.arange(60.0), *np.zeros(30)]})).column("x")
    assert isinstance(x, Numbers)
    assert min(count for count in x.counts if count) >= 9


def test_a_profile_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = profile(tmp_path, frame())
    (tmp_path / "profile.json").write_text(as_text(made))
    assert read_profile("profile.json", tmp_path) == made
    assert len(as_text(made)) < 20_000


BAD = {
    "not JSON": ("{", "no valid JSON"),
    "a list": ("[]", "no profile"),
    "newer": ('{"version": 2}', "version 2"),
    "bare": ('{"version": 1}', "no profile: "),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_profile_is_refused(tmp_path: Path, name: str) -> None:
    content, told = BAD[name]
    (tmp_path / "profile.json").write_text(content)
    with pytest.raises(InputError, match=told):
        read_profile("profile.json", tmp_path)


@pytest.mark.parametrize("change", [{"counts": [1]}, {"edges": [3.0, 2.0], "counts": [1, 1, 1]}, {"edges": [1.0], "counts": [5, -1]}])
def test_counts_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    plain = json.loads(as_text(profile(tmp_path, frame()[["age"]])))
    plain["columns"][0].update(change)
    (tmp_path / "profile.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match="do not fit"):
        read_profile("profile.json", tmp_path)


def test_no_profile_is_a_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_profile("profile.json", tmp_path)
