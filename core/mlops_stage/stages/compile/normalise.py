"""The first step of every compilation: one tidy model that says everything once and asks for no more than the target's runtime has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import checker, inliner, shape_inference, version_converter

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.graphs import graphs, keep_metadata, opset
from mlops_stage.words import counted

if TYPE_CHECKING:
    from mlops_stage.stages.compile.backends.kernels import Ceiling

_LEAST_IR = {21: 10, 19: 9, 15: 8, 13: 7}
"""Operator set -> the oldest file format that may hold it (the table of onnx's docs/Versioning.md)."""
_ELEMENTS = {"tensor(float)": onnx.TensorProto.FLOAT, "tensor(int64)": onnx.TensorProto.INT64}
_ROUNDS = 8
"""Of types that are filled in where inference stops; pipelines have two or three such places."""
_INFER_BYTES = 1_000_000_000
"""Shapes of larger models are not inferred: it takes the whole model through a single message of protobuf."""


def normalised(model: onnx.ModelProto, ceiling: Ceiling) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """A tidy copy of a model, and what was done to it, a line each.

    Raises:
        BuildError: it asks for newer operators than the runtime has, and cannot be put into older ones.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    notes: list[str] = []
    notes += [f"the operator set {domain} was named twice" for domain in merge_opsets(found)]
    if found.functions:
        notes.append(f"its {counted(len(found.functions), 'function')} written out where called")
        found = inliner.inline_local_functions(found)
        merge_opsets(found)
    _plain_inputs(found, notes)
    found = _lower_opset(found, ceiling, notes)
    _lower_ir(found, ceiling, notes)
    found = inferred(found)
    try:
        checker.check_model(found)
    except (checker.ValidationError, ValueError) as error:
        notes.append(f"onnx's checker objects: {shown(' '.join(str(error).split()), 160)}")
    return found, tuple(notes)


def inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the shapes and types of what lies between, as far as they can be told."""
    if model.ByteSize() > _INFER_BYTES:
        return model
    found = _inferred(model)
    for _ in range(_ROUNDS):
        added = _declared(found)
        if not added:
            break
        found.graph.value_info.extend(added)
        found = _inferred(found)
    return found


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return shape_inference.infer_shapes(model, data_prop=True)
    except (shape_inference.InferenceError, ValueError, RuntimeError):  # no shape is missed by anybody who can do without
        return model


def _declared(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Types that an operator's definition fixes, of outputs that inference leaves open, as it does with Scaler."""
    graph = model.graph
    known = {port.name for port in (*graph.value_info, *graph.output)}
    added = []
    for node in graph.node:
        try:
            schema = onnx.defs.get_schema(node.op_type, opset(model, node.domain), node.domain)
        except onnx.defs.SchemaError:
            continue
        for name, formal in zip(node.output, schema.outputs, strict=False):
            element = _ELEMENTS.get(formal.type_str)
            if name and name not in known and element is not None:
                added.append(onnx.helper.make_tensor_value_info(name, element, None))
    return added


def merge_opsets(model: onnx.ModelProto) -> tuple[str, ...]:
    """Name each domain once, in one way, and only those that are used; those that were named twice, as skl2onnx does, on which quantisation trips."""
    used = {"" if node.domain == "ai.onnx" else node.domain for graph in graphs(model) for node in graph.node}
    used |= {"" if node.domain == "ai.onnx" else node.domain for function in model.functions for node in function.node}
    wanted: dict[str, int] = {}
    twice = set()
    for entry in model.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if domain in wanted:
            twice.add(domain or "ai.onnx")
        wanted[domain] = max(entry.version, wanted.get(domain, 0))
    kept = {domain: version for domain, version in wanted.items() if not domain or domain in used}
    kept.setdefault("", 17)  # passes add operators of ai.onnx to models that have none
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in sorted(kept.items()))
    for graph in graphs(model):
        for node in graph.node:
            node.domain = "" if node.domain == "ai.onnx" else node.domain
    return tuple(sorted(twice))


def _plain_inputs(model: onnx.ModelProto, notes: list[str]) -> None:
    """Initializers that old exporters list among the inputs: constants, which no caller is expected to give."""
    held = {tensor.name for tensor in model.graph.initializer}
    given = [port for port in model.graph.input if port.name not in held]
    if len(given) < len(model.graph.input):
        notes.append(f"{counted(len(model.graph.input) - len(given), 'weight')} no longer listed among the inputs")
        del model.graph.input[:]
        model.graph.input.extend(given)
        model.ir_version = max(model.ir_version, 4)  # since then weights need not be inputs


def _lower_opset(model: onnx.ModelProto, ceiling: Ceiling, notes: list[str]) -> onnx.ModelProto:
    ml = opset(model, "ai.onnx.ml")
    if ceiling.ml is not None and ml > ceiling.ml:
        raise BuildError(
            f"the model asks for version {ml} of ai.onnx.ml, and the target's runtime has {ceiling.ml}",
            "export it with an older target_opset, or compile for a newer runtime",
        )
    asked = opset(model)
    if ceiling.opset is None or asked <= ceiling.opset:
        return model
    try:
        found = version_converter.convert_version(model, ceiling.opset)
    except (RuntimeError, ValueError) as error:
        raise BuildError(
            f"the model asks for operator set {asked}, the target's runtime has {ceiling.opset}, and the model cannot be put into it: "
            f"{shown(' '.join(str(error).split()), 160)}",
            f"export it with operator set {ceiling.opset} or older, or compile for a newer runtime",
        ) from error
    keep_metadata(found, model)
    notes.append(f"operator set {asked} put into {ceiling.opset}")
    return found


def _lower_ir(model: onnx.ModelProto, ceiling: Ceiling, notes: list[str]) -> None:
    if ceiling.ir is None or model.ir_version <= ceiling.ir:
        return
    least = next((ir for version, ir in _LEAST_IR.items() if opset(model) >= version), 3)
    if least > ceiling.ir:
        raise BuildError(
            f"operator set {opset(model)} needs file format {least} of ONNX, and the target's runtime reads {ceiling.ir}",
            "export the model with an older operator set, or compile for a newer runtime",
        )
    notes.append(f"file format {model.ir_version} put into {ceiling.ir}")
    model.ir_version = ceiling.ir
