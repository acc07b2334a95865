from __future__ import annotations

import pytest

from mlops_stage.estimates import NotEstimable, Point, Rate, Sampled
from mlops_stage.gate import Rules, judge, parse
from mlops_stage.report import Criterion, Metric, Observations

MISSING = "group 'Other' has no positives"
WIDE = Sampled.from_limits(0.3, 12, lambda score: 0.3 + 0.05 * score)


def gate_on(estimate, text="tpr_difference[by=race] <= 0.1", rules=None):
    criterion = parse(text)
    metric = Metric(name=criterion.metric, estimate=estimate, slice=criterion.slice, incomplete=MISSING)
    return judge(Observations(metrics=(metric,)), [criterion], rules or Rules()).gates[0]


def test_what_is_known_in_part_fails_on_the_evidence_there_is_however_few_rows_the_rest_has():
    assert gate_on(WIDE).verdict == "failed"
    assert gate_on(WIDE).bound == WIDE.bound(0.05)


def test_it_never_passes_and_says_what_is_missing():
    gate = gate_on(Rate(0, 10_000), "tpr_difference[by=race] <= 0.9")
    assert gate.verdict == "inconclusive"
    assert MISSING in gate.sentence
    assert "30" in gate.sentence
    assert gate.needed == 30


def test_the_needed_rows_are_those_that_would_decide():
    near = Sampled.from_limits(0.05, 12, lambda score: 0.05 + 0.1 * score)
    gate = gate_on(near)
    assert gate.verdict == "inconclusive"
    assert near.at(gate.needed).bound(0.95) <= 0.1 < near.at(gate.needed - 1).bound(0.95)
    assert f"To decide takes at least {gate.needed} positive rows of the smallest group." in gate.sentence


@pytest.mark.parametrize("estimate", [WIDE, Point(0.3), Point(0.05), Rate(1, 100)])
def test_values_alone_decide_nothing_about_it(estimate):
    assert gate_on(estimate, rules=Rules(mode="point")).verdict == "inconclusive"


def test_one_that_cannot_be_estimated_stays_so():
    assert "cannot be estimated" in gate_on(NotEstimable(0, "no positives")).sentence


def test_its_claims_of_failure_are_adjusted_within_their_family():
    weak = Sampled.from_limits(0.2, 12, lambda score: 0.2 + 0.055 * score)
    metrics = tuple(Metric(name="tpr_difference", estimate=weak, slice=(("by", f"c{i}"),), incomplete=MISSING) for i in range(4))
    alone = [Criterion(metric="tpr_difference", op="<=", number=0.1, slice=metric.slice) for metric in metrics]
    together = [Criterion(metric="tpr_difference", op="<=", number=0.1, slice=metric.slice, family="f") for metric in metrics]
    observations = Observations(metrics=metrics)
    assert {gate.verdict for gate in judge(observations, alone, Rules()).gates} == {"failed"}
    assert {gate.verdict for gate in judge(observations, together, Rules()).gates} == {"inconclusive"}


def test_gaps_are_told_as_such():
    metric = Metric(
        name="selection_rate_ratio", estimate=Sampled.from_limits(0.6, 500, lambda s: 0.6 + 0.02 * s), slice=(("by", "sex+race"),)
    )
    criterion = parse("selection_rate_ratio[by=sex+race] >= 0.8")
    sentence = judge(Observations(metrics=(metric,)), [criterion], Rules()).gates[0].sentence
    assert sentence.startswith("Smallest ratio of selection rate between groups of sex+race is 0.6")
    assert "500 rows of the smallest group" in sentence
