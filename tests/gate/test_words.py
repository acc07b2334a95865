from __future__ import annotations

import pytest

from mlops_stage.estimates import Difference, Paired, Point, Rate, Ratio, Sampled
from mlops_stage.gate import Rules, judge, parse_all
from mlops_stage.report import Between, Criterion, Metric, NoFinding, Observations, Outcome


def test_no_observation_at_all_passes_a_gate_on_findings():
    judgement = judge(Observations(), [NoFinding()], Rules())
    assert judgement.outcome is Outcome.PASSED
    assert judgement.summary == "The gate passed: no finding of level error."


def test_without_a_criterion_there_is_no_verdict():
    judgement = judge(Observations(metrics=(Metric(name="accuracy", estimate=Rate(99, 100)),)), [], Rules())
    assert (judgement.outcome, judgement.gates) == (Outcome.INCONCLUSIVE, ())
    assert judgement.summary == "No gate was declared, so there is no verdict."


@pytest.mark.parametrize(
    ("texts", "outcome", "summary"),
    [
        (["accuracy >= 0.8"], "passed", "The gate passed: accuracy is 0.861, required: at least 0.8."),
        (["accuracy >= 0.9"], "failed", "The gate failed: accuracy is 0.861, required: at least 0.9."),
        (["accuracy >= 0.85"], "inconclusive", "The gate is inconclusive: not enough rows to tell whether accuracy is at least 0.85."),
        (["accuracy >= 0.8", "accuracy > 0.7"], "passed", "Both gates passed."),
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
    judgement = judge(Observations(metrics=(Metric(name="accuracy", estimate=Rate(861, 1000)),)), parse_all(texts), Rules())
    assert (judgement.outcome, judgement.summary) == (outcome, summary)


def test_a_share_of_all_there_is_lacks_no_interval():
    metric = Metric(name="element", estimate=Point(0.5), slice=(("name", "dataset_license"),), exact=True)
    (gate,) = judge(Observations(metrics=(metric,)), parse_all(["element[name=dataset_license] >= 1"]), Rules()).gates
    assert gate.sentence == "Share that tell the element (name = dataset_license) is 0.500 (counted); required: at least 1."


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
def test_sentences_for_people(estimate, text, fields, sentence, gate_on):
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
def test_sentences_about_a_baseline(versus, text, sentence, gate_on):
    assert gate_on(Rate(861, 1000), text, versus=versus, direction="higher").sentence == sentence


def test_a_lower_loss_is_better(gate_on):
    sentence = gate_on(
        Sampled.from_normal(0.3, 500, 0.01), "log_loss <= baseline", versus=Sampled.from_normal(-0.05, 500, 0.01), direction="lower"
    ).sentence
    assert sentence.startswith("Log loss is 0.050 lower (better) than the baseline's")
    assert sentence.endswith("required: not higher.")


def test_a_unit_stands_beside_its_number(gate_on):
    versus = Sampled.from_normal(0.003, 500, 0.0001)
    sentence = gate_on(
        Sampled.from_normal(0.3, 500, 0.01), "latency <= baseline + 0.005", versus=versus, unit="s", direction="lower"
    ).sentence
    assert sentence.startswith("Latency is 0.00300 s higher (worse) than the baseline's")
    assert sentence.endswith("required: at most 0.005 s higher.")


def test_a_very_small_figure_is_not_shown_as_nothing(gate_on):
    assert "is 0.00012 (" in gate_on(Point(0.00012), "loss <= 0.5").sentence


def test_a_value_just_beyond_the_threshold_is_not_shown_as_the_threshold(gate_on):
    assert "is 0.79996 " in gate_on(Rate(79_996_000, 100_000_000), "accuracy >= 0.8").sentence


def test_names_from_outside_stay_on_one_line():
    seen = Observations(metrics=(Metric(name="a\nb\x1b[31m", estimate=Point(1), slice=(("c\n", "d\x07"),)),))
    gate = judge(seen, [Criterion(metric="a\nb\x1b[31m", op=">", number=0, slice=(("c\n", "d\x07"),))], Rules()).gates[0]
    assert gate.sentence.isprintable()
    assert gate.criterion.isprintable()


def test_no_sentence_promises_more_than_it_can(gate_on):
    words = " ".join(
        gate_on(estimate, text).sentence for estimate in (Rate(861, 1000), Rate(5, 9), Point(0.3)) for text in ("tpr >= 0.8", "tpr <= 0.1")
    )
    assert not {"fair", "secure", "compliant"} & set(words.lower().replace(".", "").split())


@pytest.mark.parametrize(
    ("nulls", "sentence"),
    [
        (0, "age is never missing (nulls: 0 rows; required: at most 0 rows)."),
        (1, "Not true that age is never missing (nulls: 1 row; required: at most 0 rows)."),
        (3, "Not true that age is never missing (nulls: 3 rows; required: at most 0 rows)."),
    ],
)
def test_a_criterion_that_says_what_it_claims_is_told_in_those_words(nulls, sentence):
    where = (("rule", "age.required"),)
    seen = Observations(metrics=(Metric(name="nulls", estimate=Point(nulls), unit="rows", slice=where),))
    (gate,) = judge(seen, [Criterion(metric="nulls", op="<=", number=0, slice=where, claim="age is never\nmissing")], Rules()).gates
    assert gate.sentence == sentence
    assert gate.criterion == "nulls[rule=age.required] <= 0"


@pytest.mark.parametrize(
    ("name", "where", "between", "told"),
    [
        ("tpr", (), Between(figure="tpr", low=(("sex", "f"),), high=(("sex", "m"),)), "is 0.3, lowest for 'f' and highest for 'm' (95 %"),
        (
            "equal_opportunity",
            (),
            Between(figure="tpr", low=(("sex", "f"),), high=(("sex", "m"),)),
            "is 0.3, lowest for 'f' and highest for 'm' (95 %",
        ),
        (
            "equalized_odds",
            (),
            Between(figure="fpr", low=(("sex", "f"), ("race", "a, b")), high=(("sex", "m"), ("race", "c"))),
            "is 0.3, false positive rate lowest for 'f, a, b' and highest for 'm, c' (95 %",
        ),
        (
            "tpr",
            (),
            Between(figure="tpr", low=(("sex", "f"),), high=(("sex", "m"),), label="cat"),
            "is 0.3, of class 'cat' lowest for 'f' and highest for 'm' (95 %",
        ),
        (
            "tpr",
            (("class", "cat"),),
            Between(figure="tpr", low=(("sex", "f"),), high=(("sex", "m\n"),), label="cat"),
            "is 0.3, lowest for 'f' and highest for 'm' (95 %",
        ),
        ("tpr", (), None, "is 0.3 (95 %"),
    ],
)
def test_a_gap_is_told_with_the_groups_that_it_lies_between(name, where, between, told):
    estimate = Sampled.from_limits(0.3, 500, lambda score: 0.3 + 0.02 * score)
    metric = Metric(name=f"{name}_difference", estimate=estimate, slice=(("by", "sex"), *where), between=between)
    criterion = Criterion(metric=metric.name, op="<=", number=0.1, slice=metric.slice)
    judgement = judge(Observations(metrics=(metric,)), [criterion], Rules())
    assert told in judgement.gates[0].sentence.replace("0.300", "0.3")
    assert told.removesuffix(" (95 %") in judgement.summary.replace("0.300", "0.3")
