"""Facts of ONNX files against onnx's own parser, and bytes that no exporter wrote."""

import math
import random
import tracemalloc
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.errors import InputError
from mlops_stage.inputs.onnx.facts import DTYPES

X = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)


def weights(*shape, dtype=np.float32, name="w"):
    return numpy_helper.from_array(np.ones(shape, dtype=dtype), name)


def made(*nodes, tensors=(), domains=(("", 17),), functions=(), inputs=(X,), **about):
    graph = helper.make_graph(list(nodes), "g", list(inputs), [Y], list(tensors))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*one) for one in domains], functions=list(functions), **about)


def node(operator, *inputs, domain="", **attributes):
    return helper.make_node(operator, list(inputs) or ["x"], ["y"], domain=domain, **attributes)


def branching():
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=helper.make_tensor("", TensorProto.INT64, [2], [4, 5]))],
        "inner",
        [],
        [helper.make_tensor_value_info("c", TensorProto.INT64, [2])],
        [weights(7, dtype=np.int8, name="held")],
    )
    return made(
        node("If", "flag", then_branch=inner, else_branch=inner), tensors=[helper.make_tensor("flag", TensorProto.BOOL, [], [True])]
    )


def tree():
    return made(
        node("TreeEnsembleClassifier", domain="ai.onnx.ml", nodes_values=[0.5] * 31, class_weights=[0.1] * 16, classlabels_int64s=[0, 1]),
        domains=(("", 17), ("ai.onnx.ml", 3)),
    )


MODELS = {
    "matmul": made(node("MatMul", "x", "w"), tensors=[weights(4, 3)]),
    "network": made(node("MatMul", "x", "w"), node("Relu"), tensors=[weights(4, 3)]),
    "convolution": made(node("Conv", "x", "w"), tensors=[weights(8, 3, 3, 3)]),
    "recurrent": made(node("LSTM", "x", "w"), tensors=[weights(1, 40, 4)]),
    "transformer": made(node("MatMul", "x", "w"), node("Softmax"), node("LayerNormalization", "x", "w"), tensors=[weights(4)]),
    "attention": made(node("Attention", domain="com.microsoft"), domains=(("", 17), ("com.microsoft", 1))),
    "tree": tree(),
    "linear": made(
        node("LinearClassifier", domain="ai.onnx.ml", coefficients=[1.0] * 12, classlabels_strings=["a", "b"]), domains=(("ai.onnx.ml", 3),)
    ),
    "regression": made(node("LinearRegressor", domain="ai.onnx.ml", coefficients=[1.0] * 4), domains=(("ai.onnx.ml", 3),)),
    "vectors": made(node("SVMRegressor", domain="ai.onnx.ml", coefficients=[1.0] * 5), domains=(("ai.onnx.ml", 3),)),
    "branching": branching(),
    "half": made(node("MatMul", "x", "w"), tensors=[weights(4, 3, dtype=np.float16)]),
    "quantised": made(
        node("QuantizeLinear", "x", "w"), node("MatMulInteger", "x", "v"), tensors=[weights(1), weights(4, 4, dtype=np.int8, name="v")]
    ),
    "mixed": made(
        node("Gemm", "x", "w"), tensors=[weights(4, 3), weights(9, dtype=np.int64, name="v"), weights(2, dtype=np.float64, name="u")]
    ),
    "scalar": made(node("Add", "x", "w"), tensors=[weights()]),
    "empty": made(node("Identity")),
    "defaults": made(node("MatMul", "x", "w"), tensors=[weights(4, 3)], inputs=(X, helper.make_tensor_value_info("w", 1, [4, 3]))),
    "opsets twice": made(node("Identity"), domains=(("", 17), ("", 17), ("ai.onnx.ml", 3))),
    "described": made(
        node("Identity"), producer_name="us", producer_version="1", doc_string="tells", model_version=3, domain="org.example"
    ),
    "functions": made(
        node("Double", domain="ours"),
        domains=(("", 17), ("ours", 1)),
        functions=[
            helper.make_function(
                "ours", "Double", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
            )
        ],
    ),
}


class Oracle:
    """What onnx's parser says of a model."""

    def __init__(self, model):
        self.operators, self.precision = Counter(), Counter()
        self.parameters = 0
        for function in model.functions:
            for one in function.node:
                self.node(one)
        self.graph(model.graph)

    def graph(self, graph):
        for tensor in graph.initializer:
            self.parameters += math.prod(tensor.dims)
            self.tensor(tensor)
        for one in graph.node:
            self.node(one)

    def tensor(self, tensor):
        self.precision[DTYPES[tensor.data_type]] += math.prod(tensor.dims)

    def node(self, one):
        self.operators[f"{one.domain or 'ai.onnx'}::{one.op_type}"] += 1
        for attribute in one.attribute:
            self.parameters += len(attribute.floats)
            if attribute.HasField("t"):
                self.tensor(attribute.t)
            for graph in [attribute.g, *attribute.graphs]:
                self.graph(graph)


def shape(port):
    if not port.type.tensor_type.HasField("shape"):
        return None
    return tuple(dim.dim_param or (dim.dim_value if dim.HasField("dim_value") else "?") for dim in port.type.tensor_type.shape.dim)


def counts(text):
    return {name: int(number) for name, number in (pair.rsplit("=", 1) for pair in text.split(",") if pair)}


def test_the_corpus_is_large_enough():
    assert len(MODELS) >= 20


@pytest.mark.parametrize("name", MODELS)
def test_facts_are_those_of_the_oracle(project, name):
    model = MODELS[name]
    project.write("model.onnx", model.SerializeToString())
    oracle = Oracle(model)
    (found,) = project.look(model="model.onnx").models
    assert counts(found.text("operators")) == dict(oracle.operators)
    assert counts(found.text("precision")) == dict(oracle.precision)
    assert int(found.text("parameters")) == oracle.parameters
    assert int(found.text("ir_version")) == model.ir_version
    assert found.text("opset") == ",".join(
        f"{domain}:{version}" for domain, version in sorted({(o.domain or "ai.onnx"): o.version for o in model.opset_import}.items())
    )
    assert int(found.text("functions")) == len(model.functions)
    held = {tensor.name for tensor in model.graph.initializer}
    assert [(port.name, port.shape) for port in found.inputs] == [
        (one.name, shape(one)) for one in model.graph.input if one.name not in held
    ]
    assert [(port.name, port.shape) for port in found.outputs] == [(one.name, shape(one)) for one in model.graph.output]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("matmul", "linear model"),
        ("network", "feed-forward neural network"),
        ("convolution", "convolutional neural network"),
        ("recurrent", "recurrent neural network"),
        ("transformer", "transformer"),
        ("attention", "transformer"),
        ("tree", "tree ensemble"),
        ("linear", "linear model"),
        ("vectors", "support vector machine"),
        ("empty", ""),
    ],
)
def test_the_family_follows_from_the_operators(project, name, family):
    project.write("model.onnx", MODELS[name].SerializeToString())
    (found,) = project.look(model="model.onnx").models
    assert found.text("family") == family
    assert family == "" or found.fact("family").confidence == "inferred"


def test_what_a_model_says_of_itself_is_told(project):
    project.write("model.onnx", MODELS["described"].SerializeToString())
    (found,) = project.look(model="model.onnx").models
    assert (found.version, found.text("description"), found.text("framework")) == ("3", "tells", "us 1")
    assert found.fact("description").confidence == "extracted"


def test_the_task_is_told_only_where_the_operators_leave_no_doubt(project):
    told = {}
    for name in ("tree", "linear", "regression", "network"):
        project.write("model.onnx", MODELS[name].SerializeToString())
        told[name] = project.look(model="model.onnx").models[0].text("task")
    assert told == {"tree": "classification", "linear": "classification", "regression": "regression", "network": ""}


def test_of_two_files_what_they_agree_in_is_told_and_the_rest_of_each(project):
    project.write("m/a.onnx", MODELS["network"].SerializeToString())
    project.write("m/b.onnx", MODELS["convolution"].SerializeToString())
    (found,) = project.look(model="m").models
    assert (found.text("opset"), found.text("quantised")) == ("ai.onnx:17", "false")
    assert [found.text(element) for element in ("parameters", "precision", "operators", "functions", "family")] == [""] * 5
    told = [fact.value for fact in found.every("part")]
    assert {"m/a.onnx: parameters=12", "m/b.onnx: parameters=216", "m/b.onnx: family=convolutional neural network"} <= set(told)
    assert {fact.source for fact in found.every("part")} == {"m/a.onnx", "m/b.onnx"}
    assert (found.inputs, found.text("format")) == ((), "ONNX")


def test_memory_does_not_grow_with_the_weights(project):
    project.write("model.onnx", made(node("MatMul", "x", "w"), tensors=[weights(1000, 8000)]).SerializeToString())
    project.look(model="model.onnx")  # imports
    tracemalloc.start()
    try:
        project.look(model="model.onnx")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6  # the model has 32 MB


def test_changed_bytes_give_facts_or_one_clean_error_and_never_fewer_nodes_than_onnx_sees(project):
    chance = random.Random(3)
    contents = [MODELS[name].SerializeToString() for name in ("branching", "tree", "functions", "mixed")]
    read = refused = compared = 0
    for _ in range(160):
        content = bytearray(chance.choice(contents))
        for _ in range(chance.choice([1, 1, 1, 4])):
            content[chance.randrange(len(content))] = chance.choice([0, 127, 128, 255, chance.randrange(256)])
        end = chance.choice([len(content)] * 4 + [chance.randrange(len(content))])
        project.write("model.onnx", bytes(content[:end]))
        try:
            (found,) = project.look(model="model.onnx").models
        except InputError:
            refused += 1
            continue
        read += 1
        try:
            oracle = Oracle(onnx.load(project.root / "model.onnx", load_external_data=False))
        except Exception:  # noqa: BLE001, S112  (onnx refuses what is read here leniently: nothing to compare)
            continue
        compared += 1
        assert sum(counts(found.text("operators")).values()) >= sum(oracle.operators.values())
    assert min(read, refused, compared) > 20, (read, refused, compared)
