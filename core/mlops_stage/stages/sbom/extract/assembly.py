"""Facts from many places made into one inventory: what counts where they differ, what follows from others, and names that are made of content."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage import __version__
from mlops_stage.evidence.redact import shown, without_credentials
from mlops_stage.report import Finding, Level
from mlops_stage.stages.sbom.extract.environment import SOURCE as INSTALLED
from mlops_stage.stages.sbom.extract.environment import with_licences
from mlops_stage.stages.sbom.extract.scene import Ancestor, Claim, Interface, Packages, Table, Usage, claim, harmless, moment
from mlops_stage.stages.sbom.facts import (
    ELEMENTS,
    Column,
    Confidence,
    Dataset,
    DatasetUse,
    Fact,
    Inventory,
    Item,
    Licence,
    Model,
    Parent,
    Port,
    Tool,
)
from mlops_stage.stages.sbom.identity import canonical, generic_purl, licence, pypi_purl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlops_stage.stages.sbom.extract.scene import Found, Part, Scene

_INFERRED = Confidence.INFERRED
MANY = frozenset(
    {
        *(
            "language",
            "tag",
            "limitation",
            "tradeoff",
            "risk",
            "framework",
            "hyperparameter",
            "metadata",
            "claimed_metric",
            "security_control",
        ),
        *("compliance", "vulnerability", "documentation", "repository", "homepage", "download", "format", "part", "software", "licence"),
    }
)
"""Elements of which an item may have several facts; elements of third parties may too."""
_WEIGHED = {"licence": Level.ERROR, "version": Level.WARNING, "task": Level.WARNING, "rows": Level.WARNING, "training_type": Level.WARNING}
"""Elements of which a declaration must not say something else than a file: which of them is right matters to whoever reads it."""
DECLARED_AS = " is declared as "
"""What stands in a contradiction between the element and its two values."""
_RANK = {Confidence.DECLARED: 0, Confidence.EXTRACTED: 1, Confidence.INFERRED: 2}
_ROLES = {"data": "test", "train": "train", "reference": "reference"}


def assembled(scene: Scene, found: Sequence[Found], remarks: tuple[Finding, ...]) -> Inventory:
    """One inventory.

    Args:
        scene: what was looked at.
        found: all that extractors gave, in the order in which it counts.
        remarks: what went wrong on the way.
    """
    datasets, refs = _datasets(scene, found)
    listed = sorted((one for one in found if isinstance(one, Packages)), key=lambda one: one.source == INSTALLED)
    packages = listed[0] if listed else None
    libraries = with_licences(packages.libraries, scene.env) if packages else ()
    about = {name: [one.fact for one in found if isinstance(one, Claim) and one.about == name] for name in ("system", "model")}
    about["system"] += [one.fact for one in _of_repository(scene)]
    model = _model(scene, found, about, refs)
    system = _system(about["system"], model)
    named = tuple(_named(use) for use in model.datasets if use.ref and use.ref not in refs.values())
    model = replace(model, datasets=tuple(sorted(model.datasets, key=lambda use: (use.role, use.name))))
    clashes = [*_clashes("the system", about["system"]), *_clashes("the model", about["model"])]
    return Inventory(
        system=system,
        models=(model,),
        datasets=tuple(sorted({one.ref: one for one in (*datasets, *named)}.values(), key=lambda one: (one.role, one.ref))),
        libraries=libraries,
        libraries_from=packages.source if packages else "",
        libraries_complete=packages.complete if packages else False,
        tools=(Tool(name="mlops-stage", version=__version__, purl=pypi_purl("mlops-stage", __version__), what="inventory"),),
        git=scene.git,
        ci=scene.ci,
        epoch=scene.epoch,
        findings=(*remarks, *clashes),
    )


def settle(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Facts that count: of an element with one value the surest, of the same value one; in the order of `ELEMENTS`."""
    best: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        if not fact.value:
            continue
        key = (fact.element, fact.value if fact.element in MANY or ":" in fact.element else "")
        if key not in best or _RANK[fact.confidence] < _RANK[best[key].confidence]:
            best[key] = fact
    order = {name: place for place, name in enumerate(ELEMENTS)}
    return tuple(
        sorted(best.values(), key=lambda fact: (order.get(fact.element, len(order)), fact.element, _RANK[fact.confidence], fact.value))
    )


def licences(facts: Iterable[Fact]) -> tuple[Licence, ...]:
    """The licences that count: those of the surest kind of fact alone, for a guess must not stand beside what somebody said."""
    listed = [fact for fact in facts if fact.element == "licence"]
    surest = min((_RANK[fact.confidence] for fact in listed), default=0)
    made = (licence(fact.value, fact.source, fact.confidence) for fact in listed if _RANK[fact.confidence] == surest)
    return tuple({(one.kind, one.text): one for one in made if one is not None}.values())


def _model(scene: Scene, found: Sequence[Found], about: dict[str, list[Fact]], refs: dict[str, str]) -> Model:
    part = scene.parts.get("model")
    interface = next((one for one in found if isinstance(one, Interface)), None)
    facts = [*about["model"], *_inferred(scene, interface, about)]
    settled = settle(facts)
    bare = Item(ref="", name="", facts=settled)
    name, version = bare.text("name"), bare.text("version")
    sha256 = part.sha256 if part else ""
    stated = canonical(bare.text("identifier")) or (part.purl if part else "")
    purl = stated or (generic_purl(name, version, sha256) if sha256 else "")
    settled = settle([*settled, Fact(element="identifier", value=purl, source=part.source if part else "", confidence=_INFERRED)])
    return Model(
        ref=f"model:sha256:{sha256}" if sha256 else f"model:{name}",
        name=name,
        version=version,
        purl=purl,
        licences=licences(settled),
        facts=settled,
        sha256=sha256,
        files=part.files if part else (),
        inputs=interface.inputs if interface else (),
        outputs=interface.outputs if interface else (),
        parents=_parents(found),
        datasets=tuple(_uses(scene, found, refs)),
    )


def _inferred(scene: Scene, interface: Interface | None, about: dict[str, list[Fact]]) -> Iterator[Fact]:
    """What follows where nobody says it: a name from the file, a version from its digest, maker and terms from the project."""
    part = scene.parts.get("model")
    source = part.source if part else "model"
    if part is None:
        yield _guess("name", without_credentials(scene.served), source)
        return
    yield _guess("name", PurePosixPath(source).stem if part.place.is_file() else PurePosixPath(source).name or "model", source)
    yield _guess("version", part.version, source)
    system = settle(about["system"])
    for element in ("producer", "licence", "repository", "homepage"):
        of_model = any(fact.element == element for fact in about["model"])
        yield from (replace(fact, confidence=_INFERRED) for fact in system if fact.element == element and not of_model)
    told = Item(ref="", name="", facts=settle(about["model"]))
    kind = told.text("family") or "model"
    ports = f" with {_several(interface.inputs, 'input')} and {_several(interface.outputs, 'output')}" if interface else ""
    purpose = f" for {told.text('task')}" if told.text("task") else ""
    yield _guess("description", f"{kind}{purpose}, as {told.text('format') or 'a file'}{ports}", source)
    if interface:
        yield _guess("interface", f"{_listed(interface.inputs)} → {_listed(interface.outputs)}", source)
    if told.text("training_type") or told.text("framework"):
        made = " with ".join(one for one in (told.text("training_type"), told.text("framework")) if one)
        yield _guess("training", made, source)


def _several(ports: Sequence[Port], noun: str) -> str:
    return f"{len(ports)} {noun}{'' if len(ports) == 1 else 's'}"


def _listed(ports: Sequence[Port]) -> str:
    return ", ".join(port.text for port in ports[:20]) + (", …" if len(ports) > 20 else "")  # noqa: PLR2004  (what can be read)


def _guess(element: str, value: str, source: str) -> Fact:
    return Fact(element=element, value=harmless(value), source=source, confidence=_INFERRED)


def _system(facts: Sequence[Fact], model: Model) -> Item:
    """The whole, named after its repository or its model where nobody names it."""
    address = next((fact.value for fact in facts if fact.element == "repository"), "")
    last = PurePosixPath(address.rstrip("/")).name
    guesses = [_guess("name", last or model.name, "git" if last else "model"), _guess("version", model.version, "model")]
    settled = settle([*facts, *guesses])
    bare = Item(ref="", name="", facts=settled)
    name, version = bare.text("name"), bare.text("version")
    return Item(ref=f"system:{name}", name=name, version=version, licences=licences(settled), facts=settled)


def _of_repository(scene: Scene) -> Iterator[Claim]:
    """What git and CI say about the system."""
    git, ci = scene.git, scene.ci
    remote = (git.remote if git else "") or (ci.repository if ci else "")
    source = "git" if git and git.remote else ci.system if ci else "git"
    if remote:
        yield claim("system", "repository", remote, source)
        owner = remote.removeprefix("https://").split("/")[1:-1]
        if owner:
            yield claim("system", "producer", owner[0], source, _INFERRED)
    if git:
        # behind what pyproject.toml says, before the digest of the model
        yield claim("system", "version", git.tag or git.commit[:12], "git", _INFERRED)
    if scene.epoch is not None:
        with_epoch = "SOURCE_DATE_EPOCH" if scene.env.get("SOURCE_DATE_EPOCH", "").strip() else "git"
        yield claim("system", "timestamp", moment(scene.epoch), with_epoch, _INFERRED)


def _parents(found: Sequence[Found]) -> tuple[Parent, ...]:
    """Every parent once, the surest source first."""
    made: dict[str, Parent] = {}
    for one in sorted((one.parent for one in found if isinstance(one, Ancestor)), key=lambda parent: _RANK[parent.confidence]):
        ref = f"model:sha256:{one.sha256}" if one.sha256 else one.purl or f"model:{one.name}"
        known = made.get(ref)
        if known is None:
            made[ref] = replace(one, ref=ref)
        elif known.relation == "base" != one.relation:
            made[ref] = replace(known, relation=one.relation)
    return tuple(made[ref] for ref in sorted(made))


def _uses(scene: Scene, found: Sequence[Found], refs: dict[str, str]) -> Iterator[DatasetUse]:
    """Data that the stage was told of, then data that files tell of."""
    seen: set[tuple[str, str]] = set()
    for key, ref in refs.items():
        seen.add((_ROLES[key], ref))
        yield DatasetUse(role=_ROLES[key], name=scene.parts[key].source, source="mlops.yaml", confidence=Confidence.DECLARED, ref=ref)
    for one in found:
        if isinstance(one, Usage) and (one.use.role, one.use.ref or one.use.name) not in seen:
            seen.add((one.use.role, one.use.ref or one.use.name))
            yield one.use


def _datasets(scene: Scene, found: Sequence[Found]) -> tuple[tuple[Dataset, ...], dict[str, str]]:
    """The data sets, and role -> ref; one that has two roles stands there once, under the first."""
    made: dict[str, Dataset] = {}
    refs: dict[str, str] = {}
    for key in _ROLES:
        part = scene.parts.get(key)
        if part is None:
            continue
        ref = refs[key] = f"dataset:{part.digest}"
        if ref not in made:
            made[ref] = _dataset(key, part, ref, found)
    return tuple(made.values()), refs


def _dataset(key: str, part: Part, ref: str, found: Sequence[Found]) -> Dataset:
    columns = _columns([one.columns for one in found if isinstance(one, Table) and one.about == key])
    facts = [one.fact for one in found if isinstance(one, Claim) and one.about == key]
    settled = settle([*facts, *_inferred_of_data(part, facts, columns)])
    bare = Item(ref="", name="", facts=settled)
    name, version = bare.text("name"), bare.text("version")
    stated = canonical(bare.text("identifier"))
    purl = stated or (generic_purl(PurePosixPath(name).name, version, part.sha256, "dataset") if part.sha256 else "")
    settled = settle([*settled, _guess("identifier", purl, part.source)])
    return Dataset(
        ref=ref,
        name=name,
        version=version,
        purl=purl,
        licences=licences(settled),
        facts=settled,
        role=key,
        sha256=part.sha256,
        hash_scope=part.hash_scope,
        snapshot=part.snapshot,
        files=part.files,
        columns=columns,
    )


def _inferred_of_data(part: Part, facts: Sequence[Fact], columns: Sequence[Column]) -> Iterator[Fact]:
    told = Item(ref="", name="", facts=settle(facts))
    yield _guess("name", part.source, part.source)
    yield _guess("version", part.version, part.source)
    if told.text("columns"):
        rows = f"{told.text('rows')} rows and " if told.text("rows") else ""
        yield _guess(
            "description", f"table of {rows}{told.text('columns')} columns: {', '.join(one.name for one in columns[:20])}", part.source
        )
    if told.text("rows"):
        missing = f", {float(told.text('missing')):.2%} of the cells missing" if told.text("missing") else ""
        yield _guess("statistics", f"{told.text('rows')} rows, {told.text('columns')} columns{missing}", part.source)
    marked = [one.name for one in columns if one.sensitive]
    if marked:
        yield _guess("sensitivity", f"columns that may be sensitive: {', '.join(marked[:20])}", part.source)


def _columns(tables: Sequence[tuple[Column, ...]]) -> tuple[Column, ...]:
    """Columns of a table as its contract and its file tell them, by name; in the order of the file, which comes last."""
    known: dict[str, Column] = {}
    for column in (column for table in tables[:-1] for column in table):
        known.setdefault(column.name, column)
    return tuple(_merged(column, known.get(column.name)) for column in tables[-1]) if tables else ()


def _merged(column: Column, other: Column | None) -> Column:
    if other is None:
        return column
    return replace(
        column,
        type=other.type or column.type,
        sensitive=other.sensitive or column.sensitive,
        description=other.description or column.description,
        missing=column.missing if column.missing is not None else other.missing,
    )


def _named(use: DatasetUse) -> Dataset:
    """A data set that a file names by digest, and that is not here."""
    name = Fact(element="name", value=use.name, source=use.source)
    return Dataset(ref=use.ref, name=use.name, facts=(name,), role="named", sha256=use.ref.rpartition(":")[2])


def _clashes(what: str, facts: Sequence[Fact]) -> Iterator[Finding]:
    """Declarations that say something else than a file does."""
    for element, level in _WEIGHED.items():
        said = [fact for fact in facts if fact.element == element and fact.confidence is Confidence.DECLARED][:1]
        read = [fact for fact in facts if fact.element == element and fact.confidence is Confidence.EXTRACTED]
        for one in said:
            other = (
                next((fact for fact in read if _plain(fact) != _plain(one)), None)
                if not any(_plain(fact) == _plain(one) for fact in read)
                else None
            )
            if other is not None:
                yield Finding(
                    rule="sbom/contradiction",
                    level=level,
                    message=f"{element} of {what}{DECLARED_AS}{shown(one.value)!r}, and {shown(other.source)} says {shown(other.value)!r}",
                    location=other.source,
                    hint="declare what the file says, or mend the file; what is declared counts",
                )


def _plain(fact: Fact) -> str:
    """A value as it is compared: licences by the name that they have in common."""
    if fact.element == "licence":
        named = licence(fact.value, fact.source)
        return named.text if named else ""
    return re.sub(r"\s+", " ", fact.value).strip().casefold()
