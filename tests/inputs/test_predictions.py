from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_stage.errors import ExitCode, InputError, UsageError
from mlops_stage.inputs.predictions import Question, read
from mlops_stage.inputs.tables.open import open_table

BINARY = {"y_true": [0, 1, 1, 0], "y_pred": [0, 1, 0, 0], "y_score": [0.1, 0.9, 0.4, 0.2], "sex": ["f", "m", None, "f"]}


def write(folder, name, columns):
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if name.endswith(".parquet"):
        pq.write_table(pa.table(columns), folder / name)
    elif name.endswith(".jsonl"):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [",".join(columns), *(",".join("" if cell is None else str(cell) for cell in row.values()) for row in rows)]
        (folder / name).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.parquet"])
def test_binary_predictions_are_the_same_from_every_format(tmp_path, name):
    write(tmp_path, name, BINARY)
    found = read(name, tmp_path, Question(slices=("sex",)))
    assert (found.task, found.classes, found.n) == ("binary", ("0", "1"), 4)
    assert found.label.tolist() == [0, 1, 1, 0]
    assert found.prediction.tolist() == [0, 1, 0, 0]
    assert found.score.tolist() == [0.1, 0.9, 0.4, 0.2]
    assert found.probabilities
    codes, levels = found.slices["sex"]
    assert [levels[code] for code in codes] == ["f", "m", "(unknown)", "f"]
    assert found.weight is None
    assert found.row_id is None
    assert [(subject.role, subject.name) for subject in found.subjects] == [("predictions", name)]
    assert found.subjects[0].sha256 == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("labels", "predictions", "classes"),
    [
        ([0, 1], [0.0, 1.0], ("0", "1")),
        (["0", "1"], [0, 1], ("0", "1")),
        ([True, False], ["True", "False"], ("false", "true")),
        (["yes", "no"], ["yes", "no"], ("no", "yes")),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"], ("a", "b")),
    ],
)
def test_labels_and_decisions_are_compared_as_canonical_text(tmp_path, labels, predictions, classes):
    pq.write_table(pa.table({"y_true": labels, "y_pred": predictions}), tmp_path / "p.parquet")
    found = read("p.parquet", tmp_path)
    assert found.classes == classes
    assert found.label.tolist() == found.prediction.tolist()


def test_columns_may_have_other_names_and_a_declared_positive_class(tmp_path):
    write(tmp_path, "p.csv", {"truth": ["bad", "good"], "guess": ["bad", "bad"], "p": [0.7, 0.6], "w": [1, 2.5], "id": [7, 8]})
    found = read("p.csv", tmp_path, Question(label="truth", prediction="guess", score="p", weight="w", row_id="id", positive="bad"))
    assert found.classes == ("good", "bad")
    assert found.weight.tolist() == [1, 2.5]
    assert len(set(found.row_id.tolist())) == 2
    assert found.notes == ("the positive class is 'bad' (declared)",)


def test_decisions_follow_from_scores(tmp_path):
    write(
        tmp_path,
        "p.csv",
        {"y_true": ["a", "b", "c"], "y_score_a": [0.8, 0.1, 0.3], "y_score_b": [0.1, 0.2, 0.3], "y_score_c": [0.1, 0.7, 0.4]},
    )
    found = read("p.csv", tmp_path)
    assert (found.task, found.classes) == ("multiclass", ("a", "b", "c"))
    assert found.prediction.tolist() == [0, 2, 2]
    assert found.score.shape == (3, 3)


def test_per_class_scores_of_numbered_classes_find_their_class(tmp_path):
    write(tmp_path, "p.csv", {"y_true": [0, 1], "y_score_0": [0.8, 0.1], "y_score_1": [0.2, 0.9]})
    found = read("p.csv", tmp_path)
    assert (found.task, found.score.tolist(), found.prediction.tolist()) == ("binary", [0.2, 0.9], [0, 1])


def test_regression_is_float64(tmp_path):
    write(tmp_path, "p.csv", {"y_true": [1.5, 2, 3.25], "y_pred": [1, 2, 3]})
    found = read("p.csv", tmp_path)
    assert (found.task, found.classes, found.score) == ("regression", (), None)
    assert found.label.tolist() == [1.5, 2, 3.25]
    assert found.prediction.dtype == np.float64
    write(tmp_path, "stars.csv", {"y_true": [1, 2, 3, 4], "y_pred": [1.2, 2.1, 2.9, 4.4]})
    assert read("stars.csv", tmp_path).task == "regression"
    assert read("p.csv", tmp_path, Question(task="multiclass")).classes == ("1", "1.5", "2", "3", "3.25")


def test_a_slice_and_a_weight_are_looked_up_in_the_data_by_row_id(tmp_path):
    write(tmp_path, "p.csv", {"id": ["a", "b", "c"], "y_true": [0, 1, 1], "y_pred": [0, 1, 1]})
    write(tmp_path, "d.csv", {"id": ["c", "x", "a", "b"], "sex": ["m", "z", "f", None], "w": [3, 9, 1, 2]})
    data = open_table("d.csv", tmp_path)
    found = read("p.csv", tmp_path, Question(slices=("sex",), weight="w", row_id="id"), data=data)
    codes, levels = found.slices["sex"]
    assert [levels[code] for code in codes] == ["f", "(unknown)", "m"]
    assert "z" not in levels
    assert found.weight.tolist() == [1, 2, 3]
    with pytest.raises(UsageError, match=r"slices: column 'sex' is in data but not in predictions \(p.csv\)"):
        read("p.csv", tmp_path, Question(slices=("sex",)), data=data)
    write(tmp_path, "fewer.csv", {"id": ["c", "a"], "sex": ["m", "f"]})
    with pytest.raises(InputError, match=r"row 2 of the predictions has no row in data \(fewer.csv\) \(1 of 3 have none\)"):
        read("p.csv", tmp_path, Question(slices=("sex",), row_id="id"), data=open_table("fewer.csv", tmp_path))


def test_duplicate_identifiers_are_refused(tmp_path):
    write(tmp_path, "p.csv", {"id": [5, 6, 7, 6], "y_true": [0, 1, 1, 1], "y_pred": [0, 1, 1, 1]})
    with pytest.raises(InputError, match=r"rows 2 and 4 have the same identifier in column 'id' \(1 duplicate\)"):
        read("p.csv", tmp_path, Question(row_id="id"))


BAD = {
    "no label column": ({"y": [0], "y_pred": [0]}, Question(), UsageError, "label: predictions (p.csv) has no column 'y_true'"),
    "nothing predicted": ({"y_true": [0], "x": [0]}, Question(), UsageError, "has neither decisions ('y_pred') nor scores ('y_score')"),
    "named decisions absent": (
        {"y_true": [0], "y_pred": [0]},
        Question(prediction="guess"),
        UsageError,
        "prediction: predictions (p.csv) has no column 'guess'",
    ),
    "named scores absent": (
        {"y_true": [0], "y_pred": [0]},
        Question(score="p"),
        UsageError,
        "score: predictions (p.csv) has no column 'p'",
    ),
    "slice absent": (
        {"y_true": [0], "y_pred": [0]},
        Question(slices=("sex",)),
        UsageError,
        "slices: predictions (p.csv) has no column 'sex'",
    ),
    "weight absent": ({"y_true": [0], "y_pred": [0]}, Question(weight="w"), UsageError, "weight: predictions (p.csv) has no column 'w'"),
    "row id absent": ({"y_true": [0], "y_pred": [0]}, Question(row_id="id"), UsageError, "row_id: predictions (p.csv) has no column 'id'"),
    "positive absent": ({"y_true": [0, 1], "y_pred": [0, 1]}, Question(positive="2"), UsageError, "positive: there is no class '2'"),
    "label empty": (
        {"y_true": [0, None, 1], "y_pred": [0, 0, 1]},
        Question(),
        InputError,
        "row 2: column 'y_true' is empty or NaN (1 row of 3)",
    ),
    "label NaN": (
        {"y_true": ["0", "nan", "1"], "y_pred": [0, 0, 1]},
        Question(),
        InputError,
        "row 2: column 'y_true' is empty or NaN (1 row of 3)",
    ),
    "quantity NaN": (
        {"y_true": [0.5, "nan"], "y_pred": [0, 0]},
        Question(),
        InputError,
        "row 2: column 'y_true' is empty, NaN or infinite",
    ),
    "prediction empty": ({"y_true": [0, 1], "y_pred": [None, 1]}, Question(), InputError, "row 1: column 'y_pred' is empty"),
    "all labels empty": (
        {"y_true": [None, None], "y_pred": [0, 1]},
        Question(),
        InputError,
        "row 1: column 'y_true' is empty or NaN (2 rows of 2)",
    ),
    "score NaN": (
        {"y_true": [0, 1], "y_pred": [0, 1], "y_score": [0.1, "nan"]},
        Question(),
        InputError,
        "row 2: column 'y_score' is empty, NaN or infinite",
    ),
    "score overflows": (
        {"y_true": [0, 1], "y_pred": [0, 1], "y_score": [0.1, "1e999"]},
        Question(),
        InputError,
        "row 2: column 'y_score' is empty, NaN or infinite",
    ),
    "score is text": (
        {"y_true": [0, 1], "y_pred": [0, 1], "y_score": [0.1, "high"]},
        Question(),
        InputError,
        "row 2: a cell of the form 'aaaa' in column 'y_score' is no number",
    ),
    "scores as decisions": ({"y_true": [0, 1], "y_pred": [0.1, 0.7]}, Question(), InputError, "they look like scores"),
    "weights negative": (
        {"y_true": [0, 1], "y_pred": [0, 1], "w": [1, -1]},
        Question(weight="w"),
        InputError,
        "row 2: column 'w' is negative",
    ),
    "text as regression": (
        {"y_true": ["a", "b"], "y_pred": [1, 2]},
        Question(task="regression"),
        InputError,
        "row 1: a cell of the form 'a' in column 'y_true' is no number",
    ),
    "regression from scores": (
        {"y_true": [0.5, 1], "y_score": [1, 2]},
        Question(),
        UsageError,
        "a regression needs the column of predictions",
    ),
    "three are not binary": (
        {"y_true": [0, 1, 2], "y_pred": [0, 1, 2]},
        Question(task="binary"),
        InputError,
        "predictions (p.csv): task is binary",
    ),
    "two scores for a class": (
        {"y_true": [0, 1], "y_score_1": [0, 1], "y_score_1.0": [0, 1]},
        Question(),
        InputError,
        "two score columns stand for one class",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_predictions_are_refused_in_one_line(tmp_path, case):
    columns, question, kind, message = BAD[case]
    write(tmp_path, "p.csv", columns)
    with pytest.raises(kind) as caught:
        read("p.csv", tmp_path, question)
    assert type(caught.value) is kind
    assert message in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.code is (ExitCode.USAGE if kind is UsageError else ExitCode.STAGE)


def test_the_file_beside_it_names_model_and_data(tmp_path):
    write(tmp_path, "p.parquet", {"y_true": [0, 1], "y_pred": [0, 1]})
    digest = hashlib.sha256((tmp_path / "p.parquet").read_bytes()).hexdigest()
    meta = {
        "model": {"name": "/home/me/m.onnx", "sha256": "a" * 64},
        "data": {"name": "data/x.csv", "sha256": "b" * 64},
        "predictions": {"sha256": digest},
    }
    (tmp_path / "p.meta.json").write_text(json.dumps(meta))
    found = read("p.parquet", tmp_path)
    assert [(subject.role, subject.name, subject.sha256[0]) for subject in found.subjects[1:]] == [
        ("model", "m.onnx", "a"),
        ("data", "data/x.csv", "b"),
    ]
    (tmp_path / "p.meta.json").write_text(json.dumps(meta | {"predictions": {"sha256": "c" * 64}}))
    with pytest.raises(InputError, match=r"p.meta.json belongs to another version of p.parquet"):
        read("p.parquet", tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"model": "x"}', '{"model": {"name": "x", "sha256": "short"}}', '{"model": {"name": 1, "sha256": ""}}', "[" * 100_000],
)
def test_a_file_beside_it_that_makes_no_sense_is_refused(tmp_path, text):
    write(tmp_path, "p.csv", {"y_true": [0, 1], "y_pred": [0, 1]})
    (tmp_path / "p.meta.json").write_text(text)
    with pytest.raises(InputError, match=r"p.meta.json is not as expected") as caught:
        read("p.csv", tmp_path)
    assert "sha256" in caught.value.hint
