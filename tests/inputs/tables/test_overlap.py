from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_stage.errors import InputError, LimitError, UsageError
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.overlap import Overlap, shared_rows


@pytest.fixture
def table(tmp_path):
    def written(name, content):
        if isinstance(content, str):
            (tmp_path / name).write_text(content)
        else:
            pq.write_table(pa.table(content), tmp_path / name)
        return open_table(name, tmp_path, name.split(".")[0])

    return written


def test_shared_rows_are_counted_and_shown_by_row_number(table):
    train = table("train.csv", "a,b,c\n1,x,9\n2,y,9\n3,,9\n1,x,9\n")
    data = table("data.csv", "b,a,d\nz,9,0\n,3,0\nx,1,0\ny,1,0\nx,1,0\n")
    assert shared_rows(train, data) == Overlap(
        shared=3, of=5, repeated=1, earlier=4, recurring=2, columns=("a", "b"), examples=((3, 2), (1, 3))
    )
    assert shared_rows(train, data, ["b"]).shared == 4
    assert shared_rows(data, data).shared == 5


def test_nothing_shared_is_zero(table):
    found = shared_rows(table("train.csv", "a\n1\n"), table("data.csv", "a\n2\n2\n"))
    assert (found.shared, found.of, found.repeated, found.examples) == (0, 2, 1, ())


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("a,b\n25,x\n", "a,b\n25.0,x\n", 1),
        ("a,b\n1,True\n0.5,False\n", {"a": [1.0, 0.5], "b": [True, False]}, 2),
        ("a,b\n7,x\n,y\n", {"a": [7, None], "b": ["x", "y"]}, 2),
        ({"a": pa.array([0.1, 2], pa.float32())}, "a,b\n0.1,\n2.0,\n", 2),
        ({"a": pa.array([0.1, 2], pa.float32())}, {"a": [0.1, 2.0]}, 2),
        ({"a": [2**60]}, {"a": pa.array([2**60 + 1], pa.uint64())}, 0),
        ({"a": [1, 2]}, {"a": [1.0, 2.5]}, 1),
        ({"a": ["x", None]}, '{"a": "x"}\n{"a": null}\n', 2),
        ({"a": [float("nan"), -0.0]}, {"a": [float("nan"), 0.0]}, 2),
    ],
)
def test_the_same_values_are_the_same_in_every_format(table, first, second, shared):
    name = "data.parquet" if isinstance(second, dict) else "data.jsonl" if second.startswith("{") else "data.csv"
    opened = table("train.csv" if isinstance(first, str) else "train.parquet", first), table(name, second)
    assert shared_rows(*opened).shared == shared
    assert shared_rows(*reversed(opened)).shared == shared


SPELT = {
    # one value, spelt differently: first table, second table, rows of the second that the first has
    "zeros at the end": ("a\n1.5\n2\n", "a\n1.50\n2.000\n", 2),
    "exponents": ("a\n1500\n0.001\n", "a\n1.5e3\n1e-3\n", 2),
    "signs": ("a\n-0.0\n+7\n", "a\n0\n7\n", 2),
    "missing cells beside": ("a,b\n1.5,x\n,y\n", "a,b\n1.50,x\n,y\n", 2),
    "dates and times": ("a\n2024-01-05\n2024-02-29\n", "a\n2024-01-05 00:00:00\n2024-02-29T00:00:00Z\n", 2),
    "a date and a stored timestamp": ("a\n2024-01-05\n", {"a": pa.array([1704412800000000], pa.timestamp("us"))}, 1),
    "a stored date and a stored timestamp": (
        {"a": pa.array([19727], pa.date32())},
        {"a": pa.array([1704412800000], pa.timestamp("ms", tz="UTC"))},
        1,
    ),
    "truth": ("a\nTrue\nFALSE\n", "a\ntrue\nfalse\n", 2),
    "codes with leading zeros are no numbers": ("a\n007\n7\n", "a\n0070\n07\n", 0),
    "long codes are no floats": ("a\n12345678901234567890\n", "a\n12345678901234567891\n", 0),
    "one cell that is no number keeps all as text": ("a\n1.5\nx\n", "a\n1.50\nx\n", 1),
    "no underscores": ("a\n1_000\n", "a\n1000\n", 0),
    "columns without a cell": ("a,b\n,1\n,2\n", "a,b\n,1.0\n,2.0\n", 2),
}


@pytest.mark.parametrize("name", SPELT)
def test_cells_are_compared_by_what_they_mean(table, name):
    first, second, shared = SPELT[name]
    kinds = ["csv" if isinstance(one, str) else "parquet" for one in (first, second)]
    opened = table(f"train.{kinds[0]}", first), table(f"data.{kinds[1]}", second)
    assert shared_rows(*opened).shared == shared
    assert shared_rows(*reversed(opened)).shared == shared


def test_a_late_cell_that_is_no_number_counts_as_well(table):
    many = "a\n" + "1.5\n" * 5000
    assert shared_rows(table("train.csv", many + "x\n"), table("data.csv", many.replace("1.5", "1.50"))).shared == 0
    assert shared_rows(table("train.csv", many), table("data.csv", many.replace("1.5", "1.50"))).shared == 5000


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("a\n5\n", "a\n0.5e1\n", 1),  # a number, whatever it begins with
        ("a\n007\n", "a\n7\n", 0),  # a code
        ("a\n+05\n", "a\n5\n", 0),
        ("a\n1\n", "a\n2024-01-05\n1.0\n", 1),  # the second table alone is of texts
        ("a,b\n,1\n,2\n", "a,b\n2024-01-05,1\n2024-01-05,3\n", 0),  # the first is of no kind
        ("a\n2024-01-05\n", "a\n2024-01-05 00:00:00\nnone\n", 0),  # times that are not all times are texts
    ],
)
def test_a_guess_from_the_first_table_is_held_against_both(table, first, second, shared):
    assert shared_rows(table("first.csv", first), table("second.csv", second)).shared == shared


def test_a_row_that_stands_often_in_both_does_not_explode(table):
    train = table("train.parquet", {"a": [1] * 200_000, "b": ["x"] * 200_000})
    data = table("data.parquet", {"a": [1] * 200_000, "b": ["x"] * 200_000})
    found = shared_rows(train, data)
    assert found == Overlap(
        shared=200_000, of=200_000, repeated=199_999, earlier=200_000, recurring=200_000, columns=("a", "b"), examples=((1, 1),)
    )


def test_the_count_agrees_with_sets(table):
    generator = np.random.default_rng(0)
    sides = [{name: generator.integers(0, 12, 3000) for name in "abc"} for _ in range(2)]
    found = shared_rows(table("train.parquet", sides[0]), table("data.parquet", sides[1]))
    first, second = (list(zip(*(side[name].tolist() for name in "abc"), strict=True)) for side in sides)
    assert found.shared == sum(row in set(first) for row in second)
    assert found.repeated == len(second) - len(set(second))
    assert (found.earlier, found.recurring) == (3000, sum(count for count in Counter(first).values() if count > 1))
    assert all(first[a - 1] == second[b - 1] for a, b in found.examples)


def test_memory_is_bounded(table):
    wide = {"a": [f"{i:0200d}" for i in range(40_000)]}
    with pytest.raises(LimitError):
        shared_rows(table("train.parquet", wide), table("data.parquet", wide), memory=12 * 2**20)


def test_what_cannot_be_compared_is_said(table):
    train = table("train.csv", "a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"train \(train.csv\) and data \(data.csv\) have no column in common"):
        shared_rows(train, table("data.csv", "c,d\n1,2\n"))
    with pytest.raises(UsageError, match=r"columns: data \(data.csv\) has no column 'b'"):
        shared_rows(train, table("data.csv", "a,d\n1,2\n"), ["a", "b"])
    with pytest.raises(InputError, match="line 3"):
        shared_rows(train, table("data.csv", "a,b\n1,2\n1,2,3\n"))
