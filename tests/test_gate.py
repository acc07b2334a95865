from __future__ import annotations

import random

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.estimates import Difference, NotEstimable, Paired, Point, Rate, Ratio, Sampled, p_value
from mlops_stage.gate import Rules, judge, parse, parse_all, spell
from mlops_stage.gate.judging import holm
from mlops_stage.report import Criterion, Finding, Level, Metric, NoFinding, Observations, Outcome, Verdict

RULES = Rules()


def observed(*metrics, findings=()):
    return Observations(metrics=metrics, findings=findings)


def metric(estimate, name="accuracy", **fields):
    return Metric(name=name, estimate=estimate, **fields)


def gate_on(estimate, text, rules=RULES, **fields):
    criterion = parse(text)
    judgement = judge(observed(metric(estimate, criterion.metric, slice=criterion.slice, **fields)), [criterion], rules)
    return judgement.gates[0]


# --- text ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy >= 0.8", Criterion(metric="accuracy", op=">=", number=0.8, source="gates")),
        ("  accuracy>=.8 ", Criterion(metric="accuracy", op=">=", number=0.8, source="gates")),
        ("log_loss < 1e-3", Criterion(metric="log_loss", op="<", number=0.001, source="gates")),
        ("r2 > -0.5", Criterion(metric="r2", op=">", number=-0.5, source="gates")),
        ("val/f1.macro <= +2", Criterion(metric="val/f1.macro", op="<=", number=2.0, source="gates")),
        ('"F1 score" >= 0', Criterion(metric="F1 score", op=">=", number=0.0, source="gates")),
        ("tpr[sex=female] >= 0.7", Criterion(metric="tpr", op=">=", number=0.7, slice=(("sex", "female"),), source="gates")),
        (
            'tpr[ sex = female , "odd,col" = "odd \\"value]" ] >= 0.7',
            Criterion(metric="tpr", op=">=", number=0.7, slice=(("sex", "female"), ("odd,col", 'odd "value]')), source="gates"),
        ),
        (
            "tpr[income=>50K,native country=El Salvador]>1",
            Criterion(metric="tpr", op=">", number=1, slice=(("income", ">50K"), ("native country", "El Salvador")), source="gates"),
        ),
        ('tpr[city=""] >= 1', Criterion(metric="tpr", op=">=", number=1, slice=(("city", ""),), source="gates")),
        ("roc_auc >= baseline", Criterion(metric="roc_auc", op=">=", number=0, baseline=True, source="gates")),
        ("roc_auc>=baseline-0.01", Criterion(metric="roc_auc", op=">=", number=-0.01, baseline=True, source="gates")),
        ("log_loss <= baseline + .02", Criterion(metric="log_loss", op="<=", number=0.02, baseline=True, source="gates")),
        ("baseline >= baseline", Criterion(metric="baseline", op=">=", number=0, baseline=True, source="gates")),
    ],
)
def test_gates_are_read(text, expected):
    assert parse(text) == expected
    assert parse(spell(expected)) == expected


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("accuracy>=.80", "accuracy >= 0.8"),
        ("r2 > 0.0", "r2 > 0"),
        ("r2 > -0", "r2 > 0"),
        ("mse<1e4", "mse < 10000"),
        ("a < 1e300", "a < 1e+300"),
        ("a>=baseline-0", "a >= baseline"),
        ("a>=baseline  +1.50", "a >= baseline + 1.5"),
        ('tpr["sex"="female"]>.7', "tpr[sex=female] > 0.7"),
        ('tpr[age="[30, 40)"]>.7', 'tpr[age="[30, 40)"] > 0.7'),
        ('"a b">1', '"a b" > 1'),
    ],
)
def test_gates_have_one_canonical_spelling(text, canonical):
    assert spell(parse(text)) == canonical
    assert spell(parse(canonical)) == canonical


@pytest.mark.parametrize(
    "value", ["a", "a,b", 'a"b', "a=b", "[a]", " a ", "", "a\\b", "é ü", "a\nb", "a\tb", "<=>", "\u2028", "0.8", "baseline", "\u200b"]
)
def test_any_column_and_value_survive_spelling(value):
    criterion = Criterion(metric="tpr", op="<=", number=1 / 3, slice=((value or "c", value), ("x", "y")), source="gates")
    assert parse(spell(criterion)) == criterion
    assert "\n" not in spell(criterion)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("", "is empty", "accuracy >= 0.8"),
        ("accuracy", "no operator", "accuracy >= 0.8"),
        ("accuracy => 0.8", "unknown operator '=>'", "write `>=`"),
        ("accuracy ≤ 0.8", "unknown operator '≤'", "write `<=`"),
        ("accuracy == 0.8", "unknown operator '=='", "the operators are"),
        ("accuracy 0.8", "'0.8' where one of >=, >, <=, <", ""),
        ("accuracy >=", "nothing after >=", ""),
        ("accuracy >= high", "'high' where a number", ""),
        ("accuracy >= nan", "'nan' where a number", ""),
        ("accuracy >= -inf", "'-inf' where a number", ""),
        ("accuracy >= 1_000", "'1_000' where a number", ""),
        ("accuracy >= 1e999", "too large", ""),
        ("accuracy >= 80%", "'80%' where a number", "write 80% as 0.8"),
        ("accuracy >= 80.5 %", "'80.5 %' where a number", "write 80.5 % as 0.805"),
        ("accuracy >= 0,8", "'0,8' where a number", "write 0.8"),
        ("accuracy >= 0.8 and recall >= 0.7", "more than a gate can: 'and recall >= 0.7'", "two gates"),
        ("accuracy >= 0.8 >= 0.7", "more than a gate can", ""),
        ("accuracy >= baseline * 0.9", "more than a gate can: '* 0.9'", "baseline - 0.01"),
        ("accuracy >= baseline - - 1", "more than a gate can", ""),
        ("accuracy >= baseline -", "more than a gate can", ""),
        ("accuracy >= 0.01 + baseline", "more than a gate can", ""),
        ("accuracy >= baselines", "'baselines' where a number", ""),
        ("0.8 <= accuracy", "begins with a number", "stands on the left"),
        (">= 0.8", "does not begin with the name", ""),
        ("tpr[sex=female >= 0.7", "bracket that is not closed", ""),
        ("tpr[sex=female", "bracket that is not closed", ""),
        ("tpr[sex", "bracket that is not closed", ""),
        ("tpr[", "bracket that is not closed", ""),
        ("tpr[] >= 0.7", "no column", ""),
        ("tpr[sex] >= 0.7", "no `=` after the column 'sex'", ""),
        ("tpr[sex=] >= 0.7", "no value", ""),
        ("tpr[sex=a,sex=b] >= 0.7", "names the column 'sex' twice", ""),
        ("tpr[sex=a,] >= 0.7", "no column", ""),
        ('tpr[sex="a] >= 0.7', "quotation mark without its partner", ""),
        (r'tpr[sex="\x"] >= 0.7', "no JSON string", ""),
        ("tpr[a=b][c=d] >= 0.7", "where one of", ""),
    ],
)
def test_what_is_wrong_with_a_gate_is_said_in_one_line(text, says, hint):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.message.startswith("gate '")
    assert says in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_a_very_long_or_binary_gate_is_quoted_in_part():
    with pytest.raises(UsageError) as caught:
        parse("x\x1b[31m\n" + "y" * 10_000)
    assert len(caught.value.message) < 250
    assert caught.value.message.isprintable()


def test_a_list_of_gates_keeps_its_order_and_drops_repetitions():
    gates = parse_all(["b > 1", "a > 1", "b>1.0"], source="config")
    assert [spell(gate) for gate in gates] == ["b > 1", "a > 1"]
    assert {gate.source for gate in gates} == {"config"}


# --- verdicts ---


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
def test_gates_pass_and_fail_on_evidence_only(estimate, text, verdict):
    assert gate_on(estimate, text).verdict == verdict


def test_the_verdict_turns_exactly_at_the_one_sided_bound():
    low, high = Rate(70, 100).bound(0.05), Rate(70, 100).bound(0.95)
    assert gate_on(Rate(70, 100), f"accuracy >= {low!r}").verdict == "passed"
    assert gate_on(Rate(70, 100), f"accuracy > {low!r}").verdict == "inconclusive"
    assert gate_on(Rate(70, 100), f"accuracy >= {high!r}").verdict == "inconclusive"
    assert gate_on(Rate(70, 100), f"accuracy > {high!r}").verdict == "failed"
    assert gate_on(Rate(70, 100), f"accuracy <= {high!r}").verdict == "passed"
    assert gate_on(Rate(70, 100), f"accuracy < {low!r}").verdict == "failed"


def test_a_gate_holds_the_bound_that_decided():
    estimate = Rate(861, 1000)
    assert gate_on(estimate, "accuracy >= 0.8").bound == estimate.bound(0.05)
    assert gate_on(estimate, "accuracy >= 0.9").bound == estimate.bound(0.95)
    assert gate_on(estimate, "accuracy >= 0.85").bound == estimate.bound(0.05)
    assert gate_on(estimate, "accuracy >= 0.87").bound == estimate.bound(0.95)
    assert gate_on(estimate, "accuracy <= 0.9").bound == estimate.bound(0.95)
    assert gate_on(estimate, "accuracy >= 0.8").value == 0.861


def test_too_few_rows_are_not_judged_at_all():
    gate = gate_on(Rate(29, 29), "accuracy >= 0.5")
    assert (gate.verdict, gate.needed, gate.bound) == (Verdict.INCONCLUSIVE, 30, None)
    assert gate.sentence.endswith("Not enough rows to tell: 29 of 30 needed.")
    assert gate_on(Rate(30, 30), "accuracy >= 0.5").verdict == "passed"
    assert gate_on(Rate(29, 29), "accuracy >= 0.5", Rules(min_denominator=10)).verdict == "passed"
    assert gate_on(Rate(20, 29), "accuracy >= 0.68").needed > 1000


def test_the_rows_needed_are_told():
    gate = gate_on(Rate(28, 33), "accuracy >= 0.8")
    assert gate.verdict is Verdict.INCONCLUSIVE
    assert gate.needed > 33
    assert gate_on(Rate(28, 33).at(gate.needed), "accuracy >= 0.8").verdict == "passed"
    assert gate_on(Rate(28, 33).at(gate.needed - 1), "accuracy >= 0.8").verdict == "inconclusive"
    assert f"Not enough rows to tell: 33 of {gate.needed} needed." in gate.sentence
    assert gate_on(Rate(80, 100), "accuracy >= 0.8").needed is None


def test_what_cannot_be_estimated_is_inconclusive_with_its_reason():
    for mode in ("evidence", "point"):
        gate = gate_on(NotEstimable(0, "no positives in this group"), "recall[sex=female] >= 0.7", Rules(mode=mode))
        assert gate.verdict is Verdict.INCONCLUSIVE
        assert (gate.value, gate.bound, gate.needed) == (None, None, None)
        assert gate.sentence == "Recall (sex = female) cannot be estimated: no positives in this group; required: at least 0.7."


def test_a_figure_computed_elsewhere_is_judged_as_a_point_and_says_so():
    assert gate_on(Point(0.8), "accuracy >= 0.8").verdict == "passed"
    assert gate_on(Point(0.8), "accuracy > 0.8").verdict == "failed"
    assert gate_on(Point(0.9, 12), "accuracy > 0.8").verdict == "inconclusive"
    assert (
        gate_on(Point(0.861), "accuracy >= 0.8").sentence
        == "Accuracy is 0.861 (a single figure, so no interval is possible); required: at least 0.8."
    )


def test_point_mode_compares_values_alone():
    rules = Rules(mode="point")
    passed, failed = gate_on(Rate(800, 1000), "accuracy >= 0.8", rules), gate_on(Rate(799, 1000), "accuracy >= 0.8", rules)
    assert (passed.verdict, failed.verdict) == ("passed", "failed")
    assert failed.sentence.endswith("Judged by the value alone.")
    assert gate_on(Rate(9, 10), "accuracy >= 0.8", rules).verdict == "inconclusive"


def test_a_baseline_gate_judges_the_difference_to_it():
    estimate = Rate(861, 1000)
    worse, same = Paired(10, 100, 1000), Paired(3, 3, 1000)
    assert gate_on(estimate, "accuracy >= baseline - 0.01", versus=worse).verdict == "failed"
    assert gate_on(estimate, "accuracy >= baseline - 0.01", versus=same).verdict == "passed"
    assert gate_on(estimate, "accuracy > baseline", versus=same).verdict == "inconclusive"
    assert gate_on(estimate, "accuracy >= baseline - 0.01", versus=same).value == 0
    assert gate_on(estimate, "accuracy >= 0.8", versus=worse).verdict == "passed"
    assert gate_on(estimate, "accuracy >= baseline", versus=NotEstimable(0, "the baseline has other rows")).verdict == "inconclusive"


def test_a_baseline_gate_without_a_baseline_says_how_to_give_one():
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
        ("tpr[sex=femal] >= 0.8", "there is no metric tpr[sex=femal]", "did you mean tpr[sex=female]?"),
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


def test_an_unknown_metric_among_none_says_so():
    with pytest.raises(UsageError) as caught:
        judge(observed(), [parse("accuracy > 0")], RULES)
    assert caught.value.hint == "this stage reports no metrics"


def test_the_order_of_columns_does_not_matter():
    where = (("sex", "female"), ("region", "north"))
    seen = observed(metric(Rate(900, 1000), "tpr", slice=where))
    assert judge(seen, [parse("tpr[region=north,sex=female] >= 0.8")], RULES).outcome is Outcome.PASSED


# --- Holm ---


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


# --- findings, outcome, words ---


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


def test_no_observation_at_all_passes_a_gate_on_findings():
    judgement = judge(observed(), [NoFinding()], RULES)
    assert judgement.outcome is Outcome.PASSED
    assert judgement.summary == "The gate passed: no finding of level error."


def test_without_a_criterion_there_is_no_verdict():
    judgement = judge(observed(metric(Rate(99, 100))), [], RULES)
    assert (judgement.outcome, judgement.gates) == (Outcome.INCONCLUSIVE, ())
    assert judgement.summary == "No gate was declared, so there is no verdict."


@pytest.mark.parametrize(
    ("texts", "outcome", "summary"),
    [
        (["accuracy >= 0.8"], "passed", "The gate passed: accuracy is 0.861, required: at least 0.8."),
        (["accuracy >= 0.9"], "failed", "The gate failed: accuracy is 0.861, required: at least 0.9."),
        (["accuracy >= 0.85"], "inconclusive", "The gate is inconclusive: not enough rows to tell whether accuracy is at least 0.85."),
        (["accuracy >= 0.8", "accuracy > 0.7"], "passed", "All 2 gates passed."),
        (
            ["accuracy >= 0.8", "accuracy >= 0.7", "accuracy >= 0.85"],
            "inconclusive",
            "2 of 3 gates passed, 1 is inconclusive: not enough rows to tell whether accuracy is at least 0.85.",
        ),
        (
            ["accuracy >= 0.8", "accuracy >= 0.85", "accuracy >= 0.86", "accuracy >= 0.9", "accuracy >= 0.95"],
            "failed",
            "2 of 5 gates failed, 1 passed, 2 are inconclusive: accuracy is 0.861, required: at least 0.9 (and 1 more).",
        ),
    ],
)
def test_one_sentence_sums_up_all_gates(texts, outcome, summary):
    judgement = judge(observed(metric(Rate(861, 1000))), parse_all(texts), RULES)
    assert (judgement.outcome, judgement.summary) == (outcome, summary)


def test_gates_stand_in_the_order_of_the_criteria():
    criteria = [parse("accuracy >= 0.8"), NoFinding(source="standard"), parse("accuracy < 0.9")]
    gates = judge(observed(metric(Rate(861, 1000))), criteria, RULES).gates
    assert [gate.criterion for gate in gates] == ["accuracy >= 0.8", "no finding of level error", "accuracy < 0.9"]
    assert [gate.source for gate in gates] == ["gates", "standard", "gates"]


@pytest.mark.parametrize(
    ("estimate", "text", "fields", "sentence"),
    [
        (
            Rate(10_629, 12_345),
            "accuracy >= 0.8",
            {},
            "Accuracy is 0.861 (95 % interval 0.855 to 0.867, 12,345 rows); required: at least 0.8.",
        ),
        (
            Rate(139, 1000),
            "fpr[sex=male] < 0.3",
            {},
            "False positive rate (sex = male) is 0.139 (95 % interval 0.119 to 0.162, 1,000 negative rows); required: less than 0.3.",
        ),
        (
            Sampled.from_normal(12_345.6, 500, 300),
            "mean_squared_error <= 13000",
            {},
            "Mean squared error is 12,346 (95 % interval 11,758 to 12,934, 500 rows); required: at most 13,000.",
        ),
        (
            Sampled.from_normal(0.0123, 500, 0.0004),
            "latency <= 0.02",
            {"unit": "s"},
            "Latency is 0.0123 s (95 % interval 0.0115 to 0.0131, 500 rows); required: at most 0.02 s.",
        ),
        (
            Rate(52.5, 60.25),
            "accuracy > 0.3333333333333333",
            {},
            "Accuracy is 0.871 (95 % interval 0.764 to 0.934, 60 effective rows); required: more than 0.3333.",
        ),
        (
            Rate(822, 1000),
            "accuracy >= 0.8",
            {},
            "Accuracy is 0.822 (95 % interval 0.797 to 0.844, 1,000 rows); required: at least 0.8. With 95 % confidence it is at least 0.801.",
        ),
        (
            Rate(778, 1000),
            "accuracy >= 0.8",
            {},
            "Accuracy is 0.778 (95 % interval 0.751 to 0.803, 1,000 rows); required: at least 0.8. With 95 % confidence it is at most 0.799.",
        ),
        (
            Ratio(Rate(200, 400), Sampled.from_normal(0.5, 300, 0.3)),
            "ratio >= 0.1",
            {},
            "Ratio is 1.000 (95 % interval 0.456 and above, 300 rows); required: at least 0.1.",
        ),
    ],
)
def test_sentences_for_people(estimate, text, fields, sentence):
    assert gate_on(estimate, text, **fields).sentence == sentence


@pytest.mark.parametrize(
    ("versus", "text", "sentence"),
    [
        (
            Paired(30, 40, 12_345),
            "accuracy >= baseline - 0.01",
            "Accuracy is 0.0008 lower (worse) than the baseline's (95 % interval 0.0022 lower to 0.0005 higher, 12,345 rows); required: at most 0.01 lower.",
        ),
        (
            Paired(400, 100, 12_345),
            "accuracy > baseline",
            "Accuracy is 0.0243 higher (better) than the baseline's (95 % interval 0.0209 higher to 0.0279 higher, 12,345 rows); required: higher.",
        ),
        (
            Difference(Rate(800, 1000), Rate(750, 1000)),
            "accuracy >= baseline + 0.01",
            "Accuracy is 0.050 higher (better) than the baseline's (95 % interval 0.013 higher to 0.086 higher, 1,000 rows, not compared row by row); required: at least 0.01 higher.",
        ),
        (
            Paired(3, 3, 1000),
            "accuracy >= baseline - 0.01",
            "Accuracy is the same as the baseline's (95 % interval 0.006 lower to 0.006 higher, 1,000 rows); required: at most 0.01 lower.",
        ),
    ],
)
def test_sentences_about_a_baseline(versus, text, sentence):
    assert gate_on(Rate(861, 1000), text, versus=versus, direction="higher").sentence == sentence


def test_a_lower_loss_is_better():
    sentence = gate_on(
        Sampled.from_normal(0.3, 500, 0.01), "log_loss <= baseline", versus=Sampled.from_normal(-0.05, 500, 0.01), direction="lower"
    ).sentence
    assert sentence.startswith("Log loss is 0.050 lower (better) than the baseline's")
    assert sentence.endswith("required: not higher.")


def test_a_value_just_beyond_the_threshold_is_not_shown_as_the_threshold():
    assert "is 0.79996 " in gate_on(Rate(79_996_000, 100_000_000), "accuracy >= 0.8").sentence


def test_names_from_outside_stay_on_one_line():
    seen = observed(Metric(name="a\nb\x1b[31m", estimate=Point(1), slice=(("c\n", "d\x07"),)))
    gate = judge(seen, [Criterion(metric="a\nb\x1b[31m", op=">", number=0, slice=(("c\n", "d\x07"),))], RULES).gates[0]
    assert gate.sentence.isprintable()
    assert gate.criterion.isprintable()


def test_no_sentence_promises_more_than_it_can():
    words = " ".join(
        gate_on(estimate, text).sentence for estimate in (Rate(861, 1000), Rate(5, 9), Point(0.3)) for text in ("tpr >= 0.8", "tpr <= 0.1")
    )
    assert not {"fair", "secure", "compliant"} & set(words.lower().replace(".", "").split())


# --- the halving test, in small (benchmarks/gates.py runs it in large) ---


def test_two_halves_rarely_contradict_each_other_and_points_often_do():
    rng = random.Random(20)  # noqa: S311  (a simulation)
    counts = {"evidence": 0, "point": 0}
    for _ in range(300):
        halves = [sum(rng.random() < 0.8 for _ in range(200)) for _ in range(2)]
        for mode in counts:
            verdicts = {gate_on(Rate(k, 200), "accuracy >= 0.8", Rules(mode=mode)).verdict for k in halves}
            counts[mode] += verdicts == {"passed", "failed"}
    assert counts["evidence"] <= 3
    assert counts["point"] > 100


def test_bounds_that_are_infinite_never_decide():
    ratio = Ratio(Rate(20, 40), Sampled.from_normal(0.1, 40, 0.1))
    gate = gate_on(ratio, "ratio <= 100")
    assert gate.verdict is Verdict.INCONCLUSIVE
    assert gate.bound is None
    assert gate_on(ratio, "ratio >= 0.1").verdict is Verdict.PASSED
