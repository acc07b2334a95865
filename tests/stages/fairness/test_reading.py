import numpy as np
import pytest
from onnx import TensorProto, helper, save

from mlops_stage.errors import InputError, UsageError
from mlops_stage.report import Level, NotApplicable


def write_model(path, column="x", slope=2.0):
    """A model with one number as its input, that answers with the probability of the positive class, sigmoid(slope * x)."""
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Mul", [column, "slope"], ["z"]), helper.make_node("Sigmoid", ["z"], ["probability"])],
        "line",
        [port(column, TensorProto.FLOAT, ["n", 1])],
        [port("probability", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("slope", TensorProto.FLOAT, [1], [slope])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def halves(seen, column):
    return {dict(metric.slice)[column] for metric in seen.metrics if metric.name == "accuracy" and [c for c, _ in metric.slice] == [column]}


def test_columns_are_found_by_their_names_and_that_is_said(bench):
    bench.write("p.csv", **bench.answers())
    seen = bench.measure()
    assert halves(seen, "sex") == {"female", "male"}
    assert halves(seen, "race") == {"black", "white", "other"}
    assert "'sex' in predictions (p.csv), 'race' in predictions (p.csv)" in bench.said(seen, "fairness/attributes-by-name")


def test_declared_columns_are_taken_and_nothing_is_said(bench):
    answers = bench.answers()
    bench.write("p.csv", **{"team": answers.pop("race"), **answers})
    seen = bench.measure(sensitive="team")
    assert halves(seen, "team") == {"black", "white", "other"}
    assert not halves(seen, "sex")
    assert "fairness/attributes-by-name" not in bench.rules(seen)


def test_without_a_column_of_groups_the_stage_does_not_apply(bench):
    answers = bench.answers()
    bench.write("p.csv", **{name: answers[name] for name in ("y_true", "y_pred")})
    seen = bench.measure()
    assert isinstance(seen, NotApplicable)
    assert "no column says to which group a person belongs" in seen.reason


def test_a_declared_column_that_is_absent_is_a_usage_error_with_the_nearest_name(bench):
    bench.write("p.csv", **bench.answers())
    with pytest.raises(UsageError, match=r"sensitive: predictions \(p.csv\) has no column 'gender'"):
        bench.measure(sensitive="gender")
    with pytest.raises(UsageError) as found:
        bench.measure(sensitive="races")
    assert found.value.hint == "did you mean 'race'?"


def test_groups_may_stand_in_a_side_file_in_another_order(bench):
    answers = bench.answers()
    ids = np.arange(2_000) + 10**12
    straight = bench.write("all.csv", **answers)
    order = np.random.default_rng(1).permutation(2_000)
    bench.write("p.csv", id=ids, **{name: answers[name] for name in ("y_true", "y_pred", "y_score")})
    bench.write("side.csv", sex=answers["sex"][order], person=ids[order], race=answers["race"][order])
    with pytest.raises(UsageError, match="has no column 'id'"):
        bench.measure(sensitive_data="side.csv", row_id="id")
    bench.write("side.csv", sex=answers["sex"][order], id=ids[order], race=answers["race"][order])
    aside, whole = bench.measure(sensitive_data="side.csv", row_id="id"), bench.measure(predictions=straight.name)
    assert [(metric.label, metric.estimate) for metric in aside.metrics] == [(metric.label, metric.estimate) for metric in whole.metrics]
    assert {subject.role for subject in aside.subjects} == {"predictions", "sensitive_data"}


def test_rows_that_the_side_file_lacks_are_of_no_known_group(bench):
    answers = bench.answers()
    bench.write("p.csv", id=np.arange(2_000), **{name: answers[name] for name in ("y_true", "y_pred")})
    bench.write("side.csv", id=np.arange(1_900), sex=answers["sex"][:1_900])
    seen = bench.measure(sensitive_data="side.csv", row_id="id", sensitive="sex")
    assert bench.find(seen, "accuracy", sex="(unknown)").n == 100
    assert bench.said(seen, "fairness/rows-without-group") == "some rows are not in sensitive_data (side.csv): their group is (unknown)"


def test_a_side_file_of_other_rows_is_refused(bench):
    bench.write("p.csv", id=np.arange(2_000), **bench.answers())
    bench.write("side.csv", id=np.arange(5_000, 5_100), sex=["f", "m"] * 50)
    with pytest.raises(InputError, match="has none of the 2,000 rows"):
        bench.measure(sensitive_data="side.csv", row_id="id")


def test_a_side_file_without_identifiers_cannot_be_joined(bench):
    bench.write("p.csv", **bench.answers())
    bench.write("side.csv", sex=["f", "m"] * 1_000)
    with pytest.raises(UsageError, match="nobody says which column identifies a row"):
        bench.measure(sensitive_data="side.csv")


def test_duplicate_identifiers_are_refused_on_either_side(bench):
    bench.write("p.csv", id=[*range(1_999), 0], **bench.answers())
    bench.write("side.csv", id=np.arange(2_000), sex=["f", "m"] * 1_000)
    with pytest.raises(InputError, match=r"predictions \(p.csv\): rows 1 and 2000 have the same identifier"):
        bench.measure(sensitive_data="side.csv", row_id="id")
    bench.write("p.csv", id=np.arange(2_000), **bench.answers())
    bench.write("side.csv", id=[*range(1_999), 5], sex=["f", "m"] * 1_000)
    with pytest.raises(InputError, match=r"sensitive_data \(side.csv\): rows 6 and 2000"):
        bench.measure(sensitive_data="side.csv", row_id="id")


def test_a_model_is_judged_on_a_table_and_need_not_see_the_groups(bench):
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_200).astype(np.float32)
    bench.write(
        "test.csv", x=x, sold=(rng.random(1_200) < 1 / (1 + np.exp(-2 * x))).astype(int), gender=np.where(rng.random(1_200) < 0.5, "a", "b")
    )
    write_model(bench.root / "model.onnx")
    seen = bench.measure(predictions=None, model="model.onnx", data="test.csv", label="sold")
    assert bench.find(seen, "accuracy", gender="a").value == pytest.approx(0.78, abs=0.1)
    assert {subject.role for subject in seen.subjects} == {"model", "data"}


def test_a_served_model_is_judged_like_its_file(bench, serve):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300).astype(np.float32)
    bench.write("test.csv", x=x, sold=(x > 0).astype(int), gender=np.where(rng.random(300) < 0.5, "a", "b"))
    write_model(bench.root / "model.onnx")
    asked = {"predictions": None, "data": "test.csv", "label": "sold"}
    origin = serve(bench.root / "model.onnx")
    served = bench.measure(model=f"{origin}/v2/models/income", **asked)
    filed = bench.measure(model="model.onnx", **asked)
    assert [(metric.label, metric.estimate) for metric in served.metrics] == [(metric.label, metric.estimate) for metric in filed.metrics]


def test_groups_may_stand_in_the_data_that_predictions_are_of(bench):
    answers = bench.answers()
    bench.write("p.csv", id=np.arange(2_000), y_pred=answers["y_pred"])
    bench.write("data.csv", id=np.arange(2_000)[::-1], y_true=answers["y_true"][::-1], sex=answers["sex"][::-1])
    seen = bench.measure(data="data.csv", row_id="id")
    assert bench.find(seen, "accuracy", sex="male").n == (answers["sex"] == "male").sum()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"predictions": None}, "nothing to compare"),
        ({"predictions": None, "model": "m.onnx"}, "a model alone"),
        ({"model": "m.onnx"}, "both given"),
        ({"label": "y_pred"}, "label and prediction are the same column"),
        ({"sensitive": "y_true"}, "sensitive and label are the same column"),
        ({"reference_group": "sex=male", "sensitive": "race"}, "reference_group: 'sex' is none of the sensitive columns"),
        ({"reference_group": "sex=mal"}, "'sex' has no group 'mal'"),
        ({"standard": "equal-odds"}, "there is no standard 'equal-odds'"),
        ({"library_metrics": "f1_scor"}, "no metric of labels and decisions"),
    ],
)
def test_wrong_usage_is_said(bench, params, told):
    bench.write("p.csv", **bench.answers())
    with pytest.raises(UsageError, match=told):
        bench.judge(**{"predictions": "p.csv", **params})


def test_a_regression_does_not_apply(bench):
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    bench.write("p.csv", y_true=y, y_pred=y + 0.1, sex=["f", "m"] * 200)
    seen = bench.measure()
    assert isinstance(seen, NotApplicable)
    assert "regression" in seen.reason


def test_a_label_that_is_not_binary_where_it_must_be_is_refused(bench):
    bench.write("p.csv", y_true=["a", "b", "c"] * 100, y_pred=["a", "b", "b"] * 100, sex=["f", "m", "m"] * 100)
    with pytest.raises(InputError, match="task is binary, but labels and predictions have 3 classes"):
        bench.measure(task="binary")
    with pytest.raises(UsageError, match="four-fifths is about a favourable decision"):
        bench.judge(predictions="p.csv", standard="four-fifths")


@pytest.mark.parametrize(
    ("cell", "told"),
    [("-1", "is negative"), ("nan", "is empty, NaN or infinite"), ("", "is empty, NaN or infinite"), ("1e60", "or beyond")],
)
def test_weights_that_cannot_be_used_are_refused(bench, cell, told):
    bench.write("p.csv", w=["1"] * 1_999 + [cell], **bench.answers())
    with pytest.raises(InputError, match=told):
        bench.measure(weight="w")


def test_all_rows_in_one_group_are_never_a_pass(bench):
    answers = bench.answers()
    bench.write("p.csv", **{**answers, "sex": ["female"] * 2_000})
    judged = bench.judge(predictions="p.csv", sensitive="sex")
    assert judged.outcome == "inconclusive"
    assert "there is nothing to compare" in bench.said(bench.measure(sensitive="sex"), "fairness/one-group")


def test_only_rows_of_unknown_group_are_never_a_pass(bench):
    bench.write("p.csv", **{**bench.answers(), "sex": [""] * 2_000})
    assert bench.judge(predictions="p.csv", sensitive="sex").outcome == "inconclusive"


def test_a_column_of_100_000_values_is_refused(bench):
    rows = 100_001
    bench.write("p.csv", y_true=np.arange(rows) % 2, y_pred=np.arange(rows) // 2 % 2, sex=[f"g{index}" for index in range(rows)])
    with pytest.raises(InputError, match="more than 100,000 different values"):
        bench.measure()
    bench.write("p.csv", y_true=np.arange(5_000) % 2, y_pred=np.arange(5_000) // 2 % 2, sex=[f"g{index}" for index in range(5_000)])
    with pytest.raises(UsageError, match="looks like an identifier, not a group: 5,000 different values"):
        bench.measure(sensitive="sex")
    seen = bench.measure()
    assert isinstance(seen, NotApplicable)
    assert "5,000 different values" in seen.reason


def test_a_column_of_names_is_refused_when_named_and_left_out_when_found(bench):
    answers = bench.answers()
    answers["race"] = np.array([f"Person {index // 2}" for index in range(2_000)])
    bench.write("p.csv", **answers)
    with pytest.raises(UsageError, match="'race' looks like an identifier") as told:
        bench.measure(sensitive="sex,race")
    assert "Person" not in f"{told.value.message} {told.value.hint}"
    seen = bench.measure()
    assert bench.said(seen, "fairness/no-groups").endswith("nobody named it with sensitive, so it is left out")
    assert halves(seen, "sex") == {"female", "male"}
    assert "Person" not in repr(seen)
    assert all("Person" not in path.read_text() for path in (bench.root / "mlops-out").rglob("*.json"))


def test_spellings_of_a_group_are_counted_apart_and_named(bench):
    answers = bench.answers()
    answers["sex"] = np.where(np.arange(2_000) % 3 == 0, " Female ", np.where(np.arange(2_000) % 3 == 1, "female", "male"))
    bench.write("p.csv", **answers)
    seen = bench.measure(sensitive="sex")
    assert halves(seen, "sex") == {" Female ", "female", "male"}
    assert "counted apart: ' Female ', 'female'" in bench.said(seen, "fairness/spelling")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"reference_group": "sex=mael"}, "did you mean 'male'?"),
        ({"reference_group": "sex=x"}, "its groups are female, male"),
        ({"reference_group": "sexe=male"}, "did you mean 'sex'?"),
        ({"reference_group": "sexe=male", "sensitive": "sex"}, "did you mean 'sex'?"),
        ({"reference_group": "p=male", "sensitive": "sex"}, "name it with sensitive too"),
    ],
)
def test_a_misspelt_group_to_compare_with_is_looked_for_among_groups(bench, asked, hint):
    bench.write("p.csv", **bench.answers())
    (bench.root / "mael").write_text("a file of almost that name")
    with pytest.raises(UsageError, match="reference_group") as told:
        bench.measure(**asked)
    assert told.value.hint == hint


def test_odd_names_of_groups_come_through_unharmed(bench):
    names = ['a, "b"', "line\nbreak", "Зоя=ß]", "-1e5", "<script>"]
    answers = bench.answers()
    answers["sex"] = np.array(names)[np.arange(2_000) % 5]
    bench.write("p.csv", **answers)
    seen = bench.measure(sensitive="sex")
    assert halves(seen, "sex") == set(names)
    gates = [f"{metric.label} >= 0" for metric in seen.metrics if metric.name == "tpr" and metric.slice]
    assert bench.judge(predictions="p.csv", sensitive="sex", gates=gates).outcome == "passed"


def test_an_unknown_group_is_counted_and_shown_but_in_no_gate(bench):
    answers = bench.answers()
    answers["sex"] = np.where(np.arange(2_000) % 10 == 0, "", answers["sex"])
    answers["y_pred"] = np.where(answers["sex"] == "", 1 - answers["y_true"], answers["y_true"])
    bench.write("p.csv", **answers)
    seen = bench.measure(sensitive="sex")
    assert bench.find(seen, "tpr", sex="(unknown)").value == 0
    assert bench.find(seen, "tpr_difference", by="sex").value == 0
    (finding,) = [finding for finding in seen.findings if finding.rule == "fairness/unknown-group"]
    assert finding.level is Level.WARNING
    assert finding.message.startswith("200 of 2,000 rows (10.0%)")
