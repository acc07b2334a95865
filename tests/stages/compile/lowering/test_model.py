"""Every lowering against ONNX Runtime, which has the operator itself."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.backends.kernels import Ceiling
from mlops_stage.stages.compile.lowering.model import LOWERINGS, lowered, unlowered
from mlops_stage.stages.compile.normalise import normalised

INT, TEXT = TensorProto.INT64, TensorProto.STRING
ROWS = np.random.default_rng(3).normal(size=(97, 4)).astype(np.float32)
WHOLE = np.random.default_rng(4).integers(-2, 5, size=(97, 4))


def answers(model, rows):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": rows})


def ml(operator, outputs=("y",), inputs=("x",), **attributes):
    return helper.make_node(operator, list(inputs), list(outputs), domain="ai.onnx.ml", **attributes)


def tidy(model):
    return normalised(model, Ceiling())[0]


def check(model, rows=ROWS):
    """The lowered model answers as the model does; gives what was lowered."""
    found = lowered(tidy(model))
    assert "ai.onnx.ml" not in {node.domain for node in found.model.graph.node}
    onnx.checker.check_model(found.model)
    for name, ours, theirs in zip(
        [port.name for port in model.graph.output], answers(found.model, rows), answers(model, rows), strict=True
    ):
        if name in found.text_outputs:
            assert np.array(found.words)[ours].tolist() == theirs.tolist()
        elif np.asarray(theirs).dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
        else:
            assert np.array_equal(ours, theirs)
    return found


TABLES = {
    "scaler": (ml("Scaler", offset=[1.0, 0.0, -2.0, 0.5], scale=[2.0, 1.0, 0.1, 3.0]), ROWS),
    "one scale": (ml("Scaler", offset=[1.0], scale=[2.0]), ROWS),
    "scaler of whole numbers": (ml("Scaler", offset=[1.0], scale=[0.5]), WHOLE),
    "norm max": (ml("Normalizer", norm="MAX"), ROWS),
    "norm l1": (ml("Normalizer", norm="L1"), ROWS),
    "norm l2": (ml("Normalizer", norm="L2"), np.vstack([ROWS, np.zeros((1, 4), np.float32)])),
    "binarizer": (ml("Binarizer", threshold=0.25), ROWS),
    "imputer": (
        ml("Imputer", imputed_value_floats=[1.0, 2.0, 3.0, 4.0], replaced_value_float=float("nan")),
        np.where(ROWS > 1, np.nan, ROWS),
    ),
    "imputer of a number": (ml("Imputer", imputed_value_floats=[9.0], replaced_value_float=0.0), np.where(ROWS > 1, 0, ROWS)),
    "one hot": (ml("OneHotEncoder", cats_int64s=[0, 1, 3]), WHOLE),
    "labels of numbers": (ml("LabelEncoder", keys_int64s=[0, 1, 2], values_int64s=[7, 8, 9], default_int64=-5), WHOLE),
    "labels to floats": (ml("LabelEncoder", keys_int64s=[0, 1], values_floats=[0.5, 1.5], default_float=-1.0), WHOLE),
    "vectorizer": (ml("FeatureVectorizer", inputs=("x", "x"), inputdimensions=[4, 4]), ROWS),
}


@pytest.mark.parametrize("name", TABLES)
def test_preparing_columns(zoo, name):
    node, rows = TABLES[name]
    whole = rows.dtype.kind == "i"
    to = INT if node.op_type == "LabelEncoder" and not any(one.name == "values_floats" for one in node.attribute) else TensorProto.FLOAT
    check(
        zoo.plain([node], dtype=INT if whole else TensorProto.FLOAT, kinds={"y": to}, ml=3), rows.astype(np.int64 if whole else np.float32)
    )


@pytest.mark.parametrize("rank", [1, 2])
def test_picking_columns(zoo, rank):
    node = ml("ArrayFeatureExtractor", inputs=("held" if rank == 1 else "x", "places"))
    weights = {"places": np.array([3, 0, 2]), "held": np.arange(5, dtype=np.float32)}
    whole = zoo.plain([node, helper.make_node("Identity", ["x"], ["z"])], weights, outputs=("y", "z"), ml=3)
    check(whole)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("text", [False, True])
def test_linear_classifier(zoo, transform, classes, text):
    names = {"classlabels_strings": ["no", "perhaps", "yes"][:classes]} if text else {"classlabels_ints": [5, 3, 9][:classes]}
    weights = np.random.default_rng(0).normal(size=classes * 5)
    node = ml(
        "LinearClassifier",
        ("y", "p"),
        coefficients=weights[: classes * 4].tolist(),
        intercepts=weights[classes * 4 :].tolist(),
        post_transform=transform,
        **names,
    )
    found = check(zoo.plain([node], outputs=("y", "p"), kinds={"y": TEXT if text else INT}, ml=1))
    assert found.text_outputs == (("y",) if text else ())


def test_linear_regressor(zoo):
    node = ml("LinearRegressor", coefficients=[0.1 * k for k in range(8)], intercepts=[1.0, -1.0], targets=2)
    check(zoo.plain([node], ml=1))


def forest(rng, classes, *, modes=("BRANCH_LEQ",), missing=False, positive=False, one=False, trees=7, depth=3, kind="class"):
    """Attributes of random trees whose thresholds are among the values of the rows, so that equality happens."""
    held = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")}
    leaves = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    branches = 2**depth - 1
    for tree in range(trees):
        for place in range(2 * branches + 1):
            leaf = place >= branches
            feature = int(rng.integers(4))
            row = (tree, place, feature, float(rng.choice(ROWS[:, feature])), "LEAF" if leaf else str(rng.choice(modes)))
            for name, value in zip(held, (*row, 0 if leaf else 2 * place + 1, 0 if leaf else 2 * place + 2), strict=True):
                held[name].append(value)
            for number in range(classes) if leaf else ():
                if not one or number == 0:
                    weight = abs(rng.normal()) / trees if positive else rng.normal()
                    for name, value in zip(leaves, (tree, place, number, float(weight)), strict=True):
                        leaves[name].append(value)
    if missing:
        held["missing_value_tracks_true"] = rng.integers(2, size=len(held["modes"])).tolist()
    return {**{f"nodes_{name}": values for name, values in held.items()}, **{f"{kind}_{name}": values for name, values in leaves.items()}}


MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE", "BRANCH_EQ", "BRANCH_NEQ")
HOLES = np.where(np.random.default_rng(1).random(ROWS.shape) < 0.2, np.nan, ROWS).astype(np.float32)


@pytest.mark.parametrize("modes", [("BRANCH_LEQ",), ("BRANCH_LT",), MODES])
@pytest.mark.parametrize("missing", [False, True])
def test_trees_walk_as_onnx_runtime_does(zoo, modes, missing):
    attributes = forest(np.random.default_rng(len(modes)), 3, modes=modes, missing=missing, kind="target")
    node = ml("TreeEnsembleRegressor", n_targets=3, **attributes)
    check(zoo.plain([node], ml=3), HOLES)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
def test_classes_of_trees(zoo, transform):
    attributes = forest(np.random.default_rng(0), 4)
    node = ml("TreeEnsembleClassifier", ("y", "p"), classlabels_strings=["a", "b", "c", "d"], post_transform=transform, **attributes)
    check(zoo.plain([node], outputs=("y", "p"), kinds={"y": TEXT}, ml=3))


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC"])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("base", [(), (0.3,)])
def test_two_classes_of_one_score(zoo, transform, positive, base):
    attributes = forest(np.random.default_rng(0), 2, one=True, positive=positive)
    extra = {"base_values": list(base)} if base else {}
    node = ml("TreeEnsembleClassifier", ("y", "p"), classlabels_int64s=[3, 8], post_transform=transform, **extra, **attributes)
    check(zoo.plain([node], outputs=("y", "p"), kinds={"y": INT}, ml=3))


@pytest.mark.parametrize("how", ["SUM", "AVERAGE"])
def test_targets_of_trees(zoo, how):
    attributes = forest(np.random.default_rng(0), 2, kind="target")
    node = ml("TreeEnsembleRegressor", n_targets=2, aggregate_function=how, base_values=[1.0, -2.0], **attributes)
    check(zoo.plain([node], ml=3))


def test_trees_of_double_and_whole_numbers(zoo):
    node = ml("TreeEnsembleRegressor", n_targets=2, **forest(np.random.default_rng(0), 2, kind="target"))
    check(zoo.plain([node], dtype=TensorProto.DOUBLE, ml=3), ROWS.astype(np.float64))
    node = ml("TreeEnsembleClassifier", ("y", "p"), classlabels_int64s=[1, 2, 3], **forest(np.random.default_rng(0), 3))
    check(zoo.plain([node], dtype=INT, outputs=("y", "p"), kinds={"y": INT}, ml=3), WHOLE)


REFUSED = {
    "an attribute that nobody knows": ml("Scaler", offset=[0.0], scale=[1.0], colour=3),
    "an operator that nobody lowers": ml("SVMRegressor"),
    "a transform that nobody lowers": ml("LinearRegressor", coefficients=[1.0] * 4, intercepts=[0.0], post_transform="PROBIT"),
    "a child that is not there": ml(
        "TreeEnsembleRegressor",
        n_targets=1,
        nodes_treeids=[0],
        nodes_nodeids=[0],
        nodes_featureids=[0],
        nodes_values=[0.0],
        nodes_modes=["BRANCH_LEQ"],
        nodes_truenodeids=[7],
        nodes_falsenodeids=[8],
    ),
    "a circle": ml(
        "TreeEnsembleRegressor",
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_values=[0.0, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ"],
        nodes_truenodeids=[1, 2, 1],
        nodes_falsenodeids=[1, 2, 1],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused(zoo, name):
    with pytest.raises(BuildError, match="not lowered"):
        lowered(zoo.plain([REFUSED[name]], ml=3))


def test_maps_become_a_matrix_with_classes_in_their_order(zoo):
    node = ml("ZipMap", classlabels_strings=["b", "c", "d", "a"])
    model = zoo.plain([node], ml=1)
    model.graph.output[0].type.CopyFrom(
        helper.make_sequence_type_proto(helper.make_map_type_proto(TEXT, helper.make_tensor_type_proto(TensorProto.FLOAT, [])))
    )
    found = lowered(tidy(model))
    assert np.array_equal(answers(found.model, ROWS)[0], ROWS[:, [3, 0, 1, 2]])


def test_text_that_goes_in_is_refused(zoo):
    with pytest.raises(BuildError, match="'x' is text"):
        lowered(zoo.plain([ml("LabelEncoder", keys_strings=["a"], values_int64s=[1])], dtype=TEXT, kinds={"y": INT}, ml=2))


def test_what_cannot_be_lowered_is_known_by_name():
    assert unlowered(["ai.onnx::Relu", "ai.onnx.ml::SVMClassifier", "ai.onnx.ml::Scaler", "ai.onnx.ml::ZipMap"]) == (
        "ai.onnx.ml::SVMClassifier",
    )
    assert len(LOWERINGS) == 12
