"""The default gate, and how often it is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_stage.estimates import NotEstimable, Rate
from mlops_stage.gate import Rules, judge
from mlops_stage.report import Finding, Level, Metric, NoFinding, Observations, Outcome
from mlops_stage.stages.adversarial.criteria import CONSTANT_RULE, criteria
from mlops_stage.stages.adversarial.params import AdversarialParams


def seen(robust, clean, findings=()):
    metrics = [Metric(name="clean_accuracy", estimate=clean, direction="higher")]
    metrics += [
        Metric(name="robust_accuracy", estimate=one, slice=(("epsilon", size),), direction="higher")
        for size, one in zip(("0.05", "0.1"), robust, strict=True)
    ]
    return Observations(metrics=tuple(metrics), findings=tuple(findings))


def outcome(observations):
    return judge(observations, criteria(AdversarialParams(), observations), Rules(mode="evidence", min_denominator=30)).outcome


@pytest.mark.parametrize(
    ("broken", "expected"),
    [(0, Outcome.PASSED), (20, Outcome.PASSED), (40, Outcome.INCONCLUSIVE), (70, Outcome.FAILED), (80, Outcome.FAILED)],
)
def test_half_of_the_clean_accuracy_at_the_smallest_size(broken, expected):
    observations = seen((Rate(80 - broken, 100), Rate(0, 100)), Rate(80, 100))
    (gate,) = criteria(AdversarialParams(), observations)
    assert (gate.metric, gate.slice, gate.op, gate.number) == ("robust_accuracy", (("epsilon", "0.05"),), ">=", 0.4)
    assert outcome(observations) is expected


def test_a_model_that_is_never_right_or_always_says_the_same_does_not_pass():
    assert outcome(seen((Rate(0, 100), Rate(0, 100)), Rate(0, 100))) is not Outcome.PASSED
    same = Finding(rule=CONSTANT_RULE, level=Level.ERROR, message="the same")
    observations = seen((Rate(100, 100), Rate(100, 100)), Rate(100, 100), [same])
    assert NoFinding(rule=CONSTANT_RULE) in criteria(AdversarialParams(), observations)
    assert outcome(observations) is Outcome.FAILED


def test_what_was_not_finished_is_inconclusive():
    late = NotEstimable(None, "the time was over")
    assert outcome(seen((late, late), Rate(80, 100))) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("accuracy", "rows"), [(0.6, 100), (0.85, 100), (0.85, 400), (0.99, 400)])
def test_where_half_of_the_right_rows_fall_a_verdict_is_rarely_wrong(accuracy, rows):
    """At the threshold itself, each verdict is claimed in at most 5 % of the draws (2,000; three standard errors allowed)."""
    rng = np.random.default_rng(1)
    passed = failed = 0
    for right in rng.binomial(rows, accuracy, 2000).tolist():
        kept = int(rng.binomial(right, 0.5))
        found = outcome(seen((Rate(kept, rows), Rate(0, rows)), Rate(right, rows)))
        passed += found is Outcome.PASSED
        failed += found is Outcome.FAILED
    assert max(passed, failed) / 2000 <= 0.065
