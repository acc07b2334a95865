import pytest

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Paired, Point, Rate
from mlops_stage.gate import Rules, judge, parse
from mlops_stage.gate.ranges import outside
from mlops_stage.report import Metric, Observations, Outcome


def judged(gate, name="accuracy", estimate=None, unit=""):
    metric = Metric(name=name, estimate=estimate or Rate(90, 100), versus=Paired(5, 5, 100), unit=unit)
    return judge(Observations(metrics=(metric,)), [parse(gate)], Rules())


@pytest.mark.parametrize(
    ("gate", "told", "hint"),
    [
        ("accuracy >= 80", "accuracy is between 0 and 1", "write 0.8"),
        ("accuracy >= 92.5", "accuracy is between 0 and 1", "write 0.925"),
        ("accuracy >= -1", "accuracy is between 0 and 1", "write a number in that range"),
        ("accuracy >= baseline - 2", "a difference in accuracy is between -1 and 1", "write 0.02"),
    ],
)
def test_a_number_that_the_metric_cannot_have_is_wrong_usage(gate, told, hint):
    with pytest.raises(UsageError, match=told) as refused:
        judged(gate)
    assert refused.value.hint == hint


def test_numbers_at_the_ends_are_possible():
    assert judged("accuracy >= 0").outcome is Outcome.PASSED
    assert judged("accuracy >= 1").outcome is Outcome.FAILED
    assert judged("accuracy >= baseline - 1").outcome is Outcome.PASSED


def test_another_metric_of_the_same_name_is_judged():
    assert judged("accuracy >= 80", estimate=Point(90)).outcome is Outcome.PASSED
    assert judged("accuracy <= 80", unit="%").outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("metric", "number", "difference", "possible"),
    [
        ("matthews_corrcoef", -1, False, True),
        ("matthews_corrcoef", 1.1, False, False),
        ("matthews_corrcoef", 2, True, True),
        ("r2", -3, False, True),
        ("r2", 1.1, False, False),
        ("log_loss", 3, False, True),
        ("log_loss", -0.1, False, False),
        ("log_loss", -0.1, True, True),
        ("rows", -7, False, True),
    ],
)
def test_ranges(metric, number, difference, possible):
    assert (outside(metric, number, difference=difference) is None) is possible
