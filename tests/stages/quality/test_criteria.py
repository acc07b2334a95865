import pytest

from mlops_stage.estimates import NotEstimable, Paired, Point, Rate
from mlops_stage.gate import spell
from mlops_stage.report import Finding, Level, Metric, Observations
from mlops_stage.stages.quality.criteria import CONSTANT_RULE, IMPLIED_RULE, criteria, leading
from mlops_stage.stages.quality.params import QualityParams

HALF = Rate(5, 10)


def metric(name, estimate=HALF, where=(), versus=None):
    return Metric(name=name, estimate=estimate, slice=where, versus=versus)


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
    assert asked([metric("balanced_accuracy"), *classes, unseen]) == ["balanced_accuracy > 0.3334"]


def test_figures_of_slices_and_bare_figures_get_no_default():
    assert asked([metric("balanced_accuracy", where=(("region", "a"),))]) == []
    assert asked([metric("balanced_accuracy", Point(0.9))]) == []


def test_where_nobody_decided_the_ranking_is_asked_for():
    assert asked([metric("balanced_accuracy"), metric("roc_auc")], [IMPLIED_RULE]) == ["roc_auc > 0.5"]
    assert asked([metric("balanced_accuracy")], [IMPLIED_RULE]) == ["balanced_accuracy > 0.5"]


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
    assert asked([metric("balanced_accuracy")], baseline="b")[1:] == []


def test_the_leading_metric_is_of_all_rows():
    metrics = [metric("roc_auc", where=(("a", "b"),)), metric("accuracy"), metric("roc_auc")]
    assert leading(metrics, implied=False) == metrics[2]
    assert leading(metrics[:2], implied=False) is None
