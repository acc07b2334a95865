import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from mlops_stage.errors import ExitCode, InputError, UsageError
from mlops_stage.estimates import Difference, NotEstimable, Paired, Point, Rate, Sampled
from mlops_stage.report import Failure, Finding, Level, Metric, Outcome, Report, Verdict, to_json
from mlops_stage.stages.quality.comparing import worse_slices


@pytest.fixture
def pair(bench):
    """The answers of a model and of the worse one it replaces, for the same rows."""
    new = bench.binary(1_500)
    old = {name: column.copy() for name, column in new.items()}
    wrong = np.random.default_rng(9).random(1_500) < 0.08
    old["y_pred"] = np.where(wrong, 1 - old["y_pred"], old["y_pred"])
    old["y_score"] = np.clip(old["y_score"] + np.random.default_rng(8).normal(0, 0.1, 1_500), 0, 1).round(6)
    bench.write("new.csv", **new)
    bench.write("old.csv", **old)
    return new, old


def test_rows_that_are_the_same_are_compared_in_pairs(bench, pair):
    new, _ = pair
    seen = bench.measure(predictions="new.csv", baseline="old.csv", slices=("region",))
    right, was = (answers["y_pred"] == answers["y_true"] for answers in pair)
    accuracy = bench.find(seen, "accuracy")
    assert accuracy.versus == Paired(int((right & ~was).sum()), int((was & ~right).sum()), 1_500)
    area = bench.find(seen, "roc_auc")
    assert isinstance(area.versus, Sampled)
    apart = Difference(area.estimate, area.estimate)
    assert area.versus.bound(0.95) - area.versus.bound(0.05) < 0.6 * (apart.bound(0.95) - apart.bound(0.05))
    south = new["region"] == "south"
    assert bench.find(seen, "accuracy", region="south").versus.n == south.sum()
    for name in ("precision", "f1", "matthews_corrcoef", "log_loss", "balanced_accuracy", "average_precision", "brier_score_loss"):
        assert isinstance(bench.find(seen, name).versus, Sampled), name
        assert isinstance(bench.find(seen, name, region="south").versus, Sampled), name
    assert {subject.role: subject.name for subject in seen.subjects} == {"predictions": "new.csv", "baseline": "old.csv"}
    assert "quality/unpaired-comparison" not in bench.rules(seen)


def test_changed_decisions_are_split_into_fixes_and_breaks(bench, pair):
    seen = bench.measure(predictions="new.csv", baseline="old.csv")
    right, was = (answers["y_pred"] == answers["y_true"] for answers in pair)
    fixes, breaks = int((right & ~was).sum()), int((was & ~right).sum())
    assert bench.find(seen, "fixes").estimate == Rate(fixes, 1_500)
    assert bench.find(seen, "breaks").estimate == Rate(breaks, 1_500)
    (finding,) = [finding for finding in seen.findings if finding.rule == "quality/changed-decisions"]
    assert finding.level is Level.NOTE
    assert f"{fixes + breaks} of 1,500 decisions differ from the baseline's: {fixes} fixes" in finding.message
    assert seen.outputs["better_than_baseline"] == "yes"


@pytest.mark.usefixtures("pair")
def test_the_default_gate_asks_for_no_inferiority_or_on_request_for_superiority(bench):
    judged = bench.judge(predictions="new.csv", baseline="old.csv")
    assert [gate.criterion for gate in judged.gates] == ["balanced_accuracy > 0.5", "balanced_accuracy >= baseline - 0.01"]
    assert judged.outcome is Outcome.PASSED
    worse = bench.judge(predictions="old.csv", baseline="new.csv", margin=0.02)
    assert worse.gates[1].criterion == "balanced_accuracy >= baseline - 0.02"
    assert worse.outcome is Outcome.FAILED
    same = bench.judge(predictions="new.csv", baseline="new.csv", comparison="superior")
    assert same.gates[1].criterion == "balanced_accuracy > baseline"
    assert same.outcome is Outcome.INCONCLUSIVE


def test_rows_are_matched_by_identifier_whatever_their_order(bench, pair):
    new, old = pair
    shuffle = np.random.default_rng(1).permutation(1_500)
    bench.write("a.csv", **new, id=np.arange(1_500))
    bench.write("b.csv", **{name: column[shuffle] for name, column in old.items()}, id=shuffle)
    by_id = bench.measure(predictions="a.csv", baseline="b.csv", row_id="id")
    by_place = bench.measure(predictions="new.csv", baseline="old.csv")
    for name in ("accuracy", "f1", "roc_auc"):
        one, other = bench.find(by_id, name).versus, bench.find(by_place, name).versus
        assert one.value == pytest.approx(other.value)
        assert one.bound(0.05) == pytest.approx(other.bound(0.05))


def test_a_baseline_without_labels_takes_those_of_the_same_rows(bench, pair):
    new, old = pair
    bench.write("a.csv", **new, id=np.arange(1_500))
    bench.write("b.csv", id=np.arange(1_500)[::-1], y_pred=old["y_pred"][::-1])
    seen = bench.measure(predictions="a.csv", baseline="b.csv", row_id="id")
    assert bench.find(seen, "accuracy").versus == bench.find(bench.measure(predictions="new.csv", baseline="old.csv"), "accuracy").versus
    assert bench.find(seen, "roc_auc").versus is None  # the baseline has no scores


@pytest.mark.usefixtures("pair")
def test_other_rows_are_compared_as_independent_and_the_report_says_so(bench):
    bench.write("other.csv", **bench.binary(900, seed=4))
    seen = bench.measure(predictions="new.csv", baseline="other.csv", slices=("region",))
    for where in ({}, {"region": "north"}):
        metric = bench.find(seen, "accuracy", **where)
        assert isinstance(metric.versus, Difference)
        assert metric.versus.a == metric.estimate
    (finding,) = [finding for finding in seen.findings if finding.rule == "quality/unpaired-comparison"]
    assert "it has 900 rows, these are 1,500" in finding.message
    assert "fixes" not in {metric.name for metric in seen.metrics}


@pytest.mark.usefixtures("pair")
def test_the_same_number_of_rows_with_other_labels_is_not_taken_for_the_same_rows(bench):
    bench.write("other.csv", **bench.binary(1_500, seed=4))
    seen = bench.measure(predictions="new.csv", baseline="other.csv")
    assert isinstance(bench.find(seen, "accuracy").versus, Difference)
    assert "quality/unpaired-comparison" in bench.rules(seen)


def test_weights_count_in_the_comparison(bench, pair):
    new, _ = pair
    weight = np.random.default_rng(2).integers(1, 4, 1_500)
    bench.write("a.csv", **new, w=weight)
    seen = bench.measure(predictions="a.csv", baseline="old.csv", weight="w")
    right, was = (answers["y_pred"] == answers["y_true"] for answers in pair)
    expected = np.average(right, weights=weight) - np.average(was, weights=weight)
    assert bench.find(seen, "accuracy").versus.value == pytest.approx(expected)
    assert bench.find(seen, "accuracy").versus.n == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def report_of(bench, folder, findings=(), **params):
    seen = bench.measure(**params)
    report = Report(stage="quality", id=folder, outcome=Outcome.PASSED, summary="s", metrics=seen.metrics, subjects=seen.subjects)
    report = replace(report, findings=findings)
    path = bench.root / "earlier" / folder / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(report), encoding="utf-8")


@pytest.mark.usefixtures("pair")
def test_a_report_folder_gives_unpaired_differences_of_every_figure(bench):
    report_of(bench, "quality", predictions="old.csv", slices=("region",))
    old = bench.measure(predictions="old.csv", slices=("region",))
    for source in ("earlier/quality", "earlier"):
        seen = bench.measure(predictions="new.csv", baseline=source, slices=("region",))
        for name, where in (("accuracy", {}), ("roc_auc", {"region": "south"})):
            metric = bench.find(seen, name, **where)
            assert metric.versus == Difference(metric.estimate, bench.find(old, name, **where).estimate)
        assert "only its figures are known" in next(f.message for f in seen.findings if f.rule == "quality/unpaired-comparison")
    assert bench.judge(predictions="new.csv", baseline="earlier/quality").outcome is Outcome.PASSED


@pytest.mark.usefixtures("pair")
def test_of_several_reports_one_must_be_named(bench):
    report_of(bench, "one", predictions="old.csv")
    report_of(bench, "two", predictions="old.csv")
    with pytest.raises(UsageError, match="holds 2 reports") as refused:
        bench.measure(predictions="new.csv", baseline="earlier")
    assert "one, two" in refused.value.hint


@pytest.mark.usefixtures("pair")
def test_a_report_that_says_nothing_is_refused(bench):
    folder = bench.root / "empty"
    folder.mkdir()
    error = Failure(code=ExitCode.STAGE, message="m")
    folder.joinpath("report.json").write_text(to_json(Report(stage="quality", id="q", outcome=Outcome.ERROR, summary="s", error=error)))
    with pytest.raises(InputError, match="has no figures"):
        bench.measure(predictions="new.csv", baseline="empty")
    folder.joinpath("report.json").write_text(to_json(Report(stage="scan", id="q", outcome=Outcome.PASSED, summary="s")))
    with pytest.raises(UsageError, match="report of the stage scan"):
        bench.measure(predictions="new.csv", baseline="empty")


@pytest.mark.usefixtures("pair")
def test_bare_figures_give_bare_differences(bench):
    bench.root.joinpath("metrics.json").write_text(json.dumps({"accuracy": 0.5}))
    seen = bench.measure(predictions="new.csv", baseline="metrics.json")
    metric = bench.find(seen, "accuracy")
    assert metric.versus == Point(metric.estimate.value - 0.5)
    assert bench.find(seen, "f1").versus is None


@pytest.mark.usefixtures("pair")
def test_a_baseline_that_is_not_there_is_wrong_usage(bench):
    with pytest.raises(UsageError, match="baseline"):
        bench.measure(predictions="new.csv", baseline="nowhere.csv")


def test_labels_the_other_way_round_are_found_before_anything_is_compared(bench, pair):
    _, old = pair
    flipped = {**old, "y_true": 1 - old["y_true"], "y_pred": 1 - old["y_pred"], "y_score": 1 - old["y_score"]}
    bench.write("flipped.csv", **flipped)
    seen = bench.measure(predictions="new.csv", baseline="flipped.csv")
    (finding,) = [finding for finding in seen.findings if finding.rule == "validity/inverted-labels"]
    assert "the opposite of these labels" in finding.message
    assert isinstance(bench.find(seen, "accuracy").versus, NotEstimable)
    assert bench.judge(predictions="new.csv", baseline="flipped.csv").outcome is Outcome.FAILED


def test_decisions_the_other_way_round_are_found_before_anything_is_compared(bench, pair):
    _, old = pair
    bench.write("flipped.csv", **{**old, "y_pred": 1 - old["y_pred"]})
    seen = bench.measure(predictions="new.csv", baseline="flipped.csv")
    (finding,) = [finding for finding in seen.findings if finding.rule == "validity/inverted-labels"]
    assert finding.message.startswith("baseline: balanced_accuracy is")
    assert finding.level is Level.ERROR
    assert isinstance(bench.find(seen, "roc_auc").versus, NotEstimable)


def test_inverted_answers_of_the_model_itself_lead_the_findings(bench, pair):
    new, _ = pair
    bench.write("flipped.csv", **{**new, "y_score": 1 - new["y_score"]})
    seen = bench.measure(predictions="flipped.csv")
    assert bench.rules(seen)[0] == "validity/inverted-labels"
    assert seen.findings[0].message.startswith("predictions: roc_auc is")


def test_other_classes_cannot_be_compared(bench, pair):
    _, old = pair
    words = np.array(["no", "yes"])
    bench.write("words.csv", y_true=words[old["y_true"]], y_pred=words[old["y_pred"]])
    seen = bench.measure(predictions="new.csv", baseline="words.csv")
    (finding,) = [finding for finding in seen.findings if finding.rule == "validity/label-mismatch"]
    assert finding.message == "the classes of the baseline are 'no', 'yes', those of these answers '0', '1'"
    assert isinstance(bench.find(seen, "accuracy").versus, NotEstimable)


def test_labels_and_decisions_in_other_words_are_refused(bench, pair):
    new, _ = pair
    bench.write("words.csv", y_true=np.array(["no", "yes"])[new["y_true"]], y_pred=new["y_pred"])
    with pytest.raises(InputError, match="no, yes, but answers are 0, 1: they have no class in common") as refused:
        bench.measure(predictions="words.csv")
    assert refused.value.code is ExitCode.STAGE


def test_many_decisions_for_classes_that_no_label_has_are_found(bench):
    answers = bench.many()
    answers["y_pred"] = np.where(answers["y_pred"] == "ant", "Ant", answers["y_pred"])
    bench.write("p.csv", y_true=answers["y_true"], y_pred=answers["y_pred"])
    seen = bench.measure(predictions="p.csv")
    (finding,) = [finding for finding in seen.findings if finding.rule == "validity/label-mismatch"]
    assert "decisions are for classes that no label has: 'Ant'" in finding.message


def test_corrected_labels_judge_both_models_and_are_told(bench, pair):
    new, old = pair
    old = {**old, "y_true": np.where(np.arange(1_500) < 20, 1 - old["y_true"], old["y_true"])}
    bench.write("a.csv", **new, id=np.arange(1_500))
    bench.write("b.csv", **old, id=np.arange(1_500))
    seen = bench.measure(predictions="a.csv", baseline="b.csv", row_id="id")
    (finding,) = [finding for finding in seen.findings if finding.rule == "validity/label-mismatch"]
    assert finding.message.startswith("20 of 1,500 rows have another label")
    assert bench.find(seen, "accuracy").versus == bench.find(bench.measure(predictions="new.csv", baseline="old.csv"), "accuracy").versus


def test_slices_that_got_worse_are_found_and_others_are_not(bench, pair):
    new, _ = pair
    hurt = (new["region"] == "west") & (np.random.default_rng(3).random(1_500) < 0.25)
    bench.write("hurt.csv", **{**new, "y_pred": np.where(hurt, 1 - new["y_true"], new["y_pred"])})
    seen = bench.measure(predictions="hurt.csv", baseline="new.csv", slices=("region",))
    worse = [finding for finding in seen.findings if finding.rule == "quality/slice-got-worse"]
    assert [finding.message.split(" fell by ")[0] for finding in worse] == ["accuracy[region=west]"]
    assert worse[0].level is Level.WARNING
    assert "quality/slice-got-worse" not in bench.rules(bench.measure(predictions="new.csv", baseline="old.csv", slices=("region",)))


def test_the_interval_of_a_slice_that_got_worse_keeps_its_signs():
    for change, interval in (
        (Paired(13, 24, 100), "0.228 lower to 0.00951 higher"),
        (Paired(0, 90, 100), f"{-Paired(0, 90, 100).bound(0.025):.3g} lower to {-Paired(0, 90, 100).bound(0.975):.3g} lower"),
    ):
        worse = Metric(name="accuracy", estimate=Rate(60, 100), slice=(("region", "a"),), direction="higher", versus=change)
        (finding,) = worse_slices([worse], "accuracy")
        assert f"(95 % interval {interval}, 100 rows)" in finding.message


@pytest.mark.usefixtures("pair")
def test_a_report_whose_figures_are_in_doubt_is_not_compared_with(bench):
    doubt = Finding(rule="validity/shared-rows", level=Level.ERROR, message="90 of 100 rows also stand in the training data")
    slight = replace(doubt, level=Level.WARNING)
    other = replace(doubt, message="baseline: roc_auc is 0.1")
    for findings, withheld in (((doubt,), True), ((slight,), False), ((other,), False)):
        report_of(bench, "quality", findings, predictions="old.csv")
        seen = bench.measure(predictions="new.csv", baseline="earlier/quality")
        carried = [finding for finding in seen.findings if finding.doubts_figures]
        assert [finding.message for finding in carried] == ([] if findings == (other,) else [f"baseline: {doubt.message}"])
        assert isinstance(bench.find(seen, "accuracy").versus, NotEstimable) is withheld


def test_a_report_of_inverted_answers_is_not_compared_with(bench, pair):
    _, old = pair
    bench.write("flipped.csv", **{**old, "y_pred": 1 - old["y_pred"], "y_score": 1 - old["y_score"]})
    report_of(bench, "quality", predictions="flipped.csv")
    judged = bench.judge(predictions="new.csv", baseline="earlier/quality")
    assert judged.gates[-1].criterion == "balanced_accuracy >= baseline - 0.01"
    assert judged.gates[-1].verdict is Verdict.INCONCLUSIVE
    seen = bench.measure(predictions="new.csv", baseline="earlier/quality")
    (finding,) = [finding for finding in seen.findings if finding.rule == "validity/inverted-labels"]
    assert finding.message.startswith("baseline: balanced_accuracy is")


def test_many_classes_are_compared_in_pairs(bench):
    new, old = bench.many(), bench.many()
    swap = np.random.default_rng(1).random(900) < 0.1
    old["y_pred"] = np.where(swap, "ant", old["y_pred"])
    bench.write("new.csv", **new)
    bench.write("old.csv", **old)
    seen = bench.measure(predictions="new.csv", baseline="old.csv", slices=("region",))
    assert isinstance(bench.find(seen, "accuracy").versus, Paired)
    assert isinstance(bench.find(seen, "recall", **{"class": "bee"}).versus, Paired)
    for name in ("f1_macro", "cohen_kappa", "balanced_accuracy"):
        assert isinstance(bench.find(seen, name).versus, Sampled), name
    assert bench.find(seen, "roc_auc_ovr").versus.value == 0
    assert isinstance(bench.find(seen, "f1_macro", region="n").versus, Difference)
    alone = bench.measure(predictions="old.csv", slices=("region",))
    for metric in seen.metrics:
        if metric.versus is not None and metric.name not in {"roc_auc_ovr", "log_loss", "expected_calibration_error", "roc_auc"}:
            expected = metric.estimate.value - bench.find(alone, metric.name, **dict(metric.slice)).estimate.value
            assert metric.versus.value == pytest.approx(expected), metric.label


def test_a_class_that_only_one_of_the_two_knows_is_no_obstacle(bench):
    new, old = bench.many(), bench.many()
    old["y_pred"] = np.where(np.arange(900) < 9, "dog", old["y_pred"])
    bench.write("new.csv", y_true=new["y_true"], y_pred=new["y_pred"])
    bench.write("old.csv", y_true=old["y_true"], y_pred=old["y_pred"])
    seen = bench.measure(predictions="new.csv", baseline="old.csv")
    was = np.mean(old["y_true"] == old["y_pred"])
    assert bench.find(seen, "accuracy").versus.value == pytest.approx(np.mean(new["y_true"] == new["y_pred"]) - was)


def test_numeric_predictions_are_compared_in_pairs(bench):
    new = bench.numeric(noise=1.0)
    old = {**new, "y_pred": new["y_true"] + 1.1 * (new["y_pred"] - new["y_true"])}
    bench.write("new.csv", **new)
    bench.write("old.csv", **old)
    seen = bench.measure(predictions="new.csv", baseline="old.csv", slices=("region",))
    assert bench.find(seen, "mean_absolute_error").versus.bound(0.95) < 0
    assert isinstance(bench.find(seen, "median_absolute_error").versus, Difference)
    assert "fixes" not in {metric.name for metric in seen.metrics}
    assert bench.judge(predictions="new.csv", baseline="old.csv").outcome is Outcome.PASSED
    assert bench.judge(predictions="old.csv", baseline="new.csv", margin=0).outcome is Outcome.FAILED
    worse = bench.measure(predictions="old.csv", baseline="new.csv", slices=("region",))
    assert bench.rules(worse).count("quality/slice-got-worse") == 2


@pytest.fixture
def repository(bench, pair):
    """A repository whose first commit holds the baseline and whose second does not."""
    assert len(pair[1]["y_true"]) == 1_500  # it was written as old.csv

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=bench.root, check=True, capture_output=True)

    bench.root.joinpath("models").mkdir()
    bench.root.joinpath("old.csv").rename(bench.root / "models" / "old.csv")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
    bench.root.joinpath("models", "big.onnx").write_text(pointer)
    bench.write("models/words.csv", y_true=["a", "b"], y_pred=["c", "d"])
    report_of(bench, "kept", predictions="models/old.csv")
    git("init", "-q", "-b", "main")
    git("add", "models", "earlier")
    git("commit", "-q", "-m", "one")
    git("tag", "v1")
    git("rm", "-q", "-r", "models", "earlier")
    git("commit", "-q", "-m", "two")
    return git


@pytest.mark.usefixtures("repository")
def test_a_baseline_from_history_is_as_good_as_a_file(bench, pair):
    seen = bench.measure(predictions="new.csv", baseline="git:v1:models/old.csv")
    bench.write("old.csv", **pair[1])
    assert bench.find(seen, "accuracy").versus == bench.find(bench.measure(predictions="new.csv", baseline="old.csv"), "accuracy").versus
    with pytest.raises(InputError, match=r"baseline \(words\.csv\)"):  # and no folder of this machine
        bench.measure(predictions="new.csv", baseline="git:v1:models/words.csv")
    with pytest.raises(InputError, match="Git LFS pointer"):
        bench.measure(predictions="new.csv", data="new.csv", baseline="git:v1:models/big.onnx")
    (subject,) = [subject for subject in seen.subjects if subject.role == "baseline"]
    assert subject.name == "git:v1:models/old.csv"
    assert isinstance(bench.find(bench.measure(predictions="new.csv", baseline="git:v1:earlier/kept"), "accuracy").versus, Difference)
    assert isinstance(bench.find(bench.measure(predictions="new.csv", baseline="git:HEAD~1:models/old.csv"), "accuracy").versus, Paired)


def test_a_named_baseline_is_never_passed_over(bench):
    bench.write("new.csv", **bench.binary())
    bench.root.joinpath("b.json").write_text('{"accuracy": 0.99}')
    judged = bench.judge(predictions="new.csv", baseline="b.json")
    assert [gate.criterion for gate in judged.gates] == ["balanced_accuracy > 0.5", "accuracy >= baseline - 0.01"]
    assert judged.outcome is Outcome.FAILED
    bench.root.joinpath("b.json").write_text('{"loss": 0.1}')
    open_ = bench.judge(predictions="new.csv", baseline="b.json")
    assert open_.outcome is Outcome.INCONCLUSIVE
    assert "the baseline has no balanced_accuracy" in open_.summary


def test_scores_without_a_threshold_are_not_compared_with_decisions(bench):
    answers = bench.binary()
    scores = {name: column for name, column in answers.items() if name != "y_pred"}
    decisions = {name: column for name, column in answers.items() if name != "y_score"}
    bench.write("new.csv", **scores)
    bench.write("old.csv", **decisions)
    judged = bench.judge(predictions="new.csv", baseline="old.csv")
    assert [gate.criterion for gate in judged.gates] == ["roc_auc > 0.5", "roc_auc >= baseline - 0.01"]
    assert judged.outcome is Outcome.INCONCLUSIVE
