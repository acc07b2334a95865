"""The edition that may be published: without what is declared confidential, and saying what it withholds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from packageurl import PackageURL

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.sbom.elements import BY_NAME
from mlops_stage.stages.sbom.extract.assembly import DECLARED_AS
from mlops_stage.stages.sbom.facts import Dataset, Item, Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlops_stage.report import Finding
    from mlops_stage.stages.sbom.facts import Inventory

_Kept = TypeVar("_Kept", bound=Item)
_REPEATED = 8
"""Any other fact of as many characters that says the very same is withheld too."""
_ALL = ""


def published(inventory: Inventory, confidential: Iterable[str]) -> Inventory:
    """The inventory without those elements, whoever says them: what a file says is no less confidential than what is declared.

    Digests stay, and so do names: without them the document would describe nothing. No digest of the complete edition stands in the published
    one: whoever has it could try out what was withheld.

    Args:
        inventory: the complete one.
        confidential: names of elements, `model_training_properties`, or of one data set, `dataset_provenance.train`.

    Raises:
        UsageError: an element that nothing can be told without.
    """
    wanted = [_element(key) for key in confidential]
    system = (inventory.system, _facts(wanted, "system"))
    models = [(model, _facts(wanted, "model")) for model in inventory.models]
    datasets = [(dataset, _facts(wanted, "dataset", dataset.role)) for dataset in inventory.datasets]
    secret = frozenset(text for item, elements in [system, *models, *datasets] for text in _said(item, elements) if len(text) >= _REPEATED)
    return replace(
        inventory,
        system=_without(*system, secret),
        models=tuple(_without(model, elements, secret) for model, elements in models),
        datasets=tuple(_without(dataset, elements, secret) for dataset, elements in datasets),
        findings=tuple(_unquoted(finding, frozenset().union(*(elements for *_, elements in wanted))) for finding in inventory.findings),
    )


def _unquoted(finding: Finding, elements: frozenset[str]) -> Finding:
    """A contradiction about what is withheld, without the two values that contradict each other."""
    what, declared, _ = finding.message.partition(DECLARED_AS)
    if finding.rule != "sbom/contradiction" or not declared or what.partition(" ")[0] not in elements:
        return finding
    return replace(finding, message=f"{what} is declared otherwise than {shown(finding.location)} says; both are withheld")


def _said(item: Item, elements: frozenset[str]) -> Iterator[str]:
    """What is withheld of one thing, in its words."""
    yield from (fact.value for fact in item.facts if fact.element in elements)
    if "licence" in elements:
        yield from (licence.text for licence in item.licences)


def _element(key: str) -> tuple[str, str, frozenset[str]]:
    """What an element is of, the data set it is meant for, and the facts that answer it."""
    name, _, role = key.partition(".")
    element = BY_NAME[name]
    if "name" in element.facts:
        raise UsageError(
            f"confidential: {key} cannot be withheld: a thing without a name cannot be told", "declare a name that may be known"
        )
    return element.of, role or _ALL, frozenset(element.facts)


def _facts(wanted: Iterable[tuple[str, str, frozenset[str]]], kind: str, role: str = _ALL) -> frozenset[str]:
    """The facts that are withheld of one thing."""
    return frozenset().union(*(facts for of, which, facts in wanted if of == kind and which in {_ALL, role}))


def _without(item: _Kept, elements: frozenset[str], secret: frozenset[str]) -> _Kept:
    """The thing without those facts, and without others that say the very same."""
    changed: dict[str, Any] = {"facts": tuple(one for one in item.facts if one.element not in elements and one.value not in secret)}
    if "licence" in elements:
        changed["licences"] = ()
    if "version" in elements:
        changed |= {"version": "", "purl": _versionless(item.purl)}
    if "purl" in elements and not item.purl.startswith("pkg:generic/"):  # a generic one holds the name and the digest alone
        changed["purl"] = ""
    if isinstance(item, Model) and "parent" in elements:
        changed |= {"parents": ()}
    if isinstance(item, Model) and elements & _PORTS:
        changed |= {"inputs": (), "outputs": ()}
    if isinstance(item, Dataset) and elements & _COLUMNS:
        changed["columns"] = tuple(replace(column, description="", missing=None, sensitive="") for column in item.columns)
    return replace(item, **changed)


_PORTS = frozenset({"interface"})
_COLUMNS = frozenset({"statistics", "sensitivity"})
"""Facts that columns tell too: shares of missing cells, and which of them are sensitive."""


def _versionless(purl: str) -> str:
    if not purl:
        return ""
    parts = PackageURL.from_string(purl)
    return PackageURL(parts.type, parts.namespace, parts.name, None, parts.qualifiers, parts.subpath).to_string()
