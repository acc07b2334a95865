"""Named arrays for models with several inputs."""

from __future__ import annotations

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from onnx import TensorProto, helper

from mlops_stage.errors import InputError, UsageError
from mlops_stage.inputs.arrayed import ArrayRows
from mlops_stage.inputs.arrays import MOST_BYTES, open_arrays
from mlops_stage.inputs.joined import _unique
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.predictions import Question, score
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.query import opened

ROWS = 3000


def pictures():
    """A model of pictures (n, 1, 4, 4) and a number (n,): bright ones, and those with a large number, are `cat`."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 4, 4])
    extra = helper.make_tensor_value_info("extra", TensorProto.INT64, ["N"])
    out = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 1])
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Cast", ["extra"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["mean", "number"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "axis"], ["scores"]),
    ]
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    model = helper.make_model(helper.make_graph(nodes, "g", [image, extra], [out], [axis]), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


@pytest.fixture
def arrays(tmp_path):
    (tmp_path / "m.onnx").write_bytes(pictures().SerializeToString())
    generator = np.random.default_rng(0)
    made = {"image": generator.standard_normal((ROWS, 1, 4, 4)).astype(np.float32), "extra": generator.integers(-2, 3, ROWS)}
    made["y"] = np.where(made["image"].mean(axis=(1, 2, 3)) + made["extra"] > 0, "cat", "dog")
    made["place"] = generator.choice(["north", "süd", ""], (ROWS, 1))
    made["weight"] = generator.random(ROWS)
    made["id"] = np.arange(ROWS) + 5
    return made


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_model_of_several_inputs_is_scored(arrays, tmp_path, write):
    write(tmp_path / "t.npz", **arrays)
    table = open_arrays("t.npz", tmp_path)
    question = Question(label="y", slices=("place",), weight="weight", row_id="id", positive="cat")
    found = score(open_model("m.onnx", tmp_path), table, tmp_path / "cache", question)
    assert (found.n, found.task, found.classes) == (ROWS, "binary", ("dog", "cat"))
    assert (np.array(found.classes)[found.label] == arrays["y"]).all()
    np.testing.assert_allclose(found.score, 1 / (1 + np.exp(-(arrays["image"].mean(axis=(1, 2, 3)) + arrays["extra"]))), atol=1e-6)
    np.testing.assert_array_equal(found.weight, arrays["weight"])
    codes, levels = found.slices["place"]
    assert [levels[code] for code in codes] == [text or "(unknown)" for text in arrays["place"][:, 0]]
    assert [subject.role for subject in found.subjects] == ["model", "data"]
    assert found.subjects[1] == table.subject()
    assert not (tmp_path / "cache").exists()


def test_rows_are_identified_as_in_a_table(arrays, tmp_path):
    for name, values in (
        ("whole", arrays["id"]),
        ("float", arrays["id"].astype(float)),
        ("text", arrays["id"].astype(str)),
        ("bytes", arrays["id"].astype("S")),
    ):
        np.savez(tmp_path / "t.npz", y=arrays["y"], id=values)
        (tmp_path / "t.csv").write_text("id\n" + "\n".join(str(value) for value in arrays["id"]))
        with opened(open_table("t.csv", tmp_path), ["id"]) as selection:
            expected = _unique(selection, "id")
        rows = ArrayRows(open_arrays("t.npz", tmp_path), Question(label="y", row_id="id"))
        np.testing.assert_array_equal(rows.row_id, expected, err_msg=name)


def test_labels_are_the_same_classes_whatever_their_type(tmp_path):
    for values in (np.array([0, 1, 1]), np.array([0.0, 1.0, np.nan]), np.array(["0", "1.0", ""]), np.array([b"0", b"1", b"1"])):
        np.savez(tmp_path / "t.npz", y=values)
        codes, levels = ArrayRows(open_arrays("t.npz", tmp_path), Question(label="y")).texts("y")
        assert levels == ("0", "1")
        assert codes[:2].tolist() == [0, 1]
        assert codes[2] == (1 if values[2] in (1, b"1") else -1)
    np.savez(tmp_path / "t.npz", y=np.array([True, False]))
    assert ArrayRows(open_arrays("t.npz", tmp_path), Question(label="y")).texts("y").levels == ("false", "true")


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"image": None}, UsageError, "columns: model input 'image': data (t.npz) has no array 'image'"),
        ({"image": np.zeros((ROWS, 16), np.float32)}, InputError, "model input 'image' has the shape"),
        ({"image": np.zeros((ROWS, 1, 4, 5), np.float32)}, InputError, "but array 'image' has (3000, 1, 4, 5)"),
        ({"image": np.full((ROWS, 1, 4, 4), "x")}, InputError, "model input 'image' is float32, but array 'image' is <U1"),
        ({"extra": np.full(ROWS, 1.5)}, InputError, "model input 'extra' is int64, but array 'extra' is float64"),
        ({"extra": np.full(ROWS, 2**63, np.uint64)}, InputError, "holds numbers too large for it"),
        ({"y": None}, UsageError, "label: data (t.npz) has no array 'y'"),
        ({"y": np.zeros((ROWS, 2))}, InputError, "array 'y' has the shape (3000, 2), not one value per row"),
        ({"weight": np.full(ROWS, "x")}, InputError, "array 'weight' holds text, not numbers"),
        ({"id": np.zeros(ROWS)}, InputError, "2,999 rows have an identifier in array 'id' that another row has"),
    ],
)
def test_arrays_that_do_not_fit_are_told(arrays, tmp_path, change, kind, message):
    np.savez(tmp_path / "t.npz", **{name: values for name, values in (arrays | change).items() if values is not None})
    with pytest.raises(kind) as caught:
        score(open_model("m.onnx", tmp_path), open_arrays("t.npz", tmp_path), None, Question(label="y", weight="weight", row_id="id"))
    assert message in caught.value.message


def test_the_mapping_names_arrays(arrays, tmp_path):
    np.savez(tmp_path / "t.npz", **{("pixels" if name == "image" else name): values for name, values in arrays.items()})
    model, table = open_model("m.onnx", tmp_path), open_arrays("t.npz", tmp_path)
    assert score(model, table, None, Question(label="y", columns={"image": "pixels"})).n == ROWS
    with pytest.raises(UsageError, match="columns: the model has no input 'imag'"):
        score(model, table, None, Question(label="y", columns={"imag": "pixels"}))


def npz(**entries):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return held.getvalue()


def npy(shape, body=b"", descr="'<f8'", version=(1, 0)):
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + bytes(version) + len(head).to_bytes(2, "little") + head + body


def trap(folder):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(folder / "ran"),))

    return pickle.dumps(Trap())


HOSTILE = {
    "huge header": (lambda _: npz(a=npy((2**40,))), "says 8,796,093,022,208 bytes, and 0 are there"),
    "short": (lambda _: npz(a=npy((3,), bytes(23))), "says 24 bytes, and 23 are there"),
    "overflow": (lambda _: npz(a=npy((2**40, 2**40))), "are there"),
    "negative": (lambda _: npz(a=npy((-1,), bytes(8))), "without rows"),
    "no rows": (lambda _: npz(a=npy((0,))), "its arrays have no rows"),
    "number": (lambda _: npz(a=npy("()", bytes(8))), "without rows"),
    "pickled": (lambda folder: npz(a=npy((1,), trap(folder), "'|O'")), "holds pickled objects, which can run code: they are not loaded"),
    "structured": (lambda _: npz(a=npy((1,), bytes(8), "[('a', '<f8')]")), "is of type"),
    "code": (lambda _: npz(a=npy("__import__('os')", bytes(8))), "cannot be used"),
    "not npy": (lambda _: npz(a=b"hello"), "cannot be used"),
    "version": (lambda _: npz(a=npy((1,), bytes(8), version=(9, 0))), "cannot be used"),
    "rows": (lambda _: npz(a=npy((1,), bytes(8)), b=npy((2,), bytes(16))), "the array 'a' has 1 row, but 'b' has 2"),
    "empty": (lambda _: npz(), "it holds 0 arrays"),
    "cut": (lambda _: npz(a=npy((3,), bytes(24)))[:-30], "cannot be used"),
    "csv": (lambda _: b"a,b\n1,2\n", "is no .npz file"),
    "nothing": (lambda _: b"", "is empty"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_before_anything_is_allocated(tmp_path, kind):
    make, message = HOSTILE[kind]
    (tmp_path / "t.npz").write_bytes(make(tmp_path))
    with pytest.raises(InputError) as caught:
        open_arrays("t.npz", tmp_path)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert not (tmp_path / "ran").exists()


def test_other_members_and_more_than_can_be_held_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("code.py", "import os")
    with pytest.raises(InputError, match="it holds 'code.py', which is no plain array"):
        open_arrays("t.npz", tmp_path)
    with (
        zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(npy((2**20,), b"", "'|S8200'"))
    with pytest.raises(InputError, match="are there"):
        open_arrays("t.npz", tmp_path)
    assert MOST_BYTES == 8 * 2**30


def test_a_file_that_is_damaged_inside_is_told_when_it_is_read(tmp_path):
    np.savez(tmp_path / "t.npz", y=np.arange(1000))
    content = bytearray((tmp_path / "t.npz").read_bytes())
    content[2000] ^= 1
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(InputError, match="t.npz cannot be used: Bad CRC-32"):
        ArrayRows(open_arrays("t.npz", tmp_path), Question(label="y")).texts("y")
