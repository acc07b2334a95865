import pytest

from mlops_stage.errors import UsageError
from mlops_stage.inputs.answers import Question
from mlops_stage.inputs.roles import check_roles, refuse_two
from mlops_stage.params import AnsweredParams


def test_the_question_asks_what_the_params_say():
    params = AnsweredParams(label="paid", score="p", row_id="id", columns={"x": "a"}, task="binary", positive="yes", threshold=0.3)
    asked = Question.of(params, ["sex"])
    assert asked == Question(
        label="paid", score="p", row_id="id", columns={"x": "a"}, task="binary", positive="yes", threshold=0.3, slices=("sex",)
    )
    assert Question.of(AnsweredParams()) == Question()


def test_predictions_beside_a_model_are_refused():
    refuse_two(AnsweredParams(predictions="p.csv"))
    with pytest.raises(UsageError, match="both given"):
        refuse_two(AnsweredParams(predictions="p.csv", model="m.onnx"))


@pytest.mark.parametrize(
    ("told", "role"),
    [({"prediction": "y"}, "prediction"), ({"score": "y"}, "score"), ({"weight": "y"}, "weight"), ({"row_id": "y"}, "row_id")],
)
def test_a_label_that_means_something_else_too_is_refused(told, role):
    with pytest.raises(UsageError, match=f"label and {role} are the same column, 'y'"):
        check_roles(AnsweredParams(predictions="p.csv", label="y", **told))


def test_a_score_of_one_class_is_no_truth_and_a_models_own_answers_stand_in_no_column():
    with pytest.raises(UsageError, match="judged by its own answers"):
        check_roles(AnsweredParams(predictions="p.csv", label="y_score_1"))
    check_roles(AnsweredParams(model="m.onnx", label="y_score_1"))
    check_roles(AnsweredParams(model="m.onnx", label="y_pred"))
