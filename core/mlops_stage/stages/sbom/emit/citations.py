"""Who says which part of a document, as CycloneDX 1.7 tells it: a JSON pointer to each field that a fact became, by source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.stages.sbom.document import listed, mapped, records
from mlops_stage.stages.sbom.emit.properties import property_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_stage.stages.sbom.document import Document
    from mlops_stage.stages.sbom.facts import Fact, Inventory, Item
    from mlops_stage.stages.sbom.results import Results

Path = tuple[str | int, ...]

_PARAMETERS, _CONSIDERATIONS = ("modelCard", "modelParameters"), ("modelCard", "considerations")
_FIELDS: Mapping[str, tuple[Path, ...]] = {
    "name": (("name",),),
    "version": (("version",),),
    "description": (("description",), ("data", 0, "description")),
    "producer": (("manufacturer", "name"), ("data", 0, "governance", "owners", 0, "organization", "name")),
    "supplier": (("supplier", "name"),),
    "copyright": (("copyright",),),
    "identifier": (("purl",),),
    "tag": (("tags",),),
    "task": ((*_PARAMETERS, "task"),),
    "family": ((*_PARAMETERS, "architectureFamily"),),
    "architecture": ((*_PARAMETERS, "modelArchitecture"),),
    "training_type": ((*_PARAMETERS, "approach", "type"),),
    "users": ((*_CONSIDERATIONS, "users"),),
    "intended_use": ((*_CONSIDERATIONS, "useCases"),),
    "limitation": ((*_CONSIDERATIONS, "technicalLimitations"),),
    "out_of_scope": ((*_CONSIDERATIONS, "technicalLimitations"),),
    "tradeoff": ((*_CONSIDERATIONS, "performanceTradeoffs"),),
    "risk": ((*_CONSIDERATIONS, "ethicalConsiderations"),),
    "bias": ((*_CONSIDERATIONS, "ethicalConsiderations"),),
    "sensitivity": (("data", 0, "classification"),),
}
"""Where the facts stand that have fields of their own; all others are properties or references."""
_PROPERTIES: tuple[Path, ...] = (("properties",), ("modelCard", "properties"), ("data", 0, "contents", "properties"))
_METRICS: Path = ("modelCard", "quantitativeAnalysis", "performanceMetrics")
_ASSESSMENTS: Path = (*_CONSIDERATIONS, "fairnessAssessments")


def cited(document: Document, inventory: Inventory, results: Results) -> list[dict[str, Any]]:
    """One citation for each way in which something is known and each source; none where the document has no time or names no tool.

    Args:
        document: as it will be written; pointers lead into it.
        inventory: what was found.
        results: what other stages say of the first model.
    """
    moment, tool = mapped(document.get("metadata")).get("timestamp"), next(iter(inventory.tools), None)
    if not moment or tool is None:
        return []
    found: dict[str, set[Path]] = {}
    for source, path in _said(document, inventory, results):
        found.setdefault(source, set()).add(path)
    return [
        {
            "bom-ref": f"citation:{source}",
            "attributedTo": tool_ref(tool.name, tool.version),
            "note": source,
            "pointers": [f"/{'/'.join(map(str, path))}" for path in sorted(paths, key=_order)],
            "timestamp": moment,
        }
        for source, paths in sorted(found.items())
    ]


def tool_ref(name: str, version: str) -> str:
    """The bom-ref of a tool."""
    return f"tool:{name}@{version}"


def _said(document: Document, inventory: Inventory, results: Results) -> Iterator[tuple[str, Path]]:
    """`extracted: models/README.md`, and a place that says so."""
    places = {one["bom-ref"]: (place, one) for place, one in enumerate(records(document.get("components"))) if "bom-ref" in one}
    for item in (*inventory.models, *inventory.datasets, *inventory.libraries):
        if item.ref in places:
            place, record = places[item.ref]
            yield from ((source, ("components", place, *path)) for source, path in _of_item(item, record))
    about = mapped(mapped(document.get("metadata")).get("component"))
    yield from ((source, ("metadata", "component", *path)) for source, path in _of_item(inventory.system, about))
    for model in inventory.models[:1]:
        place, record = places.get(model.ref, (0, {}))
        for start, told in ((_METRICS, results.figures), (_ASSESSMENTS, results.assessments)):
            entries = listed(_at(record, start))[: len(told)]
            yield from ((f"measured: report {told[i].source}", ("components", place, *start, i)) for i in range(len(entries)))


def _of_item(item: Item, record: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    for fact in item.facts:
        yield from ((f"{fact.confidence}: {fact.source}", path) for path in _places(fact, record))
    for licence in item.licences if record.get("licenses") else ():
        yield f"{licence.confidence}: {licence.source}", ("licenses",)


def _places(fact: Fact, record: Mapping[str, Any]) -> Iterator[Path]:
    """The fields of a component that say a fact."""
    for path in _FIELDS.get(fact.element, ()):
        value = _at(record, path)
        if value == fact.value:
            yield path
        yield from ((*path, place) for place, one in enumerate(listed(value)) if _says(one, fact.value))
    name, value = property_of(fact)
    for path in _PROPERTIES:
        told = listed(_at(record, path))
        yield from ((*path, place) for place, one in enumerate(told) if (one.get("name"), one.get("value")) == (name, value))
    references = records(record.get("externalReferences"))
    yield from (("externalReferences", place) for place, one in enumerate(references) if one.get("url") == fact.value)


def _says(entry: Any, value: str) -> bool:
    """Whether an entry of a list is a fact, alone or behind a word such as `bias:`."""
    text = entry.get("name") if isinstance(entry, dict) else entry
    return isinstance(text, str) and (text == value or text.endswith(f": {value}"))


def _at(record: Any, path: Iterable[str | int]) -> Any:
    """What stands at a place, or None."""
    for key in path:
        if isinstance(key, int):
            record = record[key] if isinstance(record, list) and len(record) > key else None
        else:
            record = mapped(record).get(key)
    return record


def _order(path: Path) -> tuple[tuple[bool, int, str], ...]:
    """Numbers by their size, words by their letters."""
    return tuple((isinstance(key, int), key if isinstance(key, int) else 0, str(key)) for key in path)
