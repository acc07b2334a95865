import sys

import fairlearn.metrics
import numpy as np
import pytest
import sklearn.metrics

from mlops_stage.errors import ExitCode, StageError, UsageError
from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.stages.fairness.fairlearn import KNOWN


def test_a_metric_of_scikit_learn_by_group_is_that_of_the_library(bench):
    answers = bench.answers()
    bench.write("p.csv", **answers)
    names = ("f1_score", "sklearn.metrics.balanced_accuracy_score", "matthews_corrcoef", "zero_one_loss", "roc_auc_score", "log_loss")
    seen = bench.measure(library_metrics=names, sensitive="sex")
    for name in names:
        function = getattr(sklearn.metrics, name.rpartition(".")[2])
        given = "y_score" if name in {"roc_auc_score", "log_loss"} else "y_pred"
        for sex in ("female", "male"):
            mine = answers["sex"] == sex
            found = bench.find(seen, f"sklearn.metrics.{function.__name__}", sex=sex)
            assert isinstance(found, Point)
            assert found.value == pytest.approx(function(answers["y_true"][mine], answers[given][mine]), abs=1e-12), (name, sex)
            least = min(answers["y_true"][mine].sum(), (1 - answers["y_true"][mine]).sum())
            assert found.n == {"zero_one_loss": mine.sum(), "log_loss": mine.sum(), "f1_score": answers["y_true"][mine].sum()}.get(
                name, least
            ), name
        whole = bench.find(seen, f"sklearn.metrics.{function.__name__}")
        assert whole.value == pytest.approx(function(answers["y_true"], answers[given]), abs=1e-12)


def test_gaps_are_those_of_metric_frame(bench):
    answers = bench.answers(tilt=0.2)
    bench.write("p.csv", **answers)
    seen = bench.measure(
        library_metrics=("f1_score", "equalized_odds_difference", "demographic_parity_ratio", "mean_prediction"), sensitive="race"
    )
    frame = fairlearn.metrics.MetricFrame(
        metrics=sklearn.metrics.f1_score, y_true=answers["y_true"], y_pred=answers["y_pred"], sensitive_features=answers["race"]
    )
    assert bench.find(seen, "sklearn.metrics.f1_score_difference", by="race").value == pytest.approx(frame.difference(), abs=1e-12)
    assert bench.find(seen, "sklearn.metrics.f1_score_ratio", by="race").value == pytest.approx(frame.ratio(), abs=1e-12)
    for name in ("equalized_odds_difference", "demographic_parity_ratio"):
        theirs = getattr(fairlearn.metrics, name)(answers["y_true"], answers["y_pred"], sensitive_features=answers["race"])
        assert bench.find(seen, f"fairlearn.metrics.{name}", by="race").value == pytest.approx(theirs, abs=1e-12)


def test_a_group_without_positives_has_no_figure_where_fairlearn_answers_0(bench):
    answers = bench.answers()
    answers["y_true"][answers["race"] == "other"] = 0
    bench.write("p.csv", **answers)
    naive = fairlearn.metrics.MetricFrame(
        metrics=fairlearn.metrics.true_positive_rate, y_true=answers["y_true"], y_pred=answers["y_pred"], sensitive_features=answers["race"]
    )
    assert naive.by_group["other"] == 0
    seen = bench.measure(library_metrics=("true_positive_rate", "equal_opportunity_difference"), sensitive="race")
    assert bench.find(seen, "fairlearn.metrics.true_positive_rate", race="other") == NotEstimable(0, "no positives in this group")
    for name in ("fairlearn.metrics.true_positive_rate_difference", "fairlearn.metrics.equal_opportunity_difference"):
        assert bench.find(seen, name, by="race").value < 0.1 < naive.difference()
        (metric,) = [metric for metric in seen.metrics if metric.name == name]
        assert metric.incomplete == "1 group has none that could be told"


def test_weights_reach_the_library(bench):
    answers = bench.answers(rows=3_000)
    weight = np.linspace(0.5, 2, 3_000).round(3)
    bench.write("p.csv", w=weight, **answers)
    seen = bench.measure(library_metrics=("f1_score",), weight="w", sensitive="sex")
    mine = answers["sex"] == "male"
    theirs = sklearn.metrics.f1_score(answers["y_true"][mine], answers["y_pred"][mine], sample_weight=weight[mine])
    assert bench.find(seen, "sklearn.metrics.f1_score", sex="male").value == pytest.approx(theirs, abs=1e-12)


def test_they_inform_and_a_gate_may_name_them(bench):
    bench.write("p.csv", **bench.answers())
    asked = {"predictions": "p.csv", "sensitive": "sex", "library_metrics": ("f1_score",)}
    assert all("sklearn" not in gate.criterion for gate in bench.judge(**asked).gates)
    judged = bench.judge(**asked, gates=("sklearn.metrics.f1_score[sex=male] >= 0.5", "sklearn.metrics.f1_score_difference[by=sex] <= 0.2"))
    assert judged.outcome == "passed"


def test_several_classes_count_alike(bench):
    rng = np.random.default_rng(0)
    names = np.array(["ant", "bee", "cat"])
    label = rng.integers(0, 3, 900)
    answer = np.where(rng.random(900) < 0.8, label, rng.integers(0, 3, 900))
    sex = np.where(rng.random(900) < 0.5, "f", "m")
    bench.write("p.csv", y_true=names[label], y_pred=names[answer], sex=sex)
    seen = bench.measure(library_metrics=("f1_score", "accuracy_score"))
    theirs = sklearn.metrics.f1_score(label[sex == "f"], answer[sex == "f"], average="macro")
    assert bench.find(seen, "sklearn.metrics.f1_score", sex="f").value == pytest.approx(theirs, abs=1e-12)
    with pytest.raises(UsageError, match="is for two classes, and here are 3"):
        bench.measure(library_metrics=("true_positive_rate",))


@pytest.mark.parametrize(
    ("name", "told", "hint"),
    [
        ("f1_scor", "no metric of labels and decisions", "did you mean 'f1_score'?"),
        ("sklearn.metrics.f1", "no metric of labels and decisions", "did you mean 'sklearn.metrics.f1_score'?"),
        ("fbeta_score", "needs a beta", "leave it out"),
        ("count", "stands beside every figure", "leave it out"),
        ("os.system", "no metric of labels and decisions", ""),
        ("roc_auc_score", "of scores, and there are none", "name their column with score, or leave it out"),
    ],
)
def test_other_names_are_refused(bench, name, told, hint):
    answers = bench.answers(rows=200)
    del answers["y_score"]
    bench.write("p.csv", **answers)
    with pytest.raises(UsageError, match=told) as found:
        bench.measure(library_metrics=(name,))
    assert hint in found.value.hint


@pytest.mark.parametrize("params", [{"library_metrics": ("f1_score",)}, {"cross_check": "fairlearn"}])
def test_without_fairlearn_the_stage_says_how_to_get_it(bench, monkeypatch, params):
    bench.write("p.csv", **bench.answers(rows=200))
    monkeypatch.setitem(sys.modules, "fairlearn", None)
    monkeypatch.setitem(sys.modules, "fairlearn.metrics", None)
    bench.measure()
    with pytest.raises(StageError, match="needs Fairlearn") as found:
        bench.measure(**params)
    assert found.value.code is ExitCode.STAGE
    assert found.value.hint == "pip install 'mlops-stage[fairlearn]'"


def test_every_known_name_is_a_public_function_that_answers(bench):
    """Each is asked once, so that a new release that drops one is seen here."""
    bench.write("p.csv", **bench.answers(rows=2_500, tilt=0.1))
    seen = bench.measure(library_metrics=tuple(sorted({one.full for one in KNOWN.values()})), sensitive="sex", intersections=1)
    told = {metric.name: metric.estimate for metric in seen.metrics if not metric.slice or metric.slice[0][0] == "by"}
    for one in KNOWN.values():
        assert isinstance(told[one.full], Point), one.full


def test_a_figure_of_few_positives_is_no_ground_for_a_verdict(bench):
    """12 positives of 300 rows in each group: the figure's own denominator counts, not the rows."""
    sex = np.repeat(["f", "m"], 300)
    label = np.tile(np.arange(300) < 12, 2).astype(int)
    bench.write("p.csv", sex=sex, y_true=label, y_pred=label)
    asked = {"predictions": "p.csv", "sensitive": "sex"}
    names = ("true_positive_rate", "true_positive_rate_difference", "equalized_odds_difference", "f1_score", "selection_rate")
    gates = (
        "fairlearn.metrics.true_positive_rate_difference[by=sex] <= 0.1",
        "fairlearn.metrics.true_positive_rate[sex=f] >= 0.5",
        "fairlearn.metrics.equalized_odds_difference[by=sex] <= 0.1",
        "sklearn.metrics.f1_score_difference[by=sex] <= 0.1",
        "fairlearn.metrics.selection_rate_difference[by=sex] <= 0.1",
    )
    judged = bench.judge(**asked, library_metrics=names, gates=gates)
    assert [gate.verdict for gate in judged.gates] == ["inconclusive"] * 4 + ["passed"]


def test_a_figure_that_is_asked_twice_is_reported_once(bench):
    bench.write("p.csv", **bench.answers(rows=300))
    asked = ("selection_rate", "selection_rate_difference", "fairlearn.metrics.selection_rate", "selection_rate")
    seen = bench.measure(library_metrics=asked, sensitive="sex")
    labels = [metric.label for metric in seen.metrics]
    assert len(labels) == len(set(labels))
    assert "fairlearn.metrics.selection_rate_difference[by=sex]" in labels
