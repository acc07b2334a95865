"""The record of an export names what the framework answered; it is believed only of the very files that are there."""

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.model import Model
from mlops_stage.inputs.onnx.facts import OnnxFacts
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.report import Level
from mlops_stage.stages.compile.originals import matched, original_of
from mlops_stage.stages.compile.params import CompileParams


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path, *columns):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(columns)
    return path


@dataclass
class Export:
    """What the export script leaves: model, predictions and their record in a folder of the project, and the data that it was tried on."""

    root: Path

    def __post_init__(self):
        (self.root / "out").mkdir()
        (self.root / "out" / "model.onnx").write_bytes(b"an ONNX file")
        rows(self.root / "test.csv", ["x"], [1], [2])
        rows(self.root / "out" / "predictions.csv", ["row_id", "y_true", "y_pred"], [0, 1, 1], [1, 0, 1])
        files = {"model": "model.onnx", "onnx": "out/model.onnx", "predictions": "out/predictions.csv", "data": "test.csv"}
        self.record = {role: {"name": name, "sha256": digest(self.root / name)} for role, name in files.items() if role != "model"}
        self.record["model"] = {"name": "forest.joblib", "sha256": "a" * 64}
        self.write()

    def write(self, name="predictions.meta.json"):
        (self.root / "out" / name).write_text(json.dumps(self.record))

    def find(self, data="test.csv", **params):
        path = self.root / "out" / "model.onnx"
        model = Model(path=path, name="out/model.onnx", facts=OnnxFacts, digests=(("model.onnx", digest(path)),))
        table = open_table(data, self.root) if data else None
        return original_of(CompileParams(model="out/model.onnx", data=data, **params), model, self.root, table)


@pytest.fixture
def export(tmp_path):
    return Export(tmp_path)


def test_what_the_record_of_this_model_names_is_used(export):
    found, doubts = export.find()
    assert (found.table.source, found.record, doubts) == ("out/predictions.csv", "out/predictions.meta.json", ())
    assert found.table.subject().role == "original"


def test_a_file_that_the_user_names_comes_first(export):
    rows(export.root / "mine.csv", ["y_pred"], [1], [1])
    found, doubts = export.find(original="mine.csv")
    assert (found.table.source, found.record, doubts) == ("mine.csv", "", ())
    with pytest.raises(UsageError, match="without data"):
        export.find(data=None, original="mine.csv")


@pytest.mark.parametrize(
    ("change", "words", "level"),
    [
        (lambda it: (it.root / "out" / "model.onnx").write_bytes(b"another"), "is of another model.onnx", Level.WARNING),
        (lambda it: rows(it.root / "out" / "predictions.csv", ["y_pred"], [0]), "is of another predictions.csv", Level.WARNING),
        (lambda it: (it.root / "out" / "predictions.csv").unlink(), "names predictions.csv, which does not lie beside it", Level.WARNING),
        (lambda it: rows(it.root / "test.csv", ["x"], [3], [4]), "tells of answers on test.csv, and data is another file", Level.NOTE),
        (lambda it: it.record.pop("data") and it.write(), "does not name data", Level.WARNING),
        (lambda it: it.record["onnx"].update(sha256="A") or it.write(), "does not name onnx", Level.WARNING),
        (lambda it: it.record.update(predictions=[]) or it.write(), "does not name predictions", Level.WARNING),
        (lambda it: it.record["predictions"].update(name=3) or it.write(), "does not name predictions", Level.WARNING),
        (lambda it: it.record["predictions"].update(name="a\0b") or it.write(), "does not name predictions", Level.WARNING),
        (lambda it: (it.root / "out" / "predictions.meta.json").write_text("[" * 100_000), "cannot be read as JSON", Level.WARNING),
        (lambda it: (it.root / "out" / "predictions.meta.json").write_bytes(b"\xff"), "cannot be read as JSON", Level.WARNING),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said_and_not_used(export, change, words, level):
    change(export)
    found, (doubt,) = export.find()
    assert found is None
    assert words in doubt.message
    assert (doubt.rule, doubt.level, doubt.location) == ("compile/original-unused", level, "out/predictions.meta.json")
    assert "\n" not in doubt.message


def test_without_data_the_record_is_said_and_not_used(export):
    found, (doubt,) = export.find(data=None)
    assert found is None
    assert "no data was given" in doubt.message


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"model": {"name": "x", "sha256": ""}}'])
def test_files_of_others_and_records_of_other_models_say_nothing(export, text):
    (export.root / "out" / "predictions.meta.json").write_text(text)
    assert export.find() == (None, ())
    export.record["onnx"] = {"name": "elsewhere/second.onnx", "sha256": "b" * 64}
    export.write("second.meta.json")
    assert export.find() == (None, ())


def test_of_several_records_the_one_of_these_rows_is_used(export):
    export.record["data"]["sha256"] = "c" * 64
    export.write("earlier.meta.json")
    found, doubts = export.find()
    assert (found.record, doubts) == ("out/predictions.meta.json", ())


def test_nothing_outside_the_records_own_folder_is_opened(export):
    outside = rows(export.root / "private.csv", ["y_pred"], [1], [1])
    export.record["predictions"] = {"name": "../private.csv", "sha256": digest(outside)}
    export.write()
    found, (doubt,) = export.find()
    assert found is None
    assert "does not lie beside it" in doubt.message


def test_rows_are_matched_by_their_identifiers_or_by_their_order(tmp_path):
    data = open_table(rows(tmp_path / "data.csv", ["id", "x"], ["a", 1], ["b", 2], ["c", 3]).name, tmp_path)
    original = open_table(rows(tmp_path / "o.csv", ["id", "y_pred"], ["c", 1], ["z", 1], ["a", 1]).name, tmp_path, "original")
    within, places = matched(original, data, np.arange(3), 3, "id")
    assert (within.tolist(), places.tolist()) == ([0, 2], [2, 0])
    some = data.picked([1, 2])
    assert [found.tolist() for found in matched(original, some, np.array([1, 2]), 3, "id")] == [[1], [0]]
    assert [found.tolist() for found in matched(original, some, np.array([1, 2]), 3, None)] == [[0, 1], [1, 2]]
    assert [found.tolist() for found in matched(original, data, np.arange(3), 3, "row")] == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize(
    ("written", "row_id", "words"),
    [
        ([["q"], ["r"], ["s"]], "id", "have no row of data"),
        ([["a"], ["a"], ["b"]], "id", "have identifiers twice"),
        ([["a"], ["b"]], None, "are of 2 rows, data has 3"),
    ],
)
def test_other_rows_are_refused(tmp_path, written, row_id, words):
    data = open_table(rows(tmp_path / "data.csv", ["id"], ["a"], ["b"], ["c"]).name, tmp_path)
    original = open_table(rows(tmp_path / "o.csv", ["id"], *written).name, tmp_path, "original")
    with pytest.raises(InputError, match=words):
        matched(original, data, np.arange(3), 3, row_id)
