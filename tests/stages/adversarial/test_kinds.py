import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.onnx.session import Session
from mlops_stage.stages.adversarial.kinds import kind_of

RNG = np.random.default_rng(0)
W, B = RNG.normal(size=(3, 4)), RNG.normal(size=4)
W1, B1 = RNG.normal(size=(3, 1)), RNG.normal(size=1)
ML = "ai.onnx.ml"


def node(operator, given, made, domain="", **attributes):
    return helper.make_node(operator, given, made, domain=domain, **attributes)


def written(path, nodes, output=("y", TensorProto.INT64, ["n"]), kind=TensorProto.FLOAT, inputs=(("x", 3),), **weights):
    held = [numpy_helper.from_array(np.asarray(value, dtype=np.float32), name) for name, value in weights.items()]
    ports = [helper.make_tensor_value_info(name, kind, ["n", width]) for name, width in inputs]
    graph = helper.make_graph(nodes, "g", ports, [helper.make_tensor_value_info(*output)], held)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ML, 3)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    return open_model(path.name, path.parent)


ARGMAX = node("ArgMax", ["s"], ["y"], axis=1, keepdims=0)
LINEAR = {
    "MatMul, Add": ([node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "b"], ["s"]), ARGMAX], {"w": W, "b": B}),
    "constant first": ([node("MatMul", ["x", "w"], ["m"]), node("Sub", ["b", "m"], ["s"]), ARGMAX], {"w": W, "b": B}),
    "Gemm": ([node("Gemm", ["x", "w", "b"], ["s"], alpha=0.5, beta=2.0), ARGMAX], {"w": W, "b": B}),
    "Gemm transposed, Softmax": (
        [node("Gemm", ["x", "w", "b"], ["l"], transB=1), node("Softmax", ["l"], ["s"], axis=-1), ARGMAX],
        {"w": W.T, "b": B},
    ),
    "scaled before": (
        [
            node("Sub", ["x", "mean"], ["c"]),
            node("Div", ["c", "deviation"], ["z"]),
            node("Mul", ["z", "two"], ["t"]),
            node("Gemm", ["t", "w", "b"], ["s"]),
            ARGMAX,
        ],
        {"w": W, "b": B, "mean": [1, 2, 3], "deviation": [2, 1, 0.5], "two": [2]},
    ),
    "Scaler, LinearClassifier": (
        [
            node("Scaler", ["x"], ["z"], ML, offset=[0.5, 0.0, 1.0], scale=[2.0, 1.0, 3.0]),
            node(
                "LinearClassifier",
                ["z"],
                ["y", "s"],
                ML,
                coefficients=W.T.ravel().tolist(),
                intercepts=B.tolist(),
                classlabels_ints=[0, 1, 2, 3],
                multi_class=1,
                post_transform="SOFTMAX",
            ),
        ],
        {},
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_graph_is_read_so_that_its_sums_decide_as_the_runtime_does(tmp_path, name):
    nodes, weights = LINEAR[name]
    kind = kind_of(written(tmp_path / "m.onnx", nodes, **weights), "y")
    assert kind.name == "linear"
    rows = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    told = Session(tmp_path / "m.onnx").run({"x": rows}, ["y"])[0]
    assert np.array_equal(kind.affine.scores({"x": rows}).argmax(axis=1), told)
    assert len(set(told.tolist())) > 1


@pytest.mark.parametrize("bare", [True, False])
def test_a_single_score_decides_at_one_half(tmp_path, bare):
    nodes = [node("Gemm", ["x", "w", "b"], ["y" if bare else "s"]), *([] if bare else [node("Sigmoid", ["s"], ["y"])])]
    kind = kind_of(written(tmp_path / "m.onnx", nodes, ("y", TensorProto.FLOAT, ["n", 1]), w=W1, b=B1), "y")
    rows = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    told = Session(tmp_path / "m.onnx").run({"x": rows}, ["y"])[0][:, 0] >= 0.5
    assert np.array_equal(kind.affine.scores({"x": rows}).argmax(axis=1), told)
    assert 0 < told.mean() < 1


def test_inputs_of_several_columns_stand_beside_one_another(tmp_path):
    nodes = [node("Concat", ["a", "b1"], ["x"], axis=1), node("Gemm", ["x", "w", "b"], ["s"]), ARGMAX]
    kind = kind_of(written(tmp_path / "m.onnx", nodes, inputs=(("a", 1), ("b1", 2)), w=W, b=B), "y")
    rows = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    fed = {"a": rows[:, :1], "b1": rows[:, 1:]}
    assert np.array_equal(kind.affine.scores(fed).argmax(axis=1), Session(tmp_path / "m.onnx").run(fed, ["y"])[0])


def gemm(before, after="s"):
    return node("Gemm", [before, "w", "b"], [after])


OTHERS = {
    "a layer with a bend": ("differentiable", [node("Relu", ["x"], ["r"]), gemm("r"), ARGMAX], {}),
    "a product of two inputs": ("differentiable", [node("Mul", ["x", "x"], ["r"]), gemm("r"), ARGMAX], {}),
    "rounding in the middle": ("opaque", [node("Round", ["x"], ["r"]), gemm("r"), ARGMAX], {}),
    "softmax in the middle": ("differentiable", [node("Softmax", ["x"], ["r"]), gemm("r"), ARGMAX], {}),
    "softmax over rows": ("differentiable", [gemm("x", "l"), node("Softmax", ["l"], ["s"], axis=0), ARGMAX], {}),
    "argmax over rows": ("differentiable", [gemm("x"), node("ArgMax", ["s"], ["y"], axis=0, keepdims=0)], {}),
    "a cast to whole numbers": (
        "differentiable",
        [node("Cast", ["x"], ["i"], to=TensorProto.INT64), node("Cast", ["i"], ["r"], to=TensorProto.FLOAT), gemm("r"), ARGMAX],
        {},
    ),
    "the inverse of a sum": ("differentiable", [node("Div", ["one", "x"], ["r"]), gemm("r"), ARGMAX], {"one": [1]}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_graph_that_computes_anything_else_has_no_sums(tmp_path, name):
    expected, nodes, weights = OTHERS[name]
    kind = kind_of(written(tmp_path / "m.onnx", nodes, w=W, b=B, **weights), "y")
    assert (kind.name, kind.affine) == (expected, None)


@pytest.mark.parametrize(
    ("name", "expected", "why"),
    [
        ("cancer_rf", "tree ensemble", "TreeEnsembleClassifier"),
        ("cancer_mlp", "differentiable", "operators"),
        ("cancer_scaled", "linear", "Scaler, LinearClassifier"),
        ("digits_logreg", "linear", "LinearClassifier"),
    ],
)
def test_exported_models_are_told_apart(victim, name, expected, why):
    kind = kind_of(victim(name).model(), "label")
    assert kind.name == expected
    assert why in kind.why


def test_text_is_opaque(tmp_path):
    nodes = [node("LabelEncoder", ["x"], ["n1"], ML, keys_strings=["a"], values_floats=[1.0]), gemm("n1"), ARGMAX]
    kind = kind_of(written(tmp_path / "m.onnx", nodes, kind=TensorProto.STRING, w=W, b=B), "y")
    assert kind.name == "opaque"


def test_a_served_model_is_remote(serve, victim):
    served = open_model(f"{serve(victim('cancer_logreg').path)}/v2/models/income", victim("cancer_logreg").path.parent)
    assert kind_of(served, "label").name == "remote"
