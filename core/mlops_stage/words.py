"""Numbers, names and links as a sentence holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCS = "https://mlops.github.io/evaluate"
"""Where the documentation is published."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 gate`, `12,345 gates`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(parts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`; there is at least one."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
