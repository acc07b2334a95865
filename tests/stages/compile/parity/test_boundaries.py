"""Rows on the edges of trees: they lie where they should, and show faults that no other row shows."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.inputs.arrays import open_arrays
from mlops_stage.inputs.model import open_model
from mlops_stage.stages.compile.parity.boundaries import edges
from mlops_stage.stages.compile.parity.rows import probes
from mlops_stage.stages.compile.parity.tiers import agree
from mlops_stage.stages.compile.parity.trees import forests

FAULTS = 24
_NEXT = np.nextafter(np.float32(1.5), np.float32(2))


def stump(mode="BRANCH_LEQ", threshold=1.5, *, before=(), weights=(), tensor="x", ports=None):
    """A tree of one node on the first feature."""
    tree = helper.make_node(
        "TreeEnsembleRegressor", [tensor], ["y"], domain="ai.onnx.ml", n_targets=1,
        nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_values=[threshold, 0.0, 0.0],
        nodes_modes=[mode, "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        nodes_hitrates=[1.0, 1.0, 1.0], nodes_missing_value_tracks_true=[0, 0, 0],
        target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[-1.0, 1.0],
    )  # fmt: skip
    ports = ports or [("x", TensorProto.FLOAT, ["n", 2])]
    graph = helper.make_graph(
        [*before, tree],
        "g",
        [helper.make_tensor_value_info(*port) for port in ports],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.asarray(values, dtype=np.float32), name) for name, values in dict(weights).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8)


@pytest.fixture
def edged(zoo, tmp_path):
    """The rows on edges of a model, from these rows."""

    def get(model, pool, wanted=10):
        zoo.written(model, tmp_path / "m.onnx")
        return edges(open_model("m.onnx", tmp_path), pool, wanted, np.random.default_rng(0))

    return get


def pool(rows=20, dtype=np.float32):
    return {"x": np.random.default_rng(1).normal(1, 2, (rows, 2)).astype(dtype)}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("BRANCH_LEQ", {np.float32(1.5), _NEXT}),
        ("BRANCH_GT", {np.float32(1.5), _NEXT}),
        ("BRANCH_LT", {np.float32(1.5), np.nextafter(np.float32(1.5), np.float32(0))}),
        ("BRANCH_GTE", {np.float32(1.5), np.nextafter(np.float32(1.5), np.float32(0))}),
    ],
)
def test_rows_lie_on_both_sides_of_the_only_threshold(edged, mode, expected):
    found, note = edged(stump(mode), pool())
    assert set(found["x"][:, 0]) == expected
    assert not note


@pytest.mark.parametrize("mode", ["BRANCH_EQ", "BRANCH_NEQ"])
def test_equality_has_no_edge(edged, mode):
    assert edged(stump(mode), pool())[0] == {}


def test_negative_thresholds(edged):
    found, _ = edged(stump(threshold=-2.25), pool())
    assert set(found["x"][:, 0]) == {np.float32(-2.25), np.nextafter(np.float32(-2.25), np.float32(0))}


def test_a_scaled_column_keeps_clear_of_the_threshold(edged, run):
    scaled = [helper.make_node("Sub", ["x", "mean"], ["c"]), helper.make_node("Mul", ["c", "scale"], ["s"])]
    model = stump(before=scaled, weights={"mean": [1000.3, 0.0], "scale": [1 / 3, 1.0]}, tensor="s")
    found, note = edged(model, {"x": np.random.default_rng(1).normal(1000, 9, (20, 2)).astype(np.float32)})
    assert not note
    feature = (found["x"][:, 0].astype(np.float64) - np.float32(1000.3)) * np.float32(1 / 3)
    assert (np.abs(feature - 1.5) < 1e-3).all()
    assert set(np.sign(run(model, found)["y"].ravel())) == {-1, 1}
    otherwise = found["x"][:, 0] * np.float32(1 / 3) - np.float32(1000.3) * np.float32(1 / 3)
    assert ((otherwise <= 1.5) == (feature <= 1.5)).all()  # however the scaling is rounded


def test_a_falling_column(edged):
    found, _ = edged(stump(before=[helper.make_node("Neg", ["x"], ["s"])], tensor="s"), pool())
    assert (found["x"][:, 0].round(3) == -1.5).all()
    assert len(set(found["x"][:, 0])) == 2


def test_whole_numbers(edged):
    ports = [("x", TensorProto.INT64, ["n", 2])]
    cast = [helper.make_node("Cast", ["x"], ["s"], to=TensorProto.FLOAT)]
    found, _ = edged(stump(before=cast, tensor="s", ports=ports), {"x": np.arange(20, dtype=np.int64).reshape(10, 2) - 5})
    assert found["x"].dtype == np.int64
    assert set(found["x"][:, 0]) <= {-3, 1, 2, 6}


def test_rows_in_the_order_of_columns(edged):
    rows = {"x": np.asfortranarray(pool()["x"])}
    assert set(edged(stump(), rows)[0]["x"][:, 0]) == {np.float32(1.5), _NEXT}


def test_features_that_the_model_does_not_have(edged):
    model = stump()
    given = {one.name: one for one in model.graph.node[0].attribute}
    given["nodes_featureids"].ints[0] = 7
    assert edged(model, pool())[0] == {}


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_floating_types(edged, dtype):
    ports = [("x", {np.float64: TensorProto.DOUBLE, np.float16: TensorProto.FLOAT16}[dtype], ["n", 2])]
    cast = [helper.make_node("Cast", ["x"], ["s"], to=TensorProto.FLOAT)]
    found, _ = edged(stump(before=cast, tensor="s", ports=ports), pool(dtype=dtype))
    assert found["x"].dtype == dtype
    assert (found["x"][:, 0].astype(float).round(1) == 1.5).all()
    assert len(set(found["x"][:, 0])) == 2


def test_a_feature_of_several_columns_has_no_edges(edged):
    mixed = [helper.make_node("MatMul", ["x", "w"], ["s"])]
    found, note = edged(stump(before=mixed, weights={"w": [[1, 1], [1, 1]]}, tensor="s"), pool())
    assert found == {}
    assert "follows from one column" in note


def test_missing_numbers_stay_missing_in_other_columns(edged):
    rows = pool()
    rows["x"][:, 1] = np.nan
    found, _ = edged(stump(), rows)
    assert np.isnan(found["x"][:, 1]).all()
    assert not np.isnan(found["x"][:, 0]).any()


def test_an_infinite_number_breaks_nothing(edged):
    rows = pool()
    rows["x"][3] = np.inf
    assert set(edged(stump(), rows)[0]["x"][:, 0]) == {np.float32(1.5), _NEXT}


def test_columns_of_their_own_with_text_among_them(tmp_path, zoo):
    nodes = [helper.make_node("Concat", ["a", "b"], ["s"], axis=1), helper.make_node("Identity", ["word"], ["echo"])]
    ports = [("a", TensorProto.FLOAT, ["n", 1]), ("b", TensorProto.FLOAT, ["n", 1]), ("word", TensorProto.STRING, ["n", 1])]
    zoo.written(stump(before=nodes, tensor="s", ports=ports), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", a=np.arange(9.0).reshape(-1, 1), b=np.ones((9, 1)), word=np.array([["u"], ["v"], ["w"]] * 3))
    asked = probes(open_model("m.onnx", tmp_path), open_arrays("d.npz", tmp_path), 0, 20)
    on_edge = np.array(asked.kinds) == "edge"
    assert set(asked.feeds["a"][on_edge].ravel()) == {np.float32(1.5), _NEXT}
    assert asked.feeds["word"].dtype == object
    assert set(asked.feeds["word"].ravel()) <= {"u", "v", "w"}


def test_nothing_for_a_model_without_trees(door):
    assert edges(door("convolutional").model, {}, 10, np.random.default_rng(0)) == ({}, "")


def test_a_changed_file_is_refused(door):
    one = door("forest")
    with one.model.path.open("ab") as stream:
        stream.write(b"\x00")
    with pytest.raises(Exception, match="changed while it was read"):
        probes(one.model, one.table, 0, 10)


def test_moved_columns_lead_the_same_way_through_all_trees(door):
    """Moving the other columns within their gaps changes no comparison."""
    one = door("boosted")
    (forest,) = forests(one.proto())
    rows = probes(one.model, one.table, 0, 400)
    at = rows.feeds["X"][np.array(rows.kinds) == "edge"]
    thresholds = [np.unique(forest.values[forest.inner][forest.features[forest.inner] == place]) for place in range(30)]
    on = [np.isin(at[:, place].astype(np.float64), thresholds[place]).mean() for place in range(30) if len(thresholds[place])]
    assert np.mean(on) > 0.25


def faults(one, forest_of, kind):
    """Models with one wrong node each."""
    rng = np.random.default_rng(5)
    for _ in range(FAULTS):
        model = one.proto()
        given = forest_of(model)
        place = int(rng.choice([place for place, mode in enumerate(given["nodes_modes"].strings) if mode != b"LEAF"]))
        if kind == "threshold":
            given["nodes_values"].floats[place] *= 1.05
        elif kind == "children":
            yes, no = given["nodes_truenodeids"].ints, given["nodes_falsenodeids"].ints
            yes[place], no[place] = no[place], yes[place]
        elif kind == "comparison":
            given["nodes_modes"].strings[place] = b"BRANCH_LT"
        else:  # a threshold that was rounded down
            given["nodes_values"].floats[place] = float(np.nextafter(np.float32(given["nodes_values"].floats[place]), np.float32(-1e9)))
        yield model.SerializeToString()


@pytest.fixture(scope="module")
def asked():
    """Rows by the name of a model and its answers to them, drawn once."""
    return {}


@pytest.mark.parametrize(("kind", "least"), [("threshold", 0.95), ("children", 0.95), ("comparison", 0.95), ("rounded", 0.95)])
@pytest.mark.parametrize("name", ["forest", "boosted"])
def test_seeded_faults_are_caught(door, run, forest_of, asked, name, kind, least):
    """Row 2, a small part of it; benchmarks/compile_parity.py has all."""
    one = door(name)
    if name not in asked:
        rows = probes(one.model, one.table, 0, 2_000)
        asked[name] = rows, run(one.model.path, rows.feeds)
    rows, before = asked[name]
    real = {"X": one.train["X"]}
    plain = run(one.model.path, real)
    caught = unaided = 0
    for content in faults(one, forest_of, kind):
        caught += agree(before, run(content, rows.feeds), "exact").verdict == "failed"
        unaided += agree(plain, run(content, real), "exact").verdict == "failed"
    assert caught >= least * FAULTS
    assert caught >= unaided
    if kind in ("comparison", "rounded"):
        assert unaided == 0


def test_trees_by_place(zoo, tmp_path):
    """The operator of ai.onnx.ml 5, whose leaves stand apart: x0 <= 1.5, then x1 <= -0.5 where it holds."""
    tree = helper.make_node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, aggregate_function=1, post_transform=0,
        tree_roots=[0], nodes_featureids=[0, 1], nodes_truenodeids=[1, 1], nodes_trueleafs=[0, 1], nodes_falsenodeids=[0, 2],
        nodes_falseleafs=[1, 1], nodes_modes=numpy_helper.from_array(np.array([0, 0], dtype=np.uint8)),
        nodes_splits=numpy_helper.from_array(np.array([1.5, -0.5], dtype=np.float32)),
        leaf_targetids=[0, 0, 0], leaf_weights=numpy_helper.from_array(np.array([1, 2, 3], dtype=np.float32)),
    )  # fmt: skip
    model = zoo.plain([tree], width=2, ml=5, opset=21, ir=10)
    (forest,) = forests(model)
    rows = np.array([[2.0, 0.0], [1.5, -0.5], [1.5, 0.0]], dtype=np.float32)
    assert Counter(forest.reached(rows)[:2].tolist())[-1] == 0
    assert forest.decides(np.array([0, 1]), rows[:2]).all()
    assert not forests_of_nonsense(model)
    zoo.written(model, tmp_path / "m.onnx")
    found, _ = edges(open_model("m.onnx", tmp_path), pool(), 10, np.random.default_rng(0))
    assert {np.float32(1.5), _NEXT} <= set(found["x"][:, 0])
    assert np.float32(-0.5) in set(found["x"][:, 1])


def forests_of_nonsense(model):
    """Forests of a file that leads to a node which it does not have."""
    spoilt = onnx.ModelProto()
    spoilt.CopyFrom(model)
    given = {one.name: one for one in spoilt.graph.node[0].attribute}
    given["nodes_truenodeids"].ints[0] = 99
    return list(forests(spoilt))


def test_a_tree_that_leads_in_a_circle_ends():
    model = stump()
    given = {one.name: one for one in model.graph.node[0].attribute}
    given["nodes_truenodeids"].ints[0] = 0
    assert [forest.reached(pool()["x"]).shape for forest in forests(model)] in ([], [(3,)])
