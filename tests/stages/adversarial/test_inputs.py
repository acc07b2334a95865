"""Models and tables of all kinds: what is attacked, what does not apply, what is refused and in which words."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mlops_stage.errors import ExitCode, InputError, UsageError
from mlops_stage.report import NotApplicable
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


@pytest.fixture(scope="module")
def free(project):
    """An attacker who may change the job at will, but not the sex."""
    return project.measure("free", rows=100, immutable="sex", category_distance=0)


@pytest.fixture(scope="module")
def plain(project):
    """The defaults."""
    return project.measure("plain", rows=100, row_id="client")


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
