"""Facts of the project around the model: pyproject.toml, CITATION.cff, the licence and the security policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops_stage.stages.sbom.extract.plain import UnreadableError, table, tables, text_of, texts, toml_of, unread, word, yaml_of
from mlops_stage.stages.sbom.extract.scene import claim
from mlops_stage.stages.sbom.facts import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_URLS = {
    "homepage": ("homepage", "home", "website"),
    "repository": ("repository", "source", "source code", "code", "github", "gitlab"),
    "documentation": ("documentation", "docs"),
}
_POLICIES = ("SECURITY.md", ".github/SECURITY.md", "docs/SECURITY.md", ".well-known/security.txt")
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md", "COPYING")
_TITLES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"SPDX-License-Identifier:\s*([^\n*/]+)"), ""),
    (re.compile(r"Apache License\s+Version 2\.0"), "Apache-2.0"),
    (re.compile(r"\A\W*(The )?MIT License"), "MIT"),
    (re.compile(r"\A\W*Mozilla Public License Version 2\.0"), "MPL-2.0"),
    (re.compile(r"\A\W*BSD 3-Clause License"), "BSD-3-Clause"),
    (re.compile(r"\A\W*BSD 2-Clause License"), "BSD-2-Clause"),
)
"""What licences begin with -> their SPDX name; an empty one stands in the file."""


def extract(scene: Scene) -> Iterator[Found]:
    """What the files at the root of the project say about the system."""
    for name, told in (("pyproject.toml", _pyproject), ("CITATION.cff", _citation)):
        path = scene.root / name
        if path.is_file():
            try:
                plain = toml_of(path) if name.endswith(".toml") else yaml_of(text_of(path))
            except UnreadableError as error:
                yield unread(name, error)
            else:
                yield from told(plain, name)
    policy = next((name for name in _POLICIES if (scene.root / name).is_file()), None)
    if policy:
        yield claim("system", "security_policy", policy, policy)
    yield from _licence(scene.root)


def _pyproject(plain: Mapping[str, Any], source: str) -> Iterator[Found]:
    poetry = table(table(plain.get("tool")).get("poetry"))
    project = {**poetry, **table(plain.get("project"))}
    for key in ("name", "version", "description"):
        if word(project.get(key)):
            yield claim("system", key, project[key], source)
    terms = project.get("license")
    text = word(terms) or word(table(terms).get("text"))
    if text and "\n" not in text:
        yield claim("system", "licence", text, source)
    for author in tables(project.get("authors"))[:1]:
        if word(author.get("name")):
            yield claim("system", "producer", author["name"], source)
        if word(author.get("email")):
            yield claim("system", "contact", author["email"], source)
    for text in texts(poetry.get("authors"))[:1]:
        yield claim("system", "producer", text.partition("<")[0].strip() or text, source)
    if word(project.get("requires-python")):
        yield claim("system", "software", f"Python {project['requires-python']}", source)
    yield from _urls(table(project.get("urls")), source)


def _urls(plain: Mapping[str, Any], source: str) -> Iterator[Found]:
    for label, url in plain.items():
        element = next((name for name, labels in _URLS.items() if label.strip().lower() in labels), "")
        if element and re.match(r"https?://", word(url)):
            yield claim("system", element, url, source)


def _citation(plain: Mapping[str, Any], source: str) -> Iterator[Found]:
    """Citation File Format, https://citation-file-format.github.io."""
    for key, element in {
        "title": "name",
        "version": "version",
        "abstract": "description",
        "repository-code": "repository",
        "url": "homepage",
    }.items():
        for text in texts(plain.get(key))[:1]:
            yield claim("system", element, text, source)
    for text in texts(plain.get("license"))[:1]:
        yield claim("system", "licence", text, source)
    if word(plain.get("doi")):
        yield claim("system", "citation", f"https://doi.org/{plain['doi']}", source)


def _licence(root: Path) -> Iterator[Found]:
    name = next((name for name in _LICENCES if (root / name).is_file()), None)
    if name is None:
        return
    try:
        text = text_of(root / name, 4096)
    except UnreadableError as error:
        yield unread(name, error)
        return
    for pattern, spdx in _TITLES:
        found = pattern.search(text)
        if found:
            yield claim("system", "licence", spdx or found[1].strip(), name, Confidence.INFERRED if spdx else Confidence.EXTRACTED)
            return
