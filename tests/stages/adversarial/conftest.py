"""Columns to learn from, as a stage reads them; models to attack."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.onnx.session import Session
from mlops_stage.inputs.tables.values import Codes
from mlops_stage.stages.adversarial.measure import measure
from mlops_stage.stages.adversarial.oracle import Oracle
from mlops_stage.stages.adversarial.params import AdversarialParams
from mlops_stage.stages.adversarial.reading import Frame
from mlops_stage.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def _frame(texts=None, **numbers):
    columns = (*numbers, *(texts or {}))
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in numbers.items()}
    coded = {}
    for name, values in (texts or {}).items():
        levels = tuple(sorted({value for value in values if value}))
        coded[name] = Codes(np.array([levels.index(value) if value else -1 for value in values]), levels)
    rows = len(next(iter([*arrays.values(), *(codes.codes for codes in coded.values())])))
    return Frame(columns=columns, numbers=arrays, texts=coded, rows=rows)


@pytest.fixture(scope="session")
def frame():
    """Makes a frame of columns of numbers, and of `texts`."""
    return _frame


@dataclass(frozen=True)
class Victim:
    """A model to attack, rows that it gets right, and rows to start from."""

    path: Path
    rows: np.ndarray
    labels: np.ndarray
    pool: np.ndarray

    def oracle(self, **options):
        session = Session(self.path)
        name = session.facts.inputs[0].name
        asked = {"label": "label", "scores": "probabilities"} | options
        return Oracle(session, lambda rows: {name: rows}, **asked)

    @property
    def ids(self):
        return np.arange(len(self.rows)) + 1000

    def model(self):
        return open_model(self.path.name, self.path.parent)


def _trained(kind):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "mlp": lambda: MLPClassifier((32,), max_iter=400, tol=1e-3, random_state=0),
        "logreg": lambda: LogisticRegression(max_iter=2000),
        "scaled": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        "rf": lambda: RandomForestClassifier(30, random_state=0),
    }[kind]()


@pytest.fixture(scope="session")
def victim(tmp_path_factory):
    """A model trained and exported once, such as `cancer_mlp` or `digits_rf`; features lie in [0, 1]."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_breast_cancer, load_digits

    folder = tmp_path_factory.mktemp("victims")
    kept = {}

    def made(name, count=40):
        if name not in kept:
            data, kind = name.split("_")
            rows, truth = (load_digits if data == "digits" else load_breast_cancer)(return_X_y=True)
            rows = ((rows - rows.min(axis=0)) / np.ptp(rows, axis=0)).astype(np.float32) if data == "cancer" else (rows / 16).astype("f")
            train = len(rows) // 2
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = _trained(kind).fit(rows[:train], truth[:train])
                exported = to_onnx(model, rows[:1], options={"zipmap": False}).SerializeToString()
            path = folder / f"{name}.onnx"
            path.write_bytes(exported)
            kept[name] = (path, rows, truth, train)
        path, rows, truth, train = kept[name]
        labels = Victim(path, rows, truth, rows).oracle().labels(rows)
        right = np.flatnonzero((labels == truth) & (np.arange(len(rows)) >= train))[:count]
        return Victim(path, rows[right], labels[right], rows[:200])

    return made


CREDIT = ("age", "income", "debt", "job_clerk", "job_cook", "job_smith", "job_none", "sex")
"""Columns of the credit toy: a whole number, two amounts, a one-hot group, and what nobody changes."""


def _credit(rows, seed):
    rng = np.random.default_rng(seed)
    age, income, job, sex = (
        rng.integers(18, 80, rows),
        rng.lognormal(3.4, 0.5, rows).round(2),
        rng.integers(0, 4, rows),
        rng.integers(0, 2, rows),
    )
    debt = (income * rng.uniform(0, 1.2, rows)).round(2)
    risk = debt / income + 0.01 * (40 - age) + 0.2 * (job == 2) + rng.normal(size=rows) * 0.05
    table = dict(zip(CREDIT, [age, income, debt, *np.eye(4, dtype=int)[:, job], sex], strict=True))
    return {**table, "default": np.where(risk > 0.55, "yes", "no"), "client": [f"c{row}" for row in range(rows)]}


def _network(inputs, labels):
    """A network of one hidden layer, exported by hand: standardise, Gemm, Relu, Gemm, Softmax, and the label as text."""
    from onnx import TensorProto, helper, numpy_helper
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = MLPClassifier((16,), max_iter=150, random_state=0).fit(scaler.transform(inputs), labels)
    first, last = net.coefs_
    weights = {
        "w1": first / scaler.scale_[:, None],
        "b1": net.intercepts_[0] - (scaler.mean_ / scaler.scale_) @ first,
        "w2": np.hstack([-last, last]) / 2,
        "b2": np.concatenate([-net.intercepts_[1], net.intercepts_[1]]) / 2,
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["place"], axis=1, keepdims=0),
        helper.make_node(
            "LabelEncoder", ["place"], ["label"], domain="ai.onnx.ml", keys_int64s=[0, 1], values_strings=net.classes_.tolist()
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "credit",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", inputs.shape[1]])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["n"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2]),
        ],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=9)
    helper.set_model_props(model, {"mlops_stage.columns": json.dumps(CREDIT), "mlops_stage.classes": json.dumps(net.classes_.tolist())})
    return model.SerializeToString()


@dataclass(frozen=True)
class Bench:
    """A project folder in which the stage is run in this process."""

    root: Path

    def write(self, name, columns):
        with (self.root / name).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows(zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True))

    def workspace(self, out="adversarial", **own):
        run = self.root / "mlops-out"
        place = {"root": self.root, "run_dir": run, "out": run / out, "cache": self.root / ".cache", "env": {}}
        return Workspace(**(place | own))

    def measure(self, out="adversarial", **params):
        asked = {
            "model": "credit.onnx",
            "data": "test.csv",
            "train": "train.csv",
            "label": "default",
            "effort": "quick",
            "rows": 60,
        } | params
        return measure(AdversarialParams.model_validate(asked), self.workspace(out))

    def evidence(self, out="adversarial"):
        folder = self.root / "mlops-out" / out / "evidence"
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    def changed(self, out="adversarial"):
        """The rows that were changed: pairs of (original, changed), each a mapping of cells."""
        path = self.root / "mlops-out" / out / "evidence" / "private" / "adversarial-rows.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            found = list(csv.DictReader(stream))
        return list(zip(found[::2], found[1::2], strict=True))


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """The credit toy: a network on eight columns, rows to learn from and rows to attack."""
    bench = Bench(tmp_path_factory.mktemp("credit"))
    train, test = _credit(3000, 0), _credit(400, 1)
    bench.write("train.csv", train)
    bench.write("test.csv", test)
    inputs = np.column_stack([train[name] for name in CREDIT]).astype(np.float64)
    (bench.root / "credit.onnx").write_bytes(_network(inputs, train["default"]))
    return bench


@pytest.fixture
def bench(project, tmp_path):
    """The same in a folder of the test's own."""
    for path in project.root.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return Bench(tmp_path)
