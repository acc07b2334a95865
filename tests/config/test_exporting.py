"""The scripts of `init --export`, run as a user would: filled in, in an environment of their own, and their files judged."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops_stage.config import exporting
from mlops_stage.errors import UsageError
from mlops_stage.inputs.arrays import open_arrays
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.predictions import Question, read, score
from mlops_stage.inputs.tables.open import open_table

NUMBERS, TEXTS = ["age", "hours", "kids"], ["job", "city", "member"]


ROWS = 1000


def people(seed, rows=ROWS):
    """Whole numbers, fractions, strings and truth values, with None in each kind."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": generator.integers(18, 90, rows).astype(float), "hours": generator.normal(40, 10, rows)})
    frame["kids"] = generator.integers(0, 4, rows)
    frame["job"] = generator.choice(["Sales", "Tech", "Farm", "Ärzt, 2."], rows)
    frame["city"] = generator.choice(["A", "B", "C"], rows)
    frame["member"] = generator.choice([True, False], rows).astype(object)
    for name in ("age", "job", "member"):
        frame[name] = frame[name].where(generator.random(rows) > 0.1, None)
    total = (frame["age"].fillna(50) > 45) + (frame["job"] == "Tech") + generator.normal(scale=0.5, size=rows)
    return frame.assign(
        y=np.where(total > 1, "yes", "no"), three=np.select([total < 0.5, total < 1.5], ["low", "mid"], "top"), amount=total
    )


def imputed(model):
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False))
    number = make_pipeline(SimpleImputer(), StandardScaler())
    return Pipeline([("columns", ColumnTransformer([("numbers", number, NUMBERS), ("texts", text, TEXTS)])), ("model", model)])


def encoded(model):
    """Missing text is a category of its own."""
    text = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return Pipeline([("columns", ColumnTransformer([("numbers", SimpleImputer(), NUMBERS), ("texts", text, TEXTS)])), ("model", model)])


def filled(kind, **values):
    """The script with what a user fills in."""
    text = exporting.text(kind)
    for name, value in values.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", text, flags=re.MULTILINE)
        assert count == 1
    return text


DRIVER = """
import contextlib, io, os, pathlib, runpy, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    sys.path[0] = folder
    sys.modules.pop("network", None)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for script in sorted(pathlib.Path().glob("*.py")):
            if script.name != "network.py":
                runpy.run_path(str(script), run_name="__main__")
    pathlib.Path("printed.txt").write_text(printed.getvalue())
"""


def run_all(folders, python=sys.executable):
    """The scripts of all folders, each as `__main__` in its folder; one process, for imports take longer than everything else."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([python, "-c", DRIVER, *map(str, folders)], env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


MODELS = {
    "logistic regression": (imputed(LogisticRegression(max_iter=1000)), NUMBERS + TEXTS, "y"),
    "forest": (imputed(RandomForestClassifier(10, random_state=0)), NUMBERS + TEXTS, "y"),
    "boosting": (imputed(HistGradientBoostingClassifier(max_iter=10)), NUMBERS + TEXTS, "y"),
    "logistic regression, encoded": (encoded(LogisticRegression(max_iter=5000)), NUMBERS + TEXTS, "y"),
    "forest, encoded": (encoded(RandomForestClassifier(10, random_state=0)), NUMBERS + TEXTS, "y"),
    "boosting, encoded": (encoded(HistGradientBoostingClassifier(max_iter=10)), NUMBERS + TEXTS, "y"),
    "matrix": (make_pipeline(SimpleImputer(), StandardScaler(), HistGradientBoostingClassifier(max_iter=10)), NUMBERS, "three"),
    "bare": (LogisticRegression(), ["hours", "kids"], "y"),
    "regression": (imputed(HistGradientBoostingRegressor(max_iter=10)), NUMBERS + TEXTS, "amount"),
    "no onnx": (make_pipeline(FunctionTransformer(np.cbrt), SimpleImputer(), LogisticRegression()), ["age", "hours"], "y"),
    "another model": (LogisticRegression(), ["hours", "kids"], "y"),
}


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """Each model trained, exported, and its folder."""
    train, test = people(1), people(2)
    folders = {}
    for name, (model, columns, label) in MODELS.items():
        folder = folders[name] = tmp_path_factory.mktemp("export")
        joblib.dump(model.fit(train[columns], train[label]), folder / "m.joblib")
        test.assign(id=np.arange(len(test)) + 100).to_parquet(folder / "t.parquet")
        more = {"ENOUGH": 2} if name == "another model" else {}
        script = filled("sklearn", MODEL="m.joblib", DATA="t.parquet", LABEL=label, ROW_ID="id", **more)
        (folder / "export_model.py").write_text(script, encoding="utf-8")
        (folder / "model.onnx").write_text("of an earlier model")
    run_all(folders.values())
    return folders


def printed(folder):
    return (folder / "printed.txt").read_text()


def agreeing(folder, label):
    """The original's predictions beside what `mlops-stage` gets from the ONNX model for the same data."""
    data, question = open_table("t.parquet", folder), Question(label=label, row_id="id")
    original = read("predictions.csv", folder, Question(row_id="row_id"))
    converted = score(open_model("model.onnx", folder), data, None, question)
    assert original.classes == converted.classes
    np.testing.assert_array_equal(original.label, converted.label)
    np.testing.assert_array_equal(original.row_id, converted.row_id)
    assert original.subjects[2].sha256 == data.subject().sha256
    return original, converted


@pytest.mark.parametrize("name", [name for name, (_, columns, label) in MODELS.items() if columns == NUMBERS + TEXTS and label == "y"])
def test_strings_and_none_come_out_of_onnx_as_out_of_scikit_learn(exports, name):
    folder = exports[name]
    assert "wrote model.onnx: same answer on 100.00% of the rows" in printed(folder)
    original, converted = agreeing(folder, "y")
    assert (original.prediction != converted.prediction).sum() == 0
    assert (np.abs(original.score - converted.score) > 1e-5).sum() <= 2
    about = json.loads((folder / "predictions.meta.json").read_text())
    assert list(about) == ["model", "data", "predictions", "onnx"]
    assert about["onnx"]["same_answers"] == 1
    assert [subject.role for subject in original.subjects] == ["predictions", "model", "data"]


def test_more_classes_a_matrix_of_numbers_and_a_bare_model(exports):
    original, converted = agreeing(exports["matrix"], "three")
    assert original.score.shape == (ROWS, 3)
    np.testing.assert_allclose(original.score, converted.score, atol=1e-5)
    original, converted = agreeing(exports["bare"], "y")
    np.testing.assert_allclose(original.score, converted.score, atol=1e-5)


def test_a_regression(exports):
    original, converted = agreeing(exports["regression"], "amount")
    assert original.task == converted.task == "regression"
    np.testing.assert_allclose(original.prediction, converted.prediction, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("no onnx", r"\w+: .*FunctionTransformer"), ("another model", "ValueError: what was converted is another model: same answer")],
)
def test_where_onnx_is_impossible_it_says_why_and_leaves_predictions(exports, name, reason):
    folder = exports[name]
    assert re.fullmatch(rf"wrote predictions.csv: {ROWS} rows\nno ONNX: {reason}[^\n]*\n", printed(folder))
    assert not (folder / "model.onnx").exists()
    assert read("predictions.csv", folder).n == ROWS
    assert "onnx" not in json.loads((folder / "predictions.meta.json").read_text())


@pytest.mark.parametrize("kind", exporting.KINDS)
def test_a_script_is_short_stands_alone_and_asks_to_be_filled_in(tmp_path, kind):
    text = exporting.text(kind)
    compile(text, "export_model.py", "exec")
    assert len(text.splitlines()) <= 155
    assert max(map(len, text.splitlines())) <= 160
    assert not re.search(r"^\s*(from|import) mlops_stage", text, re.MULTILINE)
    assert text.count("CHOOSE") >= 5
    if kind == "sklearn":
        (tmp_path / "export_model.py").write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as left:
            runpy.run_path(str(tmp_path / "export_model.py"), run_name="__main__")
        assert left.value.code == "fill in MODEL, DATA and LABEL at the top of this file, where it says CHOOSE"


def test_nothing_is_overwritten_without_force(mlops):
    assert mlops("init", "--export", "sklearn").returncode == 0
    path = mlops.cwd / "export_model.py"
    path.write_text("mine")
    done = mlops("init", "--export", "torch")
    assert done.returncode == 2
    assert "export_model.py exists already and is left as it is" in done.stderr
    assert path.read_text() == "mine"
    assert mlops("init", "--export", "torch", "--force").returncode == 0
    assert "torch" in path.read_text()
    assert not (mlops.cwd / "mlops.yaml").exists()
    assert mlops("init", "--export", "keras").returncode == 2
    with pytest.raises(UsageError):
        exporting.write(mlops.cwd, "sklearn", force=False)


NETWORK = """
import torch

class Net(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.kinds = torch.nn.Embedding(4, 2)
        self.first, self.last = torch.nn.Linear(5, 16), torch.nn.Linear(16, classes)
        self.drop = torch.nn.Dropout(0.2)

    def forward(self, x, kind):
        return self.last(self.drop(torch.relu(self.first(torch.cat([x, self.kinds(kind)], dim=1)))))
"""
TRAIN = """
import numpy as np, torch
from network import Net, OUTPUTS

torch.manual_seed(0)
torch.save(Net(OUTPUTS).state_dict(), "m.pt")
generator = np.random.default_rng(0)
x, kind = generator.normal(size=(1000, 3)), generator.integers(0, 4, 1000)
np.savez("t.npz", x=x.astype("f4"), kind=kind, y=np.where(generator.random(1000) < 0.5, "yes", "no"), amount=x[:, 0], id=np.arange(1000) * 2)
"""
TORCH = {"one logit": (1, ["no", "yes"], "y"), "two logits": (2, ["no", "yes"], "y"), "a quantity": (1, None, "amount")}


@pytest.mark.torch
def test_a_small_torch_module(tmp_path, torch_python):
    for name, (outputs, classes, label) in TORCH.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "network.py").write_text(NETWORK + f"\n\nOUTPUTS = {outputs}\n")
        script = filled("torch", MODEL="m.pt", DATA="t.npz", LABEL=label, CLASSES=classes, ROW_ID="id")
        own = f"    from network import Net\n    return Net({outputs})"
        (folder / "b_export.py").write_text(re.sub(r'    raise SystemExit\("fill in network.*', own, script), encoding="utf-8")
        (folder / "a_train.py").write_text(TRAIN)
    run_all([tmp_path / name for name in TORCH], torch_python)
    for name, (_, classes, label) in TORCH.items():
        folder = tmp_path / name
        assert "wrote model.onnx: same answer on 100.00% of the rows" in printed(folder)
        original = read("predictions.csv", folder, Question(row_id="row_id"))
        data = open_arrays("t.npz", folder)
        converted = score(open_model("model.onnx", folder), data, None, Question(label=label, row_id="id"))
        assert original.classes == converted.classes
        np.testing.assert_array_equal(original.row_id, converted.row_id)
        np.testing.assert_allclose(
            original.score if classes else original.prediction, converted.score if classes else converted.prediction, atol=1e-5
        )
        assert original.subjects[2].sha256 == data.subject().sha256
