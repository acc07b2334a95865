"""Libraries that are installed, by their own metadata; nothing is imported."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.stages.sbom.extract.scene import Packages, harmless
from mlops_stage.stages.sbom.facts import Library
from mlops_stage.stages.sbom.identity import licence, normalised, pypi_purl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_stage.stages.sbom.extract.scene import Found, Scene
    from mlops_stage.stages.sbom.facts import Licence

SOURCE = "environment"
_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
_MOST = 20_000


def extract(scene: Scene) -> Iterator[Found]:
    """What is installed in the active virtual environment, or else in the one that this program runs in."""
    found = {normalised(one.name): one for one in _installed(scene.env)}
    refs = {name: _ref(one) for name, one in found.items()}
    libraries = [
        Library(
            ref=refs[name],
            name=name,
            version=harmless(one.version, 100),
            purl=refs[name],
            licences=licences_of(one),
            requires=tuple(sorted({refs[other] for other in _needed(one) if other in refs} - {refs[name]})),
        )
        for name, one in sorted(found.items())
    ]
    if libraries:
        yield Packages(source=SOURCE, libraries=tuple(sorted(libraries, key=lambda one: one.ref)), complete=False)


def with_licences(libraries: tuple[Library, ...], env: Mapping[str, str]) -> tuple[Library, ...]:
    """Libraries of a lock file, with the licences of those that are installed in exactly that version."""
    installed = {_ref(one): one for one in _installed(env)}
    return tuple(
        replace(one, licences=licences_of(installed[one.ref])) if one.ref in installed and not one.licences else one for one in libraries
    )


def licences_of(one: Distribution) -> tuple[Licence, ...]:
    """The licence that a package declares: its expression (PEP 639), or its classifiers, or the text of its field where that is a name."""
    about = one.metadata
    expression = (about.get_all("License-Expression") or [""])[0]
    classifiers = [text for text in about.get_all("Classifier") or [] if text.startswith("License ::") and text.count("::") > 1]
    field = (about.get_all("License") or [""])[0]
    plain = field if "\n" not in field.strip() and len(field) < 100 else ""  # noqa: PLR2004  (longer ones are whole licences)
    listed = [expression] if expression else classifiers or [plain]
    found = [licence(harmless(text, 500), SOURCE) for text in listed]
    named = tuple(dict.fromkeys(each for each in found if each is not None))
    better = licence(harmless(plain, 500), SOURCE) if plain and any(each.kind == "name" for each in named) else None
    return (better,) if better is not None and better.kind != "name" else named


def _installed(env: Mapping[str, str]) -> Iterator[Distribution]:
    active = env.get("VIRTUAL_ENV", "")
    folders = sorted(str(path) for path in Path(active).glob("lib/python3*/site-packages")) if active else []
    for place, one in enumerate(distributions(path=folders) if folders else distributions()):
        if place >= _MOST:
            return
        if one.metadata is not None and one.name and _NAME.fullmatch(one.name):
            yield one


def _ref(one: Distribution) -> str:
    return pypi_purl(one.name, harmless(one.version, 100))


def _needed(one: Distribution) -> Iterator[str]:
    """Normalised names; those of extras left out, for nothing tells which extras were asked for."""
    for text in one.requires or ():
        found = _NAME.match(text)
        if found and not re.search(r"\bextra\s*==", text):
            yield normalised(found[1])
