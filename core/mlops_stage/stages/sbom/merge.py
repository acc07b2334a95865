"""Another BOM merged into ours, whole and as plain JSON: nothing it says is lost, and nothing is said of it that it does not say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.sbom.document import REFERENCES, listed, mapped, records, texts
from mlops_stage.stages.sbom.validate import SPECS, faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.stages.sbom.document import Document

_LISTS = (
    "components",
    "services",
    "compositions",
    "vulnerabilities",
    "annotations",
    "formulation",
    "externalReferences",
    "citations",
    "properties",
)
"""Lists at the top of a document that are joined."""
_MEASURED = frozenset({"machine-learning-model", "data"})
_GROUPS = ("declarations", "definitions")
"""Objects at the top that hold lists, which are joined."""
_OF_METADATA = frozenset({"component", "tools", "timestamp", "lifecycles", "properties"})
_KNOWN = frozenset(
    {"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "dependencies", "signature", *_LISTS, *_GROUPS}
)


UNNAMED = "mlops:merged:unnamed"
"""The name of a property that has none."""


def merged(ours: Document, other: Document) -> Document:
    """Our document with all that the other one lists.

    What the other document is about becomes one of its components, on which our system depends; its tools join ours. A component of the same
    Package URL in both stands once, with all that either says. References that both use for different things are renamed in what is merged. What
    it says about itself (author, licence, time, serial number) becomes properties under `mlops:merged`. Its signature is of its own bytes and is
    left out.

    Raises:
        InputError: it is of a later version of CycloneDX than ours, does not fit its schema, or holds what there is no place for.
    """
    ours, other = _met(ours, _accepted(ours, other))
    other = _renamed(other, _clashes(ours, other))
    about = mapped(other.get("metadata"))
    told: Document = {**ours}
    for key in _LISTS:
        joined = [*listed(ours.get(key)), *listed(other.get(key))]
        if joined:
            told[key] = _once(joined)
    for key in _GROUPS:
        if key in other:
            told[key] = _grouped(mapped(ours.get(key)), mapped(other[key]))
    root = about.get("component")
    if isinstance(root, dict):
        told["components"] = _once([*told["components"], root])
    told["dependencies"] = _edges(ours, other, root)
    told["metadata"] = _metadata(mapped(ours.get("metadata")), about, other)
    return told


def _accepted(ours: Document, other: Document) -> Document:
    """The other document as the version of ours has it: later versions forbid some of what earlier ones allow."""
    version, wanted = other.get("specVersion"), ours["specVersion"]
    if version not in SPECS or SPECS.index(version) > SPECS.index(wanted):
        hint = f"write it as CycloneDX {wanted}" + ("" if version != SPECS[-1] else f", or set spec to {version}")
        raise InputError(f"environment: it is CycloneDX {shown(version)}, which cannot be merged into {wanted}", hint)
    _fitting(other, f"it does not fit CycloneDX {version}", "mend it, or the tool that wrote it")
    unknown = sorted(set(other) - _KNOWN)
    if unknown:
        raise InputError(f"environment: there is no place for {', '.join(map(shown, unknown))}", "remove it from that document")
    if version == wanted:
        return other
    raised: Document = _raised({**{key: value for key, value in other.items() if key != "$schema"}, "specVersion": wanted})
    _fitting(raised, f"it is CycloneDX {version}, and {wanted} does not allow what it says", f"write it as CycloneDX {wanted}")
    return raised


def _fitting(document: Document, what: str, hint: str) -> None:
    fault = next(faults(document), None)
    if fault:
        raise InputError(f"environment: {what}: {fault.path or 'the document'}: {fault.message}", hint)


def _raised(value: Any) -> Any:
    """What CycloneDX before 1.6 allowed and says otherwise since: properties have a name, and an expression stands alone among licences."""
    if isinstance(value, list):
        return [_raised(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {key: _raised(one) for key, one in value.items()}
    if isinstance(told.get("properties"), list):
        told["properties"] = [{"name": UNNAMED, **one} for one in records(told["properties"]) if one]
    if len(listed(told.get("licenses"))) > 1:
        told["licenses"] = [{"license": {"name": one["expression"]}} if "expression" in one else one for one in records(told["licenses"])]
    return told


def _met(ours: Document, other: Document) -> tuple[Document, Document]:
    """Both documents with the components that both list, by Package URL, joined in ours and taken out of the other.

    Models and data are not joined: what we measured of them must not be told in somebody else's words, so that theirs stand beside ours.
    """
    own, theirs = _by_purl(ours), _by_purl(other)
    both = {purl for purl in own.keys() & theirs.keys() if own[purl].get("type") not in _MEASURED}
    if not both:
        return ours, other
    other = _renamed(other, {theirs[purl]["bom-ref"]: own[purl]["bom-ref"] for purl in both if "bom-ref" in theirs[purl]})
    theirs = _by_purl(other)
    kept = [one for one in other["components"] if one.get("purl") not in both]
    joined = [_joined(one, theirs[one["purl"]]) if one.get("purl") in both else one for one in ours["components"]]
    return {**ours, "components": joined}, {**other, "components": kept}


def _by_purl(document: Document) -> dict[str, dict[str, Any]]:
    """Components by Package URL, where it stands once and names a version."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in records(document.get("components")):
        if isinstance(one.get("purl"), str) and "@" in one["purl"]:
            found.setdefault(one["purl"], []).append(one)
    return {purl: ones[0] for purl, ones in found.items() if len(ones) == 1}


def _joined(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """One component of two: lists joined, and where both say a thing in other words, the merged document's."""
    told = {**ours, **theirs}
    for key in ours.keys() & theirs.keys():
        if isinstance(ours[key], list) and isinstance(theirs[key], list) and key != "licenses":
            told[key] = _once([*ours[key], *theirs[key]])
    return told


def _clashes(ours: Document, other: Document) -> dict[str, str]:
    """References that both documents use for different things, and what they become: nothing is renamed where both mean the same component."""
    own, theirs = _declared(ours), _declared(other)
    clashing = [ref for ref in theirs if ref in own and theirs[ref] != own[ref]]
    taken = {*own, *theirs}
    renamed: dict[str, str] = {}
    for ref in clashing:
        new, count = f"merged:{ref}", 2
        while new in taken:
            new, count = f"merged{count}:{ref}", count + 1
        taken.add(new)
        renamed[ref] = new
    return renamed


def _declared(document: Document) -> dict[str, str]:
    """Everything that has a reference, and what it is in one spelling."""
    found: dict[str, str] = {}
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("bom-ref"), str):
                found[value["bom-ref"]] = json.dumps(value, sort_keys=True)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _renamed(document: Document, names: Mapping[str, str]) -> Document:
    """The document with those references renamed, where they are given and where they are used."""

    def walk(value: Any, keys: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {key: walk(inner, (*keys[-1:], key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner, keys) for inner in value]
        refers = keys[-1:] == ("bom-ref",) or keys[-1:] in REFERENCES or keys in REFERENCES
        return names.get(value, value) if refers and isinstance(value, str) else value

    renamed: Document = walk(document, ()) if names else document
    return renamed


def _once(values: list[Any]) -> list[Any]:
    """Without what stands there a second time, alike in every word."""
    return list({json.dumps(value, sort_keys=True): value for value in reversed(values)}.values())[::-1]


def _grouped(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of the same name joined; an object, such as an affirmation, only where there is none."""
    told = {**theirs, **ours}
    for key in ours.keys() & theirs.keys():
        if isinstance(ours[key], list) and isinstance(theirs[key], list):
            told[key] = _once([*ours[key], *theirs[key]])
        elif isinstance(ours[key], dict) and isinstance(theirs[key], dict):
            told[key] = _grouped(ours[key], theirs[key])
    return told


def _edges(ours: Document, other: Document, root: Any) -> list[dict[str, Any]]:
    """Both graphs, entries of one reference joined, and our system depending on what the other document is about."""
    edges: dict[str, dict[str, Any]] = {}
    system = mapped(mapped(ours.get("metadata")).get("component")).get("bom-ref")
    about = root.get("bom-ref") if isinstance(root, dict) else None
    top = [] if about is None else [about]
    if not top:
        top = [one["bom-ref"] for one in records(other.get("components")) if "bom-ref" in one]
    link = [{"ref": system, "dependsOn": sorted(set(top) - {system})}] if system and top else []
    for node in [*records(ours.get("dependencies")), *records(other.get("dependencies")), *link]:
        kept = edges.setdefault(node["ref"], {"ref": node["ref"]})
        for key in ("dependsOn", "provides"):
            if key in node:
                kept[key] = sorted({*kept.get(key, ()), *node[key]})
    return [edges[ref] for ref in sorted(edges)]


def _metadata(ours: Mapping[str, Any], theirs: Mapping[str, Any], other: Document) -> dict[str, Any]:
    """Ours, with their tools and properties; what is said there of the other document as a whole must not seem to be said of this one."""
    serial = other.get("serialNumber")
    link = [("mlops:merged:serialNumber", serial)] if isinstance(serial, str) else []
    aside = [
        (f"mlops:merged:{text.path}", text.value)
        for key in sorted(theirs.keys() - {"component", "tools", "properties"})
        for text in texts({key: theirs[key]})
    ]
    told = [{"name": name, "value": value} for name, value in [*link, *aside]]
    properties = _once([*listed(ours.get("properties")), *listed(theirs.get("properties")), *told])
    return {
        **ours,
        "properties": sorted(properties, key=lambda one: (one["name"], one.get("value", ""))),
        "tools": _tools(ours.get("tools"), theirs.get("tools")),
    }


def _tools(ours: Any, theirs: Any) -> dict[str, Any]:
    """Tools of both; those in the form of before CycloneDX 1.5 become components."""
    older = [_tool(one) for one in records(theirs)] if isinstance(theirs, list) else []
    told = _grouped(mapped(ours), mapped(theirs))
    return {**told, "components": _once([*listed(told.get("components")), *older])} if older else told


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: tool[key] for key in ("version", "hashes", "externalReferences") if key in tool}
    vendor = {"supplier": {"name": tool["vendor"]}} if "vendor" in tool else {}
    return {"type": "application", "name": tool.get("name") or tool.get("vendor") or "a tool without a name", **kept, **vendor}
