"""Headers of .npy files (NEP 1): whether a pickle of objects follows, and how many bytes of numbers otherwise."""

from __future__ import annotations

import ast
import re
from math import prod
from typing import TYPE_CHECKING

from mlops_stage.inputs.pickles.source import NPY_MAGIC

if TYPE_CHECKING:
    from mlops_stage.inputs.pickles.source import Source

_MOST_HEADER = 2**16
_KEYS = {"descr", "fortran_order", "shape"}
_LARGEST = 2**62
_PLAIN = re.compile(
    r"[<>|=]?(?:(\?)|(b)1|([iu])([1248])|(f)(2|4|8|12|16)|(c)(8|16|24|32)|([mM])(8)(?:\[\w/]{1,20}\])?|([SUV])(0|[1-9]\d{0,8}))"
)
_OBJECTS = re.compile(r"[<>|=]?O[48]?")


def array(source: Source) -> int | None:
    """Read a header; the number of bytes that its numbers take, or None where a pickle of objects follows.

    Raises:
        ValueError: no such header, one that is cut short, or one that describes its items as NumPy never writes it.
    """
    if source.read(6) != NPY_MAGIC:
        raise ValueError("it does not begin as a .npy file")
    major = source.read(2)[0]
    if major not in {1, 2, 3}:
        raise ValueError(f"its format has the version {major}")
    size = int.from_bytes(source.read(2 if major == 1 else 4), "little")
    if size > _MOST_HEADER:
        raise ValueError(f"its header claims {size:,} bytes")
    header = _literal(source.read(size).decode("utf-8" if major == 3 else "latin-1"))  # noqa: PLR2004  (version 3.0 is UTF-8)
    shape = header.get("shape")
    if set(header) != _KEYS or not isinstance(shape, tuple) or not all(type(one) is int and 0 <= one <= _LARGEST for one in shape):
        raise ValueError("its header tells no dtype and shape")
    objects, width = _item(header["descr"])
    return None if objects else prod(shape) * width


def _literal(text: str) -> dict[object, object]:
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise ValueError("its header is no Python dictionary") from error
    if not isinstance(found, dict):
        raise ValueError("its header is no dictionary")  # noqa: TRY004  (a fault of the file, not of the caller)
    return found


def _item(descr: object) -> tuple[bool, int]:
    """Whether an item holds objects, and its bytes: a text, (item, shape), or a list of (name, item[, shape])."""
    if isinstance(descr, str):
        return _plain(descr)
    if isinstance(descr, tuple) and len(descr) == 2:  # noqa: PLR2004  (item and shape)
        objects, width = _item(descr[0])
        return objects, width * _count(descr[1])
    if not isinstance(descr, list) or not all(isinstance(one, tuple) and len(one) in {2, 3} for one in descr):
        raise ValueError("its header describes its items as NumPy never does")
    parts = [_item(one[1]) for one in descr]
    counts = [_count(one[2]) if len(one) > 2 else 1 for one in descr]  # noqa: PLR2004  (name, item, shape)
    return any(objects for objects, _ in parts), sum(width * count for (_, width), count in zip(parts, counts, strict=True))


def _plain(text: str) -> tuple[bool, int]:
    if _OBJECTS.fullmatch(text):
        return True, 8
    found = _PLAIN.fullmatch(text)
    if not found:  # numpy.dtype takes many other spellings (`object`, `f4,O`), some of which mean objects
        raise ValueError("its header describes its items as NumPy never does")
    parts = [part for part in found.groups() if part is not None]
    return False, int(parts[1] if len(parts) > 1 else 1) * (4 if parts[0] == "U" else 1)


def _count(shape: object) -> int:
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if not all(type(one) is int and 0 <= one <= _LARGEST for one in sizes):
        raise ValueError("its header describes its items as NumPy never does")
    return prod(one for one in sizes if isinstance(one, int))
