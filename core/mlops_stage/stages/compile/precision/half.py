"""Half precision (fp16): weights and sums of sixteen bits where operators take them, what goes in and out as before.

Every tensor of single precision may exist in two forms, full and half; a node takes the half form where its operator's definition allows it, and the
other form is made by a Cast where somebody asks for it. So no file can come out whose types do not fit.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.onnx.facts import QUANTISED
from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.graphs import opset, subgraphs
from mlops_stage.stages.compile.normalise import inferred
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

_HALF = "tensor(float16)"
_LARGEST = float(np.finfo(np.float16).max)
TREES = frozenset({"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"})
TREES_KEEP = "trees keep their precision: a rounded number sends rows another way"
_AS_THEY_COME = frozenset({"Cast", "Shape", "Size"})
"""Operators that take either form and make neither."""


def halved(model: onnx.ModelProto) -> tuple[onnx.ModelProto | None, tuple[str, ...]]:
    """The model in half precision, or None where nothing in it can be; and what there is to say about it.

    Args:
        model: normalised, constants folded.

    Raises:
        BuildError: a weight beyond the range of half precision, a subgraph, or a tensor whose type cannot be told.
    """
    present = {node.op_type for node in model.graph.node}
    if present & TREES:
        return None, (TREES_KEEP,)
    if present & QUANTISED:
        return None, ("it is quantised already",)
    if any(True for node in model.graph.node for _ in subgraphs(node)):
        raise BuildError("fp16: the model branches or loops (If, Loop, Scan), which is not converted", "leave out fp16")
    work = _Conversion(inferred(model))
    work.convert()
    if not work.converted:
        return None, ("no operator of the model takes half precision",)
    return inferred(work.model), tuple(work.notes())


class _Conversion:
    """One model on its way."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self.graph = self.model.graph
        self.weights = {tensor.name: tensor for tensor in self.graph.initializer}
        self.types = _types(self.graph)
        self.names = {*self.types, *self.weights, *(name for node in self.graph.node for name in node.output)}
        self.full: dict[str, str] = {}
        """Tensor of single precision -> name of its full form, where there is one."""
        self.half: dict[str, str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.converted = 0
        self.kept: Counter[str] = Counter()
        self.lost = 0

    def convert(self) -> None:
        """Do it."""
        for name in [*(port.name for port in self.graph.input), *self.weights]:
            if self._single(name):
                self.full[name] = name
        for node in self.graph.node:
            self._node(node)
        for port in self.graph.output:
            if self._single(port.name):
                self._form(port.name, half=False)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input} | {port.name for port in self.graph.output}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
        del self.graph.value_info[:]

    def notes(self) -> Iterator[str]:
        """What a reader should know."""
        if self.kept:
            named = ", ".join(sorted(self.kept))
            yield f"{counted(self.kept.total(), 'node stays', 'nodes stay')} in single precision: {shown(named)}"
        if self.lost:
            yield f"{counted(self.lost, 'weight')} too small for half precision {'is' if self.lost == 1 else 'are'} zero now"

    def _single(self, name: str) -> bool:
        return self.types.get(name) == TensorProto.FLOAT

    def _node(self, node: onnx.NodeProto) -> None:
        """Add one node, each of its inputs in the form that its operator takes."""
        if unknown := [name for name in node.output if name and name not in self.types]:
            raise BuildError(f"fp16: the type of {shown(unknown[0])!r} cannot be told", "leave out fp16")
        found = onnx.NodeProto()
        found.CopyFrom(node)
        either = node.op_type in _AS_THEY_COME and not node.domain
        halves = set() if either else self._halves(node)
        for place, name in enumerate(node.input):
            if self._single(name):
                half = self._variable(node, place, output=False) in halves
                found.input[place] = self.half.get(name) or self.full[name] if either else self._form(name, half=half)
        self.nodes.append(found)
        self._made(node, found, halves)
        self.converted += bool(halves)
        if not (halves or either) and any(self._single(name) for name in node.output):
            self.kept[node.op_type] += 1

    def _made(self, node: onnx.NodeProto, found: onnx.NodeProto, halves: set[str]) -> None:
        """Note in which form a node makes each of its outputs."""
        for place, name in enumerate(node.output):
            if not self._single(name):
                continue
            if self._variable(node, place, output=True) in halves:
                self.half[name] = found.output[place] = self._fresh(name)
            else:
                self.full[name] = name

    def _halves(self, node: onnx.NodeProto) -> set[str]:
        """The type variables of the operator that stand for half precision from now on: those of its inputs that may."""
        schema = self._schema(node)
        if schema is None:
            return set()
        allowed = {one.type_param_str for one in schema.type_constraints if _HALF in one.allowed_type_strs}
        asked = {self._variable(node, place, output=False) for place, name in enumerate(node.input) if self._single(name)}
        return allowed & asked

    def _variable(self, node: onnx.NodeProto, place: int, *, output: bool) -> str:
        """The type variable of an input or output in the operator's definition, such as T."""
        schema = self._schema(node)
        if schema is None:
            return ""
        formal = schema.outputs if output else schema.inputs
        return str(formal[min(place, len(formal) - 1)].type_str) if formal else ""

    def _schema(self, node: onnx.NodeProto) -> onnx.defs.OpSchema | None:
        try:
            return onnx.defs.get_schema(node.op_type, opset(self.model, node.domain), node.domain)
        except onnx.defs.SchemaError:
            return None

    def _form(self, name: str, *, half: bool) -> str:
        """The name of a tensor in the form that is asked for, which is made if need be."""
        forms, others = (self.half, self.full) if half else (self.full, self.half)
        if name not in forms:
            if half and name in self.weights:
                forms[name] = self._halved_weight(name)
            else:
                forms[name] = self._fresh(name) if half else name
                to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
                self.nodes.append(helper.make_node("Cast", [others[name]], [forms[name]], name=self._fresh("cast"), to=to))
        return forms[name]

    def _halved_weight(self, name: str) -> str:
        values = numpy_helper.to_array(self.weights[name])
        if values.size and np.abs(values[np.isfinite(values)]).max(initial=0) > _LARGEST:
            raise BuildError(
                f"fp16: weight {shown(name)!r} holds numbers beyond {_LARGEST:,.0f}, the largest of half precision", "leave out fp16"
            )
        small = values.astype(np.float16)
        self.lost += int(np.count_nonzero((small == 0) & (values != 0)))
        fresh = self._fresh(name)
        self.graph.initializer.append(numpy_helper.from_array(small, fresh))
        return fresh

    def _fresh(self, name: str) -> str:
        """A name that nothing has yet."""
        count = 0
        while (found := f"{name}_half{count or ''}") in self.names:
            count += 1
        self.names.add(found)
        return found


def _types(graph: onnx.GraphProto) -> dict[str, int]:
    """Element type of every tensor that has one; 0 for sequences, maps and the like."""
    found = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for port in (*graph.value_info, *graph.output, *graph.input):
        kind = port.type.WhichOneof("value")
        if kind is not None:
            found[port.name] = port.type.tensor_type.elem_type if kind == "tensor_type" else 0
    return found
