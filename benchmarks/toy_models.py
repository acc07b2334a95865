"""Five small models of as many kinds, with rows to train and judge them on; for benchmarks of the stage `compile`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

_HALF = 2
_OPSET = 18


@dataclass(frozen=True, eq=False)
class Toy:
    """A model in a file, and rows."""

    name: str
    path: Path
    train: NDArray[np.float32]
    test: NDArray[np.float32]
    labels: NDArray[np.int64]
    """Of `test`."""


def rf(folder: Path) -> Toy:
    """A random forest of 100 trees on columns as they are."""
    return _sklearn("rf", RandomForestClassifier(100, random_state=0, n_jobs=1), load_breast_cancer(), folder)


def gb(folder: Path) -> Toy:
    """100 boosted trees."""
    return _sklearn("gb", GradientBoostingClassifier(n_estimators=100, random_state=0), load_breast_cancer(), folder)


def mlp(folder: Path) -> Toy:
    """A scaler and a perceptron with two hidden layers."""
    model = make_pipeline(StandardScaler(), MLPClassifier((128, 64), max_iter=60, random_state=0, early_stopping=True))
    return _sklearn("mlp", model, load_digits(), folder)


def cnn(folder: Path) -> Toy:
    """Two convolutions with random weights and a trained last layer, on pictures of 8 x 8 points."""
    data = load_digits()
    pictures = (data.data / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.4, (16, 1, 3, 3)), rng.normal(0, 0.15, (32, 16, 3, 3))]
    nodes, tensors = _convolutions(weights)
    body = helper.make_graph(nodes, "body", [_tensor("x", ["n", 1, 8, 8])], [_tensor("flat", ["n", 128])], tensors)
    features = _run(_model(body), {"x": pictures})
    train, test = _split(len(pictures))
    last = LogisticRegression(max_iter=300).fit(features[train], data.target[train])
    tensors += [_constant("w", last.coef_.T), _constant("b", last.intercept_)]
    nodes = [*nodes, helper.make_node("Gemm", ["flat", "w", "b"], ["logits"])]
    whole = helper.make_graph(nodes, "cnn", [_tensor("x", ["n", 1, 8, 8])], [_tensor("logits", ["n", 10])], tensors)
    return _written(_model(whole), pictures[train], pictures[test], data.target[test], folder / "cnn.onnx")


def res(folder: Path) -> Toy:
    """Residual blocks with random weights on 3 x 32 x 32 points; its labels are its own answers."""
    rng = np.random.default_rng(1)
    width = 32
    nodes, tensors, last = [], [_constant("w0", rng.normal(0, 0.3, (width, 3, 3, 3)))], "r0"
    nodes += [
        helper.make_node("Conv", ["x", "w0"], ["c0"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c0"], ["r0"]),
    ]
    for block in range(1, 4):
        tensors.append(_constant(f"w{block}", rng.normal(0, 0.05, (width, width, 3, 3))))
        nodes += [
            helper.make_node("Conv", [last, f"w{block}"], [f"c{block}"], pads=[1, 1, 1, 1]),
            helper.make_node("Add", [f"c{block}", last], [f"s{block}"]),
            helper.make_node("Relu", [f"s{block}"], [f"r{block}"]),
        ]
        last = f"r{block}"
    tensors += [_constant("w", rng.normal(0, 0.2, (width, 10))), _constant("b", np.zeros(10))]
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
    ]
    model = _model(helper.make_graph(nodes, "res", [_tensor("x", ["n", 3, 32, 32])], [_tensor("logits", ["n", 10])], tensors))
    pictures = rng.normal(size=(400, 3, 32, 32)).astype(np.float32)
    return _written(model, pictures[:200], pictures[200:], _run(model, {"x": pictures[200:]}).argmax(axis=1), folder / "res.onnx")


TOYS: dict[str, Callable[[Path], Toy]] = {"rf": rf, "gb": gb, "mlp": mlp, "cnn": cnn, "res": res}


def _sklearn(name: str, model: Any, data: Any, folder: Path) -> Toy:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    rows = data.data.astype(np.float32)
    train, test = _split(len(rows))
    model.fit(rows[train], data.target[train])
    made = convert_sklearn(
        model,
        initial_types=[("x", FloatTensorType([None, rows.shape[1]]))],
        options={id(model): {"zipmap": False}},
        target_opset={"": _OPSET, "ai.onnx.ml": 3},
    )
    held = {one.domain: one.version for one in made.opset_import}  # the converter writes a domain twice
    del made.opset_import[:]
    made.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in held.items())
    made.metadata_props.add(key="mlops_stage.columns", value=json.dumps([f"c{place}" for place in range(rows.shape[1])]))
    return _written(made, rows[train], rows[test], data.target[test], folder / f"{name}.onnx")


def _written(model: onnx.ModelProto, train: Any, test: Any, labels: Any, path: Path) -> Toy:
    path.write_bytes(model.SerializeToString())
    return Toy(path.stem, path, train, test, np.asarray(labels, dtype=np.int64))


def _split(rows: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    places = np.random.default_rng(0).permutation(rows)
    return places[: rows // _HALF], places[rows // _HALF :]


def _convolutions(weights: list[NDArray[Any]]) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    tensors = [_constant(f"k{place}", one) for place, one in enumerate(weights)]
    return [
        helper.make_node("Conv", ["x", "k0"], ["c0"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c0"], ["a0"]),
        helper.make_node("MaxPool", ["a0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p0", "k1"], ["c1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["a1"]),
        helper.make_node("MaxPool", ["a1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p1"], ["flat"]),
    ], tensors


def _constant(name: str, values: NDArray[Any]) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)


def _tensor(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)


def _run(model: onnx.ModelProto, feeds: dict[str, Any]) -> NDArray[np.float32]:
    import onnxruntime

    return np.asarray(onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)[0])
