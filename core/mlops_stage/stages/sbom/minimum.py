"""What every bill of materials is asked for, whatever it lists: the minimum elements of NTIA and CISA, read from the document alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.estimates import Point
from mlops_stage.report import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NTIA = "ntia"
"""NTIA, The Minimum Elements For a Software Bill of Materials (2021-07-12): seven data fields."""
CISA = "cisa_2025"
"""CISA, 2025 Minimum Elements for a Software Bill of Materials (draft of August 2025): four fields more."""
_LISTED = ("machine-learning-model", "data", "library", "framework", "application")

_OF_COMPONENTS: Mapping[str, Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    NTIA: {
        "supplier": lambda one: one.get("supplier") or one.get("manufacturer") or one.get("publisher") or one.get("authors"),
        "component_name": lambda one: one.get("name"),
        "version": lambda one: one.get("version"),
        "unique_identifier": lambda one: one.get("purl") or one.get("cpe") or one.get("swid") or one.get("omniborId") or one.get("swhid"),
    },
    CISA: {
        "component_hash": lambda one: one.get("hashes"),
        "license": lambda one: one.get("licenses"),
    },
}
_OF_DOCUMENT: Mapping[str, Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    NTIA: {
        "author": lambda about: about.get("authors") or about.get("manufacturer"),  # the supplier is the system's
        "timestamp": lambda about: about.get("timestamp"),
    },
    CISA: {
        "tool_name": lambda about: about.get("tools"),
        "generation_context": lambda about: about.get("lifecycles"),
    },
}


def shares(document: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """By list and field, the share of models, data sets and libraries that have it; of fields about the document itself 1 or 0.

    Args:
        document: CycloneDX in JSON, valid by its schema.
    """
    components = [one for one in document.get("components", []) if one.get("type") in _LISTED]
    about = document.get("metadata", {})
    related = {one.get("ref") for one in document.get("dependencies", [])}
    found = {(which, name): _share(components, has) for which, tests in _OF_COMPONENTS.items() for name, has in tests.items()}
    found[NTIA, "dependency_relationship"] = _share(components, lambda one: one.get("bom-ref") in related)
    found |= {(which, name): float(bool(has(about))) for which, tests in _OF_DOCUMENT.items() for name, has in tests.items()}
    return found


def _share(components: list[Mapping[str, Any]], has: Callable[[Mapping[str, Any]], Any]) -> float:
    return sum(bool(has(one)) for one in components) / len(components) if components else 0.0


def metrics(document: Mapping[str, Any]) -> Iterator[Metric]:
    """The shares as metrics: `ntia[name=supplier]`, `cisa_2025[name=component_hash]`."""
    for (which, name), share in shares(document).items():
        yield Metric(name=which, estimate=Point(share), slice=(("name", name),), direction="higher", exact=True)
