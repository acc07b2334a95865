"""Is this ONNX file safe to open? Findings, and the refusal that every reader of models goes through."""

from __future__ import annotations

import os
import stat
from collections import Counter
from math import prod
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.onnx.facts import DTYPES, ExternalData, OnnxFacts, Tensor, bits
from mlops_stage.inputs.onnx.reader import MAX_NODES
from mlops_stage.inputs.onnx.sizes import largest, unfolded
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_stage.report import Finding

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
_TYPES = frozenset(DTYPES.values()) | {"type 0"}
"""`type 0` is UNDEFINED, which empty tensors of optional inputs have."""


def screen(facts: OnnxFacts, path: Path) -> tuple[Finding, ...]:
    """All that is wrong with a model file; `path` is where its external data is looked for."""
    found = [
        *_external_data(facts, path),
        *_operators(facts),
        *_functions(facts),
        *_tensors(facts),
        *_allocations(facts),
        *_ambiguities(facts),
    ]
    if not found:
        return ()
    from mlops_stage.report import Finding, Level  # of which most models need none, and compile's workers start in less time

    return tuple(
        Finding(rule=rule, level=Level.ERROR, message=f"{shown(path.name)}: {message}", location=path.name, hint=hint)
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
    if data.fault:
        return "scan/external-data-range", f"tensor {name} {shown(data.fault)}", "export the model again"
    parts = PurePosixPath(data.location).parts
    windows = PureWindowsPath(data.location)
    if not parts or "\0" in data.location or parts[0] == "/" or ".." in (*parts, *windows.parts) or windows.drive or windows.root:
        return (
            "scan/external-data-path",
            f"tensor {name} reads {where!r}, outside the model's folder",
            "export the model anew with its weights beside it",
        )
    try:
        about = os.lstat(folder / data.location)
        linked = any(folder.joinpath(*parts[:depth]).is_symlink() for depth in range(1, len(parts) + 1))
    except OSError:
        return "scan/external-data-missing", f"tensor {name} reads {where!r}, which is not there", "copy the model's whole folder"
    if linked or not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        kind = "a link" if linked or stat.S_ISREG(about.st_mode) else "no regular file"
        return (
            "scan/external-data-link",
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
        return "scan/external-data-range", f"tensor {name} reads beyond its part of {where!r}", "export the model again"
    return None


def _operators(facts: OnnxFacts) -> Iterator[Fault]:
    own = set(facts.functions)
    for operator in facts.operators:
        domain, _, name = operator.partition("::")
        if (domain not in DOMAINS and operator not in own) or "::" in name:  # domains and names of operators hold no colons
            yield (
                "scan/custom-operator",
                f"the operator {shown(operator)} is of a domain that only foreign code implements",
                "export the model with standard operators, or give predictions instead",
            )


def _tensors(facts: OnnxFacts) -> Iterator[Fault]:
    for tensor in facts.tensors:
        if any(size < 0 for size in tensor.dims):
            yield "scan/tensor-size", f"tensor {shown(tensor.name)} has a negative dimension", "export the model again"
        elif tensor.dtype not in _TYPES:
            yield (
                "scan/tensor-size",
                f"tensor {shown(tensor.name)} has the unknown {shown(tensor.dtype)}",
                "export it with an older operator set",
            )
        elif tensor.external is None and _wrong_size(tensor):
            size = counted(_declared_bytes(tensor), "byte")
            yield (
                "scan/tensor-size",
                f"tensor {shown(tensor.name)} declares {size} but holds {tensor.stored:,}",
                "the file was cut short or forged: export it again",
            )


def _declared_bytes(tensor: Tensor) -> int:
    return (prod(tensor.dims) * bits(tensor.dtype) + 7) // 8


def _wrong_size(tensor: Tensor) -> bool:
    """Raw numbers take exactly as much as the shape says; others at least so much."""
    exact = tensor.raw and bits(tensor.dtype) > 0
    return tensor.stored != _declared_bytes(tensor) if exact else tensor.stored * 8 < _least_bits(tensor)


def _least_bits(tensor: Tensor) -> int:
    """The fewest bits that can hold the tensor: a varint takes a byte however wide its type, a string at least its length byte."""
    width = bits(tensor.dtype)
    return prod(tensor.dims) * min(width, 8) if width else 0


def _allocations(facts: OnnxFacts) -> Iterator[Fault]:
    for operator, size in largest(facts):
        if size * _MOST_BYTES_PER_ELEMENT > ALLOCATION_BYTES:
            yield (
                "scan/allocation-bomb",
                f"a {operator} makes a tensor of {size:,} elements out of nothing",
                "export the model again; if it must be so large, it cannot be judged here",
            )


def _functions(facts: OnnxFacts) -> Iterator[Fault]:
    """Functions of the model's own are unfolded where they are called: in a circle for ever, or into more nodes than any runtime can hold."""
    sizes = unfolded(facts.calls)
    if sizes is None:
        yield "scan/function-bomb", "its functions call each other in a circle", "export the model again"
        return
    inner: Counter[str] = Counter()
    for body in facts.calls.values():
        inner.update(body)
    outer = {operator: count - inner[operator] for operator, count in facts.operators.items()}
    total = sum(count * sizes.get(operator, 1) for operator, count in outer.items())
    if max([total, *sizes.values()]) > MAX_NODES:
        yield "scan/function-bomb", f"its functions unfold to {max([total, *sizes.values()]):,} nodes", "export the model again"


def _ambiguities(facts: OnnxFacts) -> Iterator[Fault]:
    for name in facts.twice[:1]:
        yield (
            "scan/said-twice",
            f"it holds {shown(name)} twice: readers would not agree on what counts",
            "it was put together by hand: export it again",
        )
