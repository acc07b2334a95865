"""The edition that may be published: made from what is left when everything declared confidential is taken away, so that nothing is concluded from it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from packageurl import PackageURL

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.sbom.elements import BY_NAME
from mlops_stage.stages.sbom.extract.assembly import DECLARED_AS
from mlops_stage.stages.sbom.extract.scene import ROLES, Ancestor, Claim, Interface, Table
from mlops_stage.stages.sbom.facts import Item

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mlops_stage.report import Finding
    from mlops_stage.stages.sbom.extract import Gathered
    from mlops_stage.stages.sbom.extract.scene import Found, Scene
    from mlops_stage.stages.sbom.facts import Inventory

_Kept = TypeVar("_Kept", bound=Item)
_REPEATED = 8
"""Whatever else says the very same in as many characters is withheld too; what is shorter may say it by chance."""
_TELL = {
    "parameters": ("precision",),
    "operators": ("functions",),
    "provenance": ("preparation",),
}
"""Facts of no element of any list that tell what another fact tells, or a part of it."""

_Withheld = defaultdict[str, set[str]]
"""Of `system`, `model` and each data set (`data`, `train`, `reference`), the facts that nothing may tell."""


def published(gathered: Gathered, confidential: Iterable[str]) -> Inventory:
    """The inventory without those elements, whoever says them: what a file says is no less confidential than what is declared.

    They are taken away before anything is concluded, so that no description, identifier or statistic is made of them. Digests, names and paths
    stay: without them the document would describe nothing. No digest of the complete edition stands in the published one: whoever has it could
    try out what was withheld.

    Args:
        gathered: all that was found.
        confidential: names of elements, `model_training_properties`, or of one data set, `dataset_provenance.train`.

    Raises:
        UsageError: an element that nothing can be told without.
    """
    withheld = _withheld(confidential)
    claims = [one for one in gathered.found if isinstance(one, Claim) and one.fact.element in withheld[one.about]]
    secret = {claim.fact.value for claim in claims if len(claim.fact.value) >= _REPEATED}
    left = (one for one in gathered.found if one not in claims and not _says(one, secret))
    found = tuple(kept for one in left if (kept := _kept(one, withheld)) is not None)
    inventory = replace(gathered, scene=_scene(gathered.scene, withheld), found=found).inventory
    return replace(
        inventory,
        system=_without(inventory.system, withheld["system"]),
        models=tuple(_without(model, withheld["model"]) for model in inventory.models),
        datasets=tuple(_without(one, withheld[one.role]) for one in inventory.datasets),
        findings=tuple(one if one in inventory.findings else _unquoted(one) for one in gathered.inventory.findings),
    )


def _withheld(confidential: Iterable[str]) -> _Withheld:
    found: _Withheld = defaultdict(set)
    for key in confidential:
        name, _, role = key.partition(".")
        element = BY_NAME[name]
        if "name" in element.facts:
            raise UsageError(
                f"confidential: {key} cannot be withheld: a thing without a name cannot be told", "declare a name that may be known"
            )
        told = {*element.facts, *(other for fact in element.facts for other in _TELL.get(fact, ()))}
        for about in ([role] if role else ROLES) if element.of == "dataset" else [element.of]:
            found[about] |= told
    return found


def _says(one: Found, secret: Collection[str]) -> bool:
    return isinstance(one, Claim) and one.fact.element != "name" and one.fact.value in secret


def _kept(one: Found, withheld: _Withheld) -> Found | None:
    """What may be told of a finding, or None."""
    if isinstance(one, Ancestor | Interface):
        return None if ("parent" if isinstance(one, Ancestor) else "interface") in withheld["model"] else one
    if isinstance(one, Table):
        return _columns(one, withheld[one.about])
    if isinstance(one, Claim) and one.fact.element == "identifier" and "version" in withheld[one.about]:
        return replace(one, fact=replace(one.fact, value=_versionless(one.fact.value)))
    return one


def _columns(table: Table, elements: Collection[str]) -> Table | None:
    """Columns tell how many they are, which of them are sensitive, and the share of cells that each lacks."""
    if "columns" in elements:
        return None
    if "sensitivity" in elements:
        return replace(table, columns=tuple(replace(column, description="", sensitive="") for column in table.columns))
    return table


def _scene(scene: Scene, withheld: _Withheld) -> Scene:
    """The place without what it tells by itself: a folder of a hub its identifier and version, git and CI the release."""
    model = scene.parts.get("model")
    changed: dict[str, Any] = {}
    if model:
        purl = "" if "identifier" in withheld["model"] else _versionless(model.purl) if "version" in withheld["model"] else model.purl
        changed["parts"] = {**scene.parts, "model": replace(model, purl=purl)}
    if "version" in withheld["system"]:
        changed["git"] = scene.git and replace(scene.git, tag="")
        changed["ci"] = scene.ci and replace(scene.ci, ref="")
    return replace(scene, **changed)


def _versionless(identifier: str) -> str:
    """A Package URL without its version; anything else as it is."""
    try:
        parts = PackageURL.from_string(identifier)
    except ValueError:
        return identifier
    return PackageURL(parts.type, parts.namespace, parts.name, None, parts.qualifiers, parts.subpath).to_string()


def _without(item: _Kept, elements: Collection[str]) -> _Kept:
    """The thing without what was concluded in the place of those facts: an element that is withheld is not told otherwise."""
    changed: dict[str, Any] = {"facts": tuple(one for one in item.facts if one.element not in elements)}
    if "licence" in elements:
        changed["licences"] = ()
    if "version" in elements:
        changed["version"] = ""
    return replace(item, **changed)


def _unquoted(finding: Finding) -> Finding:
    """A contradiction about what is withheld, without the two values that contradict each other."""
    what = finding.message.partition(DECLARED_AS)[0]
    return replace(finding, message=f"{what} is declared otherwise than {shown(finding.location)} says; both are withheld")
