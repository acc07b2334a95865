"""OpenVINO on the processor: the artefact is an OpenVINO IR, a graph in .xml and its weights in .bin."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import onnx
import openvino

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.backend import BuildError, Built, Coverage, Footprint, Inspection
from mlops_stage.stages.compile.backends.kernels import Ceiling
from mlops_stage.stages.compile.backends.representation import faults
from mlops_stage.stages.compile.backends.rows import Runner
from mlops_stage.stages.compile.graphs import read_model, write_model
from mlops_stage.stages.compile.lowering.model import lowered, unlowered
from mlops_stage.stages.compile.normalise import normalised
from mlops_stage.stages.compile.precision.half import TREES, TREES_KEEP
from mlops_stage.stages.compile.precision.integer import quantised
from mlops_stage.stages.compile.runtime import folded, line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.inputs.onnx.facts import OnnxFacts
    from mlops_stage.stages.compile.backends.backend import Arrays, Runnable, Shapes
    from mlops_stage.stages.compile.lowering.model import Lowered
    from mlops_stage.stages.compile.targets import Target

ARTEFACT = "model.xml"
_PRODUCTS = frozenset({"Convolution", "ConvolutionBackpropData", "GroupConvolution", "GroupConvolutionBackpropData", "MatMul"})
_BETWEEN = frozenset({"Convert", "Multiply", "Reshape", "Squeeze", "Subtract", "Transpose", "Unsqueeze"})
WORDS = "model.labels.json"
"""Beside an artefact whose source answers with text: the outputs that give numbers instead, and the words that these stand for."""
_MOST_OPSET = 21
"""The newest operator set that the stage hands to OpenVINO; it has converted models of this one and older ones in our tests."""
_PLUGIN_BYTES, _KEPT = 17 * 2**20, 2.2
"""What the plugin and the code that it makes take, and weights in memory per byte of theirs: read from resident memory in benchmarks/compile.py."""
_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
"""Sums in single precision whatever the processor could do, and one thread."""


class OpenVinoBackend:
    """OpenVINO's CPU plugin."""

    name: ClassVar[str] = "openvino"
    extra: ClassVar[str] = "openvino"

    def versions(self) -> Mapping[str, str]:
        """OpenVINO, and onnx, which lowers."""
        return {"openvino": openvino.__version__.split("-")[0], "onnx": onnx.__version__}

    def supports(self, facts: OnnxFacts, target: Target) -> Coverage:
        """By what cannot be lowered; all else is told by compiling."""
        del target
        texts = [port.name for port in facts.inputs if port.dtype == "string"]
        reasons = [f"{operator} is not lowered to ai.onnx" for operator in unlowered(facts.operators)]
        reasons += [f"the input {shown(name)!r} is text" for name in texts]
        return Coverage(verdict="unsupported" if reasons else "unknown", reasons=tuple(reasons))

    def compile(self, source: Path, precision: str, target: Target, calibration: Path | None, folder: Path) -> Built:
        """Lower `ai.onnx.ml`, convert, and load the result once. fp16 halves the weights on disk; sums stay in single precision.

        Raises:
            BuildError: it cannot; the message says why.
        """
        model, notes = normalised(read_model(source), Ceiling(opset=target.max_opset or _MOST_OPSET, ir=target.max_ir))
        changed = True
        if precision == "int8":  # before lowering: what takes the place of trees and scalers must keep its precision
            converted, said = quantised(folded(model), calibration)
            changed, model, notes = converted is not None, converted or model, notes + said
        plain = lowered(model)
        notes += plain.notes
        if precision == "fp16":
            changed, said = _halves(model)
            notes += said
        path = folder / ARTEFACT
        openvino.save_model(_converted(plain.model), path, compress_to_fp16=precision == "fp16" and changed)
        if plain.text_outputs:
            _keep_words(plain, folder)
            notes += (f"text outputs give numbers instead, whose words are in {WORDS}",)
        _compiled(path)
        return Built(path=path, precision=precision, changed=changed, notes=notes)

    def inspect(self, artefact: Path, source: OnnxFacts, target: Target) -> Inspection:
        """By its operations and the places of its weights; words lie beside it where the source answers with text."""
        del target
        weights = artefact.with_suffix(".bin")
        words = [WORDS] if any(port.dtype == "string" for port in source.outputs) else []
        return Inspection(files=(ARTEFACT, weights.name, *words), faults=faults(artefact, weights))

    def load(self, artefact: Path, target: Target) -> Runnable:
        """A compiled model of one thread."""
        del target
        held, compiled = _compiled(artefact)
        request = compiled.create_infer_request()
        names = [port.get_any_name() for port in held.outputs]  # as compiled it may know an output by further names
        texts, words = _words(artefact.parent)

        def ask(feeds: Arrays) -> Arrays:
            try:
                made = request.infer(dict(feeds))
            except RuntimeError as error:
                raise BuildError(f"OpenVINO fails on the rows: {line(error)}", "leave out this precision") from error
            found = {name: np.array(made[port]) for name, port in zip(names, compiled.outputs, strict=True)}
            return {name: words[values] if name in texts else values for name, values in found.items()}

        ports = [(port.get_any_name(), _shape(port)) for port in held.inputs]
        return Runner(ask, ports)

    def footprint(self, artefact: Path, target: Target, rows: int = 1, shapes: Shapes | None = None) -> Footprint:
        """By the sizes of its weights and of what is alive between its operations."""
        del target
        size = sum(file.stat().st_size for file in artefact.parent.iterdir())
        weights, alive = _reckoned(openvino.Core().read_model(artefact), rows, shapes or {})
        return Footprint(artifact_bytes=size, ram_bytes=None if alive is None else _PLUGIN_BYTES + round(_KEPT * weights) + alive)

    def largest_weight(self, artefact: Path) -> int | None:
        """By its constants; unknown where OpenVINO itself rounds to eight bits what a product takes second, be it a constant or not."""
        model = openvino.Core().read_model(artefact)
        if any(_rounded(node.input_value(1).get_node()) for node in model.get_ordered_ops() if node.get_type_name() in _PRODUCTS):
            return None
        held = [node for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]
        signed = [node.get_data() for node in held if node.get_element_type() == openvino.Type.i8 and len(node.get_data().shape)]
        return max((int(np.abs(values.astype(np.int16)).max(initial=0)) for values in signed), default=0)


def _rounded(node: Any) -> bool:
    """Whether a tensor comes from rounding to a few levels, with nothing between but what changes scale, shape or type."""
    while node.get_type_name() in _BETWEEN:
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "FakeQuantize")


def _halves(model: onnx.ModelProto) -> tuple[bool, tuple[str, ...]]:
    """Whether there are weights that half precision may hold."""
    if any(node.op_type in TREES for node in model.graph.node):
        return False, (TREES_KEEP,)
    if any(tensor.data_type == onnx.TensorProto.FLOAT for tensor in model.graph.initializer):
        return True, ()
    return False, ("the model has no weights of single precision",)


def _converted(model: onnx.ModelProto) -> openvino.Model:
    """The model as OpenVINO holds it, its inputs and outputs under the names of the source alone."""
    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside, "model.onnx")
        write_model(model, path)
        try:
            found = openvino.Core().read_model(path)
        except RuntimeError as error:
            raise BuildError(f"OpenVINO cannot convert the model: {line(error)}", "compile for a target of backend ort") from error
    for ports, names in ((found.inputs, model.graph.input), (found.outputs, model.graph.output)):
        for port, named in zip(ports, names, strict=True):
            port.get_tensor().set_names({named.name})
    return found


def _compiled(path: Path) -> tuple[openvino.Model, openvino.CompiledModel]:
    core = openvino.Core()
    try:
        held = core.read_model(path)
        return held, core.compile_model(held, "CPU", _SETTINGS)
    except RuntimeError as error:
        raise BuildError(f"OpenVINO does not load what was made: {line(error)}", "leave out this precision") from error


def _shape(port: Any) -> list[int | None]:
    return [dimension.get_length() if dimension.is_static else None for dimension in port.get_partial_shape()]


def _keep_words(plain: Lowered, folder: Path) -> None:
    told = {"outputs": plain.text_outputs, "labels": plain.words}
    Path(folder, WORDS).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def _words(folder: Path) -> tuple[frozenset[str], np.ndarray[Any, Any]]:
    """The outputs that number words, and the words."""
    file = folder / WORDS
    if not file.is_file():
        return frozenset(), np.array([], dtype=object)
    told = json.loads(file.read_bytes())
    return frozenset(told["outputs"]), np.array(told["labels"], dtype=object)


def _reckoned(model: openvino.Model, rows: int, shapes: Shapes) -> tuple[int, int | None]:
    """Bytes of constants, and of the most that is alive at once of what lies between, as `footprint.reckoned` tells them."""
    model.reshape({port: _filled(port, rows, shapes) for port in model.inputs if port.get_partial_shape().is_dynamic})
    if any(
        dimension.is_dynamic
        for node in model.get_ordered_ops()
        for port in node.outputs()
        for dimension in list(port.get_partial_shape())[1:]
    ):
        return 0, None
    held = now = most = 0
    constants: set[str] = set()
    left: dict[str, list[Any]] = {}
    for node in model.get_ordered_ops():
        sources = [node.input_value(place).get_node().get_friendly_name() for place in range(node.get_input_size())]
        size = sum(_bytes(node.output(place), rows) for place in range(node.get_output_size()))
        name = node.get_friendly_name()
        if node.get_type_name() == "Constant" or (sources and constants.issuperset(sources)):
            constants.add(name)  # what is made of constants alone is made once, when the model is loaded
            held += size
            continue
        now += size
        most = max(most, now)
        left[name] = [size, sum(len(node.output(place).get_target_inputs()) for place in range(node.get_output_size()))]
        for source in sources:
            if source in left:
                left[source][1] -= 1
                now -= left.pop(source)[0] if left[source][1] <= 0 else 0
    return held, most


def _filled(port: Any, rows: int, shapes: Shapes) -> list[Any]:
    """Of an input, as far as it is known."""
    said = list(port.get_partial_shape())
    given = (rows, *shapes.get(port.get_any_name(), said[1:]))
    return [known if known.is_static else size for known, size in zip(said, given, strict=True)]


def _bytes(port: Any, rows: int) -> int:
    sizes = [dimension.get_length() if dimension.is_static else rows for dimension in port.get_partial_shape()]
    return int(np.prod(sizes, dtype=np.int64)) * int(port.get_element_type().size)
