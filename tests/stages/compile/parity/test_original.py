"""The framework's own predictions beside those of a form of the model."""

import csv

import numpy as np
import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.answers import Answers
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.compile.parity.original import agree_with_original, at, written_in


def predicted(rows=500, seed=0):
    """A form that gives labels and a score for each of two classes, whose second one counts as positive."""
    score = np.random.default_rng(seed).random(rows)
    return Answers(Codes((score > 0.5).astype(np.int64), ("no", "yes")), np.column_stack([1 - score, score]), ("no", "yes"), ())


def told(answers, column=1):
    """The same as a framework writes it: with the score of one class alone, by default the positive one."""
    return answers._replace(values=answers.values[:, [column]], classes=())


def test_rounding_to_single_precision_passes():
    form = predicted()
    found = agree_with_original(told(form), form._replace(values=form.values.astype(np.float32).astype(np.float64)))
    assert found.passed
    assert 0 < found.largest < 1e-6


def test_rows_that_answer_otherwise_are_named():
    """As where whole numbers fall on the other side of a threshold once they were scaled in single precision."""
    form = predicted()
    codes, values = form.decision.codes.copy(), form.values.copy()
    codes[[3, 40]] = 1 - codes[[3, 40]]
    values[[3, 40]] = values[[3, 40], ::-1]
    found = agree_with_original(told(form), form._replace(decision=Codes(codes, ("no", "yes")), values=values))
    assert found.verdict == "failed"
    assert found.failing_rows == (3, 40)
    assert found.labels.n - found.labels.k == 2
    assert "rounding to single precision" in found.reasons[0]


def test_of_which_class_a_lone_score_is_follows_from_the_frameworks_decisions():
    form = predicted()
    assert agree_with_original(told(form, 0), form).passed
    assert not agree_with_original(told(form, 0), form._replace(values=form.values + 1e-3)).passed


def test_decisions_alone():
    found = agree_with_original(predicted()._replace(values=None, classes=()), predicted())
    assert found.passed
    assert found.worst is None


def test_scores_of_classes_in_another_order_and_with_a_class_that_the_model_lacks():
    score = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    original = Answers(Codes(score.argmax(axis=1), ("a", "b", "c")), score, ("a", "b", "c"), ())
    turned = Answers(Codes(2 - score.argmax(axis=1), ("c", "b", "a")), score[:, ::-1], ("c", "b", "a"), ())
    assert agree_with_original(original, turned).passed
    assert not agree_with_original(original, turned._replace(values=score)).passed
    unknown = turned._replace(values=score[:, 1:], classes=("b", "d"))
    assert agree_with_original(original, unknown._replace(values=score[:, [1, 0]])).passed  # of the classes that both score


def test_a_model_without_labels_decides_on_its_largest_score():
    form = predicted()._replace(decision=None)
    assert agree_with_original(told(predicted()), form).passed
    numbered = Answers(Codes(predicted().decision.codes, ("0", "1")), None, (), ())
    assert agree_with_original(numbered, form._replace(classes=())).passed
    with pytest.raises(InputError, match="nobody says which is of which class"):
        agree_with_original(told(predicted()), form._replace(classes=()))


def test_quantities():
    numbers = Answers(None, np.linspace(0, 9, 50)[:, None], (), ())
    assert agree_with_original(numbers, numbers._replace(values=numbers.values.astype(np.float32).astype(np.float64))).passed
    assert not agree_with_original(numbers, numbers._replace(values=numbers.values * 1.01)).passed


def written(path, header, *rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return open_table(path.name, path.parent, "original")


def test_what_a_framework_wrote(tmp_path):
    path = tmp_path / "o.csv"
    one = written_in(written(path, ["row_id", "y_true", "y_pred", "y_score"], [0, "a", "b", 0.75], [1, "a", "a", 0.25]), decides=True)
    assert ([one.decision.levels[code] for code in one.decision.codes], one.values.tolist(), one.classes) == (
        ["b", "a"],
        [[0.75], [0.25]],
        (),
    )
    several = written_in(written(path, ["y_pred", "y_score_1.0", "y_score_2"], [2, 0.1, 0.9]), decides=True)
    assert (several.decision.levels, several.values.tolist(), several.classes) == (("2",), [[0.1, 0.9]], ("1", "2"))
    number = written_in(written(path, ["y_pred"], [1.5], [2.5]), decides=False)
    assert (number.decision, number.values.tolist()) == (None, [[1.5], [2.5]])
    assert at(several, np.array([0, 0])).values.tolist() == [[0.1, 0.9]] * 2
    assert at(one, np.array([1])).decision.codes.tolist() == [one.decision.codes[1]]


@pytest.mark.parametrize(
    ("header", "row", "decides", "error", "words"),
    [
        (["y_score"], [0.5], True, UsageError, "no column 'y_pred'"),
        (["answer"], [1], False, UsageError, "no column 'y_pred'"),
        (["y_pred", "y_score"], ["", 0.5], True, InputError, "column 'y_pred' is empty"),
        (["y_pred", "y_score"], ["a", "nan"], True, InputError, "column 'y_score' is empty, NaN"),
        (["y_pred"], ["high"], False, InputError, "y_pred"),
    ],
)
def test_answers_that_are_missing_are_refused(tmp_path, header, row, decides, error, words):
    with pytest.raises(error, match=words):
        written_in(written(tmp_path / "o.csv", header, row), decides=decides)
