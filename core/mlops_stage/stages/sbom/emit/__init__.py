"""An inventory and what other stages found, as a CycloneDX document; the only room that knows how that format is written."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cyclonedx.model import ExternalReferenceType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.schema.schema import SCHEMA_VERSIONS
from packageurl import PackageURL

from mlops_stage.stages.sbom.document import listed
from mlops_stage.stages.sbom.emit import components, properties
from mlops_stage.stages.sbom.emit.canonical import canonical
from mlops_stage.stages.sbom.emit.citations import cited, tool_ref
from mlops_stage.stages.sbom.emit.overlay import overlaid
from mlops_stage.stages.sbom.identity import is_mail
from mlops_stage.stages.sbom.merge import merged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_stage.stages.sbom.document import Document
    from mlops_stage.stages.sbom.emit.properties import Pair
    from mlops_stage.stages.sbom.facts import Inventory
    from mlops_stage.stages.sbom.results import Compiled, Results

_VERSIONS = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}
_CITING = frozenset({"1.7"})
_MANAGERS = {"uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm", "Pipfile.lock": "pipenv"}


@dataclass(frozen=True, kw_only=True)
class About:
    """What is said of the document as a whole."""

    creator: str = ""
    """E-mail address, URL or name of who answers for it."""
    withheld: tuple[str, ...] = ()
    """Names of elements that were taken out of the inventory: this edition says so."""
    environment: Document | None = None
    """Another BOM that is merged in whole."""


_NOTHING = About()


def emit(inventory: Inventory, results: Results, spec: str = "1.6", epoch: int | None = None, about: About = _NOTHING) -> bytes:
    """The bill of materials: CycloneDX in canonical JSON, the same bytes for the same arguments anywhere.

    Args:
        inventory: what was found.
        results: what other stages say about the first model and the data.
        spec: version of CycloneDX, `1.6` or `1.7`.
        epoch: seconds since 1970 of the time that the document tells; unset: that of the inventory, and no time where that has none.
        about: what is said of the document as a whole.

    Raises:
        InputError: the other BOM cannot be merged.
    """
    artefacts = _artefacts(results, inventory)
    document = overlaid(_output(inventory, artefacts, spec), inventory, results, artefacts)
    del document["metadata"]["timestamp"]  # the library's is the clock's
    document["metadata"] = {**document["metadata"], **_metadata(inventory, inventory.epoch if epoch is None else epoch, about)}
    if about.environment is not None:
        document = merged(document, about.environment)
    if spec in _CITING and (citations := cited(document, inventory, results)):
        document = {**document, "citations": [*citations, *listed(document.get("citations"))]}
    return canonical(document)


def _artefacts(results: Results, inventory: Inventory) -> Mapping[str, Sequence[Compiled]]:
    """Compiled files by digest; one that is a model of the inventory already is no other thing."""
    known = {file.sha256 for model in inventory.models for file in model.files} | {model.sha256 for model in inventory.models}
    found: dict[str, list[Compiled]] = {}
    for one in results.compiled:
        if one.sha256 not in known:
            found.setdefault(one.sha256, []).append(one)
    return {sha256: found[sha256] for sha256 in sorted(found)}


def _output(inventory: Inventory, artefacts: Mapping[str, Sequence[Compiled]], spec: str) -> Document:
    """The document as the library writes it; each component by itself, for a list of them is sorted by comparing all that they say."""
    made = [
        *map(components.model, inventory.models),
        *map(components.dataset, inventory.datasets),
        *map(components.library, inventory.libraries),
        *(components.compiled(sha256, found, inventory.models[0]) for sha256, found in artefacts.items()),
    ]
    version = _VERSIONS[spec]
    document: Document = json.loads(make_outputter(_frame(inventory), OutputFormat.JSON, version).output_as_string())
    # the library gives its classes this method when they are made, so that no type checker knows it
    return {**document, "components": [json.loads(one.as_json(SCHEMA_VERSIONS[version])) for one in made]}  # type: ignore[attr-defined]


def _frame(inventory: Inventory) -> Bom:
    """What stands around the components; every reference is given, for the library would make up those that lack one."""
    bom = Bom(serial_number=uuid.UUID(int=0))
    bom.metadata.component = components.system(inventory.system, _of_system(inventory), _addresses(inventory))
    bom.metadata.lifecycles = [PredefinedLifecycle(LifecyclePhase.BUILD)]
    for tool in inventory.tools:
        bom.metadata.tools.components.add(
            Component(
                type=ComponentType.APPLICATION,
                name=tool.name,
                version=tool.version or None,
                bom_ref=tool_ref(tool.name, tool.version),
                purl=PackageURL.from_string(tool.purl) if tool.purl else None,
                description=tool.what or None,
            )
        )
    return bom


def _addresses(inventory: Inventory) -> Iterator[tuple[ExternalReferenceType, str]]:
    """Where the source and the pipeline are."""
    if inventory.git and inventory.git.remote:
        yield ExternalReferenceType.VCS, inventory.git.remote
    if inventory.ci and inventory.ci.repository:
        yield ExternalReferenceType.BUILD_SYSTEM, inventory.ci.repository


def _of_system(inventory: Inventory) -> Iterator[Pair]:
    git, ci = inventory.git, inventory.ci
    if git:
        yield from (("mlops:git:commit", git.commit), ("mlops:git:tag", git.tag), ("mlops:git:changed_since", str(git.dirty).lower()))
    if ci:
        yield from (
            ("mlops:ci:system", ci.system),
            ("mlops:ci:ref", ci.ref),
            ("mlops:ci:workflow", ci.workflow),
            ("mlops:ci:commit", ci.commit),
        )


def _metadata(inventory: Inventory, epoch: int | None, about: About) -> dict[str, Any]:
    """What the document says about itself; a time of the clock would make each run another document."""
    told: dict[str, Any] = {}
    if epoch is not None:
        told["timestamp"] = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if is_mail(about.creator):
        told["authors"] = [{"email": about.creator}]
    elif about.creator:
        told["manufacturer"] = {"url": [about.creator]} if "://" in about.creator else {"name": about.creator}
    supplier = inventory.system.text("supplier") or inventory.system.text("producer")
    if supplier:
        told["supplier"] = {"name": supplier}
    hidden = [("mlops:withheld", name) for name in about.withheld]
    edition = [("mlops:edition", "published")] if hidden else []
    return {**told, "properties": properties.records([*_for_gitlab(inventory), *edition, *hidden])}


def _for_gitlab(inventory: Inventory) -> Iterator[Pair]:
    """What GitLab asks for before it lists the libraries of a report (its property taxonomy, version 1)."""
    yield "gitlab:meta:schema_version", "1"
    name = PurePosixPath(inventory.libraries_from).name
    if "." in name:
        yield "gitlab:dependency_scanning:input_file:path", inventory.libraries_from
        yield "gitlab:dependency_scanning:package_manager:name", _MANAGERS.get(name, "pip")
        yield "gitlab:dependency_scanning:language:name", "Python"
