"""Rows for a model of which no data are given: numbers of no meaning, of the types and shapes that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.columns import NUMBERS, WHOLE_NUMBERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlops_stage.inputs.model import Model
    from mlops_stage.inputs.onnx.facts import Port

_WORDS = ("a", "b", "c")


def made_up(model: Model, rows: int, generator: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Half the rows have standard normal numbers, half numbers between 0 and 1; whole numbers are 0 or 1, texts unknown words.

    Raises:
        InputError: an input of an unknown shape, or of a type for which nothing can be made up.
    """
    return {port.name: _tensor(port, rows, generator) for port in model.inputs}


def _tensor(port: Port, rows: int, generator: np.random.Generator) -> NDArray[Any]:
    inner = port.shape[1:] if port.shape else ()
    sizes = [size for size in inner if isinstance(size, int) and size > 0]
    if not port.shape or len(sizes) < len(inner):
        raise InputError(
            f"model input {shown(port.name)!r} does not say how large one row is, so no rows can be made up",
            "give data: rows with the model's inputs",
        )
    shape = (rows, *sizes)
    if port.dtype in NUMBERS:
        values = generator.standard_normal(shape)
        values[rows // 2 :] = generator.random((rows - rows // 2, *sizes))
        return values.astype(port.dtype)
    if port.dtype in WHOLE_NUMBERS or port.dtype == "bool":
        return generator.integers(0, 2, size=shape).astype(port.dtype)
    if port.dtype == "string":
        return np.array(_WORDS, dtype=object)[generator.integers(0, len(_WORDS), size=shape)]
    raise InputError(f"model input {shown(port.name)!r} is of type {shown(port.dtype)}, for which no rows can be made up", "give data")
