import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics

from mlops_stage.errors import InputError, UsageError
from mlops_stage.estimates import NotEstimable
from mlops_stage.evidence.redact import HIDDEN
from mlops_stage.report import Level, Observations, Outcome, adapter_of, to_json

BINARY = {
    "accuracy", "balanced_accuracy", "precision", "recall", "tpr", "tnr", "fpr", "fnr", "selection_rate", "f1", "matthews_corrcoef",
    "roc_auc", "average_precision", "log_loss", "brier_score_loss", "expected_calibration_error",
}  # fmt: skip
MULTICLASS = {
    "accuracy", "balanced_accuracy", "precision_macro", "precision_weighted", "recall_macro", "recall_weighted", "f1_macro", "f1_weighted",
    "matthews_corrcoef", "cohen_kappa", "roc_auc_ovr", "log_loss", "expected_calibration_error",
}  # fmt: skip
REGRESSION = {
    "mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "median_absolute_error", "mean_absolute_percentage_error", "r2", "bias",
}  # fmt: skip


def names(seen, *columns):
    return {metric.name for metric in seen.metrics if tuple(column for column, _ in metric.slice) == columns}


def test_binary_figures_by_slice_are_those_of_scikit_learn_on_these_rows(bench):
    answers = bench.binary()
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv", slices=("region", "tier"))
    assert names(seen) == BINARY
    assert names(seen, "region") == names(seen, "tier") == BINARY - {"expected_calibration_error"}
    south = answers["region"] == "south"
    for where, mine in (({}, np.ones(800, bool)), ({"region": "south"}, south)):
        y, p, s = (answers[name][mine] for name in ("y_true", "y_pred", "y_score"))
        for name, score, given in (
            ("accuracy", metrics.accuracy_score, p),
            ("balanced_accuracy", metrics.balanced_accuracy_score, p),
            ("f1", metrics.f1_score, p),
            ("roc_auc", metrics.roc_auc_score, s),
            ("average_precision", metrics.average_precision_score, s),
            ("brier_score_loss", metrics.brier_score_loss, s),
            ("log_loss", metrics.log_loss, np.column_stack([1 - s, s])),
        ):
            assert bench.find(seen, name, **where).estimate.value == pytest.approx(score(y, given), rel=1e-12), (name, where)


def test_multiclass_figures_are_those_of_scikit_learn(bench):
    answers = bench.many()
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv", slices=("region",))
    assert names(seen) == MULTICLASS
    assert names(seen, "region") == MULTICLASS - {"expected_calibration_error"}
    assert names(seen, "class") == {"precision", "recall", "f1", "roc_auc"}
    mine = answers["region"] == "n"
    for where, rows in (({}, slice(None)), ({"region": "n"}, mine)):
        y, p = answers["y_true"][rows], answers["y_pred"][rows]
        scores = np.column_stack([answers[f"y_score_{name}"][rows] for name in ("ant", "bee", "cat")])
        for name, value in (
            ("balanced_accuracy", metrics.balanced_accuracy_score(y, p)),
            ("f1_macro", metrics.f1_score(y, p, average="macro")),
            ("cohen_kappa", metrics.cohen_kappa_score(y, p)),
            ("roc_auc_ovr", metrics.roc_auc_score(y, scores, multi_class="ovr")),
            ("log_loss", metrics.log_loss(y, scores)),
        ):
            assert bench.find(seen, name, **where).estimate.value == pytest.approx(value, rel=1e-9), (name, where)
    recall = bench.find(seen, "recall", **{"class": "bee"}).estimate
    assert recall.value == pytest.approx(metrics.recall_score(answers["y_true"], answers["y_pred"], average=None)[1])
    assert recall.n == (answers["y_true"] == "bee").sum()


def test_regression_figures_are_those_of_scikit_learn(bench):
    answers = bench.numeric()
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv", slices=("region",))
    assert names(seen) == names(seen, "region") == REGRESSION
    south = answers["region"] == "s"
    found = bench.find(seen, "r2", region="s").estimate
    assert found.value == pytest.approx(metrics.r2_score(answers["y_true"][south], answers["y_pred"][south]), rel=1e-9)
    assert [figure.name for figure in seen.figures] == ["r2_by_region", "predicted_against_actual"]
    assert bench.judge(predictions="p.csv").outcome is Outcome.PASSED


def test_every_figure_has_a_direction_but_those_that_have_none(bench):
    bench.write("p.csv", **bench.binary())
    seen = bench.measure(predictions="p.csv")
    assert {metric.name for metric in seen.metrics if not metric.direction} == {"selection_rate"}
    assert bench.find(seen, "fpr").direction == "lower"


def test_the_default_gate_asks_for_more_than_a_predictor_that_ignores_its_input(bench):
    bench.write("good.csv", **bench.binary())
    blind = bench.binary()
    blind["y_pred"] = np.zeros(800, int)
    blind["y_true"][:600] = 0  # 80 % and more are right by saying no to everything
    bench.write("blind.csv", **blind)
    assert bench.judge(predictions="good.csv").outcome is Outcome.PASSED
    judged = bench.judge(predictions="blind.csv")
    assert [gate.criterion for gate in judged.gates] == ["no finding of level error", "balanced_accuracy > 0.5"]
    assert judged.outcome is Outcome.FAILED


def test_a_model_that_knows_nothing_does_not_pass(bench):
    blind = bench.binary()
    blind["y_pred"] = np.random.default_rng(5).integers(0, 2, 800)
    bench.write("blind.csv", **blind)
    assert bench.judge(predictions="blind.csv").outcome is not Outcome.PASSED
    numbers = bench.numeric()
    numbers["y_pred"] = np.full(600, 50.0)
    bench.write("mean.csv", **numbers)
    assert bench.judge(predictions="mean.csv").outcome is Outcome.FAILED


def test_few_rows_are_inconclusive(bench):
    bench.write("p.csv", **bench.binary(40))
    assert bench.judge(predictions="p.csv", gates=("accuracy >= 0.7",)).outcome is Outcome.INCONCLUSIVE


def test_one_class_only_is_inconclusive_and_says_so(bench):
    answers = bench.binary(100)
    answers["y_true"][:] = 1
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv")
    assert bench.find(seen, "roc_auc").estimate == NotEstimable(0, "no negatives")
    assert bench.find(seen, "fpr").estimate == NotEstimable(0, "no negatives")
    assert bench.judge(predictions="p.csv").outcome is Outcome.INCONCLUSIVE
    several = bench.many(100)
    several["y_true"][:] = "ant"
    bench.write("m.csv", **several)
    assert bench.find(bench.measure(predictions="m.csv"), "balanced_accuracy").estimate == NotEstimable(0, "all labels are the same")
    assert bench.judge(predictions="m.csv").outcome is Outcome.INCONCLUSIVE


def test_small_groups_are_masked_and_so_is_what_would_give_them_away(bench):
    answers = bench.binary(100)
    answers["region"] = np.array(["big"] * 60 + ["middle"] * 20 + ["least"] * 15 + ["tiny"] * 5)
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv", slices=("region",))
    hidden = {metric.slice[0][1] for metric in seen.metrics if metric.name == "accuracy" and metric.slice and metric.estimate == HIDDEN}
    assert hidden == {"tiny", "least"}
    assert all(metric.estimate.n is None for metric in seen.metrics if metric.slice and metric.slice[0][1] in hidden)
    assert bench.find(seen, "accuracy", region="middle").estimate.n == 20
    (figure,) = [figure for figure in seen.figures if figure.name == "balanced_accuracy_by_region"]
    assert {row.label for row in figure.rows if row.value is None} >= hidden


def test_few_rows_of_a_class_hide_every_figure_that_tells_their_number(bench):
    rng = np.random.default_rng(2)
    label = np.array([1] * 3 + [0] * 52 + [1] * 20 + [0] * 60 + [1] * 100 + [0] * 100)
    pred = np.where(rng.random(335) < 0.8, label, 1 - label)
    region = np.array(["few"] * 55 + ["next"] * 80 + ["many"] * 200)
    answers = {"y_true": label, "y_pred": pred, "y_score": np.clip(pred + rng.normal(0, 0.1, 335), 0, 1), "region": region}
    bench.write("p.csv", **answers)
    bench.write("old.csv", **{**answers, "y_pred": np.where(rng.random(335) < 0.7, label, 1 - label)})
    seen = bench.measure(predictions="p.csv", slices=("region",), baseline="old.csv")
    for region in ("few", "next"):  # the second because the difference to all rows would tell of the first
        shown = {metric.name for metric in seen.metrics if metric.slice == (("region", region),) and metric.estimate != HIDDEN}
        assert shown == {"accuracy", "selection_rate", "log_loss", "brier_score_loss"}
        hidden = [metric for metric in seen.metrics if metric.slice == (("region", region),) and metric.estimate == HIDDEN]
        assert all(metric.versus == HIDDEN for metric in hidden)
        assert len(hidden) > 8
    assert bench.find(seen, "recall", region="many").estimate.n == 100
    judged = bench.judge(predictions="p.csv", slices=("region",), gates=("recall[region=few] >= 0.5",))
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert "masked" in judged.summary


def test_rare_classes_are_masked_with_one_from_which_they_could_be_worked_out(bench):
    answers = bench.many(300, classes=("ant", "bee", "cat", "rare"))
    answers["y_true"][answers["y_true"] == "rare"] = "ant"
    answers["y_true"][:4] = "rare"
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv")
    hidden = {metric.slice[0][1] for metric in seen.metrics if metric.slice and metric.estimate == HIDDEN}
    assert "rare" in hidden
    assert len(hidden) == 2
    assert bench.judge(predictions="p.csv").gates[0].criterion == "balanced_accuracy > 0.25"
    matrix = next(figure for figure in seen.figures if figure.name == "confusion")
    assert not any(0 < value < 10 for row in matrix.values for value in row if value is not None)
    assert "left out" in matrix.caption
    assert all(point.n >= 10 for figure in seen.figures if figure.name == "calibration" for point in figure.points)


def test_missing_cells_of_a_slice_are_a_level_of_their_own(bench):
    answers = bench.binary(100)
    answers["region"] = np.array(["a"] * 50 + [""] * 50)
    bench.write("p.csv", **answers)
    assert bench.find(bench.measure(predictions="p.csv", slices=("region",)), "accuracy", region="(unknown)").estimate.n == 50


def test_weights_count_in_every_figure(bench):
    answers = bench.binary()
    answers["exposure"] = np.random.default_rng(1).integers(1, 4, 800)
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv", weight="exposure", slices=("region",))
    y, p, s, w = (answers[name] for name in ("y_true", "y_pred", "y_score", "exposure"))
    assert bench.find(seen, "accuracy").estimate.value == pytest.approx(metrics.accuracy_score(y, p, sample_weight=w))
    assert bench.find(seen, "roc_auc").estimate.value == pytest.approx(metrics.roc_auc_score(y, s, sample_weight=w))
    assert bench.find(seen, "accuracy").estimate.n == pytest.approx(w.sum() ** 2 / (w**2).sum())
    south = answers["region"] == "south"
    expected = metrics.brier_score_loss(y[south], s[south], sample_weight=w[south])
    assert bench.find(seen, "brier_score_loss", region="south").estimate.value == pytest.approx(expected)


@pytest.mark.parametrize(("cell", "told"), [("-1", "negative"), ("nan", "NaN"), ("", "empty")])
def test_a_weight_that_is_none_is_refused_with_its_row(bench, cell, told):
    answers = bench.binary(60)
    answers["exposure"] = ["1"] * 60
    answers["exposure"][6] = cell
    bench.write("p.csv", **answers)
    with pytest.raises(InputError, match=f"row 7: .*{told}"):
        bench.measure(predictions="p.csv", weight="exposure")


def test_a_label_that_is_missing_is_refused(bench):
    answers = bench.binary(60)
    answers["y_true"] = ["1", ""] * 30
    bench.write("p.csv", **answers)
    with pytest.raises(InputError, match="y_true"):
        bench.measure(predictions="p.csv")


def test_no_rows_are_refused(bench):
    bench.write("p.csv", y_true=[], y_pred=[])
    with pytest.raises(InputError, match="no rows"):
        bench.measure(predictions="p.csv")


def test_nothing_to_judge_is_wrong_usage(bench):
    with pytest.raises(UsageError, match="nothing to judge"):
        bench.measure()
    with pytest.raises(UsageError, match="a model alone"):
        bench.measure(model="model.onnx")


def test_scores_without_decisions_are_judged_by_how_they_rank(bench):
    answers = bench.binary()
    del answers["y_pred"]
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv")
    assert "quality/implied-threshold" in bench.rules(seen)
    assert [gate.criterion for gate in bench.judge(predictions="p.csv").gates] == ["roc_auc > 0.5"]
    assert seen.outputs["primary_metric"] == "roc_auc"


def test_a_declared_threshold_makes_decisions(bench):
    answers = bench.binary()
    del answers["y_pred"]
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv", threshold=0.3)
    assert "quality/implied-threshold" not in bench.rules(seen)
    assert bench.find(seen, "selection_rate").estimate.value == pytest.approx(np.mean(answers["y_score"] > 0.3))
    assert [gate.criterion for gate in bench.judge(predictions="p.csv", threshold=0.3).gates] == ["balanced_accuracy > 0.5"]


def test_outputs_name_the_leading_figure(bench):
    bench.write("p.csv", **bench.binary())
    outputs = bench.measure(predictions="p.csv").outputs
    assert outputs["rows"] == "800"
    assert outputs["primary_metric"] == "balanced_accuracy"
    assert float(outputs["primary_low"]) < float(outputs["primary_value"]) < float(outputs["primary_high"])
    assert "better_than_baseline" not in outputs


def test_training_data_give_gaps_and_the_rows_shared_with_them(bench):
    answers = bench.binary(400)
    answers["age"] = np.arange(400)
    train = bench.binary(500, seed=3, skill=4.0)
    train["age"] = np.arange(1_000, 1_500)
    for name, column in train.items():
        train[name] = np.concatenate([column, answers[name][:7]])
    bench.write("p.csv", **answers)
    bench.write("train.csv", **train)
    seen = bench.measure(predictions="p.csv", train="train.csv")
    gap = bench.find(seen, "accuracy_gap")
    assert gap.direction == "lower"
    assert gap.estimate.value == pytest.approx(
        np.mean(train["y_true"] == train["y_pred"]) - np.mean(answers["y_true"] == answers["y_pred"])
    )
    assert gap.estimate.bound(0.05) > 0
    assert bench.find(seen, "log_loss_gap").direction == "higher"
    (finding,) = [finding for finding in seen.findings if finding.rule == "validity/shared-rows"]
    assert finding.message.startswith("7 of 400 rows (1.75%) also stand in the training data")
    assert finding.location == "p.csv"
    assert {subject.role for subject in seen.subjects} == {"predictions", "train"}


def test_few_shared_rows_say_how_much_they_can_matter(bench):
    answers = {**bench.binary(800), "age": np.arange(800)}
    bench.write("p.csv", **answers)
    bench.write("train.csv", age=[5, 6, 7, 2_000], y_true=[*answers["y_true"][5:8], 0], region=[*answers["region"][5:8], "west"])
    (finding,) = [
        finding for finding in bench.measure(predictions="p.csv", train="train.csv").findings if finding.rule.startswith("validity/")
    ]
    assert finding.level is Level.WARNING
    assert "at most 0.0038" in finding.message  # 3 / 800, rounded up
    assert bench.judge(predictions="p.csv", train="train.csv").outcome is Outcome.PASSED


def test_rows_that_repeat_by_nature_prove_nothing(bench):
    bench.write("p.csv", **bench.binary(400))
    bench.write("train.csv", **bench.binary(400, seed=4))
    seen = bench.measure(predictions="p.csv", train="train.csv")
    assert not any(finding.rule.startswith("validity/") for finding in seen.findings)
    (finding,) = [finding for finding in seen.findings if finding.rule == "quality/coarse-rows"]
    assert finding.level is Level.NOTE
    assert "too coarse" in finding.message


def test_a_column_that_begins_like_the_score_is_compared(bench):
    answers = bench.binary(200)
    answers["s"] = answers.pop("y_score")
    bench.write("p.csv", **answers, size=np.arange(200))
    train = bench.binary(200, seed=4)
    train["s"] = train.pop("y_score")
    bench.write("train.csv", **train, size=np.arange(1_000, 1_200))
    seen = bench.measure(predictions="p.csv", train="train.csv", score="s")
    assert not {"validity/shared-rows", "quality/coarse-rows"} & {*bench.rules(seen)}


def test_an_error_fails_whatever_gates_are_declared(bench):
    answers = {**bench.binary(400), "age": np.arange(400)}
    bench.write("p.csv", **answers)
    bench.write("train.csv", **answers)
    for gates in ((), ("accuracy > 0.5",)):
        judged = bench.judge(predictions="p.csv", train="train.csv", gates=gates)
        assert judged.outcome is Outcome.FAILED
        assert "rave error was found: 400 of 400 rows" in judged.summary
    assert bench.judge(predictions="p.csv", train="train.csv", doubts="report").outcome is Outcome.PASSED


def test_training_data_without_answers_are_still_compared(bench):
    answers = {**bench.binary(100), "age": np.arange(100)}
    bench.write("p.csv", **answers)
    bench.write("train.csv", age=answers["age"], y_true=answers["y_true"], region=answers["region"])
    seen = bench.measure(predictions="p.csv", train="train.csv")
    assert "validity/shared-rows" in bench.rules(seen)
    assert not any(metric.name.endswith("_gap") for metric in seen.metrics)


def test_answers_that_are_equal_by_chance_are_no_shared_rows(bench):
    bench.write("p.csv", y_true=[0, 1] * 50, y_pred=[0, 1] * 50)
    bench.write("train.csv", y_true=[0, 1] * 50, y_pred=[0, 1] * 50)
    assert "validity/shared-rows" not in bench.rules(bench.measure(predictions="p.csv", train="train.csv"))


def test_what_is_observed_survives_the_way_to_the_parent(bench):
    bench.write("p.csv", **bench.many())
    seen = bench.measure(predictions="p.csv", slices=("region",))
    assert adapter_of(Observations).validate_json(to_json(seen)) == seen


def test_any_number_of_threads_gives_the_same_bytes(bench):
    bench.write("p.csv", **bench.binary(3_000))
    bench.write("old.csv", **{**bench.binary(3_000), "y_score": bench.binary(3_000, seed=0)["y_score"] ** 1.3})
    program = (
        "import sys; from pathlib import Path\n"
        "from mlops_stage.report import to_json\n"
        "from mlops_stage.stages.quality.measure import measure\n"
        "from mlops_stage.stages.quality.params import QualityParams\n"
        "from mlops_stage.workspace import Workspace\n"
        "root = Path(sys.argv[1])\n"
        "params = QualityParams(predictions='p.csv', baseline='old.csv', slices=('region', 'tier'))\n"
        "print(to_json(measure(params, Workspace(root=root, run_dir=root, out=root / 'out', cache=root / 'cache'))))\n"
    )
    told = set()
    for threads in ("1", "8"):
        env = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", program, str(bench.root)], env=env, capture_output=True, text=True, check=True)
        told.add(done.stdout)
    assert len(told) == 1
    assert len(told.pop()) > 10_000


def test_too_many_levels_are_no_slices(bench):
    answers = bench.binary(1_200)
    answers["id"] = np.arange(1_200)
    bench.write("p.csv", **answers)
    with pytest.raises(UsageError, match="'id' has 1,200 values"):
        bench.measure(predictions="p.csv", slices=("id",))


def test_a_column_called_class_would_be_taken_for_the_classes(bench):
    answers = bench.many()
    answers["class"] = answers.pop("region")
    bench.write("p.csv", **answers)
    with pytest.raises(UsageError, match="already means the classes of the label"):
        bench.measure(predictions="p.csv", slices=("class",))


def test_confusion_and_calibration_are_drawn(bench):
    answers = bench.binary()
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv")
    matrix, curve = seen.figures
    assert matrix.values == tuple(map(tuple, metrics.confusion_matrix(answers["y_true"], answers["y_pred"]).tolist()))
    assert sum(point.n for point in curve.points) == 800
    assert all(point.low <= point.y <= point.high for point in curve.points)


@pytest.mark.parametrize("params", [{"label": "y_pred"}, {"prediction": "y_true"}, {"score": "y_true"}, {"label": "y_score"}])
def test_the_truth_is_not_the_answer(bench, params):
    bench.write("p.csv", **bench.binary(100))
    with pytest.raises(UsageError, match="are the same column"):
        bench.measure(predictions="p.csv", **params)


def test_what_was_taken_for_the_task_is_said(bench):
    bench.write("c.csv", **bench.many(100))
    bench.write("r.csv", **bench.numeric(100))
    bench.write("b.csv", **bench.binary(100))
    told = {
        name: [f.message for f in bench.measure(predictions=name).findings if "declared the task" in f.message]
        for name in ("c.csv", "r.csv", "b.csv")
    }
    assert "3 classes (multiclass)" in told["c.csv"][0]
    assert "quantities (regression)" in told["r.csv"][0]
    assert not told["b.csv"]
    declared = bench.measure(predictions="r.csv", task="regression")
    assert not any("declared the task" in finding.message for finding in declared.findings)


def test_scores_that_are_no_probabilities_say_so(bench):
    answers = bench.binary(100)
    answers["y_score"] = 3 * answers["y_score"] - 1
    bench.write("p.csv", **answers)
    seen = bench.measure(predictions="p.csv")
    for name in ("log_loss", "brier_score_loss", "expected_calibration_error"):
        assert bench.find(seen, name).estimate == NotEstimable(None, "scores lie outside 0 to 1, so they are no probabilities")
    assert any("no log loss and no calibration" in finding.message for finding in seen.findings)


def test_r2_of_very_few_rows_is_not_told(bench):
    bench.write("p.csv", **bench.numeric(9))
    bench.write("q.csv", **bench.numeric(10))
    assert bench.find(bench.measure(predictions="p.csv"), "r2").estimate.reason.startswith("fewer than 10 rows")
    assert bench.find(bench.measure(predictions="q.csv"), "r2").estimate.n == 10


def test_a_blank_label_is_no_class(bench):
    bench.write("p.csv", y_true=["a", " ", "b"], y_pred=["a", "b", "b"])
    with pytest.raises(InputError, match="row 2: column 'y_true' is blank"):
        bench.measure(predictions="p.csv")


def test_empty_cells_do_not_join_a_value_of_their_name(bench):
    bench.write("p.csv", y_true=[0, 1], y_pred=[0, 1], region=["", "(unknown)"])
    with pytest.raises(InputError, match="stands for empty cells"):
        bench.measure(predictions="p.csv", slices=("region",))


def test_no_hint_takes_an_answer_for_the_truth(bench):
    answers = bench.binary(100)
    answers["truth"] = answers.pop("y_true")
    bench.write("p.csv", **answers)
    with pytest.raises(UsageError, match="has no column 'y_true'") as caught:
        bench.measure(predictions="p.csv")
    assert caught.value.hint == "did you mean 'truth'?"  # y_pred is nearer
    with pytest.raises(UsageError, match="has no column 'truht'") as caught:
        bench.measure(predictions="p.csv", label="truth", prediction="truht")
    assert "did you mean" not in caught.value.hint
