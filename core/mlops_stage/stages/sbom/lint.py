"""What is wrong with a document although its schema allows it: misplaced cards, references to nothing, two things of one name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import shown
from mlops_stage.report import Finding, Level
from mlops_stage.stages.sbom import values
from mlops_stage.stages.sbom.document import components, listed, mapped, records, texts
from mlops_stage.stages.sbom.validate import SPECS, faults
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops_stage.stages.sbom.document import Component, Document

_MOST_TOLD = 20
_MODEL, _DATA = "machine-learning-model", "data"
_HASHED = frozenset({_MODEL, _DATA, "file"})
LINK = "urn:cdx:"
"""How a reference into another BOM begins (BOM-Link)."""


@dataclass
class _Findings:
    """The first findings of each rule, and how many more there are: a document may have thousands of libraries."""

    kept: list[Finding] = field(default_factory=list)
    seen: Counter[tuple[str, Level]] = field(default_factory=Counter)

    def add(self, level: Level, rule: str, message: str, hint: str) -> None:
        """Keep it, or count it."""
        self.seen[rule, level] += 1
        if self.seen[rule, level] <= _MOST_TOLD:
            self.kept.append(Finding(rule=rule, level=level, message=message, hint=hint))

    def all(self) -> tuple[Finding, ...]:
        """In the order in which they were made; what was counted only comes last."""
        more = [
            Finding(rule=rule, level=level, message=f"and {counted(count - _MOST_TOLD, 'more finding')} of this rule")
            for (rule, level), count in self.seen.items()
            if count > _MOST_TOLD
        ]
        return (*self.kept, *more)


def lint(document: Document, spec: str = "") -> tuple[Finding, ...]:
    """Every fault of a document: those of its schema, and those that the schema cannot see.

    Errors are what makes it wrong or unreadable for others, warnings what makes it less useful, notes what is worth knowing.

    Args:
        document: CycloneDX in JSON, from anywhere; it need not fit its schema.
        spec: the version of CycloneDX that it should have; unset: the one that it names.
    """
    found = _Findings()
    _against_schema(document, spec, found)
    _identity(document, found)
    _references(document, found)
    for component in components(document):
        _placement(component, found)
        _digests(component, found)
        _figures(component, found)
        for problem in values.of_component(component):
            found.add(problem.level, problem.rule, problem.message, problem.hint)
    for text in texts(document):
        for problem in values.of_text(text):
            found.add(problem.level, problem.rule, problem.message, problem.hint)
    return found.all()


def _against_schema(document: Document, spec: str, found: _Findings) -> None:
    """By the schema of the version that it should have."""
    named = document.get("specVersion")
    schema = document.get("$schema")
    if spec and named != spec:
        found.add(Level.ERROR, "sbom/spec-version", f"it says CycloneDX {shown(named)}, and {spec} is expected", f"write it as {spec}")
    if isinstance(schema, str) and isinstance(named, str) and f"bom-{named}." not in schema:
        message = f"it says CycloneDX {shown(named)}, and names the schema {shown(schema)}"
        found.add(Level.ERROR, "sbom/spec-version", message, "let both name the same version")
    if named not in SPECS:
        message = f"CycloneDX {shown(named)} is a version whose schema is not known here"
        found.add(Level.ERROR, "sbom/spec-version", message, f"known versions: {', '.join(SPECS)}")
        return
    for fault in faults(document, spec):
        found.add(Level.ERROR, "sbom/schema", f"{fault.path or 'the document'}: {fault.message}", "mend it, or the tool that wrote it")


def _identity(document: Document, found: _Findings) -> None:
    """What lets others tell this document from the next one."""
    rule = "sbom/unidentified"
    if "serialNumber" not in document:
        hint = "give it `urn:uuid:…`: without one, forges do not take the file for CycloneDX and no other BOM can point to it"
        found.add(Level.WARNING, rule, "there is no serialNumber", hint)
    if "timestamp" not in mapped(document.get("metadata")):
        hint = "set SOURCE_DATE_EPOCH, or commit to git: the time of the commit is taken"
        found.add(Level.NOTE, rule, "there is no time in metadata.timestamp", hint)
    if "compositions" not in document:
        hint = "add compositions: what is not known should say so"
        found.add(Level.NOTE, "sbom/completeness-not-told", "it does not say whether its lists are complete", hint)


def _references(document: Document, found: _Findings) -> None:
    """Everything that is referred to stands in the document, once."""
    declared: dict[str, str] = {}
    places = list(texts(document))
    for text in places:
        if text.keys[-1:] == ("bom-ref",):
            if text.value in declared:
                message = f"{text.path} and {declared[text.value]} are both {shown(text.value)!r}"
                found.add(Level.ERROR, "sbom/duplicate-reference", message, "give each a bom-ref of its own")
            declared.setdefault(text.value, text.path)
    for text in places:
        if text.refers and text.value not in declared and not text.value.startswith(LINK):
            hint = "list what is meant, remove the reference, or point into another BOM by a BOM-Link (urn:cdx:…)"
            found.add(Level.ERROR, "sbom/dangling-reference", f"{text.path}: nothing here has the bom-ref {shown(text.value)!r}", hint)
    _graph(document, found)


def _graph(document: Document, found: _Findings) -> None:
    """The graph of dependencies tells of each node once, and nothing needs itself."""
    seen: set[str] = set()
    for place, node in enumerate(records(document.get("dependencies"))):
        ref = node.get("ref")
        if not isinstance(ref, str):
            continue
        if ref in seen:
            message = f"dependencies[{place}] tells of {shown(ref)!r}, and an earlier entry did"
            found.add(Level.ERROR, "sbom/duplicate-reference", message, "join both entries: most readers take one of them")
        seen.add(ref)
        if ref in listed(node.get("dependsOn")):
            found.add(Level.WARNING, "sbom/self-dependency", f"dependencies[{place}]: {shown(ref)!r} depends on itself", "remove that edge")


def _placement(component: Component, found: _Findings) -> None:
    """Cards stand on models, descriptions of data on data, and a model's data set says something."""
    kind = component.record.get("type")
    if "modelCard" in component.record and kind != _MODEL:
        message = f"{component.label} has a modelCard and is a {shown(kind)}"
        found.add(Level.ERROR, "sbom/misplaced", message, f"only a {_MODEL} may have a modelCard")
    if "data" in component.record and kind != _DATA:
        message = f"{component.label} has data and is a {shown(kind)}"
        found.add(
            Level.ERROR,
            "sbom/misplaced",
            message,
            "put it on a component of type data, and refer to that in modelCard.modelParameters.datasets",
        )
    for place, dataset in enumerate(listed(_card(component, "modelParameters").get("datasets"))):
        if not dataset:
            message = f"{component.label}: data set {place} of its card says nothing"
            found.add(Level.ERROR, "sbom/empty-dataset", message, "give a ref or a type and a name, or remove it")


def _card(component: Component, part: str) -> Mapping[str, Any]:
    return mapped(mapped(component.record.get("modelCard")).get(part))


def _digests(component: Component, found: _Findings) -> None:
    """What is shipped as files can be recognised by its digest; what only stands in a pedigree need not."""
    record = component.record
    if record.get("type") not in _HASHED or ".pedigree." in f".{component.path}" or component.path == "metadata.component":
        return
    algorithms = Counter(str(one.get("alg")) for one in records(record.get("hashes")))
    for algorithm in [name for name, count in algorithms.items() if count > 1 and record.get("type") != "file"]:
        message = f"{component.label} has {algorithms[algorithm]} digests of {shown(algorithm)}"
        found.add(Level.ERROR, "sbom/digest", message, "one thing has one digest: list its files as components of their own")
    inner = records(record.get("components"))
    if not record.get("hashes") and not (inner and all(one.get("hashes") for one in inner)):
        hint = "without a digest nobody can tell whether a file is the one described here"
        found.add(Level.WARNING, "sbom/unhashed", f"{component.label} has no digest", hint)


def _figures(component: Component, found: _Findings) -> None:
    """Figures in a card are numbers, and lie in their own intervals."""
    for place, metric in enumerate(records(_card(component, "quantitativeAnalysis").get("performanceMetrics"))):
        interval = mapped(metric.get("confidenceInterval"))
        told = {"value": metric.get("value"), "lowerBound": interval.get("lowerBound"), "upperBound": interval.get("upperBound")}
        numbers = {name: values.number(text) for name, text in told.items() if isinstance(text, str)}
        label = f"{component.label}: metric {place} ({shown(metric.get('type', 'without a type'))})"
        for name in [name for name, value in numbers.items() if value is None]:
            found.add(Level.WARNING, "sbom/figure", f"{label}: {name} {shown(told[name])!r} is no number", "write the number alone")
        low, value, high = (numbers.get(name) for name in ("lowerBound", "value", "upperBound"))
        if low is not None and high is not None and low > high:
            message = f"{label}: its interval begins at {told['lowerBound']} and ends at {told['upperBound']}"
            found.add(Level.ERROR, "sbom/figure", message, "check which of the two is wrong")
        elif value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            message = f"{label}: {told['value']} does not lie between {told['lowerBound']} and {told['upperBound']}"
            # an interval need not hold the figure: that of a largest gap, which is too large by chance, may lie below it
            found.add(Level.WARNING, "sbom/figure", message, "check which of the three is wrong")
