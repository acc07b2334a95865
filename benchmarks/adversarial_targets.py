"""The models that the attacks are measured on: networks, forests and linear ones, trained here on public tables."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from mlops_stage.inputs.onnx.session import Session
from mlops_stage.stages.adversarial.oracle import Oracle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Numbers = NDArray[Any]


POOL = 300
PAIRED = 600
LARGE = {"big": 4, "cnn": 4}
"""Networks whose time is the model's own: so many times fewer rows."""


@dataclass(frozen=True)
class Target:
    """A model file with the rows to attack: right answers only."""

    name: str
    path: Path
    rows: Numbers
    labels: Numbers
    pool: Numbers

    def first(self, count: int) -> Target:
        """The same with fewer rows."""
        return replace(self, rows=self.rows[:count], labels=self.labels[:count])

    def oracle(self) -> Oracle:
        """A fresh count over one session."""
        session = Session(self.path)
        name = session.facts.inputs[0].name
        return Oracle(session, lambda rows: {name: rows}, label="label", scores="probabilities")


class Counted:
    """What ART gets to ask: the same session, scores out."""

    def __init__(self, path: Path) -> None:
        self.session = Session(path)
        self.input = self.session.facts.inputs[0].name
        self.asked = 0

    def __call__(self, rows: Numbers) -> Numbers:
        """Scores of rows of any shape."""
        self.asked += len(rows)
        flat = np.ascontiguousarray(rows.reshape(len(rows), -1), dtype=np.float32)
        # ONNX Runtime itself, without the padding of our session: the peer pays nothing of ours
        return np.asarray(self.session._session.run(["probabilities"], {self.input: flat})[0])  # noqa: SLF001  (see above)


def data_of(name: str) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    rows, truth = (load_digits if name == "digits" else load_breast_cancer)(return_X_y=True)
    scaled = (rows - rows.min(axis=0)) / np.maximum(np.ptp(rows, axis=0), 1e-9) if name == "cancer" else rows / 16
    return tuple(train_test_split(scaled.astype(np.float32), truth, test_size=0.4, random_state=0, stratify=truth))


def convolutional(rows: Numbers, truth: Numbers) -> bytes:
    """Two convolutions of random filters with a trained linear layer, 29,000 weights."""
    rng = np.random.default_rng(0)
    weights = {
        "first": rng.normal(size=(32, 1, 3, 3)) * 0.4,
        "second": rng.normal(size=(64, 32, 3, 3)) * 0.08,
        "shape": np.array([-1, 1, 8, 8]),
    }
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["image"]),
        helper.make_node("Conv", ["image", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["e"], ["features"]),
    ]
    head = [
        helper.make_node("Gemm", ["features", "w", "b0"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    features = asked_for(graph(nodes, weights, [("features", TensorProto.FLOAT, ["n", 1024])]), "features", rows)
    linear = LogisticRegression(max_iter=300).fit(features, truth)
    trained = weights | {"w": linear.coef_.T, "b0": linear.intercept_}
    outputs = [("label", TensorProto.INT64, ["n"]), ("probabilities", TensorProto.FLOAT, ["n", 10])]
    return graph(nodes + head, trained, outputs)


def graph(nodes: list[Any], weights: dict[str, Numbers], outputs: list[tuple[str, int, list[Any]]]) -> bytes:
    held = [
        numpy_helper.from_array(np.asarray(value, dtype=np.int64 if name == "shape" else np.float32), name)
        for name, value in weights.items()
    ]
    made = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs]
    whole = helper.make_graph(nodes, "cnn", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])], made, held)
    return bytes(helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


def asked_for(model: bytes, output: str, rows: Numbers) -> Numbers:
    import onnxruntime

    return np.asarray(onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run([output], {"x": rows})[0])


def targets(folder: Path, wanted: list[str]) -> list[Target]:
    """Train, export, and pick the rows that the model gets right."""
    made = []
    for dataset in ("digits", "cancer"):
        train, test, train_truth, truth = data_of(dataset)
        models: dict[str, Callable[[], Any]] = {
            "mlp": lambda: MLPClassifier((64,), max_iter=300, random_state=0),
            "logreg": lambda: LogisticRegression(max_iter=2000),
            "rf": lambda: RandomForestClassifier(100, random_state=0),
            "gb": lambda: GradientBoostingClassifier(n_estimators=50, random_state=0),
        }
        if dataset == "digits":
            models |= {"big": lambda: MLPClassifier((1024, 1024), max_iter=15, random_state=0), "cnn": lambda: None}
        for kind, build in models.items():
            name = f"{dataset}_{kind}"
            if wanted and name not in wanted:
                continue
            path = folder / f"{name}.onnx"
            path.write_bytes(exported(build(), train, train_truth))
            labels = Counted(path)(test).argmax(axis=1)
            right = np.flatnonzero(labels == truth)[: PAIRED // LARGE.get(kind, 1)]
            made.append(Target(name, path, test[right].clip(0, 1), truth[right], train[:POOL].clip(0, 1)))
    return made


def exported(model: Any, train: Numbers, truth: Numbers) -> bytes:
    if model is None:
        return convolutional(train, truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(train, truth)
        return bytes(to_onnx(model, train[:1], options={id(model): {"zipmap": False}}).SerializeToString())
