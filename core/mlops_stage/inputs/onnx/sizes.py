"""How large a model grows when it runs, as far as its constants tell: tensors made out of nothing, and functions that call functions.

Only what constants alone decide is worked out, by the operators that compute shapes (arithmetic, Concat, Gather, Slice, reductions); where the way
there leads through another operator (MatMul, a loop, the Shape of a tensor, text), the size is not known here. Nor is a tensor that grows step by step (a Concat of itself, forty times) is not seen here; the limit on
the memory of the process that runs the model stops it.
"""

from __future__ import annotations

from itertools import islice, product, zip_longest
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlops_stage.inputs.onnx.facts import OnnxFacts, Reckoner

Values = tuple[int, ...]
_SIZED_BY = {
    **dict.fromkeys(("ConstantOfShape", "HannWindow", "HammingWindow", "BlackmanWindow"), (0,)),
    **dict.fromkeys(("Expand", "Tile", "OneHot", "Upsample", "Pad", "AffineGrid", "CenterCropPad", "DFT"), (1,)),
    "MaxUnpool": (2,),
    "Resize": (2, 3),
}
"""Places of the inputs that say how large the output is (ONNX's own description of the operators)."""
_ROUNDS = 8
_TRIED = 4
_MOST_VALUES = 16
_LARGEST = 2**62
_DEEPEST = 1000


def largest(facts: OnnxFacts) -> Iterator[tuple[str, int]]:
    """For each node that makes a tensor of a size that constants decide: its operator, and the number of elements."""
    constants = _constants(facts)
    shapes = {tensor.name: tensor.dims for tensor in facts.tensors if all(dim >= 0 for dim in tensor.dims)}
    for maker in facts.makers:
        known = islice(_known(maker.operator, maker.inputs, maker.shape, constants), _TRIED * _TRIED)
        shape = shapes.get(maker.inputs[0]) if maker.inputs else None
        size = max((_elements(maker.operator, values, shape) for values in known), default=0)
        if size:
            yield ("sparse tensor" if maker.operator == "SparseTensor" else f"{maker.operator} node"), size


def unfolded(calls: Mapping[str, Mapping[str, int]]) -> dict[str, int] | None:
    """How many nodes each function becomes when all it calls is put in its place; None where some call each other in a circle.

    Args:
        calls: function -> the operators in its body and how many nodes of each.
    """
    sizes: dict[str, int] = {}
    entered: set[str] = set()
    for start in calls:
        stack = [start]
        while stack:
            name = stack[-1]
            waiting = [other for other in calls[name] if other in calls and other not in sizes]
            if name in sizes or not waiting:
                sizes.setdefault(name, sum(count * sizes.get(other, 1) for other, count in calls[name].items()))
                entered.discard(stack.pop())
                continue
            if name in entered or len(entered) > _DEEPEST:
                return None
            entered.add(name)
            stack += waiting
    return sizes


def _constants(facts: OnnxFacts) -> dict[str, list[Values]]:
    """The numbers that are known before anything runs, by name; a name that several scopes use has several."""
    found: dict[str, list[Values]] = {}
    for tensor in facts.tensors:
        if tensor.values is not None and len(found.setdefault(tensor.name, [])) < _TRIED:
            found[tensor.name].append(tensor.values)
    waiting = list(facts.reckoners)
    for _ in range(_ROUNDS):
        ready = [one for one in waiting if all(name in found for name in one.inputs[: 1 if one.operator in _FIRST else None] if name)]
        for one in ready:
            for values in islice(product(*(found[name] for name in one.inputs if name in found)), _TRIED):
                made = _reckoned(one, values)
                if made is not None and len(found.setdefault(one.output, [])) < _TRIED:
                    found[one.output].append(made)
        waiting = [one for one in waiting if one.output not in found]
        if not ready:
            break
    return {name: values for name, values in found.items() if values}


_PASSING = {
    "Identity",
    "Cast",
    "CastLike",
    "Squeeze",
    "Unsqueeze",
    "Reshape",
    "Flatten",
    "Ceil",
    "Floor",
    "Round",
    "Transpose",
    "Expand",
    "Clip",
}
"""Operators whose output holds the numbers of their first input, or close to them."""
_CHOOSING = {"Gather", "Slice"}
"""Operators whose output holds some of the numbers of their first input: all are taken, for which ones is not worked out."""
_REDUCING: dict[str, Callable[[Values], int]] = {"ReduceProd": prod, "ReduceSum": sum, "ReduceMax": max, "ReduceMin": min}
_FIRST = {*_PASSING, *_CHOOSING, *_REDUCING, "Abs", "Neg"}
"""Operators of whose inputs the first alone must be known."""


def _reckoned(one: Reckoner, inputs: tuple[Values, ...]) -> Values | None:
    """What a node makes of constants; None where it is nothing that a size could be."""
    if not inputs or not inputs[0]:
        return None
    first = inputs[0]
    made: Values | None
    if one.operator in _PASSING or one.operator in _CHOOSING:
        made = first
    elif one.operator in {"Abs", "Neg"}:
        made = tuple(abs(number) if one.operator == "Abs" else -number for number in first)
    elif one.operator in _REDUCING:
        made = (max(-_LARGEST, min(_REDUCING[one.operator](first), _LARGEST)),)
    elif one.operator == "Concat":
        joined = tuple(number for values in inputs for number in values)
        made = joined if len(joined) <= _MOST_VALUES else None
    elif one.operator == "Tile":
        made = (first * max(1, min(prod(inputs[1]) if len(inputs) > 1 else 1, _MOST_VALUES)))[:_MOST_VALUES]
    elif one.operator == "Where":  # a condition, what is taken where it holds, and where it does not: the larger counts
        made = _of_pairs("Max", inputs[1:]) if len(inputs) > 1 else None
    else:
        made = _of_pairs(one.operator, inputs)
    return made


def _of_pairs(operator: str, inputs: tuple[Values, ...]) -> Values:
    """An operator of two numbers, along all inputs; one number stands for as many as the other side has."""
    made = inputs[0]
    for values in inputs[1:]:
        longer = list(zip_longest(made, values)) if len(made) > 1 and len(values) > 1 else [(a, b) for a in made for b in values]
        pairs = [(a if a is not None else 0, b if b is not None else 0) for a, b in longer]
        made = tuple(_two(operator, a, b) for a, b in pairs[:_MOST_VALUES])
    return made


def _two(operator: str, a: int, b: int) -> int:
    """One number of two; capped, for nothing larger can be held anyway."""
    if operator == "Pow":
        number = a**b if 0 <= b <= 62 and abs(a) <= 2**31 else 0  # noqa: PLR2004  (more would not fit 64 bits)
    elif operator == "Div":
        number = a // b if b else 0
    elif operator == "Mod":
        number = a % b if b else 0
    else:
        number = {"Mul": a * b, "Add": a + b, "Sum": a + b, "Sub": a - b, "Max": max(a, b), "Min": min(a, b)}[operator]
    return max(-_LARGEST, min(number, _LARGEST))


def _known(operator: str, inputs: tuple[str, ...], shape: Values, constants: Mapping[str, list[Values]]) -> Iterator[Values]:
    """The constants that decide the size of a node's output; a name that several scopes use is tried with each value."""
    if shape:
        yield shape
    if operator == "Range":
        limits = [constants.get(name, []) for name in inputs[:3]]
        if all(limits):
            yield tuple(values[0][0] for values in limits if values[0])
    else:
        for place in _SIZED_BY.get(operator, ()):
            yield from constants.get(inputs[place], []) if place < len(inputs) else ()


def _elements(operator: str, values: Values, shape: Values | None) -> int:
    """Elements of the output; `shape` is that of the first input where it is known."""
    if operator == "Range":
        start, limit, step = (*values, 0, 0, 1)[:3]
        return max(0, -((start - limit) // step)) if step else 0
    if operator == "Pad":
        rank = len(values) // 2
        dims = shape if shape is not None and len(shape) >= rank else (1,) * rank
        padded = [max(0, dim + before + after) for dim, before, after in zip(dims, values[:rank], values[rank:], strict=False)]
        return prod(padded) * prod(dims[rank:])
    if operator in {"OneHot", "DFT"}:
        return max((abs(value) for value in values), default=0) * max(1, prod(shape or ()))
    if operator == "Tile":
        return abs(prod(values)) * max(1, prod(shape or ()))
    return abs(prod(values)) if values else 0
