from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.errors import InputError
from mlops_stage.inputs.answers import MISSING, Question, Scores, as_slice, checked_weight, compared, finite, present
from mlops_stage.inputs.tables.values import Codes

ASKED = Question()


def codes(*cells):
    levels = tuple(sorted({cell for cell in cells if cell is not None}))
    return Codes(np.array([-1 if cell is None else levels.index(cell) for cell in cells], dtype=np.int64), levels)


def scores(classes, *columns):
    return Scores(np.array(columns, dtype=np.float64).T, classes)


def test_labels_and_decisions_with_different_levels_share_their_classes():
    found = compared(codes("b", "b", "b"), codes("a", "b", "a"), None, ASKED)
    assert (found.task, found.classes) == ("binary", ("a", "b"))
    assert (found.label.tolist(), found.prediction.tolist()) == ([1, 1, 1], [0, 1, 0])
    assert found.label.dtype == found.prediction.dtype == np.int64
    assert found.score is None
    assert found.notes == ("the positive class is 'b' (the last in alphabetical order; declare another with positive)",)


def test_one_score_column_belongs_to_the_positive_class():
    found = compared(codes("0", "1", "1"), codes("0", "1", "0"), scores((), [0.1, 0.9, 0.4]), ASKED)
    assert found.score.tolist() == [0.1, 0.9, 0.4]
    assert found.probabilities
    assert not compared(codes("0", "1"), codes("0", "1"), scores((), [-3.0, 2.0]), ASKED).probabilities


def test_without_decisions_the_threshold_decides_and_is_recorded():
    found = compared(codes("0", "1", "1"), None, scores((), [0.5, 0.6, 0.4]), ASKED)
    assert found.prediction.tolist() == [0, 1, 0]
    assert "a score above 0.5" in found.notes[1]
    with pytest.raises(InputError, match="no threshold is evident"):
        compared(codes("0", "1"), None, scores((), [-3.0, 2.0]), ASKED)


def test_a_declared_threshold_decides_whatever_the_scores_are():
    found = compared(codes("0", "1", "1"), None, scores((), [-3.0, 2.0, 1.0]), Question(threshold=1))
    assert found.prediction.tolist() == [0, 1, 0]
    assert not found.implied
    assert compared(codes("0", "1"), None, scores((), [0.2, 0.7]), ASKED).implied
    assert not compared(codes("0", "1"), codes("0", "1"), scores((), [0.2, 0.7]), Question(threshold=0.9)).implied


def test_the_score_of_the_positive_class_is_found_by_name_or_by_its_complement():
    both = scores(("bad", "good"), [0.2, 0.7], [0.8, 0.3])
    assert compared(codes("bad", "good"), None, both, Question(positive="bad")).score.tolist() == [0.2, 0.7]
    assert compared(codes("bad", "good"), None, both, Question(positive="good")).score.tolist() == [0.8, 0.3]
    lone = compared(codes("no", "yes"), codes("no", "yes"), scores(("no",), [0.25, 0.75]), ASKED)
    assert lone.classes == ("no", "yes")
    assert lone.score.tolist() == [0.75, 0.25]
    assert "1 minus the score of 'no'" in lone.notes[1]


def test_multiclass_scores_follow_the_order_of_the_classes():
    found = compared(codes("10", "9", "2"), None, scores(("9", "10", "2"), [0.1, 0.8, 0.2], [0.7, 0.1, 0.2], [0.2, 0.1, 0.6]), ASKED)
    assert (found.task, found.classes) == ("multiclass", ("2", "9", "10"))
    assert found.score.tolist() == [[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]]
    assert found.prediction.tolist() == [2, 1, 0]
    assert found.label.tolist() == [2, 1, 0]
    assert found.probabilities
    assert "largest score" in found.notes[0]


def test_a_class_that_the_model_does_not_know_has_the_score_0_and_is_noted():
    found = compared(codes("a", "b", "z"), codes("a", "b", "a"), scores(("a", "b"), [0.9, 0.2, 0.6], [0.1, 0.8, 0.4]), ASKED)
    assert found.score[:, 2].tolist() == [0, 0, 0]
    assert found.probabilities
    assert found.notes == ("classes without a score column have the score 0: z",)


def test_scores_that_do_not_sum_to_one_are_no_probabilities():
    assert not compared(codes("a", "b", "c"), None, scores(("a", "b", "c"), [0.9, 0.9, 0], [0.9, 0, 0], [0, 0, 1]), ASKED).probabilities


def test_one_score_column_is_useless_for_three_classes():
    found = compared(codes("a", "b", "c"), codes("a", "b", "c"), scores((), [0.9, 0.9, 0.1]), ASKED)
    assert found.score is None
    assert "no figures from scores" in found.notes[0]
    with pytest.raises(InputError, match="no score column per class"):
        compared(codes("a", "b", "c"), None, scores((), [0.9, 0.9, 0.1]), ASKED)


def test_one_class_only_is_still_binary():
    found = compared(codes("1", "1"), codes("1", "1"), None, ASKED)
    assert (found.task, found.classes, found.label.tolist()) == ("binary", ("0", "1"), [1, 1])


def test_what_is_missing_is_named_with_its_first_row_and_number():
    with pytest.raises(InputError, match=r"data \(t.csv\), row 2: column 'y' is empty or NaN \(2 rows of 4\)"):
        present(codes("a", None, "b", None), "data (t.csv)", "y")
    with pytest.raises(InputError, match=r"row 3: column 'y' is empty, NaN or infinite \(1 row of 3\)"):
        finite(np.array([1, 2, np.inf]), "data", "y")
    with pytest.raises(InputError, match=r"row 1: column 'w' is negative"):
        checked_weight(np.array([-1.0, 2]), "data", "w")
    with pytest.raises(InputError, match="every weight in column 'w' is 0"):
        checked_weight(np.zeros(3), "data", "w")


def test_missing_cells_of_a_slice_are_a_level_of_their_own():
    found = as_slice(codes("b", None, "a"))
    assert [found.levels[code] for code in found.codes] == ["b", MISSING, "a"]
    assert as_slice(codes("a", "b")).levels == ("a", "b")
    assert as_slice(codes(MISSING, "a")).levels == (MISSING, "a")
    with pytest.raises(InputError, match="stands for empty cells"):
        as_slice(codes(MISSING, None, "a"))


@pytest.mark.parametrize("value", [1e49, -1e100, 1e300])
def test_values_too_large_to_compute_with_are_named(value):
    with pytest.raises(InputError, match=r"^p.csv, row 2: column 'y' is ±1e\+49 or beyond: .* \(1 row of 3\)$"):
        finite(np.array([1.0, value, 2.0]), "p.csv", "y")
    assert finite(np.array([9.9e48, -9.9e48]), "p.csv", "y").size == 2


@pytest.mark.parametrize(
    ("value", "told"), [(1e170, r"is ±1e\+49 or beyond"), (1e-170, "is not 0 but 1e-49 or less"), (5e-324, "is not 0 but 1e-49 or less")]
)
def test_weights_of_an_extreme_size_are_named(value, told):
    with pytest.raises(InputError, match=rf"^p.csv, row 3: column 'w' {told}: .* \(1 row of 3\)$"):
        checked_weight(np.array([0.0, 1.0, value]), "p.csv", "w")
