"""`mlops-stage sbom diff`: what changed between two documents, by what it means rather than by lines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import ExitCode
from mlops_stage.evidence.redact import shown
from mlops_stage.stage import Reply
from mlops_stage.stages.sbom.document import mapped, read, records, texts
from mlops_stage.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlops_stage.stages.sbom.commands import DiffParams
    from mlops_stage.stages.sbom.document import Document
    from mlops_stage.workspace import Workspace

_KINDS = {"machine-learning-model": "model", "data": "data set", "library": "library", "application": "application"}
_PLURALS = {"library": "libraries"}
_ORDER = ("document", "model", "data set")
_SHORT = 12
_MOST = 100
_METRICS = 5
"""So many of those that came or went are named."""
_METRIC = "metric "
_LONG = re.compile(r"-?\d{1,20}\.\d{5,20}(?:e-?\d{1,3})?")
_TOLD_APART = frozenset({"name", "type", "version", "bom-ref", "hashes", "purl", "properties", "components", "modelCard"})
"""What a component is compared by in words of its own, or known by."""
_UNTOLD = ("mlops:source:", "mlops:metric:")
"""Properties that say where something stands; what they are about is compared itself."""

Facets = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One thing that is no longer said in the same words; empty where it was not said before, or is not said any more."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """A component that came, went or changed."""

    kind: str
    """`model`, `data set`, `library`, another type of CycloneDX, or `document` for what is said of the whole."""
    name: str
    before: str | None
    """Its version; None where it was not there."""
    after: str | None
    details: tuple[Detail, ...] = ()


def compare(before: Document, after: Document) -> tuple[Change, ...]:
    """What changed: the document as a whole, models, data sets, then all others by kind and name.

    The time, the serial number and references, which are made of content, are not compared.
    """
    changes = list(_pairs(before, after))
    whole = _details(_of_document(before), _of_document(after))
    if whole:
        changes.append(Change(kind="document", name="", before="", after="", details=whole))
    return tuple(sorted(changes, key=lambda one: (_ORDER.index(one.kind) if one.kind in _ORDER else len(_ORDER), one.kind, one.name)))


def run(params: DiffParams, workspace: Workspace) -> Reply:
    """Compare two documents.

    Raises:
        UsageError: one of them is not there.
        InputError: one of them is no CycloneDX in JSON.
    """
    before, after = read(params.before, workspace.root, "before"), read(params.after, workspace.root, "after")
    changes = compare(before, after)
    if not changes:
        return Reply(text="nothing changed\n")
    text = "".join(line for change in changes for line in _told(change))
    return Reply(text=f"{text}{_summary(changes)}\n", code=int(ExitCode.FAILED if params.fail_on_change else ExitCode.PASSED))


def _pairs(before: Document, after: Document) -> Iterator[Change]:
    """Components of the same type and name, compared; and where one model alone went and one alone came, these two."""
    old, new = _by_name(before), _by_name(after)
    left: list[tuple[str, str, dict[str, Any]]] = []
    right: list[tuple[str, str, dict[str, Any]]] = []
    for kind, name in dict.fromkeys([*old, *new]):
        couples, gone, come = _couples(old.get((kind, name), []), new.get((kind, name), []))
        yield from (change for one, other in couples for change in _changed(kind, name, (one, before), (other, after)))
        left += [(kind, name, one) for one in gone]
        right += [(kind, name, one) for one in come]
    went, came = ([entry for entry in entries if entry[0] == "model"] for entries in (left, right))
    if len(went) == len(came) == 1:
        yield from _changed("model", f"{went[0][1]} → {came[0][1]}", (went[0][2], before), (came[0][2], after))
        left.remove(went[0])
        right.remove(came[0])
    yield from (Change(kind=kind, name=name, before=_version(one), after=None) for kind, name, one in left)
    yield from (Change(kind=kind, name=name, before=None, after=_version(one)) for kind, name, one in right)


def _changed(kind: str, name: str, one: tuple[dict[str, Any], Document], other: tuple[dict[str, Any], Document]) -> Iterator[Change]:
    """One component before and after, each with the document that it stands in; nothing where it is the same."""
    details = _details(_facets(*one), _facets(*other))
    if details or _version(one[0]) != _version(other[0]):
        yield Change(kind=kind, name=name, before=_version(one[0]), after=_version(other[0]), details=details)


_Records = list[dict[str, Any]]


def _couples(old: _Records, new: _Records) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], _Records, _Records]:
    """Which of several components of one name are the same before and after, and those that are left over on either side."""
    waiting: dict[str, _Records] = {}
    for one in new:
        waiting.setdefault(_digest(one), []).append(one)
    couples: list[tuple[dict[str, Any], dict[str, Any]]] = []
    gone: _Records = []
    for one in old:
        same = waiting.get(_digest(one))
        if same:
            couples.append((one, same.pop(0)))
        else:
            gone.append(one)
    come = [one for one in new if any(one is left for left in waiting[_digest(one)])]
    paired = min(len(gone), len(come))
    return [*couples, *zip(gone[:paired], come[:paired], strict=True)], gone[paired:], come[paired:]


def _by_name(document: Document) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in records(document.get("components")):
        kind = str(one.get("type"))
        group = f"{one['group']}/" if one.get("group") else ""
        found.setdefault((_KINDS.get(kind, kind), f"{group}{one.get('name')}"), []).append(one)
    return found


def _version(component: Mapping[str, Any]) -> str:
    return str(component.get("version") or "")


def _details(before: Facets, after: Facets) -> tuple[Detail, ...]:
    return tuple(
        Detail(what=what, before=before.get(what, ""), after=after.get(what, ""))
        for what in dict.fromkeys([*before, *after])
        if before.get(what, "") != after.get(what, "")
    )


def _facets(component: Mapping[str, Any], document: Document) -> Facets:
    """Everything that is said of a component, each under a name that does not depend on its place."""
    told = _several(
        [
            *((str(one.get("alg")), str(one.get("content"))) for one in records(component.get("hashes"))),
            *((f"file {one.get('name')}", _digest(one)) for one in records(component.get("components"))),
            *_plain({key: value for key, value in component.items() if key not in _TOLD_APART}),
            *_properties(component.get("properties")),
            *_card(mapped(component.get("modelCard")), document),
        ]
    )
    return {name: value for name, value in told.items() if value}


def _several(pairs: Iterable[tuple[str, str]]) -> Facets:
    """Values of one name in one text."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: ", ".join(sorted(values)) for name, values in found.items()}


def _digest(component: Mapping[str, Any]) -> str:
    return ", ".join(str(one.get("content")) for one in records(component.get("hashes"))) or "no digest"


def _card(card: Mapping[str, Any], document: Document) -> Iterator[tuple[str, str]]:
    """What a card says; figures last, for there may be hundreds."""
    parameters = mapped(card.get("modelParameters"))
    names = {str(one.get("bom-ref")): str(one.get("name")) for one in records(document.get("components"))}
    for dataset in records(parameters.get("datasets")):
        ref = str(dataset.get("ref", ""))
        yield f"data set {names.get(ref, ref) or dataset.get('name')}", "listed"
    rest = {
        "modelParameters": {key: value for key, value in parameters.items() if key != "datasets"},
        "considerations": card.get("considerations"),
    }
    yield from _plain(rest)
    yield from _properties(card.get("properties"))
    analysis = mapped(card.get("quantitativeAnalysis"))
    for metric in records(analysis.get("performanceMetrics")):
        where, interval = metric.get("slice"), mapped(metric.get("confidenceInterval"))
        ends = f" ({interval.get('lowerBound', '…')} to {interval.get('upperBound', '…')})" if interval else ""
        yield f"{_METRIC}{metric.get('type')}{f' [{where}]' if where else ''}", f"{metric.get('value')}{ends}"


def _plain(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text by the names on the way to it; properties by their own names, references not at all."""
    for text in texts(record):
        if text.refers or text.keys[-1] == "bom-ref":
            continue
        if text.keys[-2:-1] == ("properties",):
            continue
        yield ".".join(text.keys), text.value
    yield from _inner_properties(record)


def _inner_properties(record: Any) -> Iterator[tuple[str, str]]:
    waiting = [record]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from _properties(value.get("properties"))
            waiting += [inner for key, inner in value.items() if key != "properties"]
        elif isinstance(value, list):
            waiting += value


def _properties(value: Any) -> Iterator[tuple[str, str]]:
    for one in records(value):
        name = str(one.get("name"))
        if not name.startswith(_UNTOLD):
            yield name, str(one.get("value", ""))


def _of_document(document: Document) -> Facets:
    """What is said of the whole, without time and serial number."""
    about = {key: value for key, value in mapped(document.get("metadata")).items() if key != "timestamp"}
    rest = {
        "specVersion": document.get("specVersion"),
        "metadata": about,
        "vulnerabilities": document.get("vulnerabilities"),
        "services": document.get("services"),
    }
    return _several([*_plain(rest), *_properties(document.get("properties"))])


def _told(change: Change) -> Iterator[str]:
    name = f"{change.kind} {shown(change.name)}".strip()
    if change.before is None or change.after is None:
        version = change.after if change.before is None else change.before
        yield f"{'+' if change.before is None else '-'} {name}{f' {shown(version)}' if version else ''}\n"
        return
    moved = f" {shown(change.before) or '(no version)'} → {shown(change.after) or '(no version)'}" if change.before != change.after else ""
    yield f"~ {name}{moved}\n"
    gone = [detail for detail in change.details if detail.what.startswith(_METRIC) and not detail.after]
    come = [detail for detail in change.details if detail.what.startswith(_METRIC) and not detail.before]
    grouped = [group for group in (gone, come) if len(group) > 1]
    together = {detail.what for group in grouped for detail in group}
    yield from _lines([detail for detail in change.details if detail.what not in together])
    for group in grouped:
        yield _together(group)


def _together(metrics: Sequence[Detail]) -> str:
    """Metrics that came or went in one line: where a stage was not run, there are a hundred."""
    named = ", ".join(shown(one.what.removeprefix(_METRIC)) for one in metrics[:_METRICS])
    more = f" and {len(metrics) - _METRICS} more" if len(metrics) > _METRICS else ""
    moved = "no longer told" if metrics[0].before else "new"
    return f"    {len(metrics)} metrics {moved}: {named}{more}\n"


def _lines(details: Sequence[Detail]) -> Iterator[str]:
    for detail in details[:_MOST]:
        before, after = _rounded(detail.before), _rounded(detail.after)
        if before == after:
            before, after = detail.before, detail.after
        yield f"    {shown(detail.what)}: {_value(before)} → {_value(after)}\n"
    if len(details) > _MOST:
        yield f"    and {counted(len(details) - _MOST, 'more difference')}\n"


def _rounded(text: str) -> str:
    """Long decimals with four digits: what differs only beyond them is shown in full."""
    return _LONG.sub(lambda found: f"{float(found[0]):.4g}", text)


def _value(text: str) -> str:
    digits = len(text) in {40, 64, 96, 128} and not set(text) - set("0123456789abcdef")
    return f"{text[:_SHORT]}…" if digits else shown(text) or "nothing"


def _summary(changes: Sequence[Change]) -> str:
    """`1 model changed, 2 libraries added and 1 library removed`."""
    counts = Counter((change.kind, _what(change)) for change in changes)
    return listed(f"{counted(count, kind, _PLURALS.get(kind, ''))} {what}" for (kind, what), count in counts.items())


def _what(change: Change) -> str:
    return "added" if change.before is None else "removed" if change.after is None else "changed"
