"""Arrays as joblib writes them between opcodes: how many bytes to step over, or that a pickle of objects follows.

Only descriptions that joblib and NumPy themselves write are taken; of any other nobody could tell how it would be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import Any

from mlops_stage.inputs.pickles.outlines import DTYPE, Made, Name, Outlined

_KIND = re.compile(r"[<>|=]?(?:(b)(1)|([iu])([1248])|(f)(2|4|8|12|16)|(c)(8|16|24|32)|([mM])(8)|(O)(8|4|)|([SUV])(0|[1-9]\d{0,8}))")
_TOLD = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
_REQUIRED = {"subclass", "shape", "order", "dtype"}
_LARGEST = 2**62
_DEEPEST = 20
_STATE = 8


class DoubtError(ValueError):
    """Readers could differ about what follows."""


@dataclass(frozen=True)
class Layout:
    """What follows a wrapper of joblib's."""

    size: int | None
    """Bytes of numbers; None where a pickle of objects follows."""
    padded: bool


def layout(state: Any) -> Layout:
    """What joblib's NumpyArrayWrapper.read_array reads once it has that state.

    Raises:
        DoubtError: the state is none that joblib writes.
    """
    if not isinstance(state, Outlined) or state.over or not set(state) <= _TOLD or not set(state) >= _REQUIRED:
        raise DoubtError("an array is not described as joblib does")
    shape, padding, mapped = state["shape"], state.get("numpy_array_alignment_bytes"), state.get("allow_mmap")
    if not isinstance(shape, tuple) or not all(type(size) is int and 0 <= size <= _LARGEST for size in shape) or prod(shape) > _LARGEST:
        raise DoubtError("the shape of an array is not told in plain numbers")
    if not isinstance(state["subclass"], Name) or not isinstance(state["order"], str) or type(padding) not in {int, type(None)}:
        raise DoubtError("an array is not described as joblib does")
    objects, width = _item(state["dtype"])
    if type(mapped) not in {bool, int, type(None)} or (objects and mapped):
        raise DoubtError("an array is not described as joblib does")
    return Layout(size=None if objects else prod(shape) * width, padded=padding is not None)


def _item(dtype: Any, depth: int = 0) -> tuple[bool, int]:
    """Whether an item holds objects, and its bytes."""
    arguments = dtype.arguments if isinstance(dtype, Made) and dtype.of == DTYPE and dtype.built <= 1 else None
    if not isinstance(arguments, tuple) or len(arguments) != 3 or arguments[1:] != (False, True) or depth > _DEEPEST:  # noqa: PLR2004  (text, align, copy)
        raise DoubtError("the dtype of an array is not told as NumPy does")
    found = _KIND.fullmatch(arguments[0]) if isinstance(arguments[0], str) else None
    if found is None:
        raise DoubtError("the dtype of an array is not told as NumPy does")
    kind, digits = [part for part in found.groups() if part is not None]
    width = int(digits or 8) * (4 if kind == "U" else 1)
    if not dtype.built:
        return kind == "O", width
    return _of_state(dtype.state, kind, width, depth)


def _of_state(state: Any, kind: str, width: int, depth: int) -> tuple[bool, int]:
    """As `dtype.__setstate__` takes it: (version, byte order, subarray, names, fields, size, alignment, flags[, metadata])."""
    if not isinstance(state, tuple) or len(state) not in {_STATE, _STATE + 1} or type(state[7]) is not int or state[5] not in {-1, width}:
        raise DoubtError("the state of a dtype is not told as NumPy does")
    _, _, part, names, fields, size, _, flags = state[:_STATE]
    if kind == "O":
        told = part is None and fields is None and bool(flags & 1)
        objects = True
    elif kind == "V" and isinstance(fields, Outlined) and part is None:
        objects = any(_item(about[0], depth + 1)[0] for about in fields.values() if _is_field(about))
        told = (
            not fields.over
            and isinstance(names, tuple)
            and set(names) == set(fields)
            and all(map(_is_field, fields.values()))
            and size == width
        )
    elif kind == "V" and isinstance(part, tuple) and part and fields is None:
        objects = _item(part[0], depth + 1)[0]
        told = size == width
    else:
        objects, told = False, part is None and names is None and fields is None and (kind not in "SUV" or size == width)
    if not told or bool(flags & 1) is not objects:
        raise DoubtError("the state of a dtype is not told as NumPy does")
    return objects, width


def _is_field(about: Any) -> bool:
    return isinstance(about, tuple) and len(about) in {2, 3} and type(about[1]) is int
