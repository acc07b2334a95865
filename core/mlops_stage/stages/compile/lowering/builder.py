"""What a lowering writes with: operators of `ai.onnx`, constants, names that nothing has yet; and attributes that are all read or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.backend import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class Builder:
    """The graph that comes to be."""

    def __init__(self, graph: onnx.GraphProto, types: Mapping[str, onnx.TypeProto]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = list(graph.initializer)
        self.labels: dict[str, tuple[str, ...]] = {}
        """Output of the graph that was text and now numbers words -> the words."""
        self._types = types
        self._names = {tensor.name for tensor in graph.initializer} | {name for node in graph.node for name in node.output}
        self._names |= {port.name for port in graph.input}

    def fresh(self, stem: str) -> str:
        """A name that nothing has yet."""
        count = 0
        while (found := f"{stem}_{count}") in self._names:
            count += 1
        self._names.add(found)
        return found

    def constant(self, values: NDArray[Any], stem: str = "constant") -> str:
        """Hold an array; the name of it."""
        name = self.fresh(stem)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def add(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Add a node of one output; the name of that."""
        made = output or self.fresh(operator.lower())
        self.nodes.append(helper.make_node(operator, inputs, [made], name=self.fresh(f"{operator}_node"), **attributes))
        return made

    def floats(self, name: str, dtype: int = onnx.TensorProto.FLOAT) -> str:
        """A tensor of numbers as one of that type."""
        return name if self.element(name) == dtype else self.add("Cast", [name], to=dtype)

    def element(self, name: str) -> int:
        """The element type of a tensor of the source.

        Raises:
            BuildError: it is no tensor, or cannot be told.
        """
        kind = self._types.get(name)
        found = kind.tensor_type.elem_type if kind is not None else 0
        if not found:
            raise BuildError(f"the type of {shown(name)!r} cannot be told", "export the model again with its shapes")
        return int(found)

    def rank(self, name: str) -> int | None:
        """The number of dimensions of a tensor of the source; None where it cannot be told."""
        kind = self._types.get(name)
        if kind is None or not kind.tensor_type.HasField("shape"):
            return None
        return len(kind.tensor_type.shape.dim)


class Attributes:
    """The attributes of one node; what nobody has read by the end is refused."""

    def __init__(self, node: onnx.NodeProto) -> None:
        self.operator = node.op_type
        self._left = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def word(self, name: str, default: str) -> str:
        """A text."""
        value = self._left.pop(name, default)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def number(self, name: str, default: float) -> float:
        """A number."""
        return float(self._left.pop(name, default))

    def words(self, name: str) -> list[str]:
        """Texts."""
        return [item.decode("utf-8", "replace") for item in self._left.pop(name, [])]

    def numbers(self, name: str, dtype: type = np.float32) -> NDArray[Any]:
        """Numbers; those of `<name>_as_tensor` where the attribute is given so."""
        if f"{name}_as_tensor" in self._left:
            return np.asarray(numpy_helper.to_array(self._left.pop(f"{name}_as_tensor"))).reshape(-1)
        return np.asarray(self._left.pop(name, []), dtype=dtype)

    def tensor(self, name: str) -> NDArray[Any] | None:
        """A tensor, or None."""
        value = self._left.pop(name, None)
        return None if value is None else np.asarray(numpy_helper.to_array(value)).reshape(-1)

    def ignore(self, *names: str) -> None:
        """Attributes that change no answer."""
        for name in names:
            self._left.pop(name, None)

    def refuse(self, why: str) -> BuildError:
        """That this node is beyond what is lowered."""
        return BuildError(f"{self.operator} {why}, which is not lowered to ai.onnx", "compile for a target of backend ort")

    def finish(self) -> None:
        """Refuse what nobody has read.

        Raises:
            BuildError: an attribute of an unknown meaning.
        """
        if self._left:
            raise self.refuse(f"has the attribute {shown(min(self._left))}")
