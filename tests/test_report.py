import json

import pytest

from mlops_stage.errors import InputError
from mlops_stage.estimates import Difference, NotEstimable, Paired, Point, Rate, Ratio, Sampled
from mlops_stage.report import (
    SCHEMA_VERSION,
    Curve,
    CurvePoint,
    Evidence,
    Failure,
    Finding,
    Gate,
    Interval,
    Intervals,
    Level,
    Matrix,
    Metric,
    Outcome,
    Report,
    Run,
    Subject,
    Verdict,
    metric_label,
    read_report,
    to_json,
)

FULL = Report(
    stage="quality",
    id="quality",
    outcome=Outcome.FAILED,
    summary="1 of 1 gates failed",
    subjects=(Subject(role="model", name="m.onnx", sha256="0" * 64),),
    gates=(Gate(criterion="accuracy >= 0.9", verdict=Verdict.FAILED, sentence="No.", source="gates", value=0.8, bound=0.83),),
    metrics=(
        Metric(name="accuracy", estimate=Rate(80, 100), direction="higher", versus=Paired(3, 9, 100)),
        Metric(name="tpr", estimate=Difference(Rate(1, 40), Rate(3, 50)), slice=(("sex", "a,b"),)),
        Metric(name="ratio", estimate=Ratio(Rate(1, 40), Rate(3, 50))),
        Metric(name="f1", estimate=Sampled.from_normal(0.5, 100, 0.01)),
        Metric(name="speed", estimate=Point(1.5), unit="s"),
        Metric(name="fpr", estimate=NotEstimable(0, "no negatives")),
    ),
    findings=(Finding(rule="quality/x", level=Level.WARNING, message="é", location="a.csv:3"),),
    evidence=(Evidence(path="evidence/a.txt", sha256="1" * 64),),
    figures=(
        Intervals(
            name="i",
            title="t",
            caption="c",
            x_label="x",
            rows=(Interval(label="a", value=None, low=None, high=None, n=0.0, note="no negatives"),),
        ),
        Curve(name="c", title="t", caption="c", x_label="x", y_label="y", points=(CurvePoint(x=0.0, y=0.1, low=0.0, high=0.3, n=10.0),)),
        Matrix(name="m", title="t", caption="c", row_label="r", column_label="c", rows=("a",), columns=("a", "b"), values=((3.0, None),)),
    ),
    outputs={"a": "b"},
    params={"seed": 0},
    plugin={"name": "mlops-stage", "version": "0.1.0"},
)


def test_a_report_survives_its_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(to_json(FULL), encoding="utf-8")
    assert read_report(path) == FULL
    assert to_json(read_report(path)) == to_json(FULL)


def test_the_json_says_what_a_reader_needs_without_our_code():
    plain = json.loads(to_json(FULL))
    assert plain["schema_version"] == SCHEMA_VERSION
    accuracy = plain["metrics"][0]["estimate"]
    assert accuracy["kind"] == "rate"
    assert (accuracy["value"], accuracy["n"], accuracy["k"]) == (0.8, 100, 80)
    assert accuracy["low"] < 0.8 < accuracy["high"]
    assert plain["metrics"][5]["estimate"]["reason"] == "no negatives"


def test_unknown_keys_of_a_later_writer_of_the_same_version_are_ignored(tmp_path):
    plain = json.loads(to_json(FULL))
    plain["mood"] = "good"
    plain["metrics"][0]["colour"] = "green"
    path = tmp_path / "report.json"
    path.write_text(json.dumps(plain))
    assert read_report(path) == FULL


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "splendid"},
        {"metrics": [{"name": "a"}]},
        {"metrics": [{"name": "a", "estimate": {"kind": "rate", "k": 5, "n": 3}}]},
        {"metrics": [{"name": "a", "estimate": {"kind": "guess"}}]},
        {"figures": [{"kind": "pie"}]},
        {"gates": {}},
        {"outcome": "passed"},
        {"outcome": "inconclusive"},
        {"outcome": "not_applicable"},
        {"outcome": "error"},
        {"error": {"code": 3, "message": "m", "hint": ""}},
        {"outcome": "error", "error": {"code": 0, "message": "m", "hint": ""}},
        {"evidence": [{"path": "evidence/a.txt", "sha256": "1" * 64}, {"path": "evidence//a.txt", "sha256": "1" * 64}]},
    ],
)
def test_a_forged_report_is_refused_in_one_line(tmp_path, change):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**json.loads(to_json(FULL)), **change}))
    with pytest.raises(InputError, match="is not a valid report") as caught:
        read_report(path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("where", "label"),
    [
        ((), "tpr"),
        ((("sex", "female"),), "tpr[sex=female]"),
        ((("sex", "female"), ("region", "north")), "tpr[sex=female,region=north]"),
        ((("sex", "a,b"),), 'tpr[sex="a,b"]'),
        ((("sex", ""),), 'tpr[sex=""]'),
        ((("the sex", " x"),), 'tpr[the sex=" x"]'),
        ((("sex", "a\nb"),), 'tpr[sex="a\\nb"]'),
        ((("sex", '"'),), 'tpr[sex="\\""]'),
    ],
)
def test_labels_can_be_typed_into_a_gate(where, label):
    from mlops_stage import gate

    assert metric_label("tpr", where) == label
    assert gate.parse(f"{label} >= 0.5").slice == where


@pytest.mark.parametrize(
    ("outcome", "params", "error", "code"),
    [
        (Outcome.PASSED, {}, None, 0),
        (Outcome.NOT_APPLICABLE, {}, None, 0),
        (Outcome.FAILED, {}, None, 1),
        (Outcome.INCONCLUSIVE, {}, None, 5),
        (Outcome.INCONCLUSIVE, {"on_inconclusive": "pass"}, None, 0),
        (Outcome.INCONCLUSIVE, {"on_inconclusive": "fail"}, None, 1),
        (Outcome.ERROR, {}, Failure(code=3, message="m"), 3),
        (Outcome.ERROR, {}, Failure(code=2, message="m"), 2),
    ],
)
def test_the_exit_code_follows_from_the_report_alone(outcome, params, error, code):
    report = Report(stage="a", id="a", outcome=outcome, summary="s", params=params, error=error)
    assert report.exit_code == code
    other = Report(stage="b", id="b", outcome=Outcome.FAILED, summary="s")
    assert Run(reports=(report, other), ids=("a",), started="", seconds=0).exit_code == code


def test_rules_that_doubt_figures():
    assert Finding(rule="validity/shared-rows", level=Level.WARNING, message="m").doubts_figures
    assert not Finding(rule="quality/x", level=Level.WARNING, message="m").doubts_figures


def test_no_figure_that_is_no_number_is_written():
    curve = Curve(name="c", title="t", caption="c", x_label="x", y_label="y", points=(CurvePoint(x=0, y=float("nan"), low=0, high=0, n=1),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(Report(stage="a", id="a", outcome=Outcome.PASSED, summary="s", figures=(curve,)))


def test_one_of_a_unit_is_told_in_the_singular():
    metric = Metric(name="lost_records", estimate=Point(1), unit="records")
    assert [metric.unit_for(number) for number in (0, 1, 2, None)] == ["records", "record", "records", "records"]
    assert Metric(name="age", estimate=Point(1), unit="s").unit_for(1) == "s"


def test_a_run_ends_when_it_began_and_took():
    assert Run(reports=(), ids=(), started="2026-12-31T23:59:58Z", seconds=61.9).ended == "2027-01-01T00:00:59Z"
