"""The stage as users meet it: rows that stay valid, and figures that can be had again."""

from __future__ import annotations

import csv

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mlops_stage.errors import UsageError
from mlops_stage.report import to_json
from mlops_stage.stages.adversarial import measure as measuring

JOBS = ("job_clerk", "job_cook", "job_smith", "job_none")


def estimate(seen, label):
    return next(metric.estimate for metric in seen.metrics if metric.label == label)


def rules(seen, level=None):
    return [finding.rule for finding in seen.findings if level in {None, finding.level}]


def message(seen, rule):
    return next(finding.message for finding in seen.findings if finding.rule == f"adversarial/{rule}")


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


def test_the_report_itself_is_the_same_to_the_byte_for_one_and_two_processes(bench, mlops):
    """Through the command line, with rows for two blocks."""
    mlops.cwd, said = bench.root, []
    for processes in (1, 2):
        asked = ["model=credit.onnx", "data=test.csv", "train=train.csv", "label=default", "rows=110"]
        asked += ["attacks=hop_skip_jump", "effort=quick"]
        options = [part for one in asked for part in (f"--{one.split('=')[0]}", one.split("=")[1])]
        made = mlops("adversarial", *options, "--processes", processes, "--out", f"out{processes}")
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


def test_a_model_that_knows_its_classes_is_not_said_to_guess(plain, free):
    assert "validity/guessing" not in rules(plain) + rules(free)


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
