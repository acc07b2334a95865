"""Rows to compare on: where they come from, that the same are drawn again, and what is done where there are none."""

from collections import Counter

import numpy as np
import pytest
from onnx import TensorProto, helper

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.stages.compile.parity.rows import probes


def test_forest_rows_are_real_mixed_and_on_edges(door):
    one = door("boosted")
    asked = probes(one.model, one.table, 0, 360)
    assert asked.rows == 360
    assert 60 <= Counter(asked.kinds)["edge"] <= 180
    assert not asked.weak
    real = asked.feeds["X"][np.array(asked.kinds) == "real"]
    known = {row.tobytes() for row in one.train["X"]}
    assert {row.tobytes() for row in real} <= known
    mixed = asked.feeds["X"][np.array(asked.kinds) == "mixed"]
    assert not {row.tobytes() for row in mixed} & known
    assert all(set(mixed[:, place]) <= set(one.train["X"][:, place]) for place in range(mixed.shape[1]))


def test_rows_of_other_models_are_real_and_mixed(door):
    asked = probes(door("convolutional").model, door("convolutional").table, 0, 70)
    assert Counter(asked.kinds) == {"real": 40, "mixed": 30}
    assert asked.feeds["x"].shape == (70, 1, 8, 8)
    assert asked.feeds["x"].dtype == np.float32


def test_the_same_seed_gives_the_same_rows(door):
    one = door("forest")
    first, again, other = (probes(one.model, one.table, seed, 200).feeds["X"] for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_more_rows_than_there_are_real_ones(door):
    one = door("convolutional")
    asked = probes(one.model, one.table, 0, 2_000)
    assert Counter(asked.kinds) == {"real": 200, "mixed": 1_800}


def test_few_real_rows_prove_little(door):
    one = door("convolutional")
    assert probes(one.model, one.table, 0, 100).weak == "of the 100 rows 57 are real, the others are made from real ones"
    assert not probes(one.model, one.table, 0, 175).weak


def test_one_row(door):
    one = door("forest")
    assert probes(one.model, one.table, 0, 1).kinds == ("real",)


def test_without_data_rows_are_made_up_and_weak(door):
    asked = probes(door("forest").model, None, 0, 100)
    assert "made up" in asked.weak
    assert set(asked.kinds) <= {"made up", "edge"}
    assert asked.rows == 100


@pytest.mark.parametrize(
    ("kind", "shape", "dtype"),
    [
        (TensorProto.INT64, ["n", 3], np.int64),
        (TensorProto.BOOL, ["n"], np.bool_),
        (TensorProto.STRING, ["n", 1], np.object_),
        (TensorProto.DOUBLE, [4, 2], np.float64),
    ],
)
def test_made_up_rows_have_the_types_and_shapes_of_the_inputs(zoo, tmp_path, kind, shape, dtype):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    zoo.written(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), tmp_path / "m.onnx")
    made = probes(open_model("m.onnx", tmp_path), None, 0, 10).feeds["x"]
    assert made.shape == (10, *shape[1:])
    assert made.dtype == dtype


def test_a_row_of_unknown_size_cannot_be_made_up(zoo, tmp_path):
    zoo.written(zoo.plain([helper.make_node("Relu", ["x"], ["y"])], width="any"), tmp_path / "m.onnx")
    with pytest.raises(InputError, match="does not say how large one row is"):
        probes(open_model("m.onnx", tmp_path), None, 0, 10)


def test_a_column_that_is_not_there(zoo, tmp_path):
    zoo.written(zoo.plain([helper.make_node("Relu", ["x"], ["y"])], width=1), tmp_path / "m.onnx")
    (tmp_path / "data.csv").write_text("z\n1\n2\n", encoding="utf-8")
    with pytest.raises(UsageError, match="'x'"):
        probes(open_model("m.onnx", tmp_path), open_table("data.csv", tmp_path), 0, 10)


def test_rows_of_a_table_with_missing_cells(zoo, tmp_path):
    zoo.written(zoo.plain([helper.make_node("Relu", ["x"], ["y"])], width=1), tmp_path / "m.onnx")
    (tmp_path / "data.csv").write_text("x,y\n1,0\n,1\n2.5,0\n", encoding="utf-8")
    asked = probes(open_model("m.onnx", tmp_path), open_table("data.csv", tmp_path), 0, 7)
    assert Counter(asked.kinds) == {"real": 3, "mixed": 4}
    assert np.isnan(asked.feeds["x"][:3]).sum() == 1
