"""Libraries that are installed, by their own metadata; nothing is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.parser import HeaderParser
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.stages.sbom.extract.scene import Packages, harmless
from mlops_stage.stages.sbom.facts import Fact, Library
from mlops_stage.stages.sbom.identity import licence, normalised, pypi_purl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_stage.stages.sbom.extract.scene import Found, Scene
    from mlops_stage.stages.sbom.facts import Licence

SOURCE = "environment"
_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
_PERSON = re.compile(r"\s*<[^>]*>")
_MOST = 20_000


@dataclass(frozen=True)
class _Package:
    """What the metadata of one installed package says in its header."""

    name: str
    version: str
    requires: tuple[str, ...]
    expression: str
    classifiers: tuple[str, ...]
    terms: str
    makers: tuple[str, ...]
    """Who wrote or maintains it, as its fields say: names, or `name <address>`."""

    @property
    def ref(self) -> str:
        return pypi_purl(self.name, self.version)


def extract(scene: Scene) -> Iterator[Found]:
    """What is installed in the active virtual environment, or else in the one that this program runs in."""
    found = {one.name: one for one in _installed(scene.env)}
    refs = {name: one.ref for name, one in found.items()}
    libraries = [
        Library(
            ref=refs[name],
            name=name,
            version=one.version,
            purl=refs[name],
            licences=_licences(one),
            facts=_maker(one),
            requires=tuple(sorted({refs[other] for other in one.requires if other in refs} - {refs[name]})),
        )
        for name, one in found.items()
    ]
    if libraries:
        yield Packages(source=SOURCE, libraries=tuple(sorted(libraries, key=lambda one: one.ref)), complete=False)


def with_licences(libraries: tuple[Library, ...], env: Mapping[str, str]) -> tuple[Library, ...]:
    """Libraries of a lock file, with the licences and makers of those that are installed in exactly that version."""
    if all(one.licences for one in libraries):
        return libraries
    installed = {one.ref: one for one in _installed(env)}
    return tuple(
        replace(one, licences=_licences(installed[one.ref]), facts=(*one.facts, *_maker(installed[one.ref])))
        if one.ref in installed and not one.licences
        else one
        for one in libraries
    )


def _maker(one: _Package) -> tuple[Fact, ...]:
    """Who wrote or maintains a package: the first name that its metadata tells, or the address where there is no name."""
    told = (_PERSON.sub("", text).strip(' ,"') or text.strip() for text in one.makers)
    name = next((harmless(text, 200) for text in told if text), "")
    return (Fact(element="producer", value=name, source=SOURCE),) if name else ()


def _licences(one: _Package) -> tuple[Licence, ...]:
    """The licence that a package declares: its expression (PEP 639), or its classifiers, or the text of its field where that is a name."""
    plain = one.terms if "\n" not in one.terms.strip() and len(one.terms) < 100 else ""  # noqa: PLR2004  (longer ones are whole licences)
    listed = [one.expression] if one.expression else one.classifiers or [plain]
    found = [licence(harmless(text, 500), SOURCE) for text in listed]
    named = tuple(dict.fromkeys(each for each in found if each is not None))
    better = licence(harmless(plain, 500), SOURCE) if plain and any(each.kind == "name" for each in named) else None
    return (better,) if better is not None and better.kind != "name" else named


def _installed(env: Mapping[str, str]) -> Iterator[_Package]:
    active = env.get("VIRTUAL_ENV", "")
    folders = sorted(str(path) for path in Path(active).glob("lib/python3*/site-packages")) if active else []
    for place, one in enumerate(distributions(path=folders) if folders else distributions()):
        if place >= _MOST:
            return
        package = _read((one.read_text("METADATA") or one.read_text("PKG-INFO") or "").partition("\n\n")[0])
        if package is not None:
            yield package


def _read(header: str) -> _Package | None:
    about = HeaderParser().parsestr(header)
    name, version = about.get("Name", ""), harmless(about.get("Version", ""), 100)
    if not _NAME.fullmatch(name):
        return None
    return _Package(
        name=normalised(name),
        version=version,
        requires=tuple(_needed(about.get_all("Requires-Dist") or [])),
        expression=about.get("License-Expression", ""),
        classifiers=tuple(text for text in about.get_all("Classifier") or [] if text.startswith("License ::") and text.count("::") > 1),
        terms=about.get("License", ""),
        makers=tuple(about.get(field, "") for field in ("Author", "Author-email", "Maintainer", "Maintainer-email")),
    )


def _needed(listed: Iterable[str]) -> Iterator[str]:
    """Normalised names; those of extras left out, for nothing tells which extras were asked for."""
    for text in listed:
        found = _NAME.match(text)
        if found and not re.search(r"\bextra\s*==", text):
            yield normalised(found[1])
