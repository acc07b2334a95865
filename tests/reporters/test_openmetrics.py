from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from mlops_stage.estimates import NotEstimable, Rate, Ratio, Sampled
from mlops_stage.report import Metric, Outcome, Report
from mlops_stage.reporters.openmetrics import MOST, render


def read(run):
    return {family.name: family for family in text_string_to_metric_families(render(run)["metrics.txt"])}


def test_every_run_is_read_by_the_reference_parser(any_run):
    assert read(any_run).keys() == {
        "mlops_stage_metric",
        "mlops_stage_metric_low",
        "mlops_stage_metric_high",
        "mlops_stage_metric_n",
        "mlops_stage_metrics_left_out",
        "mlops_stage_gate",
        "mlops_stage_outcome",
        "mlops_stage_findings",
    }


def test_the_parser_is_not_a_formality(runs):
    with pytest.raises(ValueError, match="EOF"):
        list(text_string_to_metric_families(render(runs("demo"))["metrics.txt"].replace("# EOF\n", "")))


def test_values_intervals_and_denominators_are_samples(runs):
    families = read(runs("demo"))
    wanted = {"report": "candidate", "stage": "quality", "metric": "recall"}
    values = {name: [s.value for s in families[name].samples if s.labels == wanted] for name in families}
    assert values["mlops_stage_metric"] == [2_505 / 3_846]
    assert values["mlops_stage_metric_low"] == [Rate(2_505, 3_846).bound(0.025)]
    assert values["mlops_stage_metric_n"] == [3_846]


def test_a_slice_is_a_label_in_the_spelling_of_gates(runs):
    slices = {s.labels.get("slice") for s in read(runs("demo"))["mlops_stage_metric"].samples}
    assert "workclass=Self-emp-inc" in slices
    assert None in slices


def test_what_cannot_be_estimated_has_no_value(make):
    metric = Metric(name="recall", estimate=NotEstimable(0, "no positives"))
    families = read(make(Report(stage="quality", id="q", outcome=Outcome.INCONCLUSIVE, summary="", metrics=(metric,))))
    assert families["mlops_stage_metric"].samples == []
    assert [s.value for s in families["mlops_stage_metric_n"].samples] == [0]


def test_verdicts_are_state_sets(runs):
    samples = read(runs("demo"))["mlops_stage_gate"].samples
    states = {s.labels["mlops_stage_gate"]: s.value for s in samples if s.labels["gate"] == "recall >= 0.7"}
    assert states == {"passed": 0, "failed": 1, "inconclusive": 0}


def test_a_metric_that_stands_twice_is_one_sample(make):
    metrics = (Metric(name="a", estimate=Rate(1, 2)), Metric(name="a", estimate=Rate(1, 3)), Metric(name="a\x00", estimate=Rate(1, 4)))
    metrics += (Metric(name="a\\u0000", estimate=Rate(1, 5)),)
    families = read(make(Report(stage="quality", id="q", outcome=Outcome.PASSED, summary="", metrics=metrics)))
    assert [s.value for s in families["mlops_stage_metric"].samples] == [0.5, 0.25]


def test_ten_thousand_slices_are_capped_with_a_count(runs):
    families = read(runs("crowded"))
    assert len(families["mlops_stage_metric_n"].samples) == MOST
    assert families["mlops_stage_metrics_left_out"].samples[0].value == 10_002 - MOST


def test_an_open_interval_is_infinite(make):
    metric = Metric(name="ratio", estimate=Ratio(Rate(5, 10), Sampled.from_normal(0.1, 10, 0.5, low=0)))
    assert (
        'high{report="q",stage="quality",metric="ratio"} +Inf'
        in render(make(Report(stage="quality", id="q", outcome=Outcome.PASSED, summary="", metrics=(metric,))))["metrics.txt"]
    )
