import numpy as np
import pytest
from onnx import TensorProto, helper, save_model

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Paired, Rate
from mlops_stage.report import Outcome
from mlops_stage.stages.quality.params import QualityParams
from mlops_stage.stages.quality.plan import plan

COLUMNS = {"x": [1.0, 2.0] * 50, "z": [1.0, 3.0] * 50, "paid": [0, 1] * 50}


def planned(bench, **params):
    return plan(QualityParams(**params), bench.workspace)


@pytest.fixture
def table(bench):
    rows = np.arange(200)
    bench.write("p.csv", y_true=(rows < 50).astype(int), y_pred=(rows < 50).astype(int), region=np.where(rows < 20, "few", "many"))
    return bench


def test_rows_and_cost_are_told(table):
    found = planned(table, predictions="p.csv")
    assert found.rows == 200
    assert found.cost.startswith("about 1 s")
    assert "better than a predictor that ignores its input" in found.notes[0]


def test_a_gate_is_told_between_which_values_it_stays_open(table):
    (note,) = planned(table, predictions="p.csv", gates=("recall >= 0.8",)).notes
    assert note.startswith("`recall >= 0.8` on 50 rows: passes from 0.893 up")
    passes, fails = (float(note.split(f"{word} ")[1].split()[0].rstrip(",")) for word in ("passes from", "fails up to"))
    assert Rate(passes * 50, 50).bound(0.05) == pytest.approx(0.8, abs=1e-3)
    assert Rate(fails * 50, 50).bound(0.95) == pytest.approx(0.8, abs=1e-3)


def test_a_gate_that_cannot_pass_is_told_with_the_rows_that_could(table):
    (note,) = planned(table, predictions="p.csv", gates=("recall >= 0.99",)).notes
    assert note.startswith("`recall >= 0.99` on 50 rows: cannot pass, whatever is observed; 268 rows could; ")
    margin = float(note.removesuffix("`").split("what they can carry: `recall >= baseline - ")[1])
    assert Paired(1.25, 1.25, 50).bound(0.05) >= -margin
    assert Rate(268, 268).bound(0.05) >= 0.99 > Rate(267, 267).bound(0.05)
    (note,) = planned(table, predictions="p.csv", gates=("fpr < 0.001",)).notes
    assert "on 150 rows: cannot pass" in note


def test_error_rates_pass_downwards(table):
    (note,) = planned(table, predictions="p.csv", gates=("fpr <= 0.1",)).notes
    assert note.startswith("`fpr <= 0.1` on 150 rows: passes up to 0.0597")
    assert "fails from 0.1" in note


def test_a_small_slice_stays_inconclusive(table):
    (note,) = planned(table, predictions="p.csv", slices=("region",), gates=("accuracy[region=few] >= 0.5",)).notes
    assert note == "`accuracy[region=few] >= 0.5` on 20 rows: stays inconclusive; at least 30 are needed"
    judged = table.judge(predictions="p.csv", slices=("region",), gates=("accuracy[region=few] >= 0.5",))
    assert judged.outcome is Outcome.INCONCLUSIVE


def test_the_size_of_a_very_small_slice_is_not_told(table):
    (note,) = planned(table, predictions="p.csv", slices=("region",), gates=("recall[region=other] >= 0.5",)).notes
    assert note.startswith("`recall[region=other] >= 0.5` on fewer than 10 rows: stays inconclusive")


def test_a_comparison_is_told_the_rows_it_needs(table):
    _, note = planned(table, predictions="p.csv", baseline="old.csv").notes
    assert "not worse than the baseline by 0.01" in note
    assert "there are 200" in note


def test_figures_that_rest_on_the_answers_say_what_is_known(table):
    (note,) = planned(table, predictions="p.csv", gates=("roc_auc >= 0.8",)).notes
    assert note.startswith("`roc_auc >= 0.8`: the smaller class has 50 rows; whether the rows suffice cannot be told")
    assert planned(table, predictions="p.csv").notes[0].endswith(note.split(": ")[1])
    (note,) = planned(table, predictions="p.csv", gates=("f1 >= 0.8",)).notes
    assert note == "`f1 >= 0.8`: whether the rows suffice cannot be told before the answers are known"
    assert planned(table, metrics="metrics.json").rows is None


def test_nothing_to_judge_is_wrong_usage(bench):
    with pytest.raises(UsageError, match="nothing to judge"):
        planned(bench)


def test_a_gate_beside_the_baseline_is_told_what_the_rows_show(table):
    (note,) = planned(table, predictions="p.csv", baseline="old.csv", gates=("accuracy >= baseline - 0.5",)).notes
    assert note.startswith("`accuracy >= baseline - 0.5` on 200 rows: where 1 decision in 20 changes")
    assert note.endswith("they show that")
    (note,) = planned(table, predictions="p.csv", baseline="old.csv", gates=("accuracy >= baseline",)).notes
    assert "they show only margins from 0.0" in note


def test_weights_count(table):
    rows = np.arange(200)
    table.write("w.csv", y_true=(rows < 50).astype(int), y_pred=(rows < 50).astype(int), w=np.where(rows < 100, 3, 1))
    (note,) = planned(table, predictions="w.csv", weight="w", gates=("accuracy >= 0.8",)).notes
    assert note.startswith("`accuracy >= 0.8` on 160 effective rows")


def test_labels_and_slices_that_stand_in_the_data_are_found(table):
    rows = np.arange(200)
    table.write("answers.csv", id=rows, y_pred=(rows < 50).astype(int))
    table.write("data.csv", id=rows[::-1], y_true=(rows[::-1] < 50).astype(int), region=np.where(rows < 120, "a", "b"))
    asked = {"predictions": "answers.csv", "data": "data.csv", "row_id": "id", "slices": ("region",)}
    recall, accuracy = planned(table, **asked, gates=("recall >= 0.8", "accuracy[region=a] >= 0.8")).notes
    assert recall.startswith("`recall >= 0.8` on 50 rows: passes")
    assert accuracy.startswith("`accuracy[region=a] >= 0.8` on 120 rows: passes")
    assert table.judge(**asked, gates=("recall >= 0.8",)).gates


def test_what_only_a_join_would_tell_is_left_to_the_run(table):
    rows = np.arange(300)
    table.write("answers.csv", id=rows[:200], y_pred=(rows[:200] < 50).astype(int))
    table.write("data.csv", id=rows, y_true=(rows < 50).astype(int), region=np.where(rows < 120, "a", "b"))
    asked = {"predictions": "answers.csv", "data": "data.csv", "row_id": "id", "slices": ("region",)}
    notes = planned(table, **asked, gates=("recall >= 0.8", "accuracy[region=a] >= 0.8")).notes
    assert all("cannot be told before the answers are known" in note for note in notes)


def test_a_number_that_no_figure_has_is_wrong_usage(table):
    with pytest.raises(UsageError, match="between 0 and 1"):
        planned(table, predictions="p.csv", gates=("accuracy >= 80",))


@pytest.fixture
def matrix(bench):
    """A table, and a model that takes a matrix of two of its columns."""
    value = helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", 2])
    out = helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Identity", ["X"], ["Y"])], "g", [value], [out])
    save_model(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)]), bench.root / "m.onnx")
    bench.write("t.csv", **COLUMNS)
    return bench


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "a matrix of 2 columns, and nobody says which"),
        ({"columns": {"X": "x|zz"}}, "needs a column 'zz'"),
        ({"label": "payd"}, "has no column 'payd'"),
    ],
)
def test_columns_that_a_run_would_refuse_are_refused_before(matrix, params, message):
    asked = {"predictions": None, "model": "m.onnx", "data": "t.csv", "label": "paid", **params}
    with pytest.raises(UsageError, match=message):
        planned(matrix, **asked)
    assert planned(matrix, **{**asked, "label": "paid", "columns": {"X": "x|z"}}).rows == 100
