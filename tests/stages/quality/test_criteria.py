import pytest

from mlops_stage.estimates import NotEstimable, Paired, Point, Rate
from mlops_stage.gate import Rules, judge, spell
from mlops_stage.report import Finding, Level, Metric, Observations, Outcome
from mlops_stage.stages.quality.criteria import CONSTANT_RULE, IMPLIED_RULE, criteria, leading
from mlops_stage.stages.quality.metrics import DIRECTIONS
from mlops_stage.stages.quality.params import QualityParams

HALF = Rate(5, 10)


def metric(name, estimate=HALF, where=(), versus=None):
    return Metric(name=name, estimate=estimate, slice=where, versus=versus, direction=DIRECTIONS.get(name, ""))


def asked(metrics, rules=(), **params):
    findings = tuple(Finding(rule=rule, level=Level.NOTE, message="m") for rule in rules)
    return [spell(one) for one in criteria(QualityParams(**params), Observations(metrics=tuple(metrics), findings=findings))]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["accuracy", "balanced_accuracy", "roc_auc"], ["balanced_accuracy > 0.5"]),
        (["r2", "bias"], ["r2 > 0"]),
        (["roc_auc"], ["roc_auc > 0.5"]),
        (["accuracy"], []),
        ([], []),
    ],
)
def test_the_default_asks_for_more_than_a_predictor_that_ignores_its_input(names, expected):
    assert asked([metric(name) for name in names]) == expected


def test_among_several_classes_such_a_predictor_has_a_share_of_each():
    classes = [metric("recall", where=(("class", name),)) for name in "abc"]
    unseen = metric("recall", NotEstimable(0, "no rows of class d"), (("class", "d"),))
    assert asked([metric("balanced_accuracy"), *classes, unseen]) == ["balanced_accuracy > 0.3333333333333333"]


def test_figures_of_slices_and_bare_figures_get_no_default():
    assert asked([metric("balanced_accuracy", where=(("region", "a"),))]) == []
    assert asked([metric("balanced_accuracy", Point(0.9))]) == []


def test_where_nobody_decided_the_ranking_is_asked_for():
    assert asked([metric("balanced_accuracy"), metric("roc_auc")], [IMPLIED_RULE]) == ["roc_auc > 0.5"]
    assert asked([metric("balanced_accuracy")], [IMPLIED_RULE]) == []


@pytest.mark.parametrize("rule", [CONSTANT_RULE, "validity/shared-rows"])
def test_an_error_fails_beside_every_gate(rule):
    error = Finding(rule=rule, level=Level.ERROR, message="m")
    seen = Observations(metrics=(), findings=(error,))
    assert [(spell(one), one.source) for one in criteria(QualityParams(), seen)] == [("no finding of level error", "validity")]
    warning = Observations(metrics=(), findings=(Finding(rule=rule, level=Level.WARNING, message="m"),))
    assert rule == CONSTANT_RULE or not criteria(QualityParams(), warning)


def test_a_team_may_have_errors_reported_only():
    seen = Observations(metrics=(), findings=(Finding(rule="validity/shared-rows", level=Level.ERROR, message="m"),))
    assert criteria(QualityParams(doubts="report"), seen) == ()


def test_a_class_that_is_masked_still_is_one():
    classes = [metric("recall", where=(("class", name),)) for name in "ab"]
    masked = metric("recall", NotEstimable(None, "masked"), (("class", "c"),))
    assert asked([metric("balanced_accuracy"), *classes, masked]) == ["balanced_accuracy > 0.3333333333333333"]


def test_constant_answers_fail():
    assert asked([metric("r2")], [CONSTANT_RULE]) == [f"no finding of level error by {CONSTANT_RULE}", "r2 > 0"]


def test_a_baseline_adds_a_gate_on_what_can_be_compared():
    change = Paired(1, 1, 10)
    metrics = [metric("balanced_accuracy", versus=change), metric("roc_auc", versus=change)]
    assert asked(metrics, baseline="b")[1:] == ["balanced_accuracy >= baseline - 0.01"]
    assert asked(metrics, baseline="b", margin=0.05)[1:] == ["balanced_accuracy >= baseline - 0.05"]
    assert asked(metrics, baseline="b", margin=0)[1:] == ["balanced_accuracy >= baseline"]
    assert asked(metrics, baseline="b", comparison="superior")[1:] == ["balanced_accuracy > baseline"]
    assert asked([metric("balanced_accuracy"), metrics[1]], baseline="b")[1:] == ["roc_auc >= baseline - 0.01"]


@pytest.mark.parametrize("versus", [Paired(1, 1, 10), Point(-0.1)])
def test_a_baseline_is_compared_by_whatever_both_have(versus):
    metrics = [metric("balanced_accuracy"), metric("selection_rate", versus=versus), metric("accuracy", versus=versus)]
    assert asked(metrics, baseline="b")[1:] == ["accuracy >= baseline - 0.01"]
    falling = [metric("balanced_accuracy"), metric("log_loss", versus=versus)]
    assert asked(falling, baseline="b")[1:] == ["log_loss <= baseline + 0.01"]
    assert asked(falling, baseline="b", comparison="superior")[1:] == ["log_loss < baseline"]


@pytest.mark.parametrize("versus", [None, NotEstimable(None, "in doubt")])
def test_a_baseline_that_nothing_can_be_compared_with_leaves_its_gate_open(versus):
    metrics = (metric("accuracy", Rate(90, 100)), metric("balanced_accuracy", Rate(90, 100), versus=versus))
    seen = Observations(metrics=metrics)
    wanted = criteria(QualityParams(baseline="b"), seen)
    assert [spell(one) for one in wanted] == ["balanced_accuracy > 0.5", "balanced_accuracy >= baseline - 0.01"]
    judged = judge(seen, wanted, Rules())
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert ("in doubt" if versus else "the baseline has no balanced_accuracy") in judged.summary


def test_decisions_that_nobody_declared_are_not_compared():
    metrics = [metric("balanced_accuracy", versus=Paired(1, 1, 10)), metric("roc_auc")]
    assert asked(metrics, [IMPLIED_RULE], baseline="b") == ["roc_auc > 0.5", "roc_auc >= baseline - 0.01"]


def test_the_leading_metric_is_of_all_rows():
    metrics = [metric("roc_auc", where=(("a", "b"),)), metric("accuracy"), metric("roc_auc")]
    assert leading(metrics, implied=False) == metrics[2]
    assert leading(metrics[:2], implied=False) is None
