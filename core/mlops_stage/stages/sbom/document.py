"""A CycloneDX document as plain JSON: read from a file of unknown origin, and walked; the library's own model would drop what it does not know."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.paths import existing
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Document = dict[str, Any]
"""What `json.loads` makes of a BOM."""

MOST_BYTES = 2**28
MOST_LEVELS = 64
"""Lists and objects in one another; real documents have about twenty, and what walks them goes as deep."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MAKE = "give a BOM in CycloneDX JSON, such as `mlops-stage sbom` writes"

REFERENCES = frozenset(
    {
        ("ref",),
        ("dependsOn",),
        ("provides",),
        ("assemblies",),
        ("subjects",),
        ("compositions", "dependencies"),
        ("compositions", "vulnerabilities"),
        ("identity", "tools"),
        ("attestations", "assessor"),
        ("map", "requirement"),
        ("map", "claims"),
        ("map", "counterClaims"),
        ("conformance", "mitigationStrategies"),
        ("claims", "target"),
        ("claims", "mitigationStrategies"),
        ("claims", "evidence"),
        ("claims", "counterEvidence"),
        ("requirements", "parent"),
        ("levels", "requirements"),
        ("patents", "members"),
        ("patentAssertions", "asserter"),
        ("citations", "attributedTo"),
        ("citations", "process"),
    }
)
"""The last one or two keys on the way to a text that is the `bom-ref` of something else, in CycloneDX up to 1.7."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in a document, and where it stands."""

    value: str
    path: str
    """`components[3].purl`."""
    keys: tuple[str, ...]
    """The names on the way, without places in lists."""

    @property
    def refers(self) -> bool:
        """Whether it is the `bom-ref` of something else."""
        return self.keys[-1:] in REFERENCES or self.keys[-2:] in REFERENCES


@dataclass(frozen=True, slots=True)
class Component:
    """A component anywhere in a document."""

    record: Mapping[str, Any]
    path: str

    @property
    def label(self) -> str:
        """`components[3] (numpy)`, for messages."""
        return f"{self.path} ({shown(self.record.get('name', 'without a name'))})"


def read(source: str, root: Path, what: str) -> Document:
    """A document from a file.

    Args:
        source: path relative to the root.
        root: the project.
        what: the param that named it.

    Raises:
        UsageError: nothing is there.
        InputError: no CycloneDX in JSON, larger than `MOST_BYTES`, deeper than `MOST_LEVELS`, or with the same key twice.
    """
    path = existing(root, source, what)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{what}: {shown(source)} is larger than {MOST_BYTES // 2**20} MiB", _MAKE)
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{what}: cannot read {shown(source)}: {error.strerror}", _MAKE) from error
    return parsed(content, f"{what}: {shown(source)}")


def parsed(content: bytes, name: str) -> Document:
    """A document from its bytes.

    Raises:
        InputError: no CycloneDX in JSON, or with the same key twice; the message begins with `name`.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_refused)
        if _SURROGATE.search(content):
            json.dumps(document, ensure_ascii=False).encode()  # half of a character, which no file can hold
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is no JSON that can be read: {shown(str(error) or type(error).__name__)}", _MAKE) from error
    if _levels(document) > MOST_LEVELS:
        raise InputError(f"{name} is nested more than {MOST_LEVELS} levels deep", _MAKE)
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise InputError(f'{name} is no CycloneDX document: it does not say `"bomFormat": "CycloneDX"`', _MAKE)
    return document


def _levels(document: Any) -> int:
    """How deep lists and objects stand in one another."""
    level, inside = 0, [document] if isinstance(document, dict | list) else []
    while inside:
        level += 1
        inside = [inner for one in inside for inner in (one.values() if isinstance(one, dict) else one) if isinstance(inner, dict | list)]
    return level


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def texts(document: Any) -> Iterator[Text]:
    """Every text in a document, in the order in which it stands there."""
    waiting: list[tuple[Any, str, tuple[str, ...]]] = [(document, "", ())]
    while waiting:
        value, path, keys = waiting.pop()
        if isinstance(value, str):
            yield Text(value, path, keys)
        elif isinstance(value, dict):
            waiting += [(inner, f"{path}.{key}" if path else key, (*keys, key)) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(inner, f"{path}[{place}]", keys) for place, inner in reversed(list(enumerate(value)))]


def components(document: Document) -> Iterator[Component]:
    """Every component: those listed, those inside others, the one that the document is about, tools, ancestors and what formulas use."""
    waiting: list[tuple[Any, str, str]] = [(document, "", "")]
    while waiting:
        value, path, key = waiting.pop()
        if isinstance(value, dict):
            if _is_component(value, key):
                yield Component(value, path)
            waiting += [(inner, f"{path}.{name}" if path else name, name) for name, inner in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(inner, f"{path}[{place}]", key) for place, inner in reversed(list(enumerate(value)))]


_HOLDERS = frozenset({"components", "component", "ancestors", "descendants", "variants"})


def _is_component(value: Mapping[str, Any], key: str) -> bool:
    return key in _HOLDERS and isinstance(value.get("name"), str) and isinstance(value.get("type"), str)


def listed(value: Any) -> list[Any]:
    """A list as it is, and an empty one for anything else: a document need not fit its schema."""
    return value if isinstance(value, list) else []


def mapped(value: Any) -> dict[str, Any]:
    """An object as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [one for one in listed(value) if isinstance(one, dict)]
