"""What CycloneDX has no field for: facts as named properties, and for every fact who says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from mlops_stage.stages.sbom.facts import Fact, Item

_NAMES = {
    "parameters": "cdx:ai-ml:model:parameter:count",
    "language": "cdx:ai-ml:model:languages",
}
"""Names of the official property taxonomy (cdx/ai-ml); the others are of our own, under `mlops:`."""
_PAIRS = {"hyperparameter": "cdx:ai-ml:model:hyperparameter", "metadata": "mlops:metadata"}
"""Elements whose value is `name=value`; each becomes a property of its own."""

Pair = tuple[str, str]


def property_of(fact: Fact) -> Pair:
    """Name and value of the property that tells a fact."""
    if fact.element in _PAIRS:
        name, _, value = fact.value.partition("=")
        return f"{_PAIRS[fact.element]}:{name.strip()}", value.strip()
    return _NAMES.get(fact.element) or (fact.element if ":" in fact.element else f"mlops:{fact.element}"), fact.value


def of_facts(facts: Iterable[Fact], without: Collection[str] = ()) -> Iterator[Pair]:
    """The facts that have no field elsewhere."""
    return (property_of(fact) for fact in facts if fact.element not in without)


def sources(item: Item) -> Iterator[Pair]:
    """For each element, how it is known and where it stands: `mlops:source:task`, `extracted: models/README.md`."""
    told: dict[str, list[str]] = {}
    for fact in item.facts:
        told.setdefault(fact.element, []).append(f"{fact.confidence}: {fact.source}")
    for licence in () if "licence" in told else item.licences:
        told.setdefault("licence", []).append(f"{licence.confidence}: {licence.source}")
    return ((f"mlops:source:{element}", "; ".join(dict.fromkeys(texts))) for element, texts in told.items())


def records(pairs: Iterable[Pair]) -> list[dict[str, str]]:
    """Properties as a document holds them: sorted, none twice, none empty."""
    return [{"name": name, "value": value} for name, value in sorted(set(pairs)) if value]
