"""Answers that are kept: found again, this user's alone, and believed only once a sample confirms them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from onnx import helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression

from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.predictions import Question, score
from mlops_stage.inputs.scoring import DISBELIEVED
from mlops_stage.inputs.tables.open import open_table

INCOME = Path(__file__).parents[2] / "docs" / "examples" / "income"
FEATURES = ["a", "b", "c"]


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def model(frame):
    return exported(LogisticRegression().fit(frame[FEATURES].to_numpy(), frame["two"]))


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


def income(tmp_path, rows=200):
    table = pd.read_parquet(INCOME / "data" / "test.parquet").head(rows)
    table.to_parquet(tmp_path / "t.parquet")
    return table


def test_answers_are_kept_and_believed_once_a_sample_confirms_them(tmp_path):
    income(tmp_path)
    told = []

    def ask(**question):
        model, table = open_model(str(INCOME / "baseline.onnx"), tmp_path), open_table("t.parquet", tmp_path)
        return score(
            model, table, tmp_path / "cache", Question(label="income", **question), progress=lambda done, what: told.append((done, what))
        )

    first = ask()
    assert told == [(1.0, "scoring 200 rows")]
    (folder,) = (tmp_path / "cache" / "scores").iterdir()
    assert sorted(entry.name for entry in folder.iterdir()) == ["answers.npz"]
    second = ask(slices=("sex",))
    assert told[1:] == [(1.0, "scores from the cache")]
    for name in ("label", "prediction", "score"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.classes, first.notes) == (second.classes, second.notes)

    content = bytearray((folder / "answers.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "answers.npz").write_bytes(content)
    third = ask()
    assert told[2:] == [(1.0, "scoring 200 rows")]
    np.testing.assert_array_equal(first.score, third.score)
    assert third.notes == (*first.notes, DISBELIEVED)
    assert ask().notes == first.notes
    assert told[3:] == [(1.0, "scores from the cache")]

    income(tmp_path, rows=100)
    assert ask().n == 100
    assert len(list((tmp_path / "cache" / "scores").iterdir())) == 2


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    table = income(tmp_path)
    (tmp_path / "cache").write_text("a file where the folder should be")
    asked = open_model(str(INCOME / "baseline.onnx"), tmp_path), open_table("t.parquet", tmp_path), tmp_path / "cache"
    assert score(*asked, Question(label="income")).n == len(table)


def test_a_pickle_in_the_cache_is_never_loaded(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    income(tmp_path)
    asked = (
        open_model(str(INCOME / "baseline.onnx"), tmp_path),
        open_table("t.parquet", tmp_path),
        tmp_path / "cache",
        Question(label="income"),
    )
    score(*asked)
    (folder,) = (tmp_path / "cache" / "scores").iterdir()
    content = pickle.dumps(Trap())
    (folder / "answers.npz").write_bytes(content)
    assert score(*asked).n == 200
    assert not (tmp_path / "ran").exists()


def forge(cache, **changes):
    """Rewrite kept answers as somebody who knows the format would."""
    (file,) = (cache / "scores").glob("*/answers.npz")
    with np.load(file) as kept:
        arrays = dict(kept)
    words = json.loads(arrays["words"].tobytes())
    words |= {name: change(words[name]) for name, change in changes.items() if name in words}
    arrays["words"] = np.frombuffer(json.dumps(words).encode(), dtype=np.uint8)
    arrays |= {name: change(arrays[name]) for name, change in changes.items() if name not in words}
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})


def one_in_twenty(values):
    changed = values.copy()
    changed[::20] = changed[::20, ::-1]
    return changed


@pytest.mark.parametrize(
    "changes",
    [
        {"values": one_in_twenty},
        {"values": lambda values: values + 1e-16},
        {"values": lambda values: values[:, :1]},
        {"values": lambda values: values[:-1]},
        {"values": lambda values: values.astype(np.float32)},
        {"values": lambda values: values[..., None]},
        {"values": lambda _: None},
        {"codes": lambda codes: np.roll(codes, 1)},
        {"codes": lambda codes: codes - 1},
        {"codes": lambda codes: codes + 1},
        {"codes": lambda codes: codes[:-1]},
        {"codes": lambda codes: codes.astype(np.int32)},
        {"codes": lambda _: None, "levels": lambda _: None},
        {"levels": lambda levels: levels[::-1]},
        {"levels": lambda levels: [*levels, "zzz"]},
        {"levels": lambda _: [1, 2]},
        {"classes": lambda _: ["yes", "no"]},
        {"notes": lambda _: ["this model was approved by the board"]},
        {"notes": lambda _: 7},
        {"words": lambda _: np.zeros(3, dtype=np.uint8)},
    ],
)
def test_forged_answers_in_the_cache_are_thrown_away(scored, model, frame, tmp_path, changes):
    many = pd.concat([frame] * 10, ignore_index=True)
    told = scored(model, "two", cells=many)
    forge(tmp_path / "cache", **changes)
    again = scored(model, "two", cells=many)
    np.testing.assert_array_equal(again.score, told.score)
    np.testing.assert_array_equal(again.prediction, told.prediction)
    assert (again.classes, again.notes) == (told.classes, (*told.notes, DISBELIEVED))
    assert scored(model, "two", cells=many).notes == told.notes


def test_the_cache_is_this_users_alone(tmp_path, monkeypatch):
    income(tmp_path)
    asked = open_model(str(INCOME / "baseline.onnx"), tmp_path), open_table("t.parquet", tmp_path)
    question, cache = Question(label="income"), tmp_path / "cache"
    told = []

    def ask():
        told.clear()
        return score(*asked, cache, question, progress=lambda _done, what: told.append(what))

    first = ask()
    (folder,) = (cache / "scores").iterdir()
    assert [path.stat().st_mode & 0o777 for path in (cache / "scores", folder)] == [0o700, 0o700]
    assert ask().notes == first.notes
    assert told == ["scores from the cache"]
    elsewhere = tmp_path / "elsewhere.npz"
    (folder / "answers.npz").rename(elsewhere)
    (folder / "answers.npz").symlink_to(elsewhere)
    assert ask().notes == (*first.notes, DISBELIEVED)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert ask().notes == (*first.notes, DISBELIEVED)
    assert told == ["scoring 200 rows"]


def test_without_a_cache_every_row_is_asked_and_nothing_is_written(tmp_path):
    income(tmp_path)
    told = []
    asked = open_model(str(INCOME / "baseline.onnx"), tmp_path), open_table("t.parquet", tmp_path)
    for _ in range(2):
        score(*asked, None, Question(label="income"), progress=lambda _done, what: told.append(what))
    assert told == ["scoring 200 rows"] * 2
