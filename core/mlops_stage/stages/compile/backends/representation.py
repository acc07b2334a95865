"""OpenVINO's intermediate representation, a graph in XML and its weights beside it, looked into without OpenVINO."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OWN = re.compile(r"opset\d{1,3}")
"""Versions of operations that OpenVINO implements itself; any other needs foreign code."""


def faults(graph: Path, weights: Path) -> tuple[str, ...]:
    """Why a graph must not be opened: operations that only foreign code implements, weights that lie elsewhere than in its own file.

    Raises:
        InputError: it cannot be read, or is no such graph.
    """
    try:
        content = graph.read_bytes()
        held = weights.stat().st_size
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{shown(graph.name)} or {shown(weights.name)} cannot be read", "compile the model again") from error
    if "<!" in text or "\0" in text or "encoding" in text[: text.find(">")].lower():
        return ("it is no plain XML",)
    try:
        root = ET.fromstring(text)  # noqa: S314  (neither entities nor document types are left)
    except ET.ParseError as error:
        raise InputError(f"{shown(graph.name)} is no XML", "compile the model again") from error
    return tuple(dict.fromkeys(_found(root, held)))


def _found(root: ET.Element, held: int) -> Iterator[str]:
    for layer in root.iter("layer"):
        if not _OWN.fullmatch(layer.get("version", "")):
            yield f"the operation {shown(layer.get('type', ''))} is of a kind that only foreign code implements"
        data = layer.find("data")
        if layer.get("type") == "Const" and data is not None and not _lies_within(data, held):
            yield "weights of it lie beyond the end of their file"


def _lies_within(data: ET.Element, held: int) -> bool:
    offset, size = (data.get(name, "") for name in ("offset", "size"))
    return offset.isdecimal() and size.isdecimal() and int(offset) + int(size) <= held
