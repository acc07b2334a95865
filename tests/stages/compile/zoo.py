"""Small models of five kinds with rows for each: forest, boosted trees, multilayer perceptron, convolutional and residual network; and the odd ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAMES = ("forest", "boosted", "perceptron", "convolutional", "residual")
OPSET = 18


@dataclass(frozen=True, kw_only=True)
class Specimen:
    path: Path
    rows: dict[str, np.ndarray]
    """Test rows by the name of the input."""
    train: dict[str, np.ndarray]


def specimen(name, folder):
    """Train or make up a model and write it."""
    made, train, test = (_tabular if name in NAMES[:3] else _pictures)(name)
    path = Path(folder, f"{name}.onnx")
    path.write_bytes(made.SerializeToString())
    port = made.graph.input[0].name
    return Specimen(path=path, rows={port: test}, train={port: train})


def _tabular(name):
    from skl2onnx import to_onnx
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers, truth = load_breast_cancer(return_X_y=True)
    numbers = numbers.astype(np.float32)
    train, test = numbers[:400], numbers[400:]
    model = {
        "forest": RandomForestClassifier(30, random_state=0),
        "boosted": GradientBoostingClassifier(n_estimators=30, random_state=0),
        "perceptron": make_pipeline(StandardScaler(), MLPClassifier((128, 64), max_iter=60, tol=1e-2, random_state=0)),
    }[name]
    model.fit(train, truth[:400])
    return to_onnx(model, train[:1], target_opset={"": OPSET, "ai.onnx.ml": 3}, options={"zipmap": False}), train, test


def _pictures(name):
    rng = np.random.default_rng(0)
    if name == "convolutional":
        made, shape = convolutional(rng), (1, 8, 8)
    else:
        made, shape = residual(rng), (3, 32, 32)
    rows = rng.normal(size=(264, *shape)).astype(np.float32)
    return made, rows[:200], rows[200:]


def convolutional(rng):
    """Two convolutions and a linear layer on pictures of 8 by 8."""
    net = _Net(rng)
    x = net.relu(net.conv("x", 1, 16, 3))
    x = net.relu(net.conv(x, 16, 32, 3))
    x = net.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = net.linear(net.add("Flatten", [x]), 32 * 4 * 4, 10)
    return net.model(x, ["n", 1, 8, 8], ["n", 10])


def residual(rng, width=64, blocks=4):
    """Convolutions with connections around them, on pictures of 3 by 32 by 32."""
    net = _Net(rng)
    x = net.relu(net.conv("x", 3, width, 3, strides=[2, 2]))
    for _ in range(blocks):
        inner = net.conv(net.relu(net.conv(x, width, width, 3)), width, width, 3)
        x = net.relu(net.add("Add", [x, inner]))
    x = net.add("GlobalAveragePool", [x])
    x = net.linear(net.add("Flatten", [x]), width, 10)
    return net.model(x, ["n", 3, 32, 32], ["n", 10])


class _Net:
    def __init__(self, rng):
        self.rng, self.nodes, self.weights = rng, [], []

    def add(self, operator, inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=f"{operator}_{name}", **attributes))
        return name

    def weight(self, *shape, scale):
        name = f"w{len(self.weights)}"
        values = (self.rng.normal(size=shape) * scale).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, x, into, out, size, strides=(1, 1)):
        kernel = self.weight(out, into, size, size, scale=(2 / (into * size * size)) ** 0.5)
        return self.add("Conv", [x, kernel, self.weight(out, scale=0.1)], pads=[size // 2] * 4, strides=list(strides))

    def relu(self, x):
        return self.add("Relu", [x])

    def linear(self, x, into, out):
        return self.add("Gemm", [x, self.weight(into, out, scale=into**-0.5), self.weight(out, scale=0.1)])

    def model(self, out, shape_in, shape_out):
        self.nodes.append(helper.make_node("Identity", [out], ["scores"]))
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape_in)],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape_out)],
            self.weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def plain(nodes, weights=(), *, dtype=TensorProto.FLOAT, width=4, outputs=("y",), opset=OPSET, kinds=None, ml=None, ir=8):
    """A model with the input x of shape (n, width) and outputs of any shape."""
    kinds = kinds or {}
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", dtype, ["n", width])],
        [helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in dict(weights).items()],
    )
    sets = [helper.make_opsetid("", opset), *([helper.make_opsetid("ai.onnx.ml", ml)] if ml else [])]
    return helper.make_model(graph, opset_imports=sets, ir_version=ir)


def written(model, path):
    """The model in a file."""
    path.write_bytes(model.SerializeToString() if isinstance(model, onnx.ModelProto) else model)
    return path
