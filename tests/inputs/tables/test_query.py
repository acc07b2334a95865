from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.query import numbers, opened, rows, texts
from mlops_stage.inputs.tables.values import Summary, canonical_text


@pytest.fixture
def csv(tmp_path):
    def written(text):
        (tmp_path / "t.csv").write_text(text)
        return open_table("t.csv", tmp_path)

    return written


@pytest.fixture
def parquet(tmp_path):
    def written(**columns):
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        return open_table("t.parquet", tmp_path)

    return written


def decoded(codes):
    return [None if code < 0 else codes.levels[code] for code in codes.codes]


def test_numbers_are_float64_in_the_order_of_the_file_and_missing_ones_nan(csv, parquet):
    for table in (csv("a,b\n1,x\n,y\n-2.5e3,\n 7 ,z\n"), parquet(a=[1, None, -2500, 7])):
        found = numbers(table, ["a"])["a"]
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, [1, np.nan, -2500, 7])


def test_numbers_keep_every_digit(csv):
    values = np.random.default_rng(0).standard_normal(1000)
    np.testing.assert_array_equal(numbers(csv("a\n" + "\n".join(map(repr, values.tolist()))), ["a"])["a"], values)


def test_booleans_and_decimals_are_numbers_too(parquet):
    from decimal import Decimal

    table = parquet(b=[True, False], d=[Decimal("1.50"), None], n=pa.nulls(2))
    found = numbers(table, ["b", "d", "n"])
    np.testing.assert_array_equal(found["b"], [1, 0])
    np.testing.assert_array_equal(found["d"], [1.5, np.nan])
    np.testing.assert_array_equal(found["n"], [np.nan, np.nan])


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("x", "1234.5"),
        ('"1,234"', "separators of thousands"),
        ("1_000", "separators of thousands"),
        ('"1,5"', "decimal point"),
        ("true", ""),
        ("0x10", ""),
        ("1e", ""),
        ("\u0661", ""),
    ],
)
def test_a_cell_that_is_no_number_is_named_with_its_row(csv, cell, hint):
    with pytest.raises(InputError) as caught:
        numbers(csv(f"a,b\n1,1\n2,{cell}\n3,y\n"), ["a", "b"])
    assert "data (t.csv), row 2: " in caught.value.message
    assert "in column 'b' is no number" in caught.value.message
    assert hint in caught.value.hint


def test_a_long_cell_is_shortened_in_the_message(csv):
    with pytest.raises(InputError) as caught:
        numbers(csv("a\n" + "x" * 100_000 + "\n"), ["a"])
    assert len(caught.value.message) < 150


def test_text_is_codes_into_sorted_canonical_levels(csv):
    found = texts(csv("a,b\nb,1\na,\nb,2\nc,1\n"), ["a", "b"])
    assert found["a"].levels == ("a", "b", "c")
    assert found["a"].codes.dtype == np.int64
    assert found["a"].codes.tolist() == [1, 0, 1, 2]
    assert decoded(found["b"]) == ["1", None, "2", "1"]


def test_the_same_value_has_the_same_text_in_every_format(csv, parquet):
    expected = ["1", "0", None, "1"]
    for table in (
        csv("a,b\n1,\n0,\n,\n1,\n"),
        csv("a,b\n1.0,\n0.0,\nnan,\n1,\n"),
        parquet(a=[1, 0, None, 1]),
        parquet(a=[1.0, -0.0, float("nan"), 1.0]),
        parquet(a=pa.array([1, 0, None, 1], pa.float32())),
        parquet(a=pa.array(["1", "0", None, "1"]).dictionary_encode()),
    ):
        assert decoded(texts(table, ["a"])["a"]) == expected
    for table in (csv("a,b\nTrue,\nfalse,\n"), parquet(a=[True, False])):
        assert decoded(texts(table, ["a"])["a"]) == ["true", "false"]


def test_whole_numbers_sort_as_numbers_and_text_as_text(csv):
    assert texts(csv("a,b\n10,\n9,\n-1,\n"), ["a"])["a"].levels == ("-1", "9", "10")
    assert texts(csv("a,b\n10,\n9,\nx,\n"), ["a"])["a"].levels == ("10", "9", "x")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1.000", "1"),
        ("1.", "1"),
        ("-0.0", "0"),
        ("007", "007"),
        ("1.5", "1.5"),
        ("1e+16", "10000000000000000"),
        ("NaN", None),
        ("TRUE", "true"),
        ("NA", "NA"),
        ("+1", "+1"),
        ("", ""),
    ],
)
def test_canonical_text(text, canonical):
    assert canonical_text(text) == canonical


def test_a_column_without_any_value_has_no_levels(csv, parquet):
    for table in (csv("a,b\n1,\n2,\n"), parquet(b=pa.nulls(2)), parquet(b=[float("nan")] * 2)):
        found = texts(table, ["b"])["b"]
        assert (found.levels, found.codes.tolist()) == ((), [-1, -1])


def test_identifiers_are_no_categories(csv):
    table = csv("a\n" + "\n".join(f"id{i}" for i in range(100_001)))
    with pytest.raises(InputError, match="more than 100,000 different values"):
        texts(table, ["a"])
    with opened(table, ["a"]) as selection:
        assert len(np.unique(selection.keys("a"))) == 100_001


def test_identifiers_are_the_same_in_every_format_and_none_may_be_missing(csv, parquet):
    with opened(csv("i\n1\n2.0\n"), ["i"]) as selection:
        first = selection.keys("i")
    for table in (parquet(i=[1, 2]), parquet(i=[1.0, 2.0]), parquet(i=["1", "2"])):
        with opened(table, ["i"]) as selection:
            np.testing.assert_array_equal(selection.keys("i"), first)
    with opened(csv("i,b\n1,\n,\n"), ["i"]) as selection, pytest.raises(InputError, match="1 row has none"):
        selection.keys("i")


def test_numbers_of_a_damaged_file_are_an_input_error(tmp_path):
    pq.write_table(pa.table({"a": np.random.default_rng(0).random(1000)}), tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content[:4] + bytes(40) + content[44:])
    with pytest.raises(InputError, match="cannot be read"):
        numbers(open_table("t.parquet", tmp_path), ["a"])


def test_types_without_a_text_are_refused(parquet):
    table = parquet(l=[[1]], s=[{"x": 1}], b=[b"x"], d=[pa.scalar(1, pa.date32()).as_py()])
    for name in ("l", "s", "b"):
        with pytest.raises(InputError, match="not text"):
            texts(table, [name])
    with pytest.raises(InputError, match="DATE, not a number"):
        numbers(table, ["d"])
    assert texts(table, ["d"])["d"].levels == ("1970-01-02",)


def test_a_summary_says_what_kind_of_values_a_column_holds(csv, parquet):
    with opened(csv("a,b,c\n1,x,\n2.5,1,\nnan,true,\n,,\n1,2,\n"), ["a", "b", "c"]) as selection:
        assert selection.summary("a") == Summary(textual=False, fractions=True, numbers=2)
        assert selection.summary("b") == Summary(textual=True, fractions=False, numbers=2)
        assert selection.summary("c") == Summary(textual=False, fractions=False, numbers=0)
    with opened(parquet(i=list(range(60)), b=[True] * 60, f=[1.0, float("inf"), *[0.5] * 58]), ["i", "b", "f"]) as selection:
        assert selection.summary("i") == Summary(textual=False, fractions=False, numbers=51)
        assert selection.summary("b") == Summary(textual=True, fractions=False, numbers=0)
        assert selection.summary("f") == Summary(textual=False, fractions=True, numbers=3)


def test_a_summary_is_the_same_for_few_and_for_many_values(csv, parquet):
    cells = ["1", "2.5", "nan", "", "-0.0", "0", "inf", " 7 ", "1e3", "1e400", ".5"]
    for extra, textual in (("", False), ("x", True), ("True", True), ("1_0", True), ("\u0661", True)):
        with opened(csv("a,b\n" + "".join(f"{cell},\n" for cell in [*cells, extra])), ["a"]) as selection:
            assert selection.summary("a") == Summary(textual=textual, fractions=True, numbers=7)
        many = [f"{i}" for i in range(2000, 3001)]
        with opened(csv("a,b\n" + "".join(f"{cell},\n" for cell in [*cells, extra, *many])), ["a"]) as selection:
            assert selection.summary("a") == Summary(textual=textual, fractions=True, numbers=51)
    with opened(parquet(a=[0.5 * i for i in range(2000)] + [None, float("nan")]), ["a"]) as selection:
        assert selection.summary("a") == Summary(textual=False, fractions=True, numbers=51)
    with opened(parquet(a=[float(i) for i in range(2000)]), ["a"]) as selection:
        assert selection.summary("a") == Summary(textual=False, fractions=False, numbers=51)


def test_absent_columns_and_rows(csv):
    table = csv("a,b\n1,2\n3,4\n")
    assert rows(table) == 2
    with pytest.raises(UsageError, match="slices: data"):
        texts(table, ["c"], "slices")
    assert numbers(table, []) == {}
