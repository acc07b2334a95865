"""A YAML page written line by line, with its comments."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.stages.data.rules import Scalar

_PLAIN = re.compile(r"[A-Za-z_]([A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?")
_RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}
_WIDTH = 110
_ON_A_LINE = 90


class Page:
    """The text as it grows."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def why(self, indent: int, text: str) -> None:
        """A comment, broken into lines."""
        plain = " ".join(text.split())
        self.lines += [
            f"{' ' * indent}# {line}" for line in textwrap.wrap(plain, _WIDTH - indent, break_long_words=False, break_on_hyphens=False)
        ]

    def put(self, indent: int, text: str) -> None:
        """A line as it stands."""
        self.lines.append(" " * indent + text)

    def pair(self, indent: int, key: str, value: Scalar) -> None:
        """`key: value`."""
        self.put(indent, f"{key}: {scalar(value)}")

    def listed(self, indent: int, key: str, values: Sequence[Scalar]) -> None:
        """`key: [a, b]`, or one value on a line where that grows too long."""
        flow = f"{key}: [{', '.join(map(scalar, values))}]"
        if len(flow) <= _ON_A_LINE:
            self.put(indent, flow)
            return
        self.put(indent, f"{key}:")
        for value in values:
            self.put(indent + 2, f"- {scalar(value)}")

    def blank(self) -> None:
        """An empty line."""
        self.lines.append("")

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines) + "\n"


def scalar(value: Scalar) -> str:
    """A value as YAML 1.1 and 1.2 read it alike."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return f'"{"".join(map(_escaped, value))}"'


def _float(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:  # noqa: PLR2004  (whole floats below this are exact and short)
        return str(int(value))
    text = repr(value)
    # YAML 1.1 knows an exponent only with a point and a sign
    return text if "e" not in text else re.sub(r"^(-?\d+)e", r"\1.0e", text)


def _escaped(mark: str) -> str:
    if mark in '"\\':
        return "\\" + mark
    if mark.isprintable():
        return mark
    code = ord(mark)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004  (the widths that YAML has)
