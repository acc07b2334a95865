"""Libraries by lock file: uv.lock, pylock.toml, poetry.lock, Pipfile.lock and requirements files; nothing is resolved, installed or asked of an index."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Finding, Level
from mlops_stage.stages.sbom.extract.plain import (
    MOST_LOCK_BYTES,
    UnreadableError,
    json_of,
    table,
    tables,
    texts,
    toml_of,
    unread,
    word,
)
from mlops_stage.stages.sbom.extract.requirements import SHA256, Entry, Requirements
from mlops_stage.stages.sbom.extract.scene import Packages, Remark, harmless
from mlops_stage.stages.sbom.facts import Library
from mlops_stage.stages.sbom.identity import normalised, pypi_purl
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LOOKED_FOR = ("uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock", "requirements.lock", "requirements.txt")
"""In this order: those with digests and edges first."""
_MOST_TOLD = 10


@dataclass
class _Lock:
    """What a lock file says."""

    entries: list[Entry]
    asked: set[str] = field(default_factory=set)
    """Names that the project itself asks for."""
    complete: bool = True
    """Whether these are all."""
    listed: bool = True
    """Whether it has a list of packages at all, be it an empty one."""
    unread: tuple[tuple[str, int], ...] = ()
    """File and number of each line that cannot be read."""


def extract(scene: Scene) -> Iterator[Found]:
    """The libraries of the lock file that was named, or of the first that lies in the model's or the project's folder.

    Raises:
        UsageError: the file that was named is not there.
        InputError: it is no lock file of a known kind, or the one that was named lists no packages.
    """
    path = existing(scene.root, scene.lock, "lock") if scene.lock else _found(scene)
    if path is None:
        return
    source = relative(scene.root, path)
    try:
        lock = _usable(path, scene.root) if scene.lock else _read(path, scene.root)
    except UnreadableError as error:
        raise InputError(
            f"lock: {shown(source)} could not be read: {shown(error, 160)}", "write it again, or name another file with lock"
        ) from error
    direct = lock.asked or _asked_for(scene.root)
    complete = lock.complete and lock.listed and all(_NAME.fullmatch(entry.name) for entry in lock.entries)
    yield Packages(source=source, libraries=_libraries(lock.entries, direct), complete=complete)
    nameless = sum(not _NAME.fullmatch(entry.name) for entry in lock.entries)
    if nameless:
        yield unread(source, f"{counted(nameless, 'package')} in it {'has' if nameless == 1 else 'have'} no name")
    if not lock.listed and not lock.unread:
        yield unread(source, "it lists no packages")
    for place, (file, number) in enumerate(lock.unread[:_MOST_TOLD], 1):
        yield _unread_line(file, number, len(lock.unread) - _MOST_TOLD if place == _MOST_TOLD else 0)


def _unread_line(source: str, number: int, more: int) -> Remark:
    """Tell where; not what stands there, which may hold a password."""
    others = f", and so do {counted(more, 'more line')}" if more > 0 else ""
    return Remark(
        finding=Finding(
            rule="sbom/unreadable",
            level=Level.WARNING,
            message=f"line {number} of {shown(source)} names no package that could be read{others}: it is not in the bill of materials",
            location=f"{source}:{number}",
            hint="write it as name==version, or take the line out; files that it includes must lie in the project",
        )
    )


def _found(scene: Scene) -> Path | None:
    """In the model's own folder, as MLflow writes it, before that of the project."""
    model = scene.parts.get("model")
    folders = [model.place] if model is not None and model.place.is_dir() else []
    return next((folder / name for folder in [*folders, scene.root] for name in _LOOKED_FOR if (folder / name).is_file()), None)


def _usable(path: Path, root: Path) -> _Lock:
    """A lock that was named.

    Raises:
        UnreadableError: it is none.
    """
    lock = _read(path, root)
    if not lock.listed:
        raise UnreadableError(f"it lists no packages as one of {', '.join(_LOOKED_FOR)} does")
    return lock


def _read(path: Path, root: Path) -> _Lock:
    name = path.name.lower()
    if name.endswith(".toml") or name in {"uv.lock", "poetry.lock"}:
        plain = toml_of(path, MOST_LOCK_BYTES)
        if "packages" in plain:
            return _pylock(plain)
        return _poetry(plain) if any("files" in one for one in tables(plain.get("package"))) or "metadata" in plain else _uv(plain)
    return _pipfile(json_of(path, MOST_LOCK_BYTES)) if name == "pipfile.lock" else _requirements(path, root)


def _uv(plain: Mapping[str, Any]) -> _Lock:
    entries, roots = [], set[str]()
    for one in tables(plain.get("package")):
        needed = [_reference(other) for other in tables(one.get("dependencies"))]
        source = table(one.get("source"))
        if "editable" in source or "virtual" in source:
            roots |= {name.partition("==")[0] for name in needed}
            continue
        digests = _digests([table(one.get("sdist")), *tables(one.get("wheels"))], "hash")
        entries.append(Entry(normalised(word(one.get("name"))), word(one.get("version")), digests, needed))
    return _Lock(entries, roots, listed=isinstance(plain.get("package"), list))


def _pylock(plain: Mapping[str, Any]) -> _Lock:
    """PEP 751."""
    entries = []
    for one in tables(plain.get("packages")):
        files = [table(one.get("sdist")), table(one.get("archive")), *tables(one.get("wheels"))]
        hashes = [{"hash": f"sha256:{table(file.get('hashes')).get('sha256')}"} for file in files]
        needed = [_reference(other) for other in tables(one.get("dependencies"))]
        entries.append(Entry(normalised(word(one.get("name"))), word(one.get("version")), _digests(hashes, "hash"), needed))
    return _Lock(entries, listed=isinstance(plain.get("packages"), list))


def _poetry(plain: Mapping[str, Any]) -> _Lock:
    entries = []
    old = table(table(plain.get("metadata")).get("files"))
    for one in tables(plain.get("package")):
        files = tables(one.get("files")) or tables(old.get(word(one.get("name"))))
        needed = [normalised(name) for name in table(one.get("dependencies"))]
        entries.append(Entry(normalised(word(one.get("name"))), word(one.get("version")), _digests(files, "hash"), needed))
    return _Lock(entries, listed=isinstance(plain.get("package"), list))


def _pipfile(plain: Mapping[str, Any]) -> _Lock:
    entries = []
    for name, about in table(plain.get("default")).items():
        told = table(about)
        hashes = [{"hash": text} for text in texts(told.get("hashes"))]
        entries.append(Entry(normalised(name), word(told.get("version")).lstrip("="), _digests(hashes, "hash")))
    return _Lock(entries, listed=isinstance(plain.get("default"), dict))


def _requirements(path: Path, root: Path) -> _Lock:
    asked = Requirements(root)
    asked.read(path)
    listed = len(asked.entries) >= asked.garbled
    return _Lock(asked.entries, complete=asked.complete, listed=listed, unread=tuple(asked.unread))


def _reference(plain: Mapping[str, Any]) -> str:
    name, version = normalised(word(plain.get("name"))), word(plain.get("version"))
    return f"{name}=={version}" if version else name


def _digests(files: Sequence[Mapping[str, Any]], key: str) -> tuple[str, ...]:
    found = (SHA256.fullmatch(word(one.get(key))) for one in files)
    return tuple(sorted({one[1] for one in found if one}))


def _asked_for(root: Path) -> set[str]:
    """The names that pyproject.toml asks for."""
    try:
        plain = toml_of(root / "pyproject.toml")
    except UnreadableError:
        return set()
    listed = texts(table(plain.get("project")).get("dependencies"))
    poetry = table(table(table(plain.get("tool")).get("poetry")).get("dependencies"))
    return {normalised(found[0]) for text in [*listed, *poetry] if (found := _NAME.match(text))} - {"python"}


def _libraries(entries: Sequence[Entry], direct: set[str]) -> tuple[Library, ...]:
    """Libraries by ref, sorted; what they need as far as it stands in the same lock."""
    named = [entry for entry in entries if _NAME.fullmatch(entry.name)]
    refs: dict[str, set[str]] = {}
    for entry in named:
        ref = pypi_purl(entry.name, harmless(entry.version, 100))
        refs.setdefault(entry.name, set()).add(ref)
        refs.setdefault(f"{entry.name}=={entry.version}", set()).add(ref)
    made: dict[str, Library] = {}
    for entry in named:
        version = harmless(entry.version, 100)
        ref = pypi_purl(entry.name, version)
        needed = {other for name in entry.requires for other in refs.get(name, ())} - {ref}
        made[ref] = Library(
            ref=ref,
            name=entry.name,
            version=version,
            purl=ref,
            sha256s=entry.sha256s,
            requires=tuple(sorted(needed)),
            direct=entry.name in direct,
        )
    return tuple(made[ref] for ref in sorted(made))
