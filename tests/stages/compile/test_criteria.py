"""What is asked whatever gates there are, and what gates of the user's own replace."""

import pytest

from mlops_stage.estimates import NotEstimable, Point, Sampled
from mlops_stage.gate import Rules, judge
from mlops_stage.report import Finding, Level, Metric, Observations, Outcome, Verdict
from mlops_stage.stages.compile.criteria import criteria
from mlops_stage.stages.compile.params import CompileParams

HOST = (("target", "host"),)
EQUAL = Point(1.0, n=500)


def observed(*, parity=EQUAL, ratio=1.0, spread=0.01, size=100.0, budgets=(("latency_ratio", 1.05),), findings=()):
    latency = ratio if isinstance(ratio, NotEstimable) else Sampled.from_normal(ratio, 30, spread)
    metrics = [
        Metric(name="parity", estimate=parity, slice=HOST, direction="higher"),
        Metric(name="latency_ratio", estimate=latency, slice=HOST, direction="lower"),
        Metric(name="artifact_bytes", estimate=Point(size), unit="bytes", slice=HOST, direction="lower"),
        *(Metric(name=f"{name}_budget", estimate=Point(float(most)), slice=HOST) for name, most in budgets),
    ]
    return Observations(metrics=tuple(metrics), findings=tuple(findings))


def judged(**given):
    seen = observed(**given)
    return judge(seen, criteria(CompileParams(), seen), Rules())


def test_equal_and_as_fast_passes():
    assert judged().outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"parity": Point(0.0, n=500)}, Outcome.FAILED),
        ({"parity": Point(1.0, n=12)}, Outcome.INCONCLUSIVE),
        ({"parity": NotEstimable(0, "not emulated")}, Outcome.INCONCLUSIVE),
        ({"ratio": 1.2}, Outcome.FAILED),
        ({"ratio": 1.05, "spread": 0.02}, Outcome.INCONCLUSIVE),
        ({"ratio": NotEstimable(0, "not emulated")}, Outcome.INCONCLUSIVE),
        ({"budgets": [("artifact_bytes", 99)]}, Outcome.FAILED),
        ({"budgets": [("artifact_bytes", 100)]}, Outcome.PASSED),
        ({"ratio": 3.0, "budgets": []}, Outcome.PASSED),
        ({"findings": [Finding(rule="compile/unsupported", level=Level.ERROR, message="no kernel")]}, Outcome.FAILED),
    ],
)
def test_the_outcome_follows_the_evidence(given, outcome):
    assert judged(**given).outcome is outcome


def test_only_the_gate_on_latency_is_a_default():
    seen = observed(budgets=[("latency_ratio", 1.05), ("artifact_bytes", 200)])
    sources = {getattr(one, "metric", "finding"): one.source for one in criteria(CompileParams(), seen)}
    assert sources == {"finding": "compile", "parity": "compile", "latency_ratio": "default", "artifact_bytes": "target"}


def test_the_sentence_of_the_gate_on_parity_is_plain():
    gates = judged().gates
    assert [gate.verdict for gate in gates] == [Verdict.PASSED] * 3
    assert gates[1].sentence == "host: what ships answers as the model does (parity: 1.000; required: at least 1)."
