"""What a `.gitlab-ci.yml` that people wrote says at its top level; what cannot be read says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ruamel.yaml.nodes import Node, SequenceNode

_LARGEST = 2**17
"""Bytes of a pipeline that are read: what people write is far smaller, and its parser takes seconds for a megabyte."""
_ALWAYS = (".pre", ".post")
"""Stages that every pipeline has, named or not."""
_DEPLOYS = ("deploy", "release", "publish", "prod")
"""How the names of stages begin before which a model must have been judged."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """Stages in their order, and whether other files are included."""

    stages: tuple[str, ...] = ()
    includes: bool = False
    column: int | None = None
    """Where the items of `include:` begin; None where it is no list with one item to a line."""

    @property
    def stage(self) -> str:
        """The one in which a model is best judged, always one that is there."""
        if not self.stages or "test" in self.stages:
            return "test"
        own = [name for name in self.stages if name not in _ALWAYS]
        late = next((place for place, name in enumerate(own) if name.lower().startswith(_DEPLOYS)), len(own))
        return own[late - 1] if late else _ALWAYS[0]


def read(path: Path) -> Declared:
    """What the pipeline declares; nothing where it is absent, too large, nested too deeply or no YAML, which GitLab tells better."""
    from ruamel.yaml.error import YAMLError

    from mlops_stage.inputs.shallow import parser

    yaml = parser()
    yaml.composer.warn_double_anchors = False  # an anchor may be given anew
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        # nodes, no values: tags of GitLab, keys given twice and dates that are none have nothing to say here
        documents = list(yaml.compose_all(content.decode("utf-8-sig"))) if len(content) <= _LARGEST else []
    except (OSError, UnicodeDecodeError, YAMLError):
        return Declared()
    return _top(documents[-1]) if documents else Declared()  # before it may stand `spec:`, the inputs of the pipeline


def _top(document: Node | None) -> Declared:
    from ruamel.yaml.nodes import MappingNode, ScalarNode

    if not isinstance(document, MappingNode):
        return Declared()
    found = {key.value: value for key, value in document.value if isinstance(key, ScalarNode)}
    return Declared(stages=_stages(found.get("stages")), includes="include" in found, column=_column(found.get("include")))


def _stages(node: Node | None) -> tuple[str, ...]:
    """Their names; none where one of them cannot be known without GitLab."""
    from ruamel.yaml.nodes import ScalarNode

    items = found.value if (found := _list(node)) else []
    return tuple(item.value for item in items) if all(isinstance(item, ScalarNode) for item in items) else ()


def _column(node: Node | None) -> int | None:
    found = _list(node)
    return found.start_mark.column if found and not found.flow_style else None


def _list(node: Node | None) -> SequenceNode | None:
    """The node, where it is a list as it stands there, and no `!reference` to one."""
    from ruamel.yaml.nodes import SequenceNode

    return node if isinstance(node, SequenceNode) and str(node.tag) == "tag:yaml.org,2002:seq" else None
