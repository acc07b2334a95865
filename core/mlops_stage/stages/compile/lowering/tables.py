"""The operators of `ai.onnx.ml` that prepare columns: scale, fill, look up, pick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from mlops_stage.stages.compile.lowering.builder import Attributes, Builder

_MATRIX = 2


def scaler(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """(x - offset) * scale, column by column."""
    moved = build.add("Sub", [build.floats(node.input[0]), build.constant(said.numbers("offset"), "offset")])
    build.add("Mul", [moved, build.constant(said.numbers("scale"), "scale")], node.output[0])


def normalizer(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Rows divided by their norm; rows of norm 0 stay as they are."""
    norm = said.word("norm", "MAX")
    x = build.floats(node.input[0])
    axis = build.constant(np.array([1]))
    if norm == "MAX":
        size = build.add("ReduceMax", [x, axis], keepdims=1)
    else:
        size = build.add("ReduceL1" if norm == "L1" else "ReduceL2", [x, axis], keepdims=1)
    one = build.constant(np.array(1, np.float32))
    nothing = build.add("Equal", [size, build.constant(np.array(0, np.float32))])
    build.add("Div", [x, build.add("Where", [nothing, one, size])], node.output[0])


def binarizer(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """1 above a threshold, else 0."""
    kind = build.element(node.input[0])
    threshold = np.array(said.number("threshold", 0)).astype(helper.tensor_dtype_to_np_dtype(kind))
    above = build.add("Greater", [node.input[0], build.constant(threshold)])
    build.add("Cast", [above], node.output[0], to=kind)


def imputer(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Another number in the place of one that stands for missing."""
    x = node.input[0]
    whole = build.element(x) == TensorProto.INT64
    filled = said.numbers("imputed_value_int64s", np.int64) if whole else said.numbers("imputed_value_floats")
    missing = said.number("replaced_value_int64" if whole else "replaced_value_float", 0)
    said.ignore("replaced_value_float" if whole else "replaced_value_int64")
    if np.isnan(missing):
        where = build.add("IsNaN", [x])
    else:
        where = build.add("Equal", [x, build.constant(np.array(missing).astype(filled.dtype))])
    build.add("Where", [where, build.constant(filled, "filled"), x], node.output[0])


def extractor(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Columns at some places; of a vector a matrix of one row."""
    x, places = node.input
    rank = build.rank(x)
    if rank is None:
        raise said.refuse("takes a tensor of unknown shape")
    flat = build.add("Reshape", [places, build.constant(np.array([-1]))])
    if rank == 1:
        build.add("Unsqueeze", [build.add("Gather", [x, flat], axis=0), build.constant(np.array([0]))], node.output[0])
    else:
        build.add("Gather", [x, flat], node.output[0], axis=rank - 1)


def one_hot(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """A last dimension with 1 at the place of the category; unknown categories are 0 everywhere."""
    words = said.words("cats_strings")
    if words or said.number("zeros", 1) != 1:
        raise said.refuse("has text for categories" if words else "has zeros=0")
    known = said.numbers("cats_int64s", np.int64)
    x = build.floats(node.input[0], TensorProto.INT64)
    same = build.add("Equal", [build.add("Unsqueeze", [x, build.constant(np.array([-1]))]), build.constant(known, "categories")])
    build.add("Cast", [same], node.output[0], to=TensorProto.FLOAT)


def vectorizer(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Columns side by side."""
    said.ignore("inputdimensions")
    build.add("Concat", [build.floats(name) for name in node.input], node.output[0], axis=1)


def encoder(node: onnx.NodeProto, said: Attributes, build: Builder) -> None:
    """Another value for each that is known, a default for all others."""
    keys, values = _listed(said, "keys"), _listed(said, "values")
    default = _default(said, values)
    if keys is None or values is None or len(keys) != len(values):
        raise said.refuse("has no keys and values")
    if len(set(keys.tolist())) < len(keys) or (keys.dtype.kind == "f" and np.isnan(keys).any()):
        raise said.refuse("names a key twice, or NaN")
    same = build.add("Equal", [build.add("Unsqueeze", [node.input[0], build.constant(np.array([-1]))]), build.constant(keys, "keys")])
    marks = build.add("Cast", [same], to=TensorProto.INT32)
    place = build.add("ArgMax", [marks], axis=-1, keepdims=0)
    known = build.add("Cast", [build.add("ReduceMax", [marks, build.constant(np.array([-1]))], keepdims=0)], to=TensorProto.BOOL)
    found = build.add("Gather", [build.constant(values, "values"), place], axis=0)
    build.add("Where", [known, found, build.constant(default, "default")], node.output[0])


def _listed(said: Attributes, what: str) -> NDArray[Any] | None:
    if f"{what}_strings" in said:
        return np.array(said.words(f"{what}_strings"), dtype=object)
    if f"{what}_int64s" in said:
        return said.numbers(f"{what}_int64s", np.int64)
    return said.numbers(f"{what}_floats") if f"{what}_floats" in said else said.tensor(f"{what}_tensor")


def _default(said: Attributes, values: NDArray[Any] | None) -> NDArray[Any]:
    """What stands for unknown keys: of the type of the values."""
    given = said.tensor("default_tensor")
    word = said.word("default_string", "_Unused")
    whole, number = said.number("default_int64", -1), said.number("default_float", -0.0)
    if given is not None:
        return given.reshape(())
    if values is None or values.dtype == object:
        return np.array(word, dtype=object)
    return np.array(whole if values.dtype.kind == "i" else number, dtype=values.dtype)
