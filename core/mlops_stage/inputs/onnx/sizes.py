"""How large a model grows when it runs, as far as its constants tell: tensors made out of nothing, and functions that call functions.

Only what constants alone decide is worked out. A tensor that grows step by step (a Concat of itself, forty times) is not seen here; the limit on
the memory of the process that runs the model stops it.
"""

from __future__ import annotations

from itertools import islice, product, zip_longest
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    for maker in facts.makers:
        known = islice(_known(maker.operator, maker.inputs, maker.shape, constants), _TRIED * _TRIED)
        size = max((_elements(maker.operator, values) for values in known), default=0)
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
        ready = [one for one in waiting if all(name in found for name in one.inputs[: 1 if one.operator in _PASSING else None])]
        for one in ready:
            for values in islice(product(*(found[name] for name in one.inputs if name in found)), _TRIED):
                made = _reckoned(one, values)
                if made is not None and len(found.setdefault(one.output, [])) < _TRIED:
                    found[one.output].append(made)
        waiting = [one for one in waiting if one.output not in found]
        if not ready:
            break
    return {name: values for name, values in found.items() if values}


_PASSING = {"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten"}
"""Operators whose output holds the numbers of their first input."""


def _reckoned(one: Reckoner, inputs: tuple[Values, ...]) -> Values | None:
    """What a node makes of constants; None where it is nothing that a size could be."""
    if not inputs:
        return None
    if one.operator in _PASSING:
        return inputs[0]
    if one.operator == "Concat":
        joined = tuple(number for values in inputs for number in values)
        return joined if len(joined) <= _MOST_VALUES else None
    made = inputs[0]
    for values in inputs[1:]:
        longer = list(zip_longest(made, values)) if len(made) > 1 and len(values) > 1 else [(a, b) for a in made for b in values]
        pairs = [(a if a is not None else 0, b if b is not None else 0) for a, b in longer]
        made = tuple(_two(one.operator, a, b) for a, b in pairs[:_MOST_VALUES])
    return made


def _two(operator: str, a: int, b: int) -> int:
    """One number of two; capped, for nothing larger can be held anyway."""
    if operator == "Pow":
        number = a**b if 0 <= b <= 62 and abs(a) <= 2**31 else 0  # noqa: PLR2004  (more would not fit 64 bits)
    elif operator == "Div":
        number = a // b if b else 0
    else:
        number = {"Mul": a * b, "Add": a + b, "Sub": a - b, "Max": max(a, b), "Min": min(a, b)}[operator]
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


def _elements(operator: str, values: Values) -> int:
    if operator == "Range":
        start, limit, step = (*values, 0, 0, 1)[:3]
        return max(0, (limit - start) // step) if step else 0
    if operator in {"OneHot", "Pad", "DFT", "MaxUnpool"}:
        return max((abs(value) for value in values), default=0)
    return abs(prod(values)) if values else 0
