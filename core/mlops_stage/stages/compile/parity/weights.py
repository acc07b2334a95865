"""The signed eight-bit weights of an ONNX model that are multiplied as whole numbers, wherever they stand and however they come to the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from mlops_stage.stages.compile.graphs import graphs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.inputs.onnx.facts import OnnxFacts

_WEIGHTS = {"QLinearConv": 3, "QLinearMatMul": 3, "MatMulInteger": 1, "ConvInteger": 1, "QGemm": 3, "DynamicQuantizeMatMul": 1}
"""Operator of whole numbers -> the input that holds its weights."""
_READERS = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum", "FusedConv", "FusedMatMul", "FusedGemm"})
"""Operators that multiply: what comes to them through DequantizeLinear is multiplied as whole numbers where the runtime can."""
_MOVING = frozenset({"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
"""Operators that leave every number as it is."""
_ROUNDING = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
_SELECTING = frozenset({"Cast", "Gather", "Concat", "Slice"})
"""Operators that take eight-bit constants, and multiply none."""
_QUANTISED = _WEIGHTS.keys() | _ROUNDING
_INT8 = onnx.TensorProto.INT8


def largest_weight(model: onnx.ModelProto) -> int | None:
    """The largest absolute value of a signed eight-bit weight that is multiplied; 0 where there are none, None where it is known only when the model runs.

    Unsigned numbers, and those of fewer bits, are no danger. An operator that this module does not know and that takes signed eight-bit constants is
    supposed to multiply them.
    """
    if any(node.op_type in _QUANTISED for function in model.functions for node in function.node):
        return None  # its names are its own, and what it is given is not
    tracks = _Tracks(model)
    found = [one for graph in graphs(model) for node in graph.node for one in tracks.multiplied(node)]
    return None if None in found else max((one for one in found if one is not None), default=0)


def is_quantised(facts: OnnxFacts) -> bool:
    """Whether a model multiplies whole numbers of eight bits, or may."""
    named = {operator.rpartition("::")[2] for operator in facts.operators}
    return not named.isdisjoint(_QUANTISED) or any(tensor.dtype == "int8" for tensor in facts.tensors)


class _Tracks:
    """Where each tensor comes from."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._held: dict[str, onnx.TensorProto] = {}
        self._makers: dict[str, onnx.NodeProto] = {}
        self._typed: dict[str, int] = {}
        for graph in graphs(model):
            self._held |= {one.name: one for one in graph.initializer}
            self._typed |= {one.name: one.type.tensor_type.elem_type for one in graph.input}
            for node in graph.node:
                self._makers |= dict.fromkeys(node.output, node)
                for one in node.attribute if node.op_type == "Constant" else ():
                    if one.name == "value":
                        self._held[node.output[0]] = one.t

    def multiplied(self, node: onnx.NodeProto) -> Iterator[int | None]:
        """For each signed eight-bit tensor that a node multiplies by another its largest absolute value; None where that is not known."""
        if node.op_type in _WEIGHTS:
            yield from (self._largest(name) for name in node.input[_WEIGHTS[node.op_type] :][:1])
        elif node.op_type in _READERS:
            for place, name in enumerate(node.input[:2]):
                maker = self._makers.get(self._origin(name))
                if maker is not None and maker.op_type == "DequantizeLinear":
                    found = self._largest(maker.input[0])
                    yield found if place or found is not None else 0  # what comes first may have any size, if the other is small
        elif node.op_type not in _MOVING | _ROUNDING | _SELECTING:
            yield from (self._largest(name) for name in node.input if name in self._held and np.prod(self._held[name].dims) > 1)

    def _origin(self, name: str) -> str:
        """The tensor of which this one is the same numbers in another order."""
        while name not in self._held and name in self._makers and self._makers[name].op_type in _MOVING:
            name = self._makers[name].input[0]
        return name

    def _largest(self, name: str) -> int | None:
        """The largest absolute value of a tensor of signed eight-bit numbers; 0 for any other, None where it is made when the model runs."""
        name = self._origin(name)
        if name in self._held:
            held = self._held[name]
            return int(np.abs(onnx.numpy_helper.to_array(held).astype(np.int16)).max(initial=0)) if held.data_type == _INT8 else 0
        maker = self._makers.get(name)
        if maker is None:
            return 0 if self._typed.get(name, _INT8) != _INT8 else None
        if maker.op_type == "QuantizeLinear":
            zero = self._held.get(maker.input[2]) if len(maker.input) > 2 else None  # noqa: PLR2004  (its third input)
            told = {one.name: one.i for one in maker.attribute}.get("output_dtype", 0) or onnx.TensorProto.UINT8
            known = zero.data_type if zero is not None else told if len(maker.input) <= 2 else _INT8  # noqa: PLR2004  (the same)
            return None if known == _INT8 else 0
        return 0 if maker.op_type == "DynamicQuantizeLinear" else None
