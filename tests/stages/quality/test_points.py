import json

import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.estimates import Point
from mlops_stage.report import Outcome
from mlops_stage.stages.quality.points import read_points


def write(bench, plain, name="metrics.json"):
    bench.root.joinpath(name).write_text(plain if isinstance(plain, str) else json.dumps(plain))


@pytest.mark.parametrize(
    ("plain", "found"),
    [
        ({"accuracy": 0.9, "rows": 100}, {"accuracy": 0.9, "rows": 100}),
        ({"eval": {"acc": 0.9, "deep": {"auc": 0.8}}, "step": 7}, {"eval.acc": 0.9, "eval.deep.auc": 0.8, "step": 7}),
        ({"accuracy": 0.9, "name": "model", "done": True, "none": None, "list": [1]}, {"accuracy": 0.9}),
        ({"workspace": {"data": {"dvc.json": {"data": {"acc": 0.9}}, "b.json": {"data": {"auc": 0.8}}}}}, {"acc": 0.9, "auc": 0.8}),
        (
            [{"key": "acc", "value": 0.1, "step": 1}, {"key": "acc", "value": 0.9, "step": 2}, {"key": "auc", "value": 0.8}],
            {"acc": 0.9, "auc": 0.8},
        ),
        ([{"key": "acc", "value": 0.9, "step": 0, "timestamp": 5}, {"key": "acc", "value": 0.1, "step": 0, "timestamp": 4}], {"acc": 0.9}),
        ({"info": {"run_id": "x"}, "metrics": {"acc": 0.9}}, {"acc": 0.9}),
        ({"metrics": [{"key": "acc", "value": 0.9}]}, {"acc": 0.9}),
    ],
)
def test_the_shapes_that_others_write_are_read(bench, plain, found):
    write(bench, plain)
    assert {name: point.value for name, point in read_points(bench.root / "metrics.json", "metrics").figures.items()} == found


def test_a_figure_may_bring_its_denominator(bench):
    write(bench, {"accuracy": {"value": 0.9, "n": 1000}})
    assert read_points(bench.root / "metrics.json", "metrics").figures == {"accuracy": Point(0.9, 1000)}


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"a": NaN}', "no finite number"),
        ('{"a": 1e999}', "no finite number"),
        ('{"a": 1, "a": 2}', "same key twice"),
        ('{"a.b": 1, "a": {"b": 2}}', "twice"),
        ('{"a": 1' + "0" * 400 + "}", "no finite number: too large"),
        ('{"a": 1' + "0" * 5000 + "}", "not valid JSON"),
        (r'{"\ud800": 1}', "surrogate"),
        ('{"accuracy": 90}', "accuracy is between 0 and 1"),
        ('{"eval": {"f1": -0.1}}', r"'eval\.f1' is -0\.1; f1 is between 0 and 1"),
        ('{"r2": 1.5}', "r2 is 1 or less"),
        (
            '{"workspace": {"data": {"a.json": {"data": {"acc": 1}}, "b.json": {"data": {"acc": 2}}}}}',
            "'acc' twice, from a.json and b.json",
        ),
        ("{}", "holds no figure"),
        ('{"name": "x"}', "holds no figure"),
        ("3", "neither an object nor a list"),
        ("[1, 2]", "entry 1 of the list"),
        ('[{"key": "a", "value": "x"}]', "no finite number"),
        ('{"a": {"value": 0.9, "n": -1}}', "n must be positive"),
        ('{"a":' * 30 + "1" + "}" * 30, "nested more than"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_anything_else_is_refused(bench, plain, told):
    write(bench, plain)
    with pytest.raises(InputError, match=told):
        read_points(bench.root / "metrics.json", "metrics")


def test_figures_are_judged_as_they_are_and_the_report_says_what_is_missing(bench):
    write(bench, {"accuracy": 0.93, "log_loss": 0.2})
    seen = bench.measure(metrics="metrics.json")
    assert bench.find(seen, "accuracy").estimate == Point(0.93)
    assert (bench.find(seen, "accuracy").direction, bench.find(seen, "log_loss").direction) == ("higher", "lower")
    assert bench.rules(seen) == ["quality/points"]
    assert "no interval" in seen.findings[0].message
    assert "predictions" in seen.findings[0].hint
    assert [subject.role for subject in seen.subjects] == ["metrics"]
    assert bench.judge(metrics="metrics.json", gates=("accuracy >= 0.9",)).outcome is Outcome.PASSED
    assert bench.judge(metrics="metrics.json", gates=("accuracy >= 0.95",)).outcome is Outcome.FAILED


def test_without_gates_bare_figures_decide_nothing(bench):
    write(bench, {"accuracy": 0.93})
    assert bench.judge(metrics="metrics.json").outcome is Outcome.INCONCLUSIVE


def test_bare_figures_are_compared_with_bare_figures(bench):
    write(bench, {"accuracy": 0.93})
    write(bench, {"accuracy": 0.91}, "old.json")
    seen = bench.measure(metrics="metrics.json", baseline="old.json")
    assert bench.find(seen, "accuracy").versus.value == pytest.approx(0.02)
    assert bench.judge(metrics="metrics.json", baseline="old.json", gates=("accuracy >= baseline",)).outcome is Outcome.PASSED
    assert [subject.role for subject in seen.subjects] == ["metrics", "baseline"]
    bench.write("old.csv", y_true=[0, 1], y_pred=[0, 1])
    with pytest.raises(UsageError, match="holds no figures"):
        bench.measure(metrics="metrics.json", baseline="old.csv")


def test_figures_and_predictions_together_are_wrong_usage(bench):
    write(bench, {"accuracy": 0.93})
    with pytest.raises(UsageError, match="both given"):
        bench.measure(metrics="metrics.json", predictions="p.csv")


def test_a_file_that_is_not_there_is_wrong_usage(bench):
    with pytest.raises(UsageError, match="metrics"):
        bench.measure(metrics="nowhere.json")
    bench.root.joinpath("folder").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        bench.measure(metrics="folder")


def test_a_percentage_is_told_as_a_share(bench):
    write(bench, {"accuracy": 90})
    with pytest.raises(InputError) as refused:
        read_points(bench.root / "metrics.json", "metrics")
    assert refused.value.hint == "write 0.9"


def test_what_holds_no_number_is_named(bench):
    write(bench, {"workspace": {"data": {"a.json": {"data": {"acc": 0.9, "auc": "0.8"}}, "b.json": {"error": "gone"}}}})
    seen = bench.measure(metrics="metrics.json")
    assert [metric.name for metric in seen.metrics] == ["acc"]
    assert "passed over, for they hold no number: b.json, auc" in [finding.message for finding in seen.findings]
