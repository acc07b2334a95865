import numpy as np
import pytest

from mlops_stage.errors import UsageError
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.fairness.attributes import as_attribute, spellings
from mlops_stage.stages.fairness.names import called_sensitive, is_age


@pytest.mark.parametrize(
    "name",
    ["sex", "Sex", "GENDER", "race", "Race/Ethnicity", "ethnicity", "age", "ageGroup", "Age-Band", "applicant_gender", "patient_race_1", "sex_at_birth",
     "disability", "nationality", "religion", "is_hispanic", "marital-status", "native-country", "sexual orientation", "gender_code"],
)  # fmt: skip
def test_columns_that_name_groups_are_known_by_their_names(name):
    assert called_sensitive([name]) == (name,)


@pytest.mark.parametrize(
    "name",
    [
        "stage",
        "message",
        "average",
        "loan_age",
        "agent",
        "trace",
        "raceway",
        "sexagesimal",
        "income",
        "y_true",
        "page",
        "mileage",
        "color",
        "id",
        "usage_age",
        "",
    ],
)
def test_other_columns_are_not(name):
    assert called_sensitive([name]) == ()


def test_a_column_that_means_something_else_is_none():
    assert called_sensitive(["sex", "race"], taken={"race"}) == ("sex",)


def column(*values):
    """Codes of these texts; None is missing."""
    levels = tuple(sorted({value for value in values if value is not None}))
    return Codes(np.array([-1 if value is None else levels.index(value) for value in values]), levels)


def groups(name, *values):
    found = as_attribute(name, column(*values))
    return [found.codes.levels[code] for code in found.codes.codes], found.notes


def test_values_are_groups():
    assert groups("sex", "f", "m", "f") == (["f", "m", "f"], ())


def test_every_mark_of_an_absent_value_is_the_unknown_group_and_said():
    found, notes = groups("race", "a", None, "?", " ", "N/A", "Unknown", "b")
    assert found == ["a", *["(unknown)"] * 5, "b"]
    assert "'?'" in notes[0]


def test_words_that_may_be_a_group_are_one():
    """`None` is a religion for some, `NA` a part of the world."""
    assert groups("religion", "None", "NA", "Hindu")[0] == ["None", "NA", "Hindu"]


def test_ages_are_compared_in_bands_whose_ends_are_right():
    ages = ["0", "24", "25", "39", "40", "54", "55", "64", "65", "99", "18", "30", "33"]
    found, notes = groups("age", *ages)
    assert found == ["under 25"] * 2 + ["25-39"] * 2 + ["40-54"] * 2 + ["55-64"] * 2 + ["65 and over"] * 2 + ["under 25", "25-39", "25-39"]
    assert "bands of age" in notes[0]


def test_numbers_that_are_no_ages_are_unknown_and_counted():
    found, notes = groups("age", *map(str, range(20, 80)), "-1", "999")
    assert found[-2:] == ["(unknown)"] * 2
    assert notes[1].startswith("cells of 'age' that are no ages")


def test_codes_of_groups_stay_groups():
    assert groups("race", "1", "2", "3")[0] == ["1", "2", "3"]
    assert groups("age", "1", "2", "3")[0] == ["1", "2", "3"], "bands of age that somebody numbered"


def test_scaled_ages_are_parts_of_a_quantity():
    values = [f"{value:.3f}" for value in np.linspace(-2, 2, 100)]
    found, notes = groups("age", *values)
    assert len(set(found)) == 4
    assert "parts of about equal size" in notes[0]


def test_a_quantity_is_compared_in_four_parts_of_about_equal_size():
    values = [f"{value:.2f}" for value in np.random.default_rng(0).lognormal(10, 1, 400)]
    found, _ = groups("wealth", *values, None)
    sizes = {level: found.count(level) for level in found}
    assert sizes.pop("(unknown)") == 1
    assert sorted(sizes.values()) == [100] * 4
    assert all(
        value <= float(level.removeprefix("up to ")) * 1.0001
        for value, level in zip(map(float, values), found, strict=False)
        if level.startswith("up to")
    )


def test_too_many_values_are_refused_with_their_number():
    many = [f"v{index}" for index in range(1_001)]
    with pytest.raises(UsageError, match="1,001 different values, which are no groups"):
        as_attribute("sex", column(*many * 10))
    with pytest.raises(UsageError, match="looks like an identifier, not a group: 1,001 different values"):
        as_attribute("sex", column(*many))
    with pytest.raises(UsageError, match="5,000 different values"):
        as_attribute("zip", column(*(str(10_000 + index) for index in range(5_000))))


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ([f"person{index}@example.org" for index in range(300)], True),
        ([*(f"person{index}" for index in range(21)), *["the rest"] * 20], True),
        ([*(f"person{index}" for index in range(21)), *["the rest"] * 21], False),
        ([f"g{index}" for index in range(20)], False),
        ([f"g{index % 30}" for index in range(300)], False),
        ([f"g{index % 30}" for index in range(269)], True),
    ],
    ids=["addresses", "most of a few rows", "half of them", "20 values", "ten rows each", "nine rows each, almost"],
)
def test_what_looks_like_an_identifier_is_refused_without_telling_it(values, refused):
    if not refused:
        as_attribute("name", column(*values))
        return
    with pytest.raises(UsageError, match="'name' looks like an identifier") as told:
        as_attribute("name", column(*values))
    assert "person" not in f"{told.value.message} {told.value.hint}"


def test_spellings_of_one_group_are_found_and_others_are_not():
    assert spellings(["Female", "female", " Female ", "Male", "male", "other"]) == [("Female", "female", " Female "), ("Male", "male")]
    assert spellings(["native  american", "Native American", "ﬁrst", "first"]) == [
        ("native  american", "Native American"),
        ("ﬁrst", "first"),
    ]
    assert spellings(["a", "b", "a b", "ab"]) == []


def test_is_age_knows_ages_only():
    assert is_age("applicantAge")
    assert not is_age("age_of_account")


@pytest.mark.parametrize("base", [1_000_000, 0, 1e12, 1e-9])
def test_parts_of_quantities_have_different_names_without_exponents(base):
    values = [repr(base + index * (1e-6 if base == 1e-9 else 0.25 if base == 1e12 else 0.001)) for index in range(400)]
    found = as_attribute("income", column(*values))
    assert len(found.codes.levels) == len(set(found.codes.levels)) == 4
    assert not any("e+" in level or "e-" in level for level in found.codes.levels)
