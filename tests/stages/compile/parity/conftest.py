"""Models of the zoo behind the door that the stage uses, run in ONNX Runtime, and ways to spoil them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import pytest

from mlops_stage.inputs.arrays import open_arrays
from mlops_stage.inputs.model import open_model


def answers(model, feeds, threads=1):
    """All outputs of a model, given as a path, bytes or a proto."""
    content = model.SerializeToString() if isinstance(model, onnx.ModelProto) else model if isinstance(model, bytes) else str(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    made = session.run(None, dict(feeds))
    return dict(zip([port.name for port in session.get_outputs()], made, strict=True))


def trees(model):
    """The attributes of the first forest."""
    (node, *_) = [node for node in model.graph.node if node.op_type.startswith("TreeEnsemble")]
    return {one.name: one for one in node.attribute}


@dataclass
class Opened:
    """A model, its training rows as named arrays, and what spoils it."""

    model: object
    table: object
    train: Mapping[str, np.ndarray]

    def proto(self):
        return onnx.load_model(self.model.path)


@pytest.fixture
def door(specimen, tmp_path):
    """Opens a model of the zoo by name."""

    def get(name):
        one = specimen(name)
        np.savez(tmp_path / f"{name}.npz", **one.train)
        (tmp_path / f"{name}.onnx").write_bytes(one.path.read_bytes())
        return Opened(open_model(f"{name}.onnx", tmp_path), open_arrays(f"{name}.npz", tmp_path), one.train)

    return get


@pytest.fixture
def run():
    return answers


@pytest.fixture
def forest_of():
    return trees
