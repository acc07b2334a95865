"""The stage as users meet it: rows that stay valid, figures that can be had again, and answers that are honest about what they do not know."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mlops_stage.errors import ExitCode, InputError, UsageError
from mlops_stage.estimates import NotEstimable
from mlops_stage.gate import Rules, judge, parse_all
from mlops_stage.report import Level, NotApplicable, Outcome, to_json
from mlops_stage.stages.adversarial import measure as measuring
from mlops_stage.stages.adversarial.criteria import criteria
from mlops_stage.stages.adversarial.measure import measure
from mlops_stage.stages.adversarial.params import AdversarialParams
from mlops_stage.workspace import Workspace

INCOME = Path(__file__).parents[3] / "docs" / "examples" / "income"
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


@pytest.fixture(scope="module")
def table(project):
    with (project.root / "train.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name]) for row in rows]) for name in ("age", "income", "debt")}


@pytest.fixture(scope="module")
def free(project):
    """An attacker who may change the job at will, but not the sex."""
    return project.measure("free", rows=100, immutable="sex", category_distance=0)


@pytest.fixture(scope="module")
def plain(project):
    """The defaults."""
    return project.measure("plain", rows=100, row_id="client")


def test_every_row_that_is_reported_is_valid_and_every_third_row_falls(project, table, free):
    """Acceptance row 10, held against the training data itself, not against our own idea of it."""
    pairs = project.changed("free")
    assert estimate(free, "attack_success_rate[epsilon=0.2]").value >= 0.3
    assert len(pairs) >= 80
    for original, changed in pairs:
        assert changed["sex"] == original["sex"]
        assert changed["age"] == str(int(changed["age"]))
        assert sorted(changed[job] for job in JOBS) == ["0", "0", "0", "1"]
        for name, values in table.items():
            below, above = (float(original[name]),) * 2
            assert min(values.min(), below) <= float(changed[name]) <= max(values.max(), above), name
    assert any(changed[job] != original[job] for original, changed in pairs for job in JOBS)
    assert any(changed["age"] != original["age"] for original, changed in pairs)


def test_a_size_is_a_size_of_the_training_datas_deviations(project, table, plain):
    assert plain
    for original, changed in project.changed("plain"):
        apart = max(abs(float(changed[name]) - float(original[name])) / values.std() for name, values in table.items())
        other = any(changed[job] != original[job] for job in JOBS)
        flipped = abs(float(changed["sex"]) - float(original["sex"])) / 0.5
        assert max(apart, other * 1.0, flipped) == pytest.approx(float(changed["distance"]), rel=2e-3)


def test_an_original_is_the_row_of_the_table_and_the_changed_row_gets_the_other_answer(project, plain):
    assert plain
    with (project.root / "test.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    session = onnxruntime.InferenceSession(project.root / "credit.onnx", providers=["CPUExecutionProvider"])
    names = [*("age", "income", "debt"), *JOBS, "sex"]
    for original, changed in project.changed("plain"):
        source = rows[int(original["row"]) - 1]
        assert original["row_id"] == source["client"]
        assert [float(original[name]) for name in names] == [float(source[name]) for name in names]
        inputs = np.array([[float(one[name]) for name in names] for one in (original, changed)], dtype=np.float32)
        answers = session.run(["label"], {"x": np.repeat(inputs, 8, axis=0)})[0].tolist()
        assert (answers[0], answers[-1]) == (original["label"], changed["label"])
        assert original["label"] == source["default"] != changed["label"]


def test_reruns_and_any_number_of_processes_say_the_same_to_the_byte(project, monkeypatch):
    """Acceptance row 11 at the level of the stage: report and evidence; blocks are small here, so that four processes have work."""
    monkeypatch.setattr(measuring, "BLOCK", 10)
    found = {}
    for name, processes in (("one", 1), ("rerun", 1), ("four", 4)):
        seen = project.measure(name, rows=40, attacks="hop_skip_jump,square", processes=processes)
        found[name] = (to_json(seen), project.evidence(name))
    assert all(one == found["one"] for one in found.values())
    assert "private/adversarial-rows.csv" in found["one"][1]


def test_the_report_itself_is_the_same_to_the_byte_for_one_and_two_processes(bench):
    """Through the command line, with rows for two blocks."""
    said = []
    for processes in (1, 2):
        asked = ["model=credit.onnx", "data=test.csv", "train=train.csv", "label=default", "rows=130", "attacks=hop_skip_jump"]
        options = [part for one in asked for part in (f"--{one.split('=')[0]}", one.split("=")[1])]
        call = [sys.executable, "-m", "mlops_stage", "adversarial", *options, "--processes", str(processes), "--out", f"out{processes}"]
        made = subprocess.run(call, cwd=bench.root, capture_output=True, text=True, check=False, timeout=300)
        assert made.returncode in {0, 1, 5}, made.stderr
        said.append((bench.root / f"out{processes}" / "adversarial" / "report.json").read_bytes())
    assert said[0] == said[1]
    assert b'"rows":' in said[0]


def test_another_seed_takes_another_sample_and_a_smaller_one_is_part_of_it(project):
    project.measure("seed0", rows=15, seed=0, row_id="client")
    project.measure("seed1", rows=15, seed=1, row_id="client")
    project.measure("more", rows=30, seed=0, row_id="client")
    first, other, more = ({original["row"]: changed for original, changed in project.changed(name)} for name in ("seed0", "seed1", "more"))
    assert first.keys() != other.keys()
    assert first.keys() <= more.keys()


def test_what_is_declared_binds(project):
    project.measure("declared", immutable="sex,income,job", monotone={"age": "up", "debt": "down"}, category_distance=0)
    pairs = project.changed("declared")
    assert pairs
    for original, changed in pairs:
        assert [changed[name] for name in ("income", *JOBS)] == [original[name] for name in ("income", *JOBS)]
        assert int(changed["age"]) >= int(original["age"])
        assert float(changed["debt"]) <= float(original["debt"])


def test_figures_hang_together(plain):
    seen = plain
    clean = estimate(seen, "clean_accuracy")
    assert clean.n == 100
    values = [estimate(seen, f"robust_accuracy[epsilon={size}]") for size in ("0.05", "0.1", "0.2")]
    assert clean.value >= values[0].value >= values[1].value >= values[2].value
    assert {one.n for one in values} == {100}
    success = estimate(seen, "attack_success_rate[epsilon=0.2]")
    assert success.n == clean.k
    assert values[2].k == clean.k - success.k
    assert seen.outputs["robust_accuracy"] == f"{values[0].value:.6g}"
    told = message(seen, "fooled")
    assert "changing any column by at most 0.05, 0.1 and 0.2 standard deviations" in told
    assert f"and {success.k:,} of {clean.k:,} rows that the model gets right" in told
    assert f"the other {clean.k - success.k:,} withstood these attacks within this budget" in told
    assert not any("secure" in finding.message for finding in seen.findings)
    assert {figure.name for figure in seen.figures} == {"robust_accuracy", "smallest_changes", "changed_columns"}
    curve = next(figure for figure in seen.figures if figure.name == "robust_accuracy")
    assert [point.y for point in curve.points][1:4] == [one.value for one in values]
    assert not curve.diagonal


def test_pages_name_nobody(project, plain):
    """Only the private file holds rows: neither the report nor the public evidence has a cell of one."""
    original, changed = project.changed("plain")[0]
    told = to_json(plain) + project.evidence("plain")["valid-rows.json"].decode()
    assert original["row_id"] not in told
    assert changed["income"] not in told


def test_the_kind_of_the_model_and_the_attacks_are_told(plain):
    told = message(plain, "attacks")
    assert "differentiable" in told
    assert "HopSkipJump and Square" in told
    assert "100 of 400 rows were sampled" in told


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_attacks_by_name(project, norm):
    seen = project.measure("named", attacks="hop_skip_jump", norm=norm)
    assert "by HopSkipJump," in message(seen, "attacks")
    assert estimate(seen, "attack_success_rate[epsilon=0.2]").value > 0.1


def test_an_attack_that_does_not_apply_says_why(project):
    with pytest.raises(UsageError, match="linear cannot be used: it needs a linear model, and this one is differentiable"):
        project.measure("linear", attacks="linear")
    with pytest.raises(UsageError, match="square cannot be used: it limits the change of each column"):
        project.measure("square", attacks="square", norm="l2")


def test_a_linear_model_is_met_by_its_closed_form(bench):
    weights = np.array([[0.0, 0.01], [0.0, -0.05], [0.0, 0.06], [0.0, 0.0], [0.0, 0.0], [0.0, 0.3], [0.0, 0.0], [0.0, 0.0]])
    (bench.root / "linear.onnx").write_bytes(linear_classifier(weights, ["no", "yes"]))
    seen = bench.measure(model="linear.onnx", columns={"x": "age|income|debt|job_clerk|job_cook|job_smith|job_none|sex"})
    assert "the exact solution for linear models" in message(seen, "attacks")
    assert "found the smallest change" in message(seen, "attacks")


def test_the_closed_form_alone_finds_what_the_other_attacks_find_on_whole_numbers(bench):
    """Steps of 1 are a third of a deviation: the boundary lies between two rows nearly always."""
    rng = np.random.default_rng(0)
    columns = {name: rng.integers(-9, 10, 400) for name in "abc"}
    truth = columns["a"] + 2 * columns["b"] - columns["c"] > 0.5
    bench.write("whole.csv", {**columns, "default": np.where(truth, "yes", "no")})
    (bench.root / "whole.onnx").write_bytes(linear_classifier(np.array([[-1.0, 1], [-2, 2], [1, -1]]), ["no", "yes"]))
    asked = {"model": "whole.onnx", "data": "whole.csv", "train": None, "columns": {"x": "a|b|c"}, "epsilons": (0.2, 0.4, 0.8), "rows": 80}
    alone, others = (bench.measure(name, **asked, attacks=name) for name in ("linear", "hop_skip_jump"))
    for size in ("0.2", "0.4", "0.8"):
        label = f"attack_success_rate[epsilon={size}]"
        assert estimate(alone, label).k >= estimate(others, label).k
    assert estimate(alone, "attack_success_rate[epsilon=0.8]").value > 0.2


def test_the_closed_form_alone_does_not_judge_categories_that_may_change(bench):
    weights = np.zeros((8, 2))
    weights[5, 1] = 1.0
    (bench.root / "linear.onnx").write_bytes(linear_classifier(weights, ["no", "yes"]))
    asked = {"model": "linear.onnx", "columns": {"x": "age|income|debt|job_clerk|job_cook|job_smith|job_none|sex"}, "attacks": "linear"}
    with pytest.raises(UsageError, match="linear alone changes no category") as caught:
        bench.measure(**asked, category_distance=0.1)
    assert "hop_skip_jump" in caught.value.hint
    assert bench.measure(**asked, category_distance=0.1, immutable="job")
    assert bench.measure(**asked)


def income(**params):
    asked = {"data": "data/test.parquet", "train": "data/train.parquet", "label": "income", "effort": "quick", "rows": 20} | params
    with TemporaryDirectory() as folder:
        place = Path(folder)
        workspace = Workspace(root=INCOME, run_dir=place, out=place / "adversarial", cache=place / "cache", env={})
        return measure(AdversarialParams.model_validate(asked), workspace)


def test_text_inputs_are_categories_that_keep_their_value_unless_a_change_of_one_is_small():
    seen = income(model="candidate.onnx")
    assert "3 categories" in message(seen, "valid-rows")
    assert "tree ensemble" in message(seen, "attacks")
    free = income(model="candidate.onnx", category_distance=0)
    fixed, moved = (estimate(one, "attack_success_rate[epsilon=0.2]").value for one in (seen, free))
    assert moved > fixed
    columns = next(figure for figure in free.figures if figure.name == "changed_columns")
    assert {"workclass", "marital_status", "occupation"} & {bar.label for bar in columns.bars}


def test_without_a_model_the_stage_does_not_apply(bench):
    assert isinstance(bench.measure(model=None, predictions="p.csv"), NotApplicable)
    with pytest.raises(UsageError, match="nothing to attack"):
        bench.measure(model=None)
    with pytest.raises(UsageError, match="cannot be attacked"):
        bench.measure(data=None)


def test_regression_does_not_apply(bench):
    assert "regression" in bench.measure(task="regression").reason


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"label": "defualt"}, "no column 'defualt'"),
        ({"immutable": "sexx"}, "no column and no one-hot group is called 'sexx'"),
        ({"immutable": "job_"}, "no column and no one-hot group is called 'job_'"),
        ({"monotone": {"agee": "up"}}, "no column 'agee'"),
        ({"monotone": {"job_cook": "up"}}, "is a category"),
        ({"train": "nothing.csv"}, "does not exist"),
        ({"row_id": "klient"}, "no column 'klient'"),
        ({"art": "DeepFool"}, "DeepFool cannot be used: it needs the model's gradients"),
        ({"art": "HopSkipJmp"}, "no attack 'HopSkipJmp'"),
    ],
)
def test_names_that_mean_nothing_are_refused(bench, params, told):
    with pytest.raises(UsageError, match=told):
        bench.measure(**params)


def test_nothing_to_change_is_said(bench):
    found = bench.measure(immutable="age,income,debt,job,sex")
    assert "nobody can change anything" in found.reason


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


@pytest.mark.parametrize(
    ("gate", "told", "hint"),
    [
        ("robust_acuracy[epsilon=0.1] >= 0.5", "there is no metric robust_acuracy", "robust_accuracy[epsilon=0.1]"),
        ("robust_accuracy >= 0.5", "there is no metric robust_accuracy", "robust_accuracy[epsilon=0.05]"),
        ("robust_accuracy[epsilon=0.3] >= 0.5", "0.3 is not judged; judged are 0.05, 0.1 and 0.2", "epsilons: [0.05, 0.1, 0.2, 0.3]"),
        ("robust_accuracy[epsilon=0.10] >= 0.5", "0.10 is not judged", "write epsilon=0.1"),
        ("robust_accuracy[epsilon=small] >= 0.5", "small is not judged", "a number above 0"),
        ("robust_accuracy[epsilon=0.1] >= 50", "can never decide", "0.5"),
    ],
)
def test_a_gate_on_what_is_not_measured_is_refused_before_the_model_is_opened(bench, gate, told, hint):
    (bench.root / "credit.onnx").unlink()
    with pytest.raises(UsageError, match=re.escape(told)) as caught:
        bench.measure(gates=[gate])
    assert hint in caught.value.hint


def test_a_model_that_guesses_is_said_to(bench):
    """Labels that have nothing to do with the inputs."""
    rng = np.random.default_rng(0)
    rewritten(bench, "test.csv", lambda _place, row: row.update(default=["no", "yes"][rng.integers(2)]))
    seen = bench.measure(rows=200, epsilons=(0.05,), attacks="hop_skip_jump")
    told = next(finding for finding in seen.findings if finding.rule == "validity/guessing")
    assert told.level is Level.WARNING
    assert "50 %" in told.message
    assert seen.findings[0] is told


def test_a_model_that_knows_its_classes_is_not_said_to_guess(plain, free):
    assert "validity/guessing" not in rules(plain) + rules(free)


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


def test_labels_alone_are_enough(bench):
    (bench.root / "credit.onnx").write_bytes(always("no"))
    told = message(bench.measure(), "attacks")
    assert "by HopSkipJump," in told
    with pytest.raises(UsageError, match="it needs scores"):
        bench.measure(attacks="square")


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


def test_empty_cells_stay_empty(bench):
    def some_empty(place, row):
        if place % 3 == 0:
            row["debt"] = ""

    for name in ("train.csv", "test.csv"):
        rewritten(bench, name, some_empty)
    model = (bench.root / "credit.onnx").read_bytes()
    (bench.root / "credit.onnx").write_bytes(filled(model))
    bench.measure("empty", rows=90)
    pairs = bench.changed("empty")
    assert any(original["debt"] == "" for original, _ in pairs)
    assert any(original["debt"] != "" for original, _ in pairs)
    assert all((original["debt"] == "") == (changed["debt"] == "") for original, changed in pairs)


def filled(content):
    """The same model with an imputer before it."""
    model = onnx.ModelProto.FromString(content)
    imputer = helper.make_node(
        "Imputer",
        ["x"],
        ["full"],
        domain="ai.onnx.ml",
        imputed_value_floats=[40.0, 30.0, 20.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        replaced_value_float=float("nan"),
    )
    model.graph.node[0].input[0] = "full"
    model.graph.node.insert(0, imputer)
    return model.SerializeToString()


def test_several_classes_and_labels_that_are_numbers(bench):
    """Labels 3, 5 and 7 from two scores' difference: places of scores are not the labels themselves."""
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=300), "b": rng.normal(size=300)}
    weights = np.array([[1.0, -1.0, 0.2], [0.3, 1.0, -1.0]])
    truth = np.array([3, 5, 7])[(np.column_stack(list(columns.values())) @ weights).argmax(axis=1)]
    bench.write("three.csv", {**columns, "default": truth})
    (bench.root / "three.onnx").write_bytes(linear_classifier(weights, [3, 5, 7]))
    seen = bench.measure(
        "three", model="three.onnx", data="three.csv", train=None, columns={"x": "a|b"}, attacks="hop_skip_jump,square,linear"
    )
    assert estimate(seen, "clean_accuracy").value == 1
    assert "adversarial/no-reference" in rules(seen)
    labels = {(original["label"], changed["label"]) for original, changed in bench.changed("three")}
    assert {label for pair in labels for label in pair} == {"3", "5", "7"}
    assert all(before != after for before, after in labels)
    assert estimate(seen, "attack_success_rate[epsilon=0.2]").value > 0.05


def linear_classifier(weights, labels):
    node = helper.make_node(
        "LinearClassifier",
        ["x"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        coefficients=weights.T.flatten().tolist(),
        intercepts=[0.0] * len(labels),
        **{"classlabels_strings" if isinstance(labels[0], str) else "classlabels_ints": labels},
        post_transform="SOFTMAX",
        multi_class=1,
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(weights)])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING if isinstance(labels[0], str) else TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", len(labels)]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=9)
    return model.SerializeToString()


def test_when_the_time_is_over_nothing_is_claimed(bench):
    """The clock is the workspace's: each look at it takes ten seconds of the hundred that there are."""
    now = [datetime(2026, 1, 1, tzinfo=UTC)]

    def clock():
        now[0] += timedelta(seconds=10)
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
    seen = measure(params, bench.workspace(clock=clock))
    assert "adversarial/out-of-time" in rules(seen, Level.WARNING)
    assert "the time was over when 0 of" in message(seen, "out-of-time")
    assert isinstance(estimate(seen, "robust_accuracy[epsilon=0.05]"), NotEstimable)
    assert outcome(seen) is Outcome.INCONCLUSIVE
    assert outcome(seen, gates=("robust_accuracy[epsilon=0.1] >= 0.1",)) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        ("age,default\n1,é\n".encode("cp1252"), "not UTF-8"),
        ("age,default\n1,a\n".encode("utf-16"), "UTF-16"),
        (
            b"age,income,debt,job_clerk,job_cook,job_smith,job_none,sex,default\n30,many,1,1,0,0,0,1,yes\n",
            "a cell of the form 'aaaa' in column 'income' is no number",
        ),
        (b"age,income,debt,job_clerk,job_cook,job_smith,job_none,sex,default\n30,inf,1,1,0,0,0,1,yes\n", "infinity"),
        (b"age,income,debt,job_clerk,job_cook,job_smith,job_none,sex,default\n30,1,1,1,0,0,0,1,\n", "is empty"),
    ],
)
def test_ugly_tables_are_refused_in_one_line(bench, content, told):
    (bench.root / "ugly.csv").write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        bench.measure(data="ugly.csv", train="train.csv")
    assert caught.value.code is ExitCode.STAGE
    assert "\n" not in caught.value.message


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


def test_category_names_with_commas_line_breaks_and_letters_of_all_scripts(bench):
    rng = np.random.default_rng(0)
    names = np.array(["a,b", 'line\nbreak "quoted"', "北京", "=cmd()", ""])
    place = rng.integers(0, 5, 300)
    bench.write("words.csv", {"town": names[place], "n": rng.normal(size=300), "default": np.where(place % 2, "yes", "no")})
    (bench.root / "words.onnx").write_bytes(by_town(names))
    seen = bench.measure("words", model="words.onnx", data="words.csv", train=None, category_distance=0.1)
    assert estimate(seen, "clean_accuracy").value == 1
    assert estimate(seen, "attack_success_rate[epsilon=0.05]").value == 0
    assert estimate(seen, "attack_success_rate[epsilon=0.1]").value == 1
    assert {original["town"] for original, _ in bench.changed("words")} == set(names.tolist())


def by_town(names):
    """`yes` for every second town; a number is read and ignored."""
    nodes = [
        helper.make_node(
            "LabelEncoder", ["town"], ["odd"], domain="ai.onnx.ml", keys_strings=names.tolist(), values_floats=[0.0, 1, 0, 1, 0]
        ),
        helper.make_node("Mul", ["n", "zero"], ["nothing"]),
        helper.make_node("Add", ["odd", "nothing"], ["p"]),
        helper.make_node("Cast", ["p"], ["i"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["i", "flat"], ["f"]),
        helper.make_node("LabelEncoder", ["f"], ["label"], domain="ai.onnx.ml", keys_int64s=[0, 1], values_strings=["no", "yes"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("town", TensorProto.STRING, ["n", 1]),
            helper.make_tensor_value_info("n", TensorProto.FLOAT, ["n", 1]),
        ],
        [helper.make_tensor_value_info("label", TensorProto.STRING, ["n"])],
        [helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]), helper.make_tensor("flat", TensorProto.INT64, [1], [-1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=9)
    return model.SerializeToString()


def test_a_served_model_is_attacked_like_its_file(project, serve):
    """The same figures over the wire; only the kind and its subject differ."""
    url = f"{serve(project.root / 'credit.onnx', name='credit')}/v2/models/credit"
    file = project.measure("file", rows=30, attacks="hop_skip_jump")
    remote = project.measure("remote", rows=30, attacks="hop_skip_jump", model=url)
    assert "served" in message(remote, "attacks")
    assert remote.metrics == file.metrics
    assert project.evidence("remote") == project.evidence("file")


def test_numbers_beyond_single_precision_are_said_to_be_rounded(bench):
    """A clock in milliseconds: the model looks at single seconds of a day, which seven digits do not hold."""
    rng = np.random.default_rng(0)
    base, place = 1_700_000_000_000, rng.integers(0, 200_000, 300)
    truth = np.where(place % 2, "yes", "no")
    bench.write("clock.csv", {"t": base + place, "n": rng.normal(size=300), "default": truth})
    (bench.root / "clock.onnx").write_bytes(by_clock())
    seen = bench.measure("clock", model="clock.onnx", data="clock.csv", train=None)
    assert estimate(seen, "clean_accuracy").value < 1
    assert "rounded to single precision" in message(seen, "rounding")


def by_clock():
    """`yes` for odd milliseconds."""
    nodes = [
        helper.make_node("Mod", ["t", "two"], ["odd"]),
        helper.make_node("Cast", ["n"], ["m"], to=TensorProto.INT64),
        helper.make_node("Mul", ["m", "zero"], ["nothing"]),
        helper.make_node("Add", ["odd", "nothing"], ["p"]),
        helper.make_node("Reshape", ["p", "flat"], ["f"]),
        helper.make_node("LabelEncoder", ["f"], ["label"], domain="ai.onnx.ml", keys_int64s=[0, 1], values_strings=["no", "yes"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("t", TensorProto.INT64, ["n", 1]),
            helper.make_tensor_value_info("n", TensorProto.FLOAT, ["n", 1]),
        ],
        [helper.make_tensor_value_info("label", TensorProto.STRING, ["n"])],
        [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("two", 2), ("zero", 0), ("flat", -1))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=9)
    return model.SerializeToString()


def test_the_schema_that_is_published_names_no_rare_value(bench):
    rng = np.random.default_rng(0)
    names = np.array(["a,b", 'line\nbreak "quoted"', "北京", "=cmd()", ""])
    place = np.concatenate([rng.integers(0, 2, 295), [2, 2, 3, 3, 3]])
    bench.write("rare.csv", {"town": names[place], "n": rng.normal(size=300), "default": np.where(place % 2, "yes", "no")})
    (bench.root / "rare.onnx").write_bytes(by_town(names))
    bench.measure("rare", model="rare.onnx", data="rare.csv", train=None)
    plain = json.loads(bench.evidence("rare")["valid-rows.json"])
    town = next(feature for feature in plain["features"] if feature["column"] == "town")
    assert town["kind"] == "category"
    assert "北京" not in town["levels"]
    assert town["levels_of_few_rows"] >= 2
    assert plain["learned_from"] == "data"
