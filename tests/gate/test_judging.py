from __future__ import annotations

import random

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Difference, NotEstimable, Paired, Point, Rate, Ratio, Sampled, p_value
from mlops_stage.gate import Rules, judge, parse
from mlops_stage.gate.judging import holm
from mlops_stage.report import Criterion, Finding, Level, Metric, NoFinding, Observations, Outcome, Verdict

RULES = Rules()


def observed(*metrics, findings=()):
    return Observations(metrics=metrics, findings=findings)


def metric(estimate, name="accuracy", **fields):
    return Metric(name=name, estimate=estimate, **fields)


@pytest.mark.parametrize(
    ("estimate", "text", "verdict"),
    [
        (Rate(861, 1000), "accuracy >= 0.8", "passed"),
        (Rate(861, 1000), "accuracy >= 0.9", "failed"),
        (Rate(861, 1000), "accuracy >= 0.85", "inconclusive"),
        (Rate(861, 1000), "accuracy >= 0.87", "inconclusive"),
        (Rate(139, 1000), "error <= 0.2", "passed"),
        (Rate(139, 1000), "error < 0.1", "failed"),
        (Rate(139, 1000), "error <= 0.14", "inconclusive"),
        (Rate(100, 100), "accuracy >= 1", "inconclusive"),
        (Rate(100, 100), "accuracy > 1", "failed"),
        (Rate(100, 100), "accuracy <= 1", "passed"),
        (Rate(0, 100), "error >= 0", "passed"),
        (Rate(0, 100), "error < 0", "failed"),
        (Ratio(Rate(50, 100), Rate(95, 100)), "ratio >= 0.8", "failed"),
        (Difference(Rate(500, 1000), Rate(400, 1000)), "gap <= 0.2", "passed"),
    ],
)
def test_gates_pass_and_fail_on_evidence_only(estimate, text, verdict, gate_on):
    assert gate_on(estimate, text).verdict == verdict


def test_the_verdict_turns_exactly_at_the_one_sided_bound(gate_on):
    low, high = Rate(70, 100).bound(0.05), Rate(70, 100).bound(0.95)
    assert gate_on(Rate(70, 100), f"accuracy >= {low!r}").verdict == "passed"
    assert gate_on(Rate(70, 100), f"accuracy > {low!r}").verdict == "inconclusive"
    assert gate_on(Rate(70, 100), f"accuracy >= {high!r}").verdict == "inconclusive"
    assert gate_on(Rate(70, 100), f"accuracy > {high!r}").verdict == "failed"
    assert gate_on(Rate(70, 100), f"accuracy <= {high!r}").verdict == "passed"
    assert gate_on(Rate(70, 100), f"accuracy < {low!r}").verdict == "failed"


def test_a_gate_holds_the_bound_that_decided(gate_on):
    estimate = Rate(861, 1000)
    assert gate_on(estimate, "accuracy >= 0.8").bound == estimate.bound(0.05)
    assert gate_on(estimate, "accuracy >= 0.9").bound == estimate.bound(0.95)
    assert gate_on(estimate, "accuracy >= 0.85").bound == estimate.bound(0.05)
    assert gate_on(estimate, "accuracy >= 0.87").bound == estimate.bound(0.95)
    assert gate_on(estimate, "accuracy <= 0.9").bound == estimate.bound(0.95)
    assert gate_on(estimate, "accuracy >= 0.8").value == 0.861


def test_too_few_rows_are_not_judged_at_all(gate_on):
    gate = gate_on(Rate(29, 29), "accuracy >= 0.5")
    assert (gate.verdict, gate.needed, gate.bound) == (Verdict.INCONCLUSIVE, 30, None)
    assert gate.sentence.endswith("Not enough rows to tell: 29 of 30 needed.")
    assert gate_on(Rate(30, 30), "accuracy >= 0.5").verdict == "passed"
    assert gate_on(Rate(29, 29), "accuracy >= 0.5", Rules(min_denominator=10)).verdict == "passed"
    assert gate_on(Rate(20, 29), "accuracy >= 0.68").needed > 1000


def test_the_rows_needed_are_told(gate_on):
    gate = gate_on(Rate(28, 33), "accuracy >= 0.8")
    assert gate.verdict is Verdict.INCONCLUSIVE
    assert gate.needed > 33
    assert gate_on(Rate(28, 33).at(gate.needed), "accuracy >= 0.8").verdict == "passed"
    assert gate_on(Rate(28, 33).at(gate.needed - 1), "accuracy >= 0.8").verdict == "inconclusive"
    assert f"Not enough rows to tell: 33 of {gate.needed} needed." in gate.sentence
    assert gate_on(Rate(80, 100), "accuracy >= 0.8").needed is None


def test_what_cannot_be_estimated_is_inconclusive_with_its_reason(gate_on):
    for mode in ("evidence", "point"):
        gate = gate_on(NotEstimable(0, "no positives in this group"), "recall[sex=female] >= 0.7", Rules(mode=mode))
        assert gate.verdict is Verdict.INCONCLUSIVE
        assert (gate.value, gate.bound, gate.needed) == (None, None, None)
        assert gate.sentence == "Recall (sex = female) cannot be estimated: no positives in this group; required: at least 0.7."


def test_a_figure_computed_elsewhere_is_judged_as_a_point_and_says_so(gate_on):
    assert gate_on(Point(0.8), "accuracy >= 0.8").verdict == "passed"
    assert gate_on(Point(0.8), "accuracy > 0.8").verdict == "failed"
    assert gate_on(Point(0.9, 12), "accuracy > 0.8").verdict == "inconclusive"
    assert (
        gate_on(Point(0.861), "accuracy >= 0.8").sentence
        == "Accuracy is 0.861 (a single figure, so no interval is possible); required: at least 0.8."
    )


def test_point_mode_compares_values_alone(gate_on):
    rules = Rules(mode="point")
    passed, failed = gate_on(Rate(800, 1000), "accuracy >= 0.8", rules), gate_on(Rate(799, 1000), "accuracy >= 0.8", rules)
    assert (passed.verdict, failed.verdict) == ("passed", "failed")
    assert failed.sentence.endswith("Judged by the value alone.")
    assert gate_on(Rate(9, 10), "accuracy >= 0.8", rules).verdict == "inconclusive"


def test_a_baseline_gate_judges_the_difference_to_it(gate_on):
    estimate = Rate(861, 1000)
    worse, same = Paired(10, 100, 1000), Paired(3, 3, 1000)
    assert gate_on(estimate, "accuracy >= baseline - 0.01", versus=worse).verdict == "failed"
    assert gate_on(estimate, "accuracy >= baseline - 0.01", versus=same).verdict == "passed"
    assert gate_on(estimate, "accuracy > baseline", versus=same).verdict == "inconclusive"
    assert gate_on(estimate, "accuracy >= baseline - 0.01", versus=same).value == 0
    assert gate_on(estimate, "accuracy >= 0.8", versus=worse).verdict == "passed"
    assert gate_on(estimate, "accuracy >= baseline", versus=NotEstimable(0, "the baseline has other rows")).verdict == "inconclusive"


def test_a_baseline_gate_without_a_baseline_says_how_to_give_one(gate_on):
    with pytest.raises(UsageError, match="there is no baseline") as caught:
        gate_on(Rate(861, 1000), "accuracy >= baseline")
    assert "baseline:" in caught.value.hint
    metrics = observed(metric(Rate(8, 10)), metric(Rate(8, 10), "recall", versus=Paired(0, 0, 10)))
    with pytest.raises(UsageError, match="the baseline has no accuracy"):
        judge(metrics, [parse("accuracy >= baseline")], RULES)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("acuracy >= 0.8", "there is no metric acuracy", "did you mean accuracy?"),
        ("tpr[sex=femal] >= 0.8", "there is no metric tpr[sex=femal]", "the values of sex are female, male"),
        ("tpr[region=north] >= 0.8", "there is no metric tpr[region=north]", "slices: region"),
        ("tpr >= 0.8", "there is no metric tpr", "there are tpr[sex=female], tpr[sex=male]"),
        ("zzz >= 0.8", "there is no metric zzz", "there are accuracy, tpr[sex=female], tpr[sex=male]"),
    ],
)
def test_an_unknown_metric_or_slice_is_an_error_with_the_nearest_name(text, says, hint):
    groups = [metric(Rate(8, 10), "tpr", slice=(("sex", value),)) for value in ("female", "male")]
    with pytest.raises(UsageError) as caught:
        judge(observed(metric(Rate(8, 10)), *groups), [parse(text)], RULES)
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_of_many_values_of_a_slice_the_nearest_come_first():
    known = [*(f"a{number}" for number in range(20)), "model_license"]
    metrics = observed(*(metric(Rate(8, 10), "element", slice=(("name", name),)) for name in known))
    with pytest.raises(UsageError) as caught:
        judge(metrics, [parse("element[name=model_licence] >= 1")], RULES)
    assert caught.value.hint.startswith("the values of name are model_license, a0, ")


def test_an_unknown_metric_among_none_says_so():
    with pytest.raises(UsageError) as caught:
        judge(observed(), [parse("accuracy > 0")], RULES)
    assert caught.value.hint == "this stage reports no metrics"


def test_the_order_of_columns_does_not_matter():
    where = (("sex", "female"), ("region", "north"))
    seen = observed(metric(Rate(900, 1000), "tpr", slice=where))
    assert judge(seen, [parse("tpr[region=north,sex=female] >= 0.8")], RULES).outcome is Outcome.PASSED


def test_holm_steps_down_and_stops():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.05 / 3, 0.05 / 2, 0.05 / 2, 0.05 / 4])  # Holm 1979: rejects .005 and .01
    assert holm([0.2]) == [0.05]
    assert holm([]) == []


def test_claims_of_failure_within_a_family_are_adjusted():
    estimate = Rate(760, 1000)  # misses .78 with p of about .06, .785 with about .03
    alone = [Criterion(metric="accuracy", op=">=", number=number, family=family) for number, family in ((0.785, ""), (0.785, "x"))]
    assert [gate.verdict for gate in judge(observed(metric(estimate)), alone, RULES).gates] == ["failed", "failed"]
    family = [Criterion(metric="accuracy", op=">=", number=0.785, family="standard") for _ in range(2)]
    judgement = judge(observed(metric(estimate)), family, RULES)
    assert {gate.verdict for gate in judgement.gates} == {"inconclusive"}
    assert judgement.gates[0].bound == estimate.bound(1 - 0.05 / 2)
    at_needed = judge(observed(metric(estimate.at(judgement.gates[0].needed))), family, RULES)
    assert {gate.verdict for gate in at_needed.gates} == {"failed"}


def test_the_verdicts_of_a_family_are_those_of_holms_method():
    numbers = (0.76, 0.781, 0.785, 0.79, 0.8)
    estimate = Rate(760, 1000)
    gates = judge(
        observed(metric(estimate)), [Criterion(metric="accuracy", op=">=", number=number, family="f") for number in numbers], RULES
    ).gates
    values = [p_value(estimate, number, ">=") for number in numbers]
    rejected, order = set(), sorted(range(5), key=values.__getitem__)
    for rank, index in enumerate(order):
        if values[index] > 0.05 / (5 - rank):
            break
        rejected.add(index)
    assert {index for index, gate in enumerate(gates) if gate.verdict == "failed"} == rejected
    assert 0 < len(rejected) < 4


def test_passing_needs_no_adjustment_and_every_comparison():
    family = [Criterion(metric="accuracy", op=">=", number=number, family="f") for number in (0.735, 0.7, 0.74)]
    judgement = judge(observed(metric(Rate(760, 1000))), family, RULES)
    assert [gate.verdict for gate in judgement.gates] == ["passed", "passed", "inconclusive"]
    assert judgement.outcome is Outcome.INCONCLUSIVE


def test_comparisons_with_too_few_rows_do_not_weigh_on_the_others():
    seen = observed(
        metric(Rate(760, 1000)), metric(Rate(1, 5), "recall"), metric(Point(0.1), "r2"), metric(NotEstimable(0, "no rows"), "f1")
    )
    family = [Criterion(metric=name, op=">=", number=0.785, family="f") for name in ("accuracy", "recall", "r2", "f1")]
    assert [gate.verdict for gate in judge(seen, family, RULES).gates] == ["failed", "inconclusive", "failed", "inconclusive"]


def test_findings_of_the_level_and_above_fail():
    findings = (
        Finding(rule="scan/pickle", level=Level.ERROR, message="Runs code when loaded.\nAt byte 3"),
        Finding(rule="scan/size", level=Level.WARNING, message="Large."),
        Finding(rule="validity/shared-rows", level=Level.NOTE, message="3 rows are shared"),
    )
    seen = observed(findings=findings)

    def told(**fields):
        gate = judge(seen, [NoFinding(**fields)], RULES).gates[0]
        return gate.verdict, gate.sentence

    assert told() == ("failed", "1 finding of level error: Runs code when loaded. At byte 3.")
    assert told(level=Level.WARNING) == ("failed", "2 findings of level warning or above: Runs code when loaded. At byte 3 (and more).")
    assert told(rule="scan/size") == ("passed", "No finding of level error by scan/size.")
    assert told(rule="scan/size", level=Level.NOTE) == ("failed", "1 finding of level note or above by scan/size: Large.")


def test_gates_stand_in_the_order_of_the_criteria():
    criteria = [parse("accuracy >= 0.8"), NoFinding(source="standard"), parse("accuracy < 0.9")]
    gates = judge(observed(metric(Rate(861, 1000))), criteria, RULES).gates
    assert [gate.criterion for gate in gates] == ["accuracy >= 0.8", "no finding of level error", "accuracy < 0.9"]
    assert [gate.source for gate in gates] == ["gates", "standard", "gates"]


def test_bounds_that_are_infinite_never_decide(gate_on):
    ratio = Ratio(Rate(20, 40), Sampled.from_normal(0.1, 40, 0.1))
    gate = gate_on(ratio, "ratio <= 100")
    assert gate.verdict is Verdict.INCONCLUSIVE
    assert gate.bound is None
    assert gate_on(ratio, "ratio >= 0.1").verdict is Verdict.PASSED


def test_two_halves_rarely_contradict_each_other_and_points_often_do(gate_on):
    rng = random.Random(20)
    counts = {"evidence": 0, "point": 0}
    for _ in range(300):
        halves = [sum(rng.random() < 0.8 for _ in range(200)) for _ in range(2)]
        for mode in counts:
            verdicts = {gate_on(Rate(k, 200), "accuracy >= 0.8", Rules(mode=mode)).verdict for k in halves}
            counts[mode] += verdicts == {"passed", "failed"}
    assert counts["evidence"] <= 3
    assert counts["point"] > 100
