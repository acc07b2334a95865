"""Whole numbers of eight bits (int8): activations without, weights with a sign and of seven bits, so that every processor gives the same answer.

Processors without VNNI add two products of eight bits in sixteen and saturate; with weights of seven bits (`reduce_range`) that cannot happen.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from onnx import version_converter

from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.onnx.facts import QUANTISED
from mlops_stage.stages.compile import arrays
from mlops_stage.stages.compile.backends.backend import BuildError, learned
from mlops_stage.stages.compile.graphs import graphs, opset
from mlops_stage.stages.compile.normalise import inferred

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

CHUNK_ROWS = 32
"""Rows that are in memory with all that lies between, while ranges are learned."""
_LEAST_OPSET = 13
"""Since then scales may go along an axis."""
_HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm")
"""Operators whose products whole numbers make faster."""
_BETWEEN = (
    *("Relu", "Clip", "LeakyRelu", "Add", "Concat", "MaxPool", "AveragePool", "GlobalAveragePool"),
    *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Pad", "Resize"),
)
"""Operators that may stay in whole numbers between those, so that no time goes into converting."""


def quantised(model: onnx.ModelProto, calibration: Path | None) -> tuple[onnx.ModelProto | None, tuple[str, ...]]:
    """The model with whole numbers where they pay, or None where nothing in it can be; and what there is to say about it.

    Args:
        model: normalised, constants folded.
        calibration: rows to learn ranges from, as `arrays.save` writes them.

    Raises:
        BuildError: no rows to learn from, or ONNX Runtime's tool fails.
    """
    if any(node.op_type in QUANTISED for graph in graphs(model) for node in graph.node):
        return None, ("it is quantised already",)
    if not any(node.op_type in _HEAVY for node in model.graph.node):
        return None, ("no operator of the model takes whole numbers",)
    if calibration is None:
        raise BuildError("int8 needs rows to learn the ranges of numbers from", "give train or reference")
    rows = arrays.load(calibration)
    source = inferred(_recent(model))
    try:
        found = _static(source, rows)
    except BuildError:
        raise
    except Exception as error:
        said = shown(" ".join(str(error).split()) or type(error).__name__, 160)
        raise BuildError(f"int8: ONNX Runtime's quantisation fails: {said}", "leave out int8") from error
    count = sum(node.op_type == "DequantizeLinear" for graph in graphs(found) for node in graph.node)
    if not count:
        return None, ("no operator of the model takes whole numbers",)
    given = len(next(iter(rows.values())))
    return found, (learned(given),)


def _static(model: onnx.ModelProto, rows: dict[str, np.ndarray[Any, Any]]) -> onnx.ModelProto:
    import onnxruntime
    from onnxruntime import quantization as tool

    onnxruntime.set_default_logger_severity(4)
    reader = _reader(model, rows)
    with tempfile.TemporaryDirectory() as aside:
        to = Path(aside, "int8.onnx")
        tool.quantize_static(
            model,
            to,
            reader,
            op_types_to_quantize=[*_HEAVY, *_BETWEEN],
            nodes_to_exclude=_before(model),
            quant_format=tool.QuantFormat.QDQ,
            activation_type=tool.QuantType.QUInt8,
            weight_type=tool.QuantType.QInt8,
            reduce_range=True,
            per_channel=True,
            calibrate_method=tool.CalibrationMethod.MinMax,
            extra_options={"CalibMaxIntermediateOutputs": 4},
        )
        from mlops_stage.stages.compile.graphs import read_model

        return read_model(to)


def _before(model: onnx.ModelProto) -> list[str]:
    """Nodes before the first product: what brings raw columns of very different sizes to one scale must keep its precision."""
    behind: set[str] = set()
    found = []
    for place, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{place}"
        if node.op_type in _HEAVY or not behind.isdisjoint(node.input):
            behind.update(node.output)
        else:
            found.append(node.name)
    return found


def _reader(model: onnx.ModelProto, rows: dict[str, np.ndarray[Any, Any]]) -> Any:
    """The rows piece by piece, as ONNX Runtime's tool wants to be handed them."""
    from onnxruntime import quantization as tool

    class Rows(tool.CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._pieces = _pieces(model, rows)

        def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
            return next(self._pieces, None)

    return Rows()


def _pieces(model: onnx.ModelProto, rows: dict[str, np.ndarray[Any, Any]]) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
    first = [port.type.tensor_type.shape.dim[:1] for port in model.graph.input]
    exact = max((dimension[0].dim_value for dimension in first if dimension), default=0)
    size = exact or CHUNK_ROWS
    count = len(next(iter(rows.values())))
    if count < size and exact:
        raise BuildError(f"int8: the model takes {exact} rows at a time, and there are {count} to learn from", "give more rows in train")
    for start in range(0, count - (size if exact else 1) + 1, size):
        yield {name: values[start : start + size] for name, values in rows.items()}


def _recent(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in an operator set that has scales along an axis."""
    if opset(model) >= _LEAST_OPSET:
        return model
    try:
        return version_converter.convert_version(model, _LEAST_OPSET)
    except (RuntimeError, ValueError) as error:
        raise BuildError(
            f"int8: operator set {opset(model)} is too old, and the model cannot be put into {_LEAST_OPSET}", "export the model anew"
        ) from error
