from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.errors import UsageError
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.fairness.grouping import MOST_GROUPS, UNKNOWN, by_column, crossed, groupings

SEX = Codes(np.array([0, 1, 1, 0, -1]), ("female", "male"))
RACE = Codes(np.array([0, 0, 1, 2, 1]), ("a, b", "line\nbreak", "Ünïcode"))


def test_rows_without_a_value_are_a_group_outside():
    grouping = by_column("sex", SEX)
    assert grouping.levels == (("female",), ("male",), (UNKNOWN,))
    assert grouping.codes.tolist() == [0, 1, 1, 0, 2]
    assert grouping.outside == {2}
    assert grouping.inside.tolist() == [0, 1]
    assert grouping.slice(0) == (("sex", "female"),)
    assert grouping.by == (("by", "sex"),)


def test_a_level_that_says_unknown_and_an_empty_cell_are_one_group():
    grouping = by_column("sex", Codes(np.array([0, 1, -1]), (UNKNOWN, "male")))
    assert grouping.codes.tolist() == [0, 1, 0]
    assert grouping.outside == {0}


def test_only_combinations_that_occur_are_groups_and_the_others_are_counted():
    grouping = crossed([by_column("sex", SEX), by_column("race", RACE)])
    assert grouping.name == "sex+race"
    assert [grouping.label(code) for code in grouping.codes] == [
        "female, a, b",
        "male, a, b",
        "male, line\nbreak",
        "female, Ünïcode",
        "(unknown), line\nbreak",
    ]
    assert grouping.outside == {grouping.codes[4]}
    assert grouping.absent == 2 * 3 - 4
    assert grouping.slice(grouping.codes[3]) == (("sex", "female"), ("race", "Ünïcode"))


def test_columns_stand_alone_and_in_pairs():
    found = list(groupings({"sex": SEX, "race": RACE, "third": SEX}))
    assert [one.name for one in found] == ["sex", "race", "third", "sex+race", "sex+third", "race+third"]
    assert [one.name for one in groupings({"sex": SEX, "race": RACE}, 1)] == ["sex", "race"]
    assert len(list(groupings({"sex": SEX, "race": RACE, "third": SEX}, 3))) == 7


@pytest.mark.parametrize("count", [MOST_GROUPS + 1, 100_000])
def test_too_many_values_are_no_groups(count):
    with pytest.raises(UsageError, match=f"'zip' has {count:,} values"):
        by_column("zip", Codes(np.arange(count), tuple(map(str, range(count)))))


def test_too_many_combinations_are_no_groups():
    many = by_column("a", Codes(np.arange(900), tuple(map(str, range(900)))))
    other = by_column("b", Codes(np.arange(900) % 2, ("x", "y")))
    assert crossed([many, other]).size == 900
    rows = np.arange(300 * 300)
    wide = [by_column(name, Codes(codes, tuple(map(str, range(300))))) for name, codes in (("a", rows // 300), ("b", rows % 300))]
    with pytest.raises(UsageError, match="crossing 'a' and 'b' makes 90,000 groups"):
        crossed(wide)


def test_combinations_of_many_levels_are_the_same_by_sorting():
    rng = np.random.default_rng(0)
    columns = [by_column(name, Codes(rng.integers(0, 900, 500), tuple(map(str, range(900))))) for name in "abc"]
    grouping = crossed(columns)  # 900³ possible combinations
    for row in range(500):
        assert grouping.levels[grouping.codes[row]] == tuple(column.levels[column.codes[row]][0] for column in columns)


@pytest.mark.parametrize("name", ["by", "class"])
def test_a_name_with_a_meaning_of_its_own_is_refused(name):
    with pytest.raises(UsageError, match=name):
        by_column(name, SEX)
