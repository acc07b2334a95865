"""How native files are written: YAML that people read, under a line that says where it comes from."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

from mlops_stage.native import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.adapter import Layout

_WIDTH = 140


def heading(layout: Layout, prefix: str = "# ") -> str:
    """The line at the top of every native file; `prefix` opens a comment in its language."""
    instead = "renew the copy" if layout.kind == "vendor" else "change the stage's record"
    return f"{prefix}{MARK}, {layout.distribution} {layout.version}; {instead} instead.\n"


def yaml(*documents: Mapping[str, Any]) -> str:
    """YAML 1.2 in block style, keys in the order given; a text of several lines stands as a block.

    Several documents are divided by `---`.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import walk_tree

    writer = YAML()
    writer.width = _WIDTH
    writer.indent(mapping=2, sequence=4, offset=2)
    texts: list[str] = []
    for document in documents:
        plain = _copied(document)
        walk_tree(plain)
        stream = StringIO()
        writer.dump(plain, stream)
        texts.append(stream.getvalue())
    return "---\n".join(texts)


def _copied(value: Any) -> Any:
    """Plain lists and dicts of the writer's own: it changes what it is given."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list | tuple) else value
