"""Facts of a data contract (Open Data Contract Standard): what the data is for, and which columns are declared as sensitive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.evidence.paths import existing, relative
from mlops_stage.stages.sbom.extract.plain import UnreadableError, table, tables, text_of, texts, unread, word, yaml_of
from mlops_stage.stages.sbom.extract.scene import ROLES, Table, claim, harmless
from mlops_stage.stages.sbom.facts import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_OPEN = frozenset({"", "public", "open", "unrestricted"})


def extract(scene: Scene) -> Iterator[Found]:
    """What the contract declares, for every data set that the stage was asked about.

    Raises:
        UsageError: the contract is not there.
    """
    if not scene.contract:
        return
    path = existing(scene.root, scene.contract, "contract")
    source = relative(scene.root, path)
    try:
        plain = yaml_of(text_of(path))
    except UnreadableError as error:
        yield unread(source, error)
        return
    for key in ROLES:
        if key in scene.parts:
            yield from _told(plain, key, source)


def _told(plain: Mapping[str, Any], key: str, source: str) -> Iterator[Found]:
    about = table(plain.get("description")) or {"purpose": plain.get("description")}
    for name, element in (("purpose", "description"), ("usage", "intended_use"), ("limitations", "limitation")):
        if word(about.get(name)):
            yield claim(key, element, about[name], source)
    yield claim(key, "documentation", source, source)
    for name, element in (("dataProduct", "name"), ("tenant", "producer")):  # its name, version and id are those of the contract
        for text in texts(plain.get(name))[:1]:
            yield claim(key, element, text, source)
    for text in texts(plain.get("tags")):
        yield claim(key, "tag", text, source)
    schema = tables(plain.get("schema"))
    if len(schema) == 1:
        columns = tuple(_column(one) for one in tables(schema[0].get("properties")) if word(one.get("name")))
        yield Table(about=key, columns=columns)
        marked = sorted({word(one.get("classification")) for one in tables(schema[0].get("properties"))} - _OPEN)
        if marked:
            yield claim(key, "sensitivity", ", ".join(marked), source)


def _column(plain: Mapping[str, Any]) -> Column:
    marked = word(plain.get("classification")).lower() not in _OPEN
    return Column(
        name=harmless(plain["name"], 200),
        type=harmless(word(plain.get("logicalType")) or word(plain.get("physicalType")), 100),
        sensitive="declared" if marked else "",
        description=harmless(word(plain.get("description")), 500),
    )
