"""Which of the named elements a bill of materials answers, with what, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.estimates import Point
from mlops_stage.report import Metric
from mlops_stage.stages.sbom.elements import BY_NAME, G7
from mlops_stage.stages.sbom.facts import Confidence
from mlops_stage.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_stage.stages.sbom.elements import Element
    from mlops_stage.stages.sbom.facts import Dataset, Inventory, Item, Model
    from mlops_stage.stages.sbom.results import Results

ELEMENT, ANSWERED = "element", "elements_answered"
"""The metric of one element, `element[name=model_license]`, and how many of the 50 are answered in full."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one thing says of an element."""

    value: str
    source: str
    confidence: Confidence = Confidence.EXTRACTED


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a bill of materials says of an element."""

    element: Element
    said: tuple[Said | None, ...]
    """Of each thing that has the element, in the order of the inventory: every model, every data set, or one for the whole; None where nothing is known."""

    @property
    def share(self) -> float:
        """The share of those that say it."""
        return sum(one is not None for one in self.said) / len(self.said) if self.said else 0.0

    @property
    def whole(self) -> bool:
        """Whether it is answered for each."""
        return bool(self.said) and None not in self.said


def answers(inventory: Inventory, results: Results, document: Mapping[str, Any]) -> tuple[Answer, ...]:
    """Every element with what is said of it, in the order of the table.

    Args:
        inventory: what was found.
        results: what other stages say.
        document: the bill of materials in CycloneDX, of which the elements about itself are read.
    """
    found: dict[str, tuple[Said | None, ...]] = {}
    of_system = {**_of_system(inventory, results), **{name: _one(value, "this document") for name, value in _of_document(document).items()}}
    models = [model for model in inventory.models if model.role != "source"]
    for element in BY_NAME.values():
        if element.of == "model":
            found[element.name] = tuple(_of_model(element, model, results) for model in models)
        elif element.of == "dataset":
            found[element.name] = tuple(_of_dataset(element, one, inventory) for one in inventory.datasets)
        else:
            found[element.name] = (_fact(element, inventory.system) or of_system.get(element.name),)
    return tuple(Answer(element=element, said=found[name]) for name, element in BY_NAME.items())


def metrics(found: Sequence[Answer]) -> Iterator[Metric]:
    """The share of those that answer each element, for gates such as `element[name=model_license] >= 1`, and the number answered in full."""
    asked = {element.name for element in G7}
    whole = sum(answer.whole for answer in found if answer.element.name in asked)
    yield Metric(name=ANSWERED, estimate=Point(float(whole)), direction="higher", exact=True)
    for answer in found:
        yield Metric(name=ELEMENT, estimate=Point(answer.share), slice=(("name", answer.element.name),), direction="higher", exact=True)


def _fact(element: Element, item: Item) -> Said | None:
    """What a file or a declaration says."""
    if "licence" in element.facts and item.licences:
        first = item.licences[0]
        return Said(value=first.text, source=first.source, confidence=first.confidence)
    for name in element.facts:
        fact = item.fact(name)
        if fact is not None:
            return Said(value=fact.value, source=fact.source, confidence=fact.confidence)
    return _one(item.purl, "its digest", Confidence.INFERRED) if "purl" in element.facts else None


def _one(value: str, source: str, confidence: Confidence = Confidence.EXTRACTED) -> Said | None:
    return Said(value=value, source=source, confidence=confidence) if value else None


def _of_document(document: Mapping[str, Any]) -> dict[str, str]:
    """What the document says about itself."""
    about, edges = document.get("metadata", {}), document.get("dependencies", [])
    tools = about.get("tools", {}).get("components", []) if isinstance(about.get("tools"), dict) else []
    people = [*about.get("authors", []), *([about["manufacturer"]] if "manufacturer" in about else [])]  # the supplier is the system's
    names = [one.get("name") or one.get("email") or next(iter(one.get("url", [])), "") for one in people]
    return {
        "sbom_author": next((name for name in names if name), ""),
        "sbom_version": str(document.get("version", "")),
        "sbom_data_format_name": document.get("bomFormat", ""),
        "sbom_data_format_version": document.get("specVersion", ""),
        "sbom_author_signature": "in the document" if "signature" in document else "",
        "sbom_tool_name": next((tool.get("name", "") for tool in tools), ""),
        "sbom_tool_version": next((tool.get("version", "") for tool in tools), ""),
        "sbom_generation_context": ", ".join(one.get("phase") or one.get("name", "") for one in about.get("lifecycles", [])),
        "sbom_timestamp": about.get("timestamp", ""),
        "sbom_dependency_relationship": counted(len(edges), "component") if edges else "",
    }


def _of_system(inventory: Inventory, results: Results) -> dict[str, Said | None]:
    """What follows about the whole from its parts."""
    parts = [
        counted(len(records), noun, plural)
        for records, noun, plural in (
            (inventory.models, "model", ""),
            (inventory.datasets, "data set", ""),
            (inventory.libraries, "library", "libraries"),
        )
        if records
    ]
    libraries = counted(len(inventory.libraries), "library", "libraries") if inventory.libraries else ""
    targets = [name for name in dict.fromkeys(one.target for one in results.compiled) if name != "host"]
    ports = _ports(inventory.models[0]) if inventory.models else ""
    return {
        "system_components": _one(listed(parts) if parts else "", "this inventory"),
        "system_input_output_properties": _one(ports, inventory.models[0].name if inventory.models else ""),
        "infrastructure_software": _one(libraries, inventory.libraries_from),
        "infrastructure_hardware": _one(f"compiled for {listed(targets)}" if targets else "", "compile", Confidence.INFERRED),
    }


def _ports(model: Model) -> str:
    """`age: float32[N, 1] → output_label: int64[N]`."""
    if not model.inputs or not model.outputs:
        return ""
    return f"{', '.join(port.text for port in model.inputs)} → {', '.join(port.text for port in model.outputs)}"


def _of_model(element: Element, model: Model, results: Results) -> Said | None:
    """What is said of one model; figures are of the model that the stage was asked about."""
    if element.name == "model_hash_value":
        return _one(model.sha256, model.name)
    if element.name == "model_hash_algorithm":
        return _one("SHA-256" if model.sha256 else "", model.name)
    if element.name == "model_base":
        parent = next(iter(model.parents), None)
        return Said(value=parent.purl or parent.name, source=parent.source, confidence=parent.confidence) if parent else None
    if element.name in _KINDS_OF_FIGURES and model.role == "model":
        return _figures(results, *_KINDS_OF_FIGURES[element.name])
    said = _fact(element, model)
    return said or (_one(_ports(model), model.name) if element.name == "model_input_output_properties" else None)


_KINDS_OF_FIGURES = {"security_metrics": ("adversarial",), "operational_performance_kpis": ("quality", "compile")}


def _figures(results: Results, *stages: str) -> Said | None:
    found = [figure for figure in results.figures if figure.stage in stages]
    sources = listed(list(dict.fromkeys(figure.source for figure in found))) if found else ""
    return _one(f"{counted(len(found), 'figure')}, such as {found[0].name} {found[0].value:.3g}" if found else "", sources)


def _of_dataset(element: Element, dataset: Dataset, inventory: Inventory) -> Said | None:
    """What is said of one data set."""
    if element.name == "dataset_hash":
        return _one(dataset.sha256 or dataset.snapshot, dataset.name)
    if element.name == "dataset_dependency_relationship":
        uses = [use for model in inventory.models for use in model.datasets if use.ref == dataset.ref]
        return Said(value=uses[0].role, source=uses[0].source, confidence=uses[0].confidence) if uses else None
    return _fact(element, dataset)
