from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.errors import UsageError
from mlops_stage.gate import Rules, judge, parse
from mlops_stage.report import Observations, Outcome, Verdict
from mlops_stage.stages.fairness.criteria import criteria, sensitive_columns
from mlops_stage.stages.fairness.estimating import metrics_of, overall
from mlops_stage.stages.fairness.grouping import Grouping
from mlops_stage.stages.fairness.params import FairnessParams
from mlops_stage.stages.fairness.terms import Terms
from mlops_stage.stats.cells import Cells

TERMS = Terms(draws=200)


def observed(tables, classes=("no", "yes"), terms=TERMS):
    """Figures of groupings: columns -> tables [tn, fp, fn, tp] of their groups."""
    metrics = []
    for columns, groups in tables.items():
        counts = np.array(list(groups.values())).reshape(-1, len(classes), len(classes))
        levels = tuple(name if isinstance(name, tuple) else (name,) for name in groups)
        cells = Cells(counts, counts, counts)
        names = columns if isinstance(columns, tuple) else (columns,)
        metrics += [
            *overall(cells, classes),
            *metrics_of(cells, Grouping(names, np.empty(0, dtype=int), levels, frozenset()), classes, terms),
        ]
    return Observations(metrics=tuple(metrics))


def judged(observations, *gates, **params):
    asked = FairnessParams(predictions="p.csv", **params)
    return judge(observations, [*criteria(asked, observations), *map(parse, gates)], Rules(mode=asked.mode))


FAIR = {"a": [800, 200, 300, 700], "b": [810, 190, 295, 705]}
UNFAIR = {"a": [800, 200, 300, 700], "b": [800, 200, 500, 500]}
TINY = [4, 1, 3, 2]


def test_equalized_odds_is_asked_of_each_column_where_nobody_asks_anything():
    observations = observed({"sex": FAIR, "race": UNFAIR, ("sex", "race"): {("a", "a"): UNFAIR["a"], ("b", "b"): UNFAIR["b"]}})
    found = criteria(FairnessParams(), observations)
    assert [one.metric for one in found] == ["tpr_difference", "fpr_difference"] * 2
    assert [one.slice for one in found] == [(("by", "sex"),)] * 2 + [(("by", "race"),)] * 2
    assert {(one.op, one.number, one.source, one.family) for one in found} == {("<=", 0.1, "default", "fairness:equalized-odds")}


def test_named_standards_are_their_own_source():
    found = criteria(FairnessParams(standard="four-fifths,equalized-odds"), observed({"sex": FAIR}))
    assert [(one.metric, one.source) for one in found] == [
        ("selection_rate_ratio", "four-fifths"),
        ("tpr_difference", "equalized-odds"),
        ("fpr_difference", "equalized-odds"),
    ]


def test_equal_groups_pass_and_unequal_ones_fail():
    assert judged(observed({"sex": FAIR})).outcome is Outcome.PASSED
    judgement = judged(observed({"sex": UNFAIR}))
    assert judgement.outcome is Outcome.FAILED
    assert [gate.verdict for gate in judgement.gates] == [Verdict.FAILED, Verdict.PASSED]


def test_two_large_groups_fail_beside_a_tiny_one_and_pass_with_none():
    assert judged(observed({"race": {**UNFAIR, "c": TINY}})).gates[0].verdict is Verdict.FAILED
    judgement = judged(observed({"race": {**FAIR, "c": TINY}}))
    assert {gate.verdict for gate in judgement.gates} == {Verdict.INCONCLUSIVE}
    assert "group 'c' has fewer than 30 positives" in judgement.gates[0].sentence
    assert judgement.gates[0].needed > 5


def test_a_group_without_a_denominator_is_in_the_verdict():
    judgement = judged(observed({"race": {**FAIR, "c": [805, 195, 0, 0]}}))
    assert judgement.gates[0].verdict is Verdict.INCONCLUSIVE
    assert "group 'c' has no positives" in judgement.gates[0].sentence
    assert judgement.gates[1].verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("few", "outcome"),
    [
        ({"a": [30, 0, 0, 20], "b": [38, 0, 0, 12]}, Outcome.INCONCLUSIVE),  # .24 / .4, of 50 rows: small numbers
        ({"a": [600, 0, 0, 400], "b": [760, 0, 0, 240]}, Outcome.FAILED),
        ({"a": [6_000, 0, 0, 4_000], "b": [6_100, 0, 0, 3_900]}, Outcome.PASSED),
    ],
)
def test_four_fifths_fails_on_evidence_only(few, outcome):
    assert judged(observed({"sex": few}), standard="four-fifths").outcome is outcome


def test_four_fifths_by_the_bare_value_where_a_rule_asks_for_it():
    few = {"a": [30, 0, 0, 20], "b": [38, 0, 0, 12]}
    assert judged(observed({"sex": few}), standard="four-fifths", mode="point").outcome is Outcome.FAILED


def test_four_fifths_has_no_meaning_for_several_classes():
    table = {"a": [9, 1, 1, 1, 9, 1, 1, 1, 9], "b": [9, 1, 1, 1, 9, 1, 1, 1, 9]}
    observations = observed({"sex": table}, classes=("x", "y", "z"))
    with pytest.raises(UsageError, match="no meaning for several classes"):
        criteria(FairnessParams(standard="four-fifths"), observations)
    assert [one.metric for one in criteria(FairnessParams(), observations)] == ["tpr_difference", "fpr_difference"]


def test_groups_of_crossed_columns_and_composites_can_be_named():
    crossed = {("a", "x"): UNFAIR["a"], ("b", "y"): UNFAIR["b"]}
    observations = observed({"sex": FAIR, ("sex", "race"): crossed})
    gates = judged(observations, "tpr_difference[by=sex+race] <= 0.1", "equalized_odds_difference[by=sex] <= 0.1").gates
    assert [gate.verdict for gate in gates[2:]] == [Verdict.FAILED, Verdict.PASSED]
    with pytest.raises(UsageError):
        judged(observations, "tpr_difference[by=race] <= 0.1")


def test_claims_of_failure_are_adjusted_over_columns():
    """One column alone fails on what, among six, may be chance."""
    near = {"a": [800, 200, 300, 700], "b": [800, 200, 450, 550]}
    assert judged(observed({"c0": near})).gates[0].verdict is Verdict.FAILED
    many = {f"c{index}": {"a": [500, 500, 500, 500], "b": [500, 500, 440, 560]} for index in range(1, 6)}
    assert judged(observed({"c0": near, **many})).gates[0].verdict is Verdict.INCONCLUSIVE


def test_columns_are_those_whose_groups_are_reported():
    assert sensitive_columns(observed({"sex": FAIR, "a+b": FAIR, ("sex", "a+b"): {("a", "x"): TINY, ("b", "x"): TINY}}).metrics) == (
        "sex",
        "a+b",
    )
    assert criteria(FairnessParams(), Observations()) == ()
