from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from mlops_stage.estimates import NotEstimable, Paired, Point, Rate, Ratio, Sampled
from mlops_stage.report import Gate, Metric, Verdict
from mlops_stage.reporters.html import bars
from mlops_stage.reporters.html.scale import Scale
from mlops_stage.reporters.judged import Judged


def read(markup):
    return ET.fromstring(str(markup))  # noqa: S314  (our own text)


def by_class(svg, name):
    return [node for node in svg.iter() if node.get("class") == name]


def judge(estimate, *, op=">=", threshold=0.8, baseline=False, bound=None):
    metric = Metric(name="accuracy", estimate=estimate)
    gate = Gate(criterion="c", verdict=Verdict.PASSED, sentence="s", source="gates", bound=bound)
    return Judged(gate=gate, metric=metric, estimate=estimate, op=op, threshold=threshold, baseline=baseline)


def test_a_gate_shows_value_interval_bound_and_threshold_in_their_order():
    svg = read(bars.gate(judge(Rate(90, 100), bound=0.84)))
    (whisker,), (dot,), (threshold,), (bound,) = (by_class(svg, name) for name in ("whisker", "dot", "threshold", "bound"))
    at = [float(x) for x in (threshold.get("x1"), whisker.get("x1"), bound.get("x1"), dot.get("cx"), whisker.get("x2"))]
    assert at == sorted(at)
    assert len(set(at)) == 5


def test_a_gate_is_described_for_those_who_do_not_see_it():
    svg = read(bars.gate(judge(Rate(90, 100), bound=0.84)))
    assert svg.get("role") == "img"
    assert svg.find("title").text == "accuracy: 0.90, 95 % interval 0.83 to 0.94; required: at least 0.8"
    assert "The bound that decides is 0.84" in svg.find("desc").text
    assert svg.find("g").get("aria-hidden") == "true"


@pytest.mark.parametrize(("op", "side"), [(">=", "right"), (">", "right"), ("<=", "left"), ("<", "left")])
def test_the_side_that_meets_the_gate_is_shaded(op, side):
    svg = read(bars.gate(judge(Rate(90, 100), op=op)))
    (zone,), (threshold,) = by_class(svg, "zone"), by_class(svg, "threshold")
    start, end = float(zone.get("x")), float(zone.get("x")) + float(zone.get("width"))
    assert float(threshold.get("x1")) == pytest.approx(start if side == "right" else end, abs=0.2)


@pytest.mark.parametrize(("threshold", "label"), [(0.0, "baseline"), (-0.01, "baseline - 0.01"), (0.02, "baseline + 0.02")])
def test_a_difference_is_drawn_against_the_baseline(threshold, label):
    svg = read(bars.gate(judge(Paired(30, 10, 1_000), threshold=threshold, baseline=True)))
    assert label in [node.text for node in svg.iter("text")]
    assert "difference to the baseline" in svg.find("title").text


def test_a_point_has_a_dot_and_no_interval():
    svg = read(bars.gate(judge(Point(0.9))))
    assert len(by_class(svg, "dot")) == 1
    assert not by_class(svg, "whisker")


def test_a_count_needs_no_picture():
    counted = replace(judge(Point(3.0), op="<=", threshold=0), metric=Metric(name="nulls", estimate=Point(3.0), unit="rows"))
    assert bars.gate(counted) == ""


@pytest.mark.parametrize(("value", "threshold", "drawn"), [(1.0, 1.0, False), (0.0, 1.0, False), (0.98, 1.0, True), (1.0, 0.9, True)])
def test_a_yes_or_no_needs_no_picture(value, threshold, drawn):
    assert bool(bars.gate(judge(Point(value, n=1_000), threshold=threshold))) is drawn


def test_a_bar_of_a_table_is_short():
    assert len(bars.row(bars.span(Rate(90, 100)), Scale(low=0, high=1, start=1, end=99), 0.8)) < 130


def test_what_has_no_value_has_no_picture():
    assert bars.gate(judge(NotEstimable(0, "no positives"))) == ""
    assert bars.row(None, Scale(low=0, high=1, start=0, end=1)) == ""


def test_an_open_interval_is_drawn_to_the_edge():
    estimate = Ratio(Rate(5, 10), Sampled.from_normal(0.1, 10, 0.5, low=0))
    assert by_class(read(bars.gate(judge(estimate, threshold=2))), "whisker")


def test_rows_of_a_table_share_their_scale():
    spans = [bars.span(Rate(90, 100)), bars.span(Rate(50, 100)), None]
    scale = bars.common(spans, 0.8)
    dots = [float(read(bars.row(one, scale, 0.8)).find("circle").get("cx").removesuffix("%")) for one in spans[:2]]
    lines = {read(bars.row(one, scale, 0.8)).find("rect").get("x") for one in spans[:2]}
    assert dots[0] > dots[1]
    assert len(lines) == 1


def test_a_bar_says_nothing_that_is_not_beside_it_in_words():
    assert read(bars.row(bars.span(Rate(9, 10)), Scale(low=0, high=1, start=0, end=1))).get("aria-hidden") == "true"
