"""Crafted ONNX files: each hostile one does one thing that a scan must refuse."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FLOAT = TensorProto.FLOAT


# ONNX


def onnx_file(path, nodes=(), tensors=(), *, opsets=(("", 17),), functions=(), inputs=None, sparse=()):
    x = helper.make_tensor_value_info("x", FLOAT, ["N", 2])
    y = helper.make_tensor_value_info("y", FLOAT, None)
    nodes = list(nodes) or [helper.make_node("Relu", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", [x] if inputs is None else inputs, [y], list(tensors), sparse_initializer=list(sparse))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*pair) for pair in opsets], functions=list(functions))
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())
    return path


def outside(location="w.bin", dims=(2,), **extra):
    tensor = TensorProto(name="w", data_type=FLOAT, dims=list(dims), data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **extra}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


ADD = [helper.make_node("Add", ["x", "w"], ["y"])]


def with_external(location, **extra):
    def make(folder):
        (folder / "w.bin").write_bytes(bytes(8))
        return onnx_file(folder / "m.onnx", ADD, [outside(location, **extra)])

    return make


def symlink(folder):
    (folder.parent / "secret.txt").write_bytes(bytes(8))
    (folder / "w.bin").symlink_to(folder.parent / "secret.txt")
    return onnx_file(folder / "m.onnx", ADD, [outside()])


def hardlink(folder):
    (folder.parent / "secret.txt").write_bytes(bytes(8))
    os.link(folder.parent / "secret.txt", folder / "w.bin")
    return onnx_file(folder / "m.onnx", ADD, [outside()])


def device(folder):
    (folder / "w.bin").symlink_to("/dev/zero")
    return onnx_file(folder / "m.onnx", ADD, [outside()])


def custom_operator(folder):
    node = helper.make_node("Shell", ["x"], ["y"], domain="evil")
    return onnx_file(folder / "m.onnx", [node], opsets=(("", 17), ("evil", 1)))


def bomb(folder):
    shape = numpy_helper.from_array(np.array([10 * 2**30 // 4]), "s")
    return onnx_file(folder / "m.onnx", [helper.make_node("ConstantOfShape", ["s"], ["y"])], [shape], inputs=[])


def reckoned_bomb(folder):
    a, b = (numpy_helper.from_array(np.array([2**17]), name) for name in "ab")
    nodes = [helper.make_node("Mul", ["a", "b"], ["s"]), helper.make_node("ConstantOfShape", ["s"], ["y"])]
    return onnx_file(folder / "m.onnx", nodes, [a, b], inputs=[])


def hidden_bomb(folder):
    """A shape whose type and bytes stand there twice: protobuf takes the low 32 bits of a type, and the last bytes."""
    shape = numpy_helper.from_array(np.array([2**33]), "s")
    raw = bytes([9 << 3 | 2, 8]) + bytes(8)  # zeros first, which make every product zero
    kind = bytes([2 << 3]) + bytes([0x87, 0x80, 0x80, 0x80, 0x10])  # 2**32 + 7
    tensor = raw + shape.SerializeToString() + kind
    path = onnx_file(folder / "m.onnx", [helper.make_node("ConstantOfShape", ["s"], ["y"])], inputs=[])
    graph = bytes([5 << 3 | 2, len(tensor)]) + tensor
    path.write_bytes(path.read_bytes() + bytes([7 << 3 | 2, len(graph)]) + graph)
    return path


def sparse_bomb(folder):
    values = numpy_helper.from_array(np.array([1], dtype=np.float32), "w")
    indices = numpy_helper.from_array(np.array([5]), "i")
    sparse = helper.make_sparse_tensor(values, indices, [2**40])
    return onnx_file(folder / "m.onnx", ADD, sparse=[sparse])


def function_bomb(folder):
    """Thirty functions, each of which calls the one before ten times."""
    domain, opsets = "ours", [helper.make_opsetid("", 17), helper.make_opsetid("ours", 1)]
    functions = [helper.make_function(domain, "F0", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], opsets)]
    for level in range(1, 30):
        names = ["a", *(f"t{step}" for step in range(9)), "b"]
        nodes = [helper.make_node(f"F{level - 1}", [names[step]], [names[step + 1]], domain=domain) for step in range(10)]
        functions.append(helper.make_function(domain, f"F{level}", ["a"], ["b"], nodes, opsets))
    node = helper.make_node("F29", ["x"], ["y"], domain=domain)
    return onnx_file(folder / "m.onnx", [node], opsets=(("", 17), ("ours", 1)), functions=functions)


def function_circle(folder):
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ours", 1)]
    function = helper.make_function("ours", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="ours")], opsets)
    node = helper.make_node("F", ["x"], ["y"], domain="ours")
    return onnx_file(folder / "m.onnx", [node], opsets=(("", 17), ("ours", 1)), functions=[function])


def custom_in_function(folder):
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
    function = helper.make_function("ours", "F", ["a"], ["b"], [helper.make_node("Shell", ["a"], ["b"], domain="evil")], opsets)
    node = helper.make_node("F", ["x"], ["y"], domain="ours")
    return onnx_file(folder / "m.onnx", [node], opsets=(("", 17), ("ours", 1), ("evil", 1)), functions=[function])


def custom_in_subgraph(folder):
    inner = helper.make_graph(
        [helper.make_node("Shell", ["x"], ["z"], domain="evil")], "i", [], [helper.make_tensor_value_info("z", 1, None)]
    )
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    return onnx_file(folder / "m.onnx", [node], opsets=(("", 17), ("evil", 1)))


def nested(folder):
    """Forty graphs, each in a node of the one around it; written by hand, for the library of protobuf refuses to."""

    def part(number, content):
        return bytes([number << 3 | 2, len(content) & 127 | 128, len(content) >> 7]) + content

    graph = part(2, b"g")
    for _ in range(40):
        graph = part(1, part(4, b"If") + part(5, part(1, b"then_branch") + part(6, graph)))
    path = folder / "m.onnx"
    path.write_bytes(bytes([8, 8]) + part(7, graph) + part(8, bytes([16, 17])))
    return path


def same_name(folder):
    first, second = (numpy_helper.from_array(np.array([value, value], dtype=np.float32), "w") for value in (1, 2))
    return onnx_file(folder / "m.onnx", ADD, [first, second])


def offset_of_words(folder):
    (folder / "w.bin").write_bytes(bytes(8))
    return onnx_file(folder / "m.onnx", ADD, [outside(offset="0x10")])


def location_twice(folder):
    (folder / "w.bin").write_bytes(bytes(8))
    tensor = outside()
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret.txt"
    first = tensor.external_data[0]
    first.value, entry.value = entry.value, first.value
    return onnx_file(folder / "m.onnx", ADD, [tensor])


def cut_onnx(folder):
    path = onnx_file(folder / "m.onnx", ADD, [numpy_helper.from_array(np.ones(2, dtype=np.float32), "w")])
    path.write_bytes(path.read_bytes()[:-9])
    return path


def domain_in_disguise(folder):
    node = helper.make_node("Foo", ["x"], ["y"], domain="ai.onnx::evil")
    return onnx_file(folder / "m.onnx", [node], opsets=(("", 17), ("ai.onnx::evil", 1)))


def domain_of_a_function_in_disguise(folder):
    """The name of the function, joined to its domain, reads as that of the foreign operator."""
    opsets = [helper.make_opsetid("", 17)]
    function = helper.make_function("a", "b::Foo", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], opsets)
    node = helper.make_node("Foo", ["x"], ["y"], domain="a::b")
    return onnx_file(folder / "m.onnx", [node], opsets=(("", 17), ("a", 1), ("a::b", 1)), functions=[function])


def padded_bomb(folder):
    pads = numpy_helper.from_array(np.array([0, 0, 0, 9999, 9999, 9999]), "p")
    tensor = numpy_helper.from_array(np.ones((1, 1, 1), dtype=np.float32), "c")
    return onnx_file(folder / "m.onnx", [helper.make_node("Pad", ["c", "p"], ["y"])], [pads, tensor], inputs=[])


def bomb_by_way_of(operator):
    def make(folder):
        size = numpy_helper.from_array(np.array([-100_000 if operator == "Neg" else 100_000] * 2), "q")
        zero = numpy_helper.from_array(np.array([0, 1]), "i")
        inputs = ["q", "i"] if operator == "Gather" else ["q"]
        nodes = [helper.make_node(operator, inputs, ["p"]), helper.make_node("ConstantOfShape", ["p"], ["y"])]
        return onnx_file(folder / "m.onnx", nodes, [size, zero], inputs=[])

    return make


SIZE_AND_PATH: dict[str, Callable[[Path], Path]] = {
    "path with ..": with_external("../secret.txt"),
    "absolute path": with_external("/etc/passwd"),
    "device": device,
    "symbolic link": symlink,
    "hard link": hardlink,
    "negative offset": with_external("w.bin", offset=-4),
    "a terabyte": with_external("w.bin", length=10**12),
    "beyond the end": with_external("w.bin", offset=4),
}
"""The eight cases of paths and sizes."""

HOSTILE_ONNX: dict[str, Callable[[Path], Path]] = {
    **SIZE_AND_PATH,
    "custom operator": custom_operator,
    "allocation bomb": bomb,
    "allocation bomb of a product": reckoned_bomb,
    "allocation bomb in an ambiguous file": hidden_bomb,
    "sparse tensor": sparse_bomb,
    "functions that unfold": function_bomb,
    "functions in a circle": function_circle,
    "custom operator in a function": custom_in_function,
    "custom operator in a subgraph": custom_in_subgraph,
    "deep nesting": nested,
    "one name twice": same_name,
    "offset that is no number": offset_of_words,
    "location given twice": location_twice,
    "cut short": cut_onnx,
    "custom domain that begins as ONNX's own": domain_in_disguise,
    "custom domain that reads as a function": domain_of_a_function_in_disguise,
    "allocation bomb of pads": padded_bomb,
    **{f"allocation bomb by way of {operator}": bomb_by_way_of(operator) for operator in ("Abs", "Neg", "Gather", "ReduceProd")},
}
