"""Is this ONNX file safe to open? Findings, and the refusal that every reader of models goes through."""

from __future__ import annotations

import os
import stat
from math import prod
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.onnx.facts import ExternalData, OnnxFacts, Tensor, bits
from mlops_stage.report import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ALLOCATION_BYTES = 2**30
"""A node that by its constants alone makes a larger tensor than this is an allocation bomb."""
DOMAINS = frozenset(
    {
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.preview.training",
        "ai.onnx.training",
        "com.microsoft",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
    }
)
"""Operator domains that ONNX Runtime implements itself; any other needs foreign code."""
_MOST_BYTES_PER_ELEMENT = 8


def screen(facts: OnnxFacts, path: Path) -> tuple[Finding, ...]:
    """All that is wrong with a model file; `path` is where its external data is looked for."""
    found = [*_external_data(facts, path), *_operators(facts), *_tensors(facts), *_allocations(facts)]
    return tuple(
        Finding(rule=f"scan/{rule}", level=Level.ERROR, message=f"{shown(path.name)}: {message}", location=path.name, hint=hint)
        for rule, message, hint in dict.fromkeys(found)
    )


def refuse_unsafe(facts: OnnxFacts, path: Path) -> None:
    """Let only a model through that the screen finds nothing against.

    Raises:
        InputError: with the first finding, and how many there are.
    """
    found = screen(facts, path)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise InputError(f"the model is not opened: {found[0].message}{more}", found[0].hint)


Fault = tuple[str, str, str]
"""Rule, message, hint."""


def _external_data(facts: OnnxFacts, path: Path) -> Iterator[Fault]:
    for tensor in facts.tensors:
        if tensor.external is not None:
            fault = _external_fault(tensor, tensor.external, path.parent)
            if fault:
                yield fault


def _external_fault(tensor: Tensor, data: ExternalData, folder: Path) -> Fault | None:
    name, where = shown(tensor.name), shown(data.location)
    parts = PurePosixPath(data.location).parts
    windows = PureWindowsPath(data.location)
    if not parts or "\0" in data.location or parts[0] == "/" or ".." in (*parts, *windows.parts) or windows.drive or windows.root:
        return (
            "external-data-path",
            f"tensor {name} reads {where!r}, outside the model's folder",
            "export the model anew with its weights beside it",
        )
    try:
        about = os.lstat(folder / data.location)
        linked = any(folder.joinpath(*parts[:depth]).is_symlink() for depth in range(1, len(parts) + 1))
    except OSError:
        return "external-data-missing", f"tensor {name} reads {where!r}, which is not there", "copy the model's whole folder"
    if linked or not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        kind = "a link" if linked or stat.S_ISREG(about.st_mode) else "no regular file"
        return (
            "external-data-link",
            f"tensor {name} reads {where!r}, which is {kind}: it may lead to any file",
            "replace it by a copy of the file itself",
        )
    length = _declared_bytes(tensor) if data.length is None else data.length
    if (
        data.offset < 0
        or length < 0
        or data.offset + length > about.st_size
        or (data.length is not None and data.length < _declared_bytes(tensor))
    ):
        return "external-data-range", f"tensor {name} reads beyond its part of {where!r}", "export the model again"
    return None


def _operators(facts: OnnxFacts) -> Iterator[Fault]:
    own = set(facts.functions)
    for operator in facts.operators:
        domain = operator.split("::")[0]
        if domain not in DOMAINS and operator not in own:
            yield (
                "custom-operator",
                f"the operator {shown(operator)} is of a domain that only foreign code implements",
                "export the model with standard operators, or give predictions instead",
            )


def _tensors(facts: OnnxFacts) -> Iterator[Fault]:
    for tensor in facts.tensors:
        if any(size < 0 for size in tensor.dims):
            yield "tensor-size", f"tensor {shown(tensor.name)} has a negative dimension", "export the model again"
        elif tensor.external is None and tensor.stored * 8 < _least_bits(tensor):
            size = f"{_declared_bytes(tensor):,} bytes"
            yield (
                "tensor-size",
                f"tensor {shown(tensor.name)} declares {size} but holds {tensor.stored:,}",
                "the file was cut short or forged: export it again",
            )


def _declared_bytes(tensor: Tensor) -> int:
    return (prod(tensor.dims) * bits(tensor.dtype) + 7) // 8


def _least_bits(tensor: Tensor) -> int:
    """The fewest bits that can hold the tensor: a varint takes a byte however wide its type, a string at least its length byte."""
    width = bits(tensor.dtype)
    return prod(tensor.dims) * min(width, 8) if width else 0


def _allocations(facts: OnnxFacts) -> Iterator[Fault]:
    constants: dict[str, list[tuple[int, ...]]] = {}
    for tensor in facts.tensors:
        if tensor.values is not None:
            constants.setdefault(tensor.name, []).append(tensor.values)
    for maker in facts.makers:
        size = max(
            (_elements(maker.operator, values) for values in _known(maker.operator, maker.inputs, maker.shape, constants)), default=0
        )
        if size * _MOST_BYTES_PER_ELEMENT > ALLOCATION_BYTES:
            yield (
                "allocation-bomb",
                f"a {maker.operator} node makes a tensor of {size:,} elements out of nothing",
                "export the model again; if it must be so large, it cannot be judged here",
            )


def _known(
    operator: str, inputs: tuple[str, ...], shape: tuple[int, ...], constants: Mapping[str, list[tuple[int, ...]]]
) -> Iterator[tuple[int, ...]]:
    """The constants that decide the size of a node's output; a name that several scopes use is tried with each value."""
    if shape:
        yield shape
    if operator == "Range":
        limits = [constants.get(name, []) for name in inputs[:3]]
        if all(limits):
            yield tuple(values[0][0] for values in limits if values[0])
    else:
        for name in inputs:
            yield from constants.get(name, [])


def _elements(operator: str, values: tuple[int, ...]) -> int:
    if operator == "Range":
        start, limit, step = (*values, 0, 0, 1)[:3]
        return max(0, (limit - start) // step) if step else 0
    if operator in {"OneHot", "Pad"}:
        return max((abs(value) for value in values), default=0)
    return abs(prod(values)) if values else 0
