"""Honest answers about models that always say the same, guess, err or are random, and about too few rows or too little time."""

from __future__ import annotations

import csv
import json

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mlops_stage.estimates import NotEstimable
from mlops_stage.gate import Rules, judge, parse_all
from mlops_stage.report import Level, NotApplicable, Outcome
from mlops_stage.stages.adversarial.criteria import criteria
from mlops_stage.stages.adversarial.measure import measure
from mlops_stage.stages.adversarial.params import AdversarialParams

JOBS = ("job_clerk", "job_cook", "job_smith", "job_none")


def estimate(seen, label):
    return next(metric.estimate for metric in seen.metrics if metric.label == label)


def rules(seen, level=None):
    return [finding.rule for finding in seen.findings if level in {None, finding.level}]


def message(seen, rule):
    return next(finding.message for finding in seen.findings if finding.rule == f"adversarial/{rule}")


def outcome(seen, **params):
    asked = AdversarialParams(**params)
    wanted = parse_all(asked.gates) if asked.gates else criteria(asked, seen)
    return judge(seen, wanted, Rules(mode="evidence", min_denominator=30)).outcome


def rewritten(bench, name, change):
    with (bench.root / name).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for place, row in enumerate(rows):
        change(place, row)
    bench.write(name, {column: [row[column] for row in rows] for column in rows[0]})


def test_a_model_that_answers_always_the_same_does_not_pass(bench):
    rewritten(bench, "test.csv", lambda _place, row: row.update(default="yes"))
    (bench.root / "credit.onnx").write_bytes(always("yes"))
    seen = bench.measure()
    assert rules(seen, Level.ERROR) == ["adversarial/constant-answers"]
    assert estimate(seen, "robust_accuracy[epsilon=0.05]").value == 1
    assert outcome(seen) is Outcome.FAILED


def test_a_model_that_guesses_is_said_to(bench):
    """Labels that have nothing to do with the inputs."""
    rng = np.random.default_rng(0)
    rewritten(bench, "test.csv", lambda _place, row: row.update(default=["no", "yes"][rng.integers(2)]))
    seen = bench.measure(rows=200, epsilons=(0.05,), attacks="hop_skip_jump")
    told = next(finding for finding in seen.findings if finding.rule == "validity/guessing")
    assert told.level is Level.WARNING
    assert "50 %" in told.message
    assert seen.findings[0] is told


def test_a_label_that_the_model_never_gives_is_named_once(bench):
    def some(place, row):
        if place % 4 == 0:
            row["default"] = "maybe"

    rewritten(bench, "test.csv", some)
    seen = bench.measure(rows=100, epsilons=(0.05,), attacks="hop_skip_jump")
    told = [finding for finding in seen.findings if finding.rule == "validity/label-mismatch"]
    assert [finding.level for finding in told] == [Level.WARNING]
    assert "maybe" in told[0].message
    assert "no, yes" in told[0].message


@pytest.mark.parametrize(("noise", "expected"), [(0.0, Outcome.PASSED), (0.02, Outcome.INCONCLUSIVE), (0.2, Outcome.INCONCLUSIVE)])
def test_randomness_in_a_model_buys_no_robustness(bench, noise, expected):
    """A linear model of which nearly every row withstands small changes, and the same with noise on its scores, too small to cost accuracy."""
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=200).round(4) for name in "abc"}
    bench.write("noise.csv", {**columns, "default": (columns["a"] + columns["b"] > 0).astype(int)})
    (bench.root / "noise.onnx").write_bytes(noisy(noise))
    asked = {"model": "noise.onnx", "data": "noise.csv", "train": None, "columns": {"x": "a|b|c"}, "attacks": "hop_skip_jump,square"}
    seen = bench.measure("noise", **asked, epsilons=(0.05, 0.1), rows=100)
    assert estimate(seen, "clean_accuracy").value > 0.9
    assert outcome(seen) is expected
    assert "adversarial/rounding" not in rules(seen)
    if noise:
        assert "got another answer when the model was opened anew" in message(seen, "unconfirmed")
        assert isinstance(estimate(seen, "robust_accuracy[epsilon=0.05]"), NotEstimable)
        assert "adversarial/fooled" not in rules(seen)
        assert outcome(seen, gates=("robust_accuracy[epsilon=0.1] >= 0.01",)) is Outcome.INCONCLUSIVE
    if noise > 0.1:
        assert "random" in message(seen, "unstable-answers")


def test_randomness_is_told_from_rounding_where_the_model_takes_more_digits(bench):
    """The input is in double precision, so that rounding could be the reason; asked again, the model contradicts itself."""
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=200) for name in "abc"}
    bench.write("noise.csv", {**columns, "default": (columns["a"] + columns["b"] > 0).astype(int)})
    (bench.root / "noise.onnx").write_bytes(noisy(0.2, TensorProto.DOUBLE))
    asked = {"model": "noise.onnx", "data": "noise.csv", "train": None, "columns": {"x": "a|b|c"}, "attacks": "hop_skip_jump"}
    seen = bench.measure("noise", **asked, rows=100)
    assert "adversarial/unstable-answers" in rules(seen, Level.WARNING)
    assert "adversarial/rounding" not in rules(seen)


def noisy(noise, dtype=TensorProto.FLOAT):
    """Class 1 where a + b is above 0, with normal noise of a size on both scores."""
    weights = np.array([[-1, 1], [-1, 1], [0, 0]], dtype=np.float32)
    nodes = [
        helper.make_node("Cast", ["x"], ["single"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["single", "w"], ["sums"]),
        helper.make_node("RandomNormalLike", ["sums"], ["drawn"], scale=noise or 1e-30, seed=7.0),
        helper.make_node("Add", ["sums", "drawn"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", dtype, ["n", 3])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2]),
        ],
        [helper.make_tensor("w", TensorProto.FLOAT, [3, 2], weights.flatten().tolist())],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def always(label):
    columns = ["age", "income", "debt", *JOBS, "sex"]
    nodes = [
        helper.make_node("ReduceSum", ["x", "one"], ["s"], keepdims=0),
        helper.make_node("Mul", ["s", "zero"], ["z"]),
        helper.make_node("Cast", ["z"], ["i"], to=TensorProto.INT64),
        helper.make_node("LabelEncoder", ["i"], ["label"], domain="ai.onnx.ml", keys_int64s=[0], values_strings=[label]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(columns)])],
        [helper.make_tensor_value_info("label", TensorProto.STRING, ["n"])],
        [helper.make_tensor("one", TensorProto.INT64, [1], [1]), helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=9)
    helper.set_model_props(model, {"mlops_stage.columns": json.dumps(columns)})
    return model.SerializeToString()


def test_a_model_that_gets_nothing_right_cannot_pass(bench):
    session = onnxruntime.InferenceSession(bench.root / "credit.onnx", providers=["CPUExecutionProvider"])

    def wrong(_place, row):
        inputs = np.array([[float(row[name]) for name in ("age", "income", "debt", *JOBS, "sex")]], dtype=np.float32)
        row["default"] = "no" if session.run(["label"], {"x": inputs})[0][0] == "yes" else "yes"

    rewritten(bench, "test.csv", wrong)
    seen = bench.measure()
    assert estimate(seen, "clean_accuracy").value == 0
    assert isinstance(estimate(seen, "attack_success_rate[epsilon=0.1]"), NotEstimable)
    assert outcome(seen) is not Outcome.PASSED


def test_when_the_time_is_over_nothing_is_claimed(bench):
    """The timer is the workspace's: each look at it takes ten seconds of the hundred that there are."""
    now = [0.0]

    def timer():
        now[0] += 10
        return now[0]

    asked = {
        "model": "credit.onnx",
        "data": "test.csv",
        "train": "train.csv",
        "label": "default",
        "effort": "quick",
        "limits": {"wall": 100},
    }
    params = AdversarialParams.model_validate(asked)
    seen = measure(params, bench.workspace(timer=timer))
    assert "adversarial/out-of-time" in rules(seen, Level.WARNING)
    assert "the time was over when 0 of" in message(seen, "out-of-time")
    assert isinstance(estimate(seen, "robust_accuracy[epsilon=0.05]"), NotEstimable)
    assert outcome(seen) is Outcome.INCONCLUSIVE
    assert outcome(seen, gates=("robust_accuracy[epsilon=0.1] >= 0.1",)) is Outcome.INCONCLUSIVE


def test_one_row_without_others_that_show_what_is_valid_decides_nothing_and_says_what_would(bench):
    with (bench.root / "test.csv").open(encoding="utf-8") as stream:
        row = next(csv.DictReader(stream))
    bench.write("one.csv", {column: [value] for column, value in row.items()})
    seen = bench.measure(data="one.csv", train=None)
    assert rules(seen, Level.WARNING) == ["adversarial/too-few-rows"]
    assert "1 row" in message(seen, "too-few-rows")
    assert "give train" in next(finding.hint for finding in seen.findings)
    assert estimate(seen, "clean_accuracy").n == 1
    assert outcome(seen) is Outcome.INCONCLUSIVE
    assert outcome(seen, gates=("robust_accuracy[epsilon=0.2] >= 0.1",)) is Outcome.INCONCLUSIVE
    every = "age,income,debt,sex,job_clerk,job_cook,job_smith,job_none"
    assert isinstance(bench.measure(data="one.csv", train=None, immutable=every), NotApplicable)


def test_one_row_is_attacked_and_decides_nothing(bench):
    seen = bench.measure(rows=1)
    assert estimate(seen, "clean_accuracy").n == 1
    assert outcome(seen) is Outcome.INCONCLUSIVE
