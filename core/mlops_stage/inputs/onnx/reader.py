"""Facts of an ONNX file by walking its protobuf wire format: weights are stepped over, never loaded."""

from __future__ import annotations

import mmap
from collections import Counter
from dataclasses import replace
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.inputs.onnx.facts import DTYPES, Maker, OnnxFacts, Port, Reckoner, Tensor
from mlops_stage.inputs.onnx.tensors import pair, tensor, tensor_dims
from mlops_stage.inputs.onnx.wire import BYTES, VARINT, MalformedError, Wire, enum, fields, fields_but_runs, signed, text, varints

if TYPE_CHECKING:
    from pathlib import Path

MAX_DEPTH = 32
"""Subgraphs within subgraphs beyond this are hostile."""
MAX_NODES = 2_000_000
MAX_PARTS = 5_000_000
"""Nodes, their inputs and outputs, tensors and the like: with more, memory would grow with the file."""
MAKERS = frozenset(
    {
        *("ConstantOfShape", "Expand", "Tile", "RandomNormal", "RandomUniform", "Range", "OneHot", "Resize", "Upsample", "Pad"),
        *("HannWindow", "HammingWindow", "BlackmanWindow", "AffineGrid", "MaxUnpool", "CenterCropPad", "DFT"),
    }
)
"""Operators whose output may be far larger than their inputs."""
RECKONERS = frozenset(
    {
        *(
            "Identity",
            "Cast",
            "Squeeze",
            "Unsqueeze",
            "Reshape",
            "Flatten",
            "Mul",
            "Add",
            "Sub",
            "Div",
            "Mod",
            "Pow",
            "Concat",
            "Max",
            "Min",
        ),
        *("Abs", "Neg", "Ceil", "Floor", "Round", "Gather", "Slice", "Where", "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin"),
        *("Transpose", "Tile", "Expand", "Sum", "Clip", "CastLike"),
    }
)
"""Operators by which a size may be worked out from constants."""
MAX_RECKONERS = 20_000
MAX_LABELS = 100_000
"""A classifier with more classes than this is read without their names."""
_WORDS = {2: "producer", 3: "producer_version", 4: "domain", 6: "description"}
"""Fields of ModelProto that are text."""
_SMALL = 16
"""Elements of an integer tensor that are kept as values."""


def read_facts(path: Path) -> OnnxFacts:
    """The facts of the model in a file, whatever its size, in memory that does not grow with the weights.

    Raises:
        InputError: empty, unreadable, or no ONNX model.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            return facts_of(view, path.name)
    except (OSError, ValueError) as error:  # mmap refuses an empty file with ValueError
        raise InputError(f"cannot read {path.name}: {error}", "check the step that wrote it") from error


def facts_of(view: memoryview, name: str) -> OnnxFacts:
    """The facts of the model in memory; `name` is for the message.

    Raises:
        InputError: no ONNX model, or one cut short.
    """
    walk = _Walk(view)
    try:
        walk.model()
    except (MalformedError, RecursionError) as error:
        raise InputError(f"{name} is no ONNX model, or it was cut short: {error}", "export it again, or check the download") from error
    if not walk.graphs or not walk.opsets:
        missing = "graph" if not walk.graphs else "operator set"
        raise InputError(f"{name} is no ONNX model: it has no {missing}", "give the .onnx file that the export wrote")
    return walk.facts()


class _Walk:
    """One pass over a ModelProto; field numbers are those of onnx.proto.

    Protobuf merges a message field that occurs twice, so every occurrence is walked.
    """

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.graphs = 0
        self.nodes = 0
        self.opsets: dict[str, int] = {}
        self.metadata: dict[str, str] = {}
        self.operators: Counter[str] = Counter()
        self.functions: list[str] = []
        self.tensors: list[Tensor] = []
        self.makers: list[Maker] = []
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        self.initializers: set[str] = set()
        self.class_labels: list[tuple[str, ...]] = []
        self.parameters = 0
        self.parts = 0
        self.body: Counter[str] | None = None
        self.calls: dict[str, dict[str, int]] = {}
        self.twice: list[str] = []
        self.reckoners: list[Reckoner] = []
        self.words = dict.fromkeys((*_WORDS.values(), "graph_name"), "")
        self.ir_version = 0
        self.model_version = 0
        self.attribute_floats = 0

    def facts(self) -> OnnxFacts:
        """What was found."""
        return OnnxFacts(
            ir_version=self.ir_version,
            opsets=dict(sorted(self.opsets.items())),
            metadata=dict(sorted(self.metadata.items())),
            inputs=tuple(port for port in self.inputs if port.name not in self.initializers),
            outputs=tuple(self.outputs),
            operators=dict(sorted(self.operators.items())),
            functions=tuple(sorted(self.functions)),
            calls=self.calls,
            twice=tuple(dict.fromkeys(self.twice)),
            reckoners=tuple(self.reckoners),
            tensors=tuple(self.tensors),
            makers=tuple(self.makers),
            class_labels=tuple(dict.fromkeys(labels for labels in self.class_labels if labels)),
            parameters=self.parameters,
            attribute_floats=self.attribute_floats,
            model_version=self.model_version,
            **self.words,
        )

    def _one_more(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise MalformedError(f"it has more than {MAX_PARTS:,} parts")

    def model(self) -> None:
        for one in fields(self.view, 0, len(self.view)):
            if one.number == 1 and one.kind == VARINT:
                self.ir_version = one.value
            elif one.number == 5 and one.kind == VARINT:  # noqa: PLR2004  (ModelProto.model_version)
                self.model_version = signed(one.value)
            elif one.kind == BYTES:
                self._model_part(one)

    def _model_part(self, one: Wire) -> None:
        self._one_more()
        match one.number:
            case 2 | 3 | 4 | 6:
                self.words[_WORDS[one.number]] = text(self.view, one)
            case 7:
                self.graphs += 1
                if self.graphs > 1:
                    self.twice.append("the graph")
                self._graph(one, depth=0)
            case 8:
                domain, version = self._opset(one)
                if self.opsets.get(domain, version) != version:
                    self.twice.append(f"operator set {domain}")
                self.opsets[domain] = version
            case 14:
                key, value = pair(self.view, one)
                self.metadata[key] = value
            case 20:
                self._training(one)
            case 25:
                self._function(one)

    def _training(self, message: Wire) -> None:
        """TrainingInfoProto: an initialization and an algorithm, both graphs."""
        for one in fields(self.view, message.start, message.end):
            if one.kind == BYTES and one.number in {1, 2}:
                self._graph(one, depth=1)

    def _opset(self, message: Wire) -> tuple[str, int]:
        domain, version = "", 0
        for one in fields(self.view, message.start, message.end):
            if one.number == 1 and one.kind == BYTES:
                domain = text(self.view, one)
            elif one.number == 2 and one.kind == VARINT:  # noqa: PLR2004  (field numbers of onnx.proto)
                version = signed(one.value)
        return domain or "ai.onnx", version

    def _function(self, message: Wire) -> None:
        name = domain = ""
        self.body = Counter()
        for one in fields(self.view, message.start, message.end):
            if one.kind != BYTES:
                continue
            match one.number:
                case 1:
                    name = text(self.view, one)
                case 7:
                    self._node(one, depth=1)
                case 9:
                    inner, version = self._opset(one)
                    self.opsets.setdefault(inner, version)
                case 10:
                    domain = text(self.view, one)
                case 11:
                    self._attribute(one, depth=1)  # attribute_proto: defaults may hold tensors and graphs
        whole = f"{domain or 'ai.onnx'}::{name}"
        if whole in self.calls:
            self.twice.append(f"the function {whole}")
        self.functions.append(whole)
        self.calls[whole] = dict(Counter(self.calls.get(whole, {})) + self.body)
        self.body = None

    def _graph(self, message: Wire, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise MalformedError(f"graphs are nested more than {MAX_DEPTH} deep")
        for one in fields(self.view, message.start, message.end):
            if one.kind != BYTES:
                continue
            self._one_more()
            match one.number:
                case 1:
                    self._node(one, depth)
                case 2 if depth == 0:
                    self.words["graph_name"] = text(self.view, one)
                case 5:
                    self._initializer(one, depth)
                case 15:
                    self._sparse(one)
                case 11 if depth == 0:
                    self.inputs.append(self._port(one))
                case 12 if depth == 0:
                    self.outputs.append(self._port(one))

    def _initializer(self, message: Wire, depth: int) -> None:
        found = tensor(self.view, message)
        self.tensors.append(found)
        self.parameters += max(0, prod(found.dims))
        if depth == 0:
            if found.name in self.initializers:
                self.twice.append(f"the tensor {found.name}")
            self.initializers.add(found.name)

    def _sparse(self, message: Wire) -> None:
        """SparseTensorProto: values and indices are tensors, and its own dims are what it stands for, and what a runtime unfolds it to."""
        dims: list[int] = []
        for one in fields(self.view, message.start, message.end):
            if one.kind == BYTES and one.number in {1, 2}:
                self.tensors.append(tensor(self.view, one))
            elif one.number == 3:  # noqa: PLR2004  (SparseTensorProto.dims)
                tensor_dims(self.view, dims, one)
        self.makers.append(Maker(operator="SparseTensor", inputs=(), shape=tuple(dims)))

    def _node(self, message: Wire, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise MalformedError(f"it has more than {MAX_NODES:,} nodes")
        words: dict[int, list[str]] = {1: [], 2: [], 4: [""], 7: [""]}
        numbers: tuple[int, ...] = ()
        before = len(self.tensors)
        for one in fields(self.view, message.start, message.end):
            if one.kind == BYTES and one.number in words:
                self._one_more()
                words[one.number].append(text(self.view, one))
            elif one.kind == BYTES and one.number == 5:  # noqa: PLR2004  (NodeProto.attribute)
                numbers = self._attribute(one, depth) or numbers
        inputs, outputs, operator, domain = words[1], words[2], words[4][-1], words[7][-1]
        whole = f"{domain or 'ai.onnx'}::{operator}"
        self.operators[whole] += 1
        if self.body is not None:
            self.body[whole] += 1
        if operator == "Constant" and outputs:
            self._name_constant(outputs[0], before, numbers)
        if operator in RECKONERS and outputs and len(self.reckoners) < MAX_RECKONERS:
            self.reckoners.append(Reckoner(operator=operator, inputs=tuple(inputs[:16]), output=outputs[0]))
        if operator in MAKERS:
            self.makers.append(Maker(operator=operator, inputs=tuple(inputs), shape=numbers))

    def _name_constant(self, name: str, before: int, numbers: tuple[int, ...]) -> None:
        """A Constant's value is known to its readers by the name of the node's output."""
        for index in range(before, len(self.tensors)):
            self.tensors[index] = replace(self.tensors[index], name=name)
        if numbers:
            self.tensors.append(Tensor(name=name, dtype="int64", dims=(len(numbers),), stored=8 * len(numbers), values=numbers))

    def _attribute(self, message: Wire, depth: int) -> tuple[int, ...]:
        """Walk an attribute; returns its integers when they may be a shape."""
        name, counted = "", False
        numbers: tuple[int, ...] = ()
        for one in fields_but_runs(self.view, message.start, message.end):
            if one.number == 1 and one.kind == BYTES:
                name = text(self.view, one)
            elif one.number == 3 and one.kind == VARINT:  # noqa: PLR2004  (AttributeProto.i)
                numbers = numbers or (signed(one.value),)
            elif one.number == 7:  # noqa: PLR2004  (AttributeProto.floats: a run of keys and numbers, or packed)
                self.attribute_floats += (one.end - one.start) // 4 if one.kind == BYTES else (one.end - one.start + 1) // 5
            elif one.number == 8 and not counted:  # noqa: PLR2004  (AttributeProto.ints)
                numbers, counted = self._few_ints(message), True
            elif one.kind == BYTES and one.number in {5, 10}:
                self._one_more()
                self.tensors.append(tensor(self.view, one))
            elif one.kind == BYTES and one.number in {6, 11}:
                self._graph(one, depth + 1)
            elif one.kind == BYTES and one.number in {22, 23}:
                self._sparse(one)
        if name.startswith("classlabels_"):
            self.class_labels.append(self._labels(message))
        return numbers if name in {"shape", "value_int", "value_ints"} else ()

    def _labels(self, message: Wire) -> tuple[str, ...]:
        """The strings or integers of an attribute, as text."""
        found: list[str] = []
        for one in fields(self.view, message.start, message.end):
            if one.number == 9 and one.kind == BYTES:  # noqa: PLR2004  (AttributeProto.strings)
                found.append(text(self.view, one))
            elif one.number == 8:  # noqa: PLR2004  (AttributeProto.ints)
                numbers = iter([one.value]) if one.kind == VARINT else varints(self.view, one.start, one.end)
                found += [str(signed(number)) for number in islice(numbers, MAX_LABELS + 1)]
            if len(found) > MAX_LABELS:
                return ()
        return tuple(found)

    def _few_ints(self, message: Wire) -> tuple[int, ...]:
        found: list[int] = []
        for one in fields(self.view, message.start, message.end):
            if one.number == 8:  # noqa: PLR2004  (AttributeProto.ints)
                numbers = iter([one.value]) if one.kind == VARINT else varints(self.view, one.start, one.end)
                found += map(signed, islice(numbers, _SMALL + 1))
            if len(found) > _SMALL:
                return ()
        return tuple(found)

    def _port(self, message: Wire) -> Port:
        name, kind, shape = "", "unknown", None
        for one in fields(self.view, message.start, message.end):
            if one.kind == BYTES and one.number == 1:
                name = text(self.view, one)
            elif one.kind == BYTES and one.number == 2:  # noqa: PLR2004  (ValueInfoProto.type)
                kind, shape = self._type(one)
        return Port(name=name, dtype=kind, shape=shape)

    def _type(self, message: Wire) -> tuple[str, tuple[int | str, ...] | None]:
        others = {4: "sequence", 5: "map", 8: "sparse tensor", 9: "optional"}
        for one in fields(self.view, message.start, message.end):
            if one.kind == BYTES and one.number == 1:
                return self._tensor_type(one)
            if one.number in others:
                return others[one.number], None
        return "unknown", None

    def _tensor_type(self, message: Wire) -> tuple[str, tuple[int | str, ...] | None]:
        dtype, shape = 0, None
        for one in fields(self.view, message.start, message.end):
            if one.number == 1 and one.kind == VARINT:
                dtype = enum(one.value)
            elif one.number == 2 and one.kind == BYTES:  # noqa: PLR2004  (TypeProto.Tensor.shape)
                shape = tuple(
                    self._dimension(part) for part in fields(self.view, one.start, one.end) if part.number == 1 and part.kind == BYTES
                )
        return DTYPES.get(dtype, f"type {dtype}"), shape

    def _dimension(self, message: Wire) -> int | str:
        for one in fields(self.view, message.start, message.end):
            if one.number == 1 and one.kind == VARINT:
                return signed(one.value)
            if one.number == 2 and one.kind == BYTES:  # noqa: PLR2004  (Dimension.dim_param)
                return text(self.view, one)
        return "?"
