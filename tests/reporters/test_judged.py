from __future__ import annotations

from dataclasses import replace

from mlops_stage.estimates import Paired, Rate
from mlops_stage.report import Gate, Metric, Outcome, Report, Verdict
from mlops_stage.reporters.judged import judged, named


def report(metrics, *criteria):
    gates = tuple(Gate(criterion=text, verdict=Verdict.PASSED, sentence="s", source="gates") for text in criteria)
    return Report(stage="quality", id="q", outcome=Outcome.PASSED, summary="", metrics=metrics, gates=gates)


ACCURACY = Metric(name="accuracy", estimate=Rate(9, 10), versus=Paired(3, 1, 10))
ODD = Metric(name="tpr", estimate=Rate(1, 2), slice=(("a, b", 'say "x"'),))


def test_a_gate_finds_its_metric_by_name_and_slice():
    found = judged(report((ACCURACY, ODD), "accuracy >= 0.8", 'tpr["a, b"="say \\"x\\""] < 0.7'))
    assert [(one.metric, one.estimate, one.op, one.threshold) for one in found.values()] == [
        (ACCURACY, ACCURACY.estimate, ">=", 0.8),
        (ODD, ODD.estimate, "<", 0.7),
    ]


def test_a_gate_on_the_baseline_judged_the_difference():
    (one,) = judged(report((ACCURACY,), "accuracy >= baseline - 0.01")).values()
    assert (one.estimate, one.threshold, one.baseline) == (ACCURACY.versus, -0.01, True)


def test_what_cannot_be_drawn_is_left_out_by_its_place():
    without = replace(ACCURACY, versus=None)
    found = judged(report((without,), "no finding of level error", "recall >= 0.5", "accuracy >= baseline", "<script>", "accuracy >= 0.8"))
    assert list(found) == [4]


def test_the_metrics_that_gates_name_are_known_even_when_they_are_not_there():
    assert named(report((), "recall[sex=female] >= 0.5", "nonsense")) == {("recall", (("sex", "female"),))}
