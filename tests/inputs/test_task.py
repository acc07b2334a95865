from __future__ import annotations

import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.tables.values import Summary
from mlops_stage.inputs.task import binary_classes, is_binary, is_classification


def summary(*, textual=False, fractions=False, numbers=2):
    return Summary(textual=textual, fractions=fractions, numbers=numbers)


@pytest.mark.parametrize(
    ("label", "prediction", "declared", "expected"),
    [
        (summary(textual=True, numbers=0), None, "auto", True),
        (summary(textual=True, numbers=90), None, "auto", True),
        (summary(numbers=2), None, "auto", True),
        (summary(numbers=50), summary(numbers=50), "auto", True),
        (summary(numbers=51), None, "auto", False),
        (summary(fractions=True), None, "auto", False),
        (summary(numbers=5), summary(fractions=True, numbers=51), "auto", False),
        (summary(numbers=2), None, "regression", False),
        (summary(fractions=True), None, "multiclass", True),
        (summary(numbers=2), summary(fractions=True), "binary", True),
    ],
)
def test_the_rule_for_the_task(label, prediction, declared, expected):
    assert is_classification(label, prediction, declared) is expected


@pytest.mark.parametrize(("labels", "predictions"), [(51, 51), (51, 3), (20, 51)])
def test_many_whole_numbers_on_both_sides_must_be_declared(labels, predictions):
    with pytest.raises(UsageError, match="more than 50 different values: classes or quantities") as caught:
        is_classification(summary(numbers=labels), summary(numbers=predictions), "auto")
    assert "task" in caught.value.hint
    assert not is_classification(summary(numbers=labels), summary(numbers=predictions), "regression")


def test_one_score_column_per_class_means_classification():
    assert is_classification(summary(numbers=51), None, "auto", scores_by_class=True)


def test_scores_under_the_name_of_decisions_are_refused():
    with pytest.raises(InputError, match="they look like scores") as caught:
        is_classification(summary(numbers=2), summary(fractions=True, numbers=51), "auto")
    assert "y_score" in caught.value.hint


def test_two_classes_are_binary_unless_declared_otherwise():
    assert is_binary(["a", "b"], "auto")
    assert is_binary(["a"], "auto")
    assert not is_binary(["a", "b", "c"], "auto")
    assert not is_binary(["a", "b"], "multiclass")
    with pytest.raises(InputError, match="task is binary, but labels and predictions have 3 classes: a, b, c"):
        is_binary(["a", "b", "c"], "binary")


@pytest.mark.parametrize(
    ("levels", "declared", "scored", "classes", "why"),
    [
        (("0", "1"), None, (), ("0", "1"), "by its name"),
        (("0", "1"), "0", (), ("1", "0"), "declared"),
        (("0", "1"), "1.0", (), ("0", "1"), "declared"),
        (("False", "True"), None, (), ("False", "True"), "by its name"),
        (("false", "true"), "True", (), ("false", "true"), "declared"),
        (("no", "Yes"), None, ("no",), ("no", "Yes"), "by its name"),
        (("-1", "1"), None, (), ("-1", "1"), "by its name"),
        (("<=50K", ">50K"), None, (), ("<=50K", ">50K"), "the last in alphabetical order; declare another with positive"),
        (("bad", "good"), None, ("bad",), ("good", "bad"), "the one that has a score column"),
        (("bad", "good"), None, ("bad", "good"), ("bad", "good"), "the last in alphabetical order; declare another with positive"),
        (("1",), None, (), ("0", "1"), "by its name"),
        (("0",), None, (), ("0", "1"), "by its name"),
        (("no",), None, (), ("no", "yes"), "by its name"),
        (("cat",), None, (), ("cat", "not cat"), "the last in alphabetical order; declare another with positive"),
        (("0",), "yes", (), ("0", "yes"), "declared"),
        (("1", "yes"), None, (), ("1", "yes"), "the last in alphabetical order; declare another with positive"),
    ],
)
def test_the_rule_for_the_positive_class(levels, declared, scored, classes, why):
    assert binary_classes(levels, declared, scored) == (classes, why)


def test_a_positive_class_that_does_not_occur_is_wrong_usage():
    with pytest.raises(UsageError, match="there is no class '>50k'") as caught:
        binary_classes(("<=50K", ">50K"), ">50k")
    assert "'>50K'" in caught.value.hint or "<=50K, >50K" in caught.value.hint
