"""Systems, models, data sets and libraries as components of cyclonedx-python-lib."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.model.contact import OrganizationalContact, OrganizationalEntity
from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
from packageurl import PackageURL

from mlops_stage.stages.sbom.emit import properties
from mlops_stage.stages.sbom.facts import Confidence
from mlops_stage.stages.sbom.identity import generic_purl, is_mail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cyclonedx.model.license import License

    from mlops_stage.stages.sbom.emit.properties import Pair
    from mlops_stage.stages.sbom.facts import Dataset, Fact, File, Item, Library, Licence, Model, Parent
    from mlops_stage.stages.sbom.results import Compiled

_REFERENCES = {
    "homepage": ExternalReferenceType.WEBSITE,
    "documentation": ExternalReferenceType.DOCUMENTATION,
    "repository": ExternalReferenceType.VCS,
    "download": ExternalReferenceType.DISTRIBUTION,
    "security_policy": ExternalReferenceType.SECURITY_CONTACT,
    "vulnerability": ExternalReferenceType.EXPLOITABILITY_STATEMENT,
    "attestation": ExternalReferenceType.ATTESTATION,
}
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|mailto:|(?!/)[\w.-]+/)[^\s<>\"{}|\\^`]+", re.IGNORECASE)
_FIELDS = frozenset({"name", "version", "description", "producer", "contact", "supplier", "copyright", "tag"})
"""Elements for which every component has a field."""
OF_CARD = frozenset(
    {
        "intended_use", "users", "out_of_scope", "limitation", "tradeoff", "risk", "bias", "training_type", "task", "family", "architecture",
        "claimed_metric", "energy_kwh", "co2_tonnes",
    }
)  # fmt: skip
"""Elements that a model's card holds."""
OF_DATA = frozenset(
    {
        "rows", "columns", "missing", "statistics", "content", "provenance", "collection", "preparation", "sensitivity", "consent", "format",
        "language",
    }
)  # fmt: skip
"""Elements that the description of a data set holds."""
_ELSEWHERE = {ComponentType.MACHINE_LEARNING_MODEL: OF_CARD, ComponentType.DATA: OF_DATA}
_SHORT = 12
_MD5 = re.compile(r"md5:([0-9a-f]{32})")


def system(item: Item, more: Iterable[Pair], addresses: Iterable[tuple[ExternalReferenceType, str]]) -> Component:
    """What the models belong to."""
    return _component(item, ComponentType.APPLICATION, more=more, addresses=addresses)


def model(item: Model) -> Component:
    """A model, its files in it where they are several."""
    several = len(item.files) > 1
    more = [("mlops:role", item.role), ("mlops:hash:scope", "list of names and digests" if several else "")]
    if not several:
        more += [pair for file in item.files for pair in _of_file(file, "mlops:file")]
    made = _component(item, ComponentType.MACHINE_LEARNING_MODEL, sha256s=[item.sha256], more=more)
    if several:
        made.components = [_file(file, item.ref) for file in item.files]
    if item.parents:
        made.pedigree = Pedigree(ancestors=[_parent(parent, f"{item.ref}#parent{place}") for place, parent in enumerate(item.parents)])
    return made


def dataset(item: Dataset) -> Component:
    """A data set."""
    several = len(item.files) > 1
    scope = "list of names and digests" if several and item.hash_scope == "content" else item.hash_scope
    more = [("mlops:role", item.role), ("mlops:hash:scope", scope), ("mlops:snapshot", item.snapshot)]
    made = _component(item, ComponentType.DATA, sha256s=[item.sha256], more=more)
    recorded = _MD5.fullmatch(item.snapshot)
    if recorded:
        made.hashes = [HashType(alg=HashAlgorithm.MD5, content=recorded[1])]
    if several:
        made.components = [_file(file, item.ref) for file in item.files]
    return made


def library(item: Library) -> Component:
    """A package."""
    return _component(item, ComponentType.LIBRARY, sha256s=item.sha256s, more=[("mlops:direct", "true" if item.direct else "")])


def compiled(sha256: str, artefacts: Sequence[Compiled], source: Model) -> Component:
    """A file that was compiled from a model, for one or more targets; its terms and its maker are the model's."""
    first = artefacts[0]
    more = [("mlops:target", one.target) for one in artefacts] + [("mlops:path", one.path) for one in artefacts]
    more += [(f"mlops:verdict:{one.target}", f"{one.verdict}: {one.doubt}" if one.doubt else one.verdict) for one in artefacts]
    more += [
        ("mlops:role", "compiled"),
        ("mlops:source:target", "; ".join(sorted({f"extracted: report {one.source}" for one in artefacts}))),
    ]
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=first.name,
        version=version_of(sha256),
        bom_ref=model_ref(sha256),
        hashes=_hashes([sha256]),
        purl=PackageURL.from_string(generic_purl(PurePosixPath(first.name).name, "", sha256)),
        licenses=list(_licences(source.licences)),
        supplier=_supplier(source),
        manufacturer=_organisation(source.text("producer"), source.text("contact")),
        pedigree=Pedigree(
            ancestors=[
                Component(
                    type=ComponentType.MACHINE_LEARNING_MODEL,
                    name=source.name,
                    version=source.version or (version_of(source.sha256) if source.sha256 else None),
                    bom_ref=f"{model_ref(sha256)}#source",
                    hashes=_hashes([source.sha256]),
                    purl=_purl(source.purl),
                )
            ]
        ),
        properties=_properties(more),
    )


def model_ref(sha256: str) -> str:
    """The bom-ref of a model file."""
    return f"model:sha256:{sha256}"


def version_of(sha256: str) -> str:
    """What tells versions apart where nobody numbers them: the first digits of the digest."""
    return f"sha256-{sha256[:_SHORT]}"


def _component(
    item: Item,
    kind: ComponentType,
    *,
    sha256s: Iterable[str] = (),
    more: Iterable[Pair] = (),
    addresses: Iterable[tuple[ExternalReferenceType, str]] = (),
) -> Component:
    digests = [digest for digest in sha256s if digest]
    own = kind in _ELSEWHERE and digests
    referred = {fact: _REFERENCES[fact.element] for fact in item.facts if fact.element in _REFERENCES and _ADDRESS.fullmatch(fact.value)}
    plain = (fact for fact in item.facts if fact not in referred and not _repeats(fact, item))
    told = properties.of_facts(plain, _FIELDS | _ELSEWHERE.get(kind, frozenset()))
    found = dict.fromkeys([*((kind, fact.value) for fact, kind in referred.items()), *addresses])
    return Component(
        type=kind,
        name=item.name,
        version=item.version or (version_of(digests[0]) if own else None),
        bom_ref=item.ref,
        description=item.text("description") or None,
        supplier=_supplier(item),
        manufacturer=_organisation(item.text("producer"), item.text("contact")),
        copyright=item.text("copyright") or None,
        hashes=_hashes(digests),
        licenses=list(_licences(item.licences)),
        purl=_purl(item.purl),
        tags=[fact.value for fact in item.every("tag")],
        external_references=[ExternalReference(type=kind, url=XsUri(url)) for kind, url in found],
        properties=_properties([*told, *properties.sources(item), *more]),
    )


def _repeats(fact: Fact, item: Item) -> bool:
    """Whether a fact says what a field says already: a licence, an identifier that is the Package URL, an interface concluded from inputs and outputs."""
    if fact.element == "licence":
        return any(fact.value == licence.text for licence in item.licences)
    return fact.value == item.purl or (fact.element == "interface" and fact.confidence is Confidence.INFERRED)


def _properties(pairs: Iterable[Pair]) -> list[Property]:
    return [Property(name=name, value=value) for name, value in dict.fromkeys(pairs) if value]


def _hashes(digests: Iterable[str]) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests if digest]


def _purl(text: str) -> PackageURL | None:
    return PackageURL.from_string(text) if text else None


def _supplier(item: Item) -> OrganizationalEntity | None:
    """Who distributes it; where nobody else is named, who made it."""
    return _organisation(item.text("supplier") or item.text("producer"))


def _organisation(name: str, contact: str = "") -> OrganizationalEntity | None:
    if not name:
        return None
    mail = is_mail(contact)
    return OrganizationalEntity(
        name=name,
        contacts=[OrganizationalContact(email=contact)] if mail else [],
        urls=[XsUri(contact)] if contact and not mail and _ADDRESS.fullmatch(contact) else [],
    )


def _licences(found: Sequence[Licence]) -> Iterable[License]:
    """Terms as CycloneDX 1.6 takes them: one expression alone, or a list of names; so expressions among several are given by name."""
    for one in found:
        told = LicenseAcknowledgement.CONCLUDED if one.confidence is Confidence.INFERRED else LicenseAcknowledgement.DECLARED
        url = XsUri(one.url) if one.url else None
        if one.kind == "id":
            yield DisjunctiveLicense(id=one.text, url=url, acknowledgement=told)
        elif one.kind == "expression" and len(found) == 1:
            yield LicenseExpression(one.text, acknowledgement=told)
        else:
            yield DisjunctiveLicense(name=one.text, url=url, acknowledgement=told)


def _file(file: File, ref: str) -> Component:
    return Component(
        type=ComponentType.FILE,
        name=file.path,
        version=version_of(file.sha256),
        bom_ref=f"{ref}#{file.path}",
        hashes=_hashes([file.sha256]),
        properties=_properties(_of_file(file, "mlops:file")),
    )


def _of_file(file: File, prefix: str) -> list[Pair]:
    return [
        (f"{prefix}:path", file.path),
        (f"{prefix}:role", file.role),
        (f"{prefix}:format", file.format),
        (f"{prefix}:bytes", str(file.size)),
    ]


def _parent(parent: Parent, ref: str) -> Component:
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=parent.name,
        bom_ref=ref,
        hashes=_hashes([parent.sha256]),
        purl=_purl(parent.purl),
        properties=_properties([("mlops:relation", parent.relation), ("mlops:source:relation", f"{parent.confidence}: {parent.source}")]),
    )
