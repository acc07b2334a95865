import numpy as np
import pytest
from onnx import TensorProto, helper, save

from mlops_stage.errors import InputError, UsageError
from mlops_stage.estimates import Paired
from mlops_stage.report import Outcome


def write_model(path, slope):
    """A model with one number `x` as its input, that answers with the probability of the positive class, sigmoid(slope * x)."""
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "slope"], ["z"]), helper.make_node("Sigmoid", ["z"], ["probability"])],
        "line",
        [port("x", TensorProto.FLOAT, ["n", 1])],
        [port("probability", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("slope", TensorProto.FLOAT, [1], [slope])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture
def project(bench):
    rng = np.random.default_rng(0)
    x = rng.normal(size=600).astype(np.float32)
    answers = {"x": x, "sold": (rng.random(600) < 1 / (1 + np.exp(-2 * x))).astype(int), "shop": np.where(rng.random(600) < 0.5, "a", "b")}
    bench.write("test.csv", **answers)
    bench.write("train.csv", **{name: column[:100] for name, column in answers.items()})
    write_model(bench.root / "new.onnx", 2.0)
    write_model(bench.root / "old.onnx", -0.3)
    write_model(bench.root / "weak.onnx", 0.2)
    return bench


def test_a_model_is_judged_on_a_table(project):
    seen = project.measure(model="new.onnx", data="test.csv", label="sold", slices=("shop",))
    assert project.find(seen, "roc_auc").estimate.bound(0.05) > 0.8
    assert project.find(seen, "accuracy", shop="a").estimate.n > 200
    assert {subject.role: subject.name for subject in seen.subjects} == {"model": "new.onnx", "data": "test.csv"}
    judged = project.judge(model="new.onnx", data="test.csv", label="sold", threshold=0.5)
    assert [gate.criterion for gate in judged.gates] == ["balanced_accuracy > 0.5"]
    assert judged.outcome is Outcome.PASSED


def test_a_model_beside_another_is_compared_row_by_row(project):
    seen = project.measure(model="new.onnx", data="test.csv", label="sold", baseline="weak.onnx", threshold=0.5)
    assert isinstance(project.find(seen, "accuracy").versus, Paired)
    assert project.find(seen, "log_loss").versus.bound(0.95) < 0
    assert [subject.name for subject in seen.subjects if subject.role == "baseline"] == ["weak.onnx"]


def test_a_baseline_that_answers_the_other_way_round_is_found(project):
    seen = project.measure(model="new.onnx", data="test.csv", label="sold", baseline="old.onnx", threshold=0.5)
    (finding,) = [finding for finding in seen.findings if finding.rule == "validity/inverted-labels"]
    assert finding.message.startswith("baseline:")


def test_training_data_are_scored_too_and_shared_rows_found(project):
    seen = project.measure(model="new.onnx", data="test.csv", train="train.csv", label="sold")
    assert project.find(seen, "roc_auc_gap").estimate.a.n > 20
    assert next(f for f in seen.findings if f.rule == "validity/shared-rows").message.startswith("100 of 600 rows")


def test_predictions_take_labels_and_slices_from_the_data(project):
    project.write("ids.csv", id=np.arange(3), sold=[1, 0, 1], shop=["a", "b", "a"])
    project.write("answers.csv", id=[2, 0, 1], y_pred=[1, 1, 0])
    seen = project.measure(predictions="answers.csv", data="ids.csv", row_id="id", label="sold", slices=("shop",))
    assert project.find(seen, "accuracy").estimate.value == 1


@pytest.mark.parametrize(
    ("params", "error", "told"),
    [
        ({"model": "nowhere.onnx", "data": "test.csv"}, UsageError, "nowhere"),
        ({"model": "test.csv", "data": "test.csv"}, InputError, "ONNX"),
        ({"model": "new.onnx", "data": "test.csv"}, UsageError, "y_true"),
        ({"model": "new.onnx", "data": "test.csv", "label": "sold", "slices": ("shops",)}, UsageError, "shops"),
        ({"model": "new.onnx", "data": "test.csv", "label": "sold", "baseline": "train.csv"}, UsageError, "neither decisions"),
    ],
)
def test_what_cannot_be_judged_is_refused(project, params, error, told):
    with pytest.raises(error, match=told):
        project.measure(**params)


def test_a_model_of_predictions_as_baseline_needs_data(project):
    project.write("answers.csv", y_true=[0, 1], y_pred=[0, 1])
    with pytest.raises(UsageError, match="needs data"):
        project.measure(predictions="answers.csv", baseline="old.onnx")


def test_predictions_and_a_model_together_are_wrong_usage(project):
    project.write("answers.csv", **project.binary())
    with pytest.raises(UsageError, match="both given") as refused:
        project.measure(predictions="answers.csv", model="absent.onnx")
    assert "below those stages in mlops.yaml" in refused.value.hint
