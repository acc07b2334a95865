"""A model of several inputs judged on named arrays from the command line."""

import json

import numpy as np
from onnx import TensorProto, helper


def write(folder):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("left", "right", "scores")]
    nodes = [helper.make_node("Add", ["left", "right"], ["sum"]), helper.make_node("Softmax", ["sum"], ["scores"], axis=1)]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:2], ends[2:]), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    generator = np.random.default_rng(0)
    left, right = generator.standard_normal((2, 500, 2)).astype(np.float32)
    truth = (left + right + generator.normal(scale=0.5, size=(500, 2))).argmax(axis=1)
    np.savez(folder / "t.npz", left=left, right=right, y=truth, side=generator.choice(["a", "b"], 500))


def test_named_arrays_are_judged_and_planned(mlops):
    write(mlops.cwd)
    asked = ("quality", "--model", "m.onnx", "--data", "t.npz", "--train", "t.npz", "--label", "y", "--slices", "side")
    planned = mlops(*asked, "--plan")
    assert planned.returncode == 0, planned.stderr
    assert "500 rows" in planned.stdout
    done = mlops(*asked, "--baseline", "m.onnx", "--gate", "accuracy >= 0.7", "--gate", "accuracy[side=a] >= 0.6")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((mlops.cwd / "mlops-out" / "quality" / "report.json").read_text())
    assert {subject["role"] for subject in found["subjects"]} == {"model", "data", "train", "baseline"}


def test_predictions_are_not_looked_up_in_arrays(mlops):
    write(mlops.cwd)
    mlops.write("p.csv", "id,y_pred\n1,0\n")
    done = mlops("quality", "--predictions", "p.csv", "--data", "t.npz", "--label", "y", "--row-id", "id")
    assert done.returncode == 2
    assert "is no table in which rows of predictions can be looked up" in (done.stdout + done.stderr).replace("\n", " ")
