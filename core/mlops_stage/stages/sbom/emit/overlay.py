"""What is laid over the library's document: cards, descriptions of data, the graph, how it was made, and what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InternalError
from mlops_stage.stages.sbom.emit import cards
from mlops_stage.stages.sbom.emit.components import model_ref
from mlops_stage.stages.sbom.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_stage.stages.sbom.document import Document
    from mlops_stage.stages.sbom.emit.properties import Pair
    from mlops_stage.stages.sbom.facts import Dataset, Inventory, Model
    from mlops_stage.stages.sbom.results import Compiled

Record = dict[str, Any]

_LEARNT = frozenset({"train", "validation", "calibration", "unknown"})
"""Roles of data that a model depends on; what it was only judged with is an input of a test."""


def overlaid(document: Document, inventory: Inventory, results: Results, artefacts: Mapping[str, Sequence[Compiled]]) -> Document:
    """The document with all of it; components come in the order model, compiled, data, libraries.

    Raises:
        InternalError: something stands for a component that the document lacks, or two have one reference.
    """
    over = {**_models(inventory, results), **_datasets(inventory, results)}
    found = {one["bom-ref"]: {**one, **over.pop(one["bom-ref"], {})} for one in document.get("components", [])}
    if over or len(found) != len(document.get("components", [])):
        raise InternalError(f"components of the bill of materials do not fit its inventory: {sorted(over)[:3]}", "please report this")
    return {
        **document,
        "components": [found[ref] for ref in order(inventory, artefacts)],
        "dependencies": _graph(inventory, artefacts),
        "compositions": _compositions(inventory, artefacts),
        **_formulation(inventory, results, artefacts),
    }


def order(inventory: Inventory, artefacts: Mapping[str, Sequence[Compiled]]) -> list[str]:
    """References of all components: some readers look at the first one only, so the model comes first."""
    items = [item.ref for item in inventory.models]
    return [
        *items,
        *map(model_ref, artefacts),
        *(item.ref for item in inventory.datasets),
        *sorted(item.ref for item in inventory.libraries),
    ]


def _models(inventory: Inventory, results: Results) -> dict[str, Record]:
    """Cards; results are of the first model, which the stage was asked about."""
    return {model.ref: {"modelCard": cards.card(model, Results() if place else results)} for place, model in enumerate(inventory.models)}


def _datasets(inventory: Inventory, results: Results) -> dict[str, Record]:
    return {dataset.ref: {"data": cards.description(dataset, _verdicts(dataset, results))} for dataset in inventory.datasets}


def _verdicts(dataset: Dataset, results: Results) -> Iterable[Pair]:
    """What the stage data says of this data set."""
    for judged in results.judged:
        if judged.stage == "data" and dataset.sha256 and dataset.sha256 in judged.data:
            yield f"mlops:report:{judged.id}", f"{judged.outcome}: {judged.summary}"
            yield "mlops:contract", judged.contract


def _graph(inventory: Inventory, artefacts: Mapping[str, Sequence[Compiled]]) -> list[Record]:
    """Which component needs which; each has an entry, for one without says nothing."""
    known = {inventory.system.ref, *order(inventory, artefacts)}
    edges: dict[str, set[str]] = {ref: set() for ref in known}
    direct = {library.ref for library in inventory.libraries if library.direct} or {library.ref for library in inventory.libraries}
    edges[inventory.system.ref] = {
        *(model.ref for model in inventory.models if model.role != "source"),
        *direct,
        *map(model_ref, artefacts),
    }
    for model in inventory.models:
        edges[model.ref] |= {use.ref for use in model.datasets if use.role in _LEARNT} | {parent.ref for parent in model.parents}
    for library in inventory.libraries:
        edges[library.ref] |= set(library.requires)
    return [{"ref": ref, "dependsOn": sorted((needed & known) - {ref})} for ref, needed in sorted(edges.items())]


def _compositions(inventory: Inventory, artefacts: Mapping[str, Sequence[Compiled]]) -> list[Record]:
    """What is listed whole and what is not: unknown is said, never passed over."""
    libraries = "complete" if inventory.libraries_complete else "incomplete" if inventory.libraries else "unknown"
    told = [{"aggregate": libraries, "dependencies": [inventory.system.ref]}]
    for model in inventory.models:
        told.append({"aggregate": "incomplete", "dependencies": [model.ref]})
        told.append({"aggregate": "complete" if model.files else "unknown", "assemblies": [model.ref]})
    told += [{"aggregate": "complete", "assemblies": [model_ref(sha256)]} for sha256 in artefacts]
    told += [{"aggregate": "complete" if one.files else "unknown", "assemblies": [one.ref]} for one in inventory.datasets]
    return told


def _formulation(inventory: Inventory, results: Results, artefacts: Mapping[str, Sequence[Compiled]]) -> Record:
    """How the model came about, as far as it is known: trained with what, tested with what, compiled to what."""
    tasks = [task for model in inventory.models for task in _trained(model, inventory)]
    tasks += [task for model in inventory.models[:1] for task in _tested(model, inventory, results)]
    if inventory.models and artefacts:
        tasks.append(_task("compile", inventory.models[0], [inventory.models[0].ref], list(map(model_ref, artefacts))))
    if not tasks:
        return {}
    kinds = sorted({kind for task in tasks for kind in task["taskTypes"]})
    return {
        "formulation": [
            {
                "bom-ref": "formula",
                "workflows": [{"bom-ref": "workflow", "uid": "workflow", "name": "model", "taskTypes": kinds, "tasks": tasks}],
            }
        ]
    }


def _trained(model: Model, inventory: Inventory) -> Iterable[Record]:
    known = {dataset.ref for dataset in inventory.datasets}
    used = dict.fromkeys(use.ref for use in model.datasets if use.role in _LEARNT - {"unknown"} and use.ref in known)
    if used:
        yield _task("train", model, list(used), [model.ref])


def _tested(model: Model, inventory: Inventory, results: Results) -> Iterable[Record]:
    """What a report says was measured; that test data was given says nothing of a test."""
    tested = {digest for judged in results.judged for digest in judged.tested}
    used = [dataset.ref for dataset in inventory.datasets if dataset.sha256 and dataset.sha256 in tested]
    if used:
        yield _task("test", model, [model.ref, *used], [])


def _task(name: str, model: Model, used: Sequence[str], made: Sequence[str]) -> Record:
    ref = f"{name}:{model.ref}"
    told: Record = {"bom-ref": ref, "uid": ref, "name": name, "taskTypes": ["test" if name == "test" else "build"]}
    told["inputs"] = [{"resource": {"ref": one}} for one in used]
    if made:
        told["outputs"] = [{"type": "artifact", "resource": {"ref": one}} for one in made]
    return told
