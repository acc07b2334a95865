"""Requirements files of pip, with those that they include; no address is opened, and no folder is built to learn its name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_stage.evidence.paths import relative
from mlops_stage.stages.sbom.extract.plain import MOST_LOCK_BYTES, UnreadableError, text_of
from mlops_stage.stages.sbom.identity import normalised

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHA256 = re.compile(r"sha256[:=]([0-9a-f]{64})")
_LINE = re.compile(r"([A-Za-z0-9][\w.-]*) ?(?:\[[^\]]*\])? ?(?:===? ?([\w.!+*-]+))? ?(?:(?:[<>~!,;@]|--).*)?")
"""Of a line whose blanks are single spaces, so that it is read in one pass."""
_NAMELESS = re.compile(r"\.|/|file:|[\w+]{1,20}://|\S+\.(whl|zip|tar\.gz)(\s|$)")
"""A file, a folder or an address: pip takes them, and their names are not known without opening them."""
_OPTION = re.compile(r"(-[A-Za-z]|--[a-z-]+)[\s=]*(.*)")
_INCLUDES = frozenset({"-r", "--requirement"})
_SETTINGS = frozenset(
    {
        *("-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--trusted-host"),
        *("-c", "--constraint", "--no-binary", "--only-binary", "--prefer-binary", "--require-hashes", "--pre", "--use-feature"),
    }
)
"""Options that ask for no package."""
_MOST_FILES = 50


@dataclass
class Entry:
    """A package of a lock, before its dependencies are known by ref."""

    name: str
    version: str
    sha256s: tuple[str, ...] = ()
    requires: list[str] = field(default_factory=list)
    """Normalised names, or `name==version` where a name stands there twice."""


@dataclass
class Requirements:
    """What a requirements file and those that it includes ask for."""

    root: Path
    """Files outside are not followed."""
    entries: list[Entry] = field(default_factory=list)
    unread: list[tuple[str, int]] = field(default_factory=list)
    """File and number of each line that asks for something whose name or content is not known."""
    garbled: int = 0
    """How many of these are nothing that pip would take."""
    _seen: set[Path] = field(default_factory=set)
    _left: int = MOST_LOCK_BYTES

    @property
    def complete(self) -> bool:
        """Whether these are all: every line is understood, pinned and hashed, as pip then demands it of all."""
        return bool(self.entries) and not self.unread and all(entry.version and entry.sha256s for entry in self.entries)

    def read(self, path: Path) -> None:
        """Add what a file asks for.

        Raises:
            UnreadableError: it is no text, or more than can be read.
        """
        self._seen.add(path.resolve())
        text = text_of(path, self._left + 1)
        self._left -= len(text)
        if "\0" in text or self._left < 0:
            raise UnreadableError("it is no text" if "\0" in text else f"it has more than {MOST_LOCK_BYTES:,} characters")
        for number, line in _logical(text):
            asked = re.sub(r"(^| )#.*$", "", " ".join(line.split()))
            if asked and not self._understood(asked, path):
                self.unread.append((relative(self.root, path), number))

    def _understood(self, asked: str, path: Path) -> bool:
        """Add what a line asks for; false where that cannot be told."""
        option = _OPTION.match(asked)
        if option:
            return option[1] in _SETTINGS or (option[1] in _INCLUDES and self._included(path.parent / option[2]))
        found = _LINE.fullmatch(asked)
        if not found:
            self.garbled += not _NAMELESS.match(asked)
            return False
        version = found[2] if found[2] and "*" not in found[2] else ""
        self.entries.append(Entry(normalised(found[1]), version, tuple(sorted(set(SHA256.findall(asked))))))
        return True

    def _included(self, path: Path) -> bool:
        """Follow a file of the project, once."""
        try:
            place = path.resolve()
            if place in self._seen:
                return True
            if not place.is_relative_to(self.root.resolve()) or not place.is_file() or len(self._seen) >= _MOST_FILES:
                return False
            self.read(path)
        except (OSError, ValueError, RuntimeError):  # also a name that no file can have, and links that go round in a circle
            return False
        return True


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that continue them, each by the number of its first."""
    first, begun = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        first = first if begun else number
        if line.endswith("\\"):
            begun += f"{line[:-1]} "
            continue
        yield first, begun + line
        begun = ""
    if begun:
        yield first, begun
