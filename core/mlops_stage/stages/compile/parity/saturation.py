"""Whether the answers of an eight-bit model depend on the processor: some add up products of eight bits in sixteen, which overflow and are cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx

from mlops_stage.inputs.onnx.session import chunks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Feeds = Mapping[str, NDArray[Any]]

SAFE = 64
"""Weights up to this are safe: 255 · 64 + 255 · 64 still fits sixteen bits with a sign."""
_WEIGHTS = {"QLinearConv": 3, "QLinearMatMul": 3, "MatMulInteger": 1, "ConvInteger": 1, "QGemm": 3, "DynamicQuantizeMatMul": 1}
"""Operator -> the input that holds its weights."""
_READERS = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
"""Operators that multiply: weights that come to them through DequantizeLinear are multiplied as whole numbers where the runtime can."""


@dataclass(frozen=True, kw_only=True)
class Saturation:
    """What was found about one eight-bit file."""

    verdict: Literal["safe", "seen", "possible"]
    """`safe`: no sum can overflow on any processor; `seen`: it does on this one; `possible`: on others it may."""
    largest_weight: int
    """The largest absolute value of an eight-bit weight; 0 where there are none."""
    difference: float
    """By how much the outputs on this processor differ from those computed without that shortcut: 0 where there is none."""
    row: int | None
    """The row where that is so."""

    @property
    def portable(self) -> bool:
        """Whether the file answers the same on every processor."""
        return self.verdict == "safe"


def saturation(artefact: Path, feeds: Feeds) -> Saturation:
    """Look at the weights of an eight-bit ONNX file, and run it with and without the instruction that cuts sums off.

    x86 processors without VNNI multiply unsigned by signed eight-bit numbers and add pairs of products in sixteen bits (`vpmaddubsw`), which overflow
    when both weights are large; newer ones, and other families, have no such limit. The same file then answers otherwise there.

    Args:
        artefact: the file that ships.
        feeds: rows to run it on.
    """
    largest = largest_weight(onnx.load_model(artefact))
    if largest <= SAFE:
        return Saturation(verdict="safe", largest_weight=largest, difference=0.0, row=None)
    shortened, exact = _run(artefact, feeds, exact=False), _run(artefact, feeds, exact=True)
    by_row = np.zeros(len(next(iter(feeds.values()))))
    for name, values in exact.items():
        if values.dtype.kind == "f":
            apart = np.abs(values.astype(np.float64) - shortened[name]).reshape(len(values), -1)
            by_row = np.maximum(by_row, apart.max(axis=1, initial=0.0))
    worst = int(by_row.argmax())
    seen = bool(by_row[worst] > 0)
    return Saturation(
        verdict="seen" if seen else "possible", largest_weight=largest, difference=float(by_row[worst]), row=worst if seen else None
    )


def largest_weight(model: onnx.ModelProto) -> int:
    """The largest absolute value of a signed eight-bit weight that is multiplied; 0 where there are none."""
    held = {one.name: one for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8}
    through = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    found = 0
    for node in model.graph.node:
        place = _WEIGHTS.get(node.op_type)
        names = [node.input[place]] if place is not None and place < len(node.input) else []
        if node.op_type in _READERS:
            names = [through[name] for name in node.input if name in through]
        for name in names:
            if name in held:
                found = max(found, int(np.abs(onnx.numpy_helper.to_array(held[name]).astype(np.int16)).max(initial=0)))
    return found


def _run(artefact: Path, feeds: Feeds, *, exact: bool) -> dict[str, NDArray[Any]]:
    """All outputs, with the processor's own kernels or with those that lose nothing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(artefact), options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    rows = len(next(iter(feeds.values())))
    parts = [session.run(names, {name: values[piece] for name, values in feeds.items()}) for piece in chunks(rows)]
    return {name: np.concatenate([part[place] for part in parts]) for place, name in enumerate(names)}
