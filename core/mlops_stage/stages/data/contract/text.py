"""YAML of unknown origin as plain values, with the line of each: no objects, no bombs, no key twice."""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.shallow import MaxDepthExceededError, parser

if TYPE_CHECKING:
    from pathlib import Path as File

    from ruamel.yaml.nodes import Node

    from mlops_stage.stages.data.contract.problems import Problems

Path: TypeAlias = "tuple[str | int, ...]"
"""Where a value stands: `("schema", 0, "name")`."""

_LARGEST = 2**20
_MOST_VALUES = 100_000
"""Values with all aliases written out; aliases of aliases make billions of a few lines."""
_DEEPEST = 50
_TOO_DEEP = ("is nested too deeply", f"a contract has at most {_DEEPEST} levels")
_MOST_DIGITS, _MOST = 400, sys.float_info.max
"""Numbers beyond those of a DOUBLE are larger than every cell."""
_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+)")


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML file as plain values: dict, list, str, int, float, bool, None."""

    source: str
    """Relative to the root."""
    sha256: str
    values: Any
    lines: dict[Path, int] = field(repr=False)

    def line(self, path: Path) -> int:
        """The line of a key, of an item of a list, or of the nearest thing above it that is there; from 1."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def where(self, path: Path) -> str:
        """`contract.odcs.yaml:31`."""
        return f"{self.source}:{self.line(path)}"


def read(file: File, source: str, problems: Problems) -> Document:
    """The document in a file that exists; its mistakes go to `problems`, and then its values are None.

    Dates stay the text that they are. A merge key (`<<`) is followed.

    Raises:
        InputError: it cannot be read, is no UTF-8 text or larger than 1 MiB.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(
            f"contract: {shown(source)} cannot be read: {error.strerror}", "give the path of a file that may be read"
        ) from error
    if len(content) > _LARGEST:
        raise InputError(f"contract: {shown(source)} is larger than 1 MiB", "a contract declares rules, and holds no data")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{shown(source)}:{line}: not UTF-8 text", "save the contract as UTF-8") from error
    reader = _Reader(problems)
    values = reader.top(text)
    return Document(source=source, sha256=hashlib.sha256(content).hexdigest(), values=values, lines=reader.lines)


class _BadError(Exception):
    """The rest of the file has no meaning any more."""


class _Reader:
    """One document being turned into plain values."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.lines: dict[Path, int] = {}
        self._left = _MOST_VALUES

    def top(self, text: str) -> Any:
        try:
            return self._top(parser().compose(text))
        except _BadError as bad:
            self.problems.add(*bad.args)
        except RecursionError:
            self.problems.add(1, *_TOO_DEEP)
        except MaxDepthExceededError as error:
            self.problems.add(error.problem_mark.line + 1, *_TOO_DEEP)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = str(error.problem or error.context).splitlines()[0]
            self.problems.add(
                mark.line + 1 if mark else 1, f"not valid YAML: {shown(problem, 120)}", "check indentation, colons and quotes there"
            )
        except (YAMLError, ValueError) as error:
            self.problems.add(1, f"not valid YAML: {shown(str(error).splitlines()[0], 120)}", "check the file for odd characters")
        return None

    def _top(self, node: Node | None) -> Any:
        if not isinstance(node, MappingNode):
            raise _BadError(1, "holds no mapping", "begin with `apiVersion: v3.1.0`")
        return self._value(node, ())

    def _value(self, node: Node, path: Path) -> Any:
        self._left -= 1
        line = node.start_mark.line + 1
        if self._left < 0:
            raise _BadError(line, f"holds more than {_MOST_VALUES:,} values", "write out what its aliases repeat")
        if len(path) > _DEEPEST:
            raise _BadError(
                line, "is nested too deeply, or an alias stands inside what it repeats", f"a contract has at most {_DEEPEST} levels"
            )
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*path, place)) for place, item in enumerate(node.value)]
        return self._scalar(node, line)

    def _item(self, node: Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self._value(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[Node] = []
        twice = False
        for key, value in node.value:
            if str(key.tag) == _TAG + "merge":
                merged += value.value if isinstance(value, SequenceNode) else [value]
                continue
            name, line = self._name(key), key.start_mark.line + 1
            if name in found and not twice:  # a forgotten dash makes several of one mapping; the first says it
                twice, first = True, self.lines[*path, name]
                hint = "keep one of them, or begin a new item with `- `"
                self.problems.add(line, f"the key {shown(name)!r} stands there twice, first in line {first}", hint)
            self.lines[*path, name] = line
            found[name] = self._value(value, (*path, name))
        for other in merged:
            self._merge(found, other, path)
        return found

    def _merge(self, found: dict[str, Any], other: Node, path: Path) -> None:
        """Keys of another mapping that are not there yet (YAML's merge key)."""
        line = other.start_mark.line + 1
        if not isinstance(other, MappingNode):
            raise _BadError(line, "`<<` merges something that is no mapping", "write out the keys")
        if len(path) > _DEEPEST:
            raise _BadError(line, "a mapping is merged into itself", "write out the keys")
        known = {name: self.lines[*path, name] for name in found}
        for name, value in self._mapping(other, (*path, "<<")).items():
            if name not in known:
                found[name] = value
                self.lines[*path, name] = self.lines[*path, "<<", name]

    def _name(self, key: Node) -> str:
        if not isinstance(key, ScalarNode):
            raise _BadError(key.start_mark.line + 1, "a key is a list or a mapping", "write keys as plain words")
        return str(key.value)

    def _scalar(self, node: Node, line: int) -> Any:
        text, tag = str(node.value), str(node.tag)
        kind = tag.removeprefix(_TAG)
        if kind in {"str", "timestamp"} or tag == "!":
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in {"int", "float"}:
            return self._number(text, line)
        raise _BadError(line, f"the tag {shown(tag)!r} is not allowed", "a contract holds plain text, numbers, true and false")

    def _number(self, text: str, line: int) -> int | float | str:
        if _WHOLE.fullmatch(text):
            whole = 0 if len(text) > _MOST_DIGITS else int(text, 0 if text.lstrip("+-")[:2] in {"0x", "0o"} else 10)
            if len(text) > _MOST_DIGITS or abs(whole) > _MOST:
                self.problems.add(line, f"{shown(text, 40)} is no number that anything could be compared with", "write a smaller number")
                return 0
            return whole
        try:
            number = float(
                text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").replace(".nan", "nan").replace(".NaN", "nan")
            )
        except ValueError:
            return text
        if not abs(number) <= _MOST:
            self.problems.add(line, f"{shown(text, 40)} is no number that anything could be compared with", "write a finite number")
            return 0.0
        return number
