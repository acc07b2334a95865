"""Predictions from a model and a table, with real models of several exporters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.predictions import Question, score
from mlops_stage.inputs.tables.open import open_table

INCOME = Path(__file__).parents[2] / "docs" / "examples" / "income"
FEATURES = ["a", "b", "c"]


@pytest.fixture
def frame():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.standard_normal((300, 3)).astype(np.float32), columns=FEATURES)
    total = frame.sum(axis=1)
    frame["two"] = np.where(total > 0, "yes", "no")
    frame["three"] = np.select([total < -1, total < 1], ["low", "mid"], "top")
    frame["number"] = np.select([total < -1, total < 1], [10, 20], 30)
    frame["amount"] = total * 2 + 0.5
    frame["sex"] = np.where(generator.random(300) < 0.5, "f", "m")
    return frame


@pytest.fixture
def scored(tmp_path, frame):
    """Write model and table, then score."""

    def run(model, label, *, table="t.parquet", columns=FEATURES, listed=True, cells=None, classes=None, **question):
        metadata = {"mlops_stage.columns": json.dumps(columns)} if listed else {}
        if classes is not None:
            metadata["mlops_stage.classes"] = json.dumps(classes)
        helper.set_model_props(model, metadata)
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        data = frame if cells is None else cells
        getattr(data, "to_parquet" if table.endswith("parquet") else "to_csv")(tmp_path / table, index=False)
        return score(open_model("m.onnx", tmp_path), open_table(table, tmp_path), tmp_path / "cache", Question(label=label, **question))

    return run


def exported(estimator, *, zipmap=False):
    options = {id(estimator): {"zipmap": zipmap}} if hasattr(estimator, "classes_") else None
    return convert_sklearn(
        estimator, initial_types=[("x", FloatTensorType([None, 3]))], target_opset={"": 18, "ai.onnx.ml": 3}, options=options
    )


def graph(nodes, outputs, tensors=()):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    model = helper.make_model(helper.make_graph(nodes, "g", [x], outputs, list(tensors)), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def weights(array, name="w"):
    return numpy_helper.from_array(np.asarray(array, dtype=np.float32), name)


SCORES = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])
ONE = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", 1])


@pytest.mark.parametrize("table", ["t.parquet", "t.csv"])
def test_a_binary_classifier_says_what_scikit_learn_says(scored, frame, table):
    fitted = LogisticRegression().fit(frame[FEATURES], frame["two"])
    found = scored(exported(fitted), "two", table=table, slices=("sex",))
    assert (found.task, found.classes, found.n) == ("binary", ("no", "yes"), 300)
    assert (np.array(found.classes)[found.prediction] == fitted.predict(frame[FEATURES])).all()
    assert (np.array(found.classes)[found.label] == frame["two"]).all()
    np.testing.assert_allclose(found.score, fitted.predict_proba(frame[FEATURES])[:, 1], atol=1e-6)
    assert found.probabilities
    codes, levels = found.slices["sex"]
    assert [levels[code] for code in codes] == frame["sex"].tolist()
    assert [subject.role for subject in found.subjects] == ["model", "data"]


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("label", ["three", "number"])
@pytest.mark.parametrize(
    "kind",
    [LogisticRegression, lambda: RandomForestClassifier(5, random_state=0), lambda: MLPClassifier((4,), random_state=0, tol=1)],
)
def test_classes_of_the_scores_are_those_of_scikit_learn(scored, frame, kind, label, zipmap):
    fitted = kind().fit(frame[FEATURES].to_numpy(), frame[label])
    found = scored(exported(fitted, zipmap=zipmap), label)
    assert found.classes == tuple(str(name) for name in fitted.classes_)
    assert (np.array(found.classes)[found.prediction] == fitted.predict(frame[FEATURES].to_numpy()).astype(str)).mean() > 0.99
    np.testing.assert_allclose(found.score, fitted.predict_proba(frame[FEATURES].to_numpy()), atol=1e-5)
    assert found.notes == ()


def test_a_regression_says_what_scikit_learn_says(scored, frame):
    fitted = LinearRegression().fit(frame[FEATURES], frame["amount"])
    found = scored(exported(fitted), "amount")
    assert (found.task, found.classes, found.score) == ("regression", (), None)
    np.testing.assert_allclose(found.prediction, fitted.predict(frame[FEATURES]), atol=1e-5)
    np.testing.assert_array_equal(found.label, frame["amount"].astype(np.float64))
    assert scored(exported(fitted), "number").task == "regression"


def test_a_lone_probability_decides_at_one_half_and_says_so(scored, frame):
    model = graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Sigmoid", ["z"], ["out"])], [ONE], [weights([[1], [1], [1]])]
    )
    found = scored(model, "two")
    assert (np.array(found.classes)[found.prediction] == frame["two"]).all()
    assert "a score above 0.5 is taken for 'yes'" in found.notes[1]
    logits = graph([helper.make_node("MatMul", ["x", "w"], ["out"])], [ONE], [weights([[1], [1], [1]])])
    with pytest.raises(InputError, match=r"m.onnx on data \(t.parquet\): there are no decisions, and the scores are no probabilities"):
        scored(logits, "two")
    assert scored(logits, "amount").task == "regression"


def test_scores_without_labels_need_their_classes(scored, frame):
    model = graph([helper.make_node("Softmax", ["x"], ["scores"], axis=1)], [SCORES])
    with pytest.raises(InputError, match="the scores have 3 columns, and nobody says which class is which") as caught:
        scored(model, "three")
    assert "mlops_stage.classes" in caught.value.hint
    found = scored(model, "three", classes=["top", "low", "mid"])
    assert found.classes == ("low", "mid", "top")
    largest = frame[FEATURES].to_numpy().argmax(axis=1)
    assert (np.array(["top", "low", "mid"])[largest] == np.array(found.classes)[found.prediction]).all()
    assert "largest score" in found.notes[0]
    with pytest.raises(InputError, match="no JSON list of 3 classes"):
        scored(model, "three", classes=["a"])


def test_numbered_classes_need_no_names(scored, frame):
    model = graph([helper.make_node("Softmax", ["x"], ["scores"], axis=1)], [SCORES])
    found = scored(model, "index", cells=frame.assign(index=frame[FEATURES].to_numpy().argmax(axis=1)))
    assert found.classes == ("0", "1", "2")
    assert (found.prediction == found.label).all()


def test_a_model_of_labels_only(scored, frame):
    node = helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0)
    model = graph([node], [helper.make_tensor_value_info("label", TensorProto.INT64, ["N"])])
    found = scored(model, "index", cells=frame.assign(index=frame[FEATURES].to_numpy().argmax(axis=1)))
    assert found.score is None
    assert (found.prediction == found.label).all()


def test_labels_of_another_encoding_are_caught(scored, frame):
    fitted = LogisticRegression().fit(frame[FEATURES], (frame["two"] == "yes").astype(int))
    with pytest.raises(InputError, match="labels are no, yes, but answers are 0, 1: they have no class in common"):
        scored(exported(fitted), "two")
    with pytest.raises(InputError, match="answers with classes, but column 'amount' holds quantities"):
        scored(exported(fitted), "amount", task="regression")


def income(tmp_path, rows=200):
    table = pd.read_parquet(INCOME / "data" / "test.parquet").head(rows)
    table.to_parquet(tmp_path / "t.parquet")
    return table


def test_one_tensor_per_column_of_numbers_and_text(tmp_path):
    table = income(tmp_path)
    found = score(
        open_model(str(INCOME / "candidate.onnx"), tmp_path),
        open_table("t.parquet", tmp_path),
        tmp_path / "cache",
        Question(label="income"),
    )
    assert found.classes == tuple(sorted(table["income"].unique()))
    assert (np.array(found.classes)[found.prediction] == table["income"]).mean() > 0.8
    renamed = table.rename(columns={"age": "years"})
    renamed.to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(UsageError, match="model input 'age' needs a column 'age'"):
        score(
            open_model(str(INCOME / "candidate.onnx"), tmp_path),
            open_table("r.csv", tmp_path),
            tmp_path / "cache",
            Question(label="income"),
        )
    question = Question(label="income", columns={"age": "years"})
    same = score(open_model(str(INCOME / "candidate.onnx"), tmp_path), open_table("r.csv", tmp_path), tmp_path / "cache", question)
    np.testing.assert_array_equal(same.score, found.score)


def test_empty_text_is_given_as_empty_text_and_noted(tmp_path):
    table = income(tmp_path)
    table.loc[3, "workclass"] = None
    table.to_parquet(tmp_path / "t.parquet")
    found = score(
        open_model(str(INCOME / "baseline.onnx"), tmp_path), open_table("t.parquet", tmp_path), tmp_path / "cache", Question(label="income")
    )
    assert found.notes[-1] == "1 empty cell of 'workclass' was given to the model as empty text"


@pytest.mark.parametrize(
    "kind",
    [LogisticRegression, lambda: RandomForestClassifier(20, random_state=0), lambda: MLPClassifier((37, 5), random_state=0, tol=1)],
)
@pytest.mark.parametrize("table", ["t.parquet", "t.csv"])
def test_a_sample_comes_out_as_the_whole_table_did(scored, frame, tmp_path, kind, table):
    model = exported(kind().fit(frame[FEATURES].to_numpy(), frame["three"]))
    generator = np.random.default_rng(1)
    many = pd.DataFrame(generator.standard_normal((17_001, 3)).astype(np.float32), columns=FEATURES)
    many["three"] = generator.choice(["low", "mid", "top"], len(many))
    first = scored(model, "three", cells=many, table=table)
    (file,) = (tmp_path / "cache" / "scores").glob("*/answers.npz")
    written = file.stat().st_ino
    again = scored(model, "three", cells=many, table=table)
    assert again.notes == first.notes
    assert file.stat().st_ino == written, "scored anew"
    np.testing.assert_array_equal(again.score, first.score)


def test_the_same_answers_whatever_the_chunks(scored, frame):
    fitted = RandomForestClassifier(20, random_state=0).fit(frame[FEATURES].to_numpy(), frame["two"])
    many = pd.concat([frame] * 60, ignore_index=True)
    found = scored(exported(fitted), "two", cells=many)
    assert found.n == 18_000
    np.testing.assert_array_equal(found.score.reshape(60, 300), np.tile(found.score[:300], (60, 1)))


def test_cells_that_a_model_cannot_take_are_named(scored, frame):
    fitted = LogisticRegression().fit(frame[FEATURES], frame["two"])
    with pytest.raises(InputError, match=r"data \(t.csv\), row 2: a cell of the form 'a' in column 'b' is no number"):
        scored(exported(fitted), "two", table="t.csv", cells=frame.astype(object).assign(b=["1", "x", *["1"] * 298]))
    holes = frame.copy()
    holes.loc[4, "b"] = np.nan
    with pytest.raises(InputError, match=r"m.onnx answers with NaN or infinity for row 5 \(1 of 300 rows\)"):
        scored(exported(fitted), "two", cells=holes)
    with pytest.raises(InputError, match=r"row 7: column 'two' is empty or NaN \(1 row of 300\)"):
        scored(exported(fitted), "two", cells=frame.assign(two=[*frame["two"][:6], None, *frame["two"][7:]]))
    with pytest.raises(UsageError, match=r"label: data \(t.parquet\) has no column 'tow'") as caught:
        scored(exported(fitted), "tow")
    assert caught.value.hint == "did you mean 'two'?"


def test_whole_number_inputs_take_whole_numbers_only(scored, frame):
    x = helper.make_tensor_value_info("x", TensorProto.INT32, ["N", 1])
    node = helper.make_node("Cast", ["x"], ["out"], to=TensorProto.FLOAT)
    model = helper.make_model(helper.make_graph([node], "g", [x], [ONE]), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    good = frame.assign(x=range(300))
    assert scored(model, "amount", cells=good, listed=False).prediction.tolist() == list(range(300))
    for bad, told in ((1.5, "1.5"), (np.nan, "an empty cell"), (2.0**40, "1.09951e")):
        with pytest.raises(InputError, match=rf"row 300: {told}.* in column 'x', but model input 'x' is int32"):
            scored(model, "amount", cells=frame.assign(x=[*range(299), bad]), listed=False)


def test_an_answer_too_large_to_compute_with_is_named(scored):
    out = helper.make_tensor_value_info("out", TensorProto.DOUBLE, ["N", 1])
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["s"]),
        helper.make_node("Cast", ["s"], ["d"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["d", "h"], ["out"]),
    ]
    huge = numpy_helper.from_array(np.array(1e60), "h")
    with pytest.raises(InputError, match=r"m.onnx answers with ±1e\+49 or beyond for row 1: "):
        scored(graph(nodes, [out], [weights([[1], [1], [1]]), huge]), "amount")
