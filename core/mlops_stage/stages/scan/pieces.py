"""A file or an entry of an archive, the file that some readers need of it, and what was found in it."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlops_stage.inputs.pickles.source import Source
from mlops_stage.report import Finding, Level
from mlops_stage.stages.scan import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MOST_TOLD = 20
"""So many findings of one rule are kept of a file; the others are counted."""
MOST_UNREAD = 1000
MOST_SPOOLED = 2**34
AGAIN = "it was cut short or forged: write it again, or check the download"
POLYGLOT = "do not load it; find out where it comes from"
UNKNOWN_FORMAT = "export the model to ONNX, or its weights to safetensors, and scan that"


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A file, or an entry of an archive."""

    name: str
    """Its own name, for the suffix."""
    label: str
    """As messages call it: `model.pt`, `model.pt → archive/data.pkl`."""
    size: int
    opened: Callable[[], BinaryIO]
    folded: int | None = None
    depth: int = 0
    path: Path | None = None
    """Where it lies, for a file that is no entry."""


@dataclass
class Examination:
    """What was found in a file and everything in it."""

    trusted: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    """What was examined: `pickle`, `ONNX model` …"""
    unread: list[str] = field(default_factory=list)
    """What was not examined, as labels with a reason."""
    weights: list[str] = field(default_factory=list)
    """Files beside an ONNX model that hold its numbers, relative to its folder."""

    more: Counter[tuple[str, Level]] = field(default_factory=Counter)
    """Findings beyond those that are kept, by rule."""
    kept: Counter[str] = field(default_factory=Counter)

    def error(self, rule: str, message: str, hint: str = AGAIN) -> None:
        """Add a finding of level error."""
        self.add([Finding(rule=rule, level=Level.ERROR, message=message, hint=hint)])

    def warn(self, rule: str, message: str, hint: str) -> None:
        """Add a finding of level warning."""
        self.add([Finding(rule=rule, level=Level.WARNING, message=message, hint=hint)])

    def add(self, findings: Iterable[Finding]) -> None:
        """Keep the first findings of each rule, and count the others: a hostile file could have millions."""
        for finding in findings:
            self.kept[finding.rule] += 1
            if self.kept[finding.rule] <= _MOST_TOLD:
                self.findings.append(finding)
            else:
                self.more[finding.rule, finding.level] += 1

    def pass_over(self, label: str) -> None:
        """Note what was not examined."""
        if len(self.unread) < MOST_UNREAD:
            self.unread.append(label)

    def told(self, label: str) -> list[Finding]:
        """The findings, and how many more there are of each rule."""
        more = [Finding(rule=rule, level=level, message=f"{label}: and {count:,} more") for (rule, level), count in self.more.items()]
        return [*self.findings, *more]


def entry_path(folder: Path, name: str) -> Path:
    """A file whose name is ours but for the suffix."""
    return folder / f"entry{kinds.suffix(name)[:20]}"


def copy(source: Source, path: Path) -> None:
    """Write all that is left of the source."""
    with path.open("wb") as stream:
        while found := source.take():
            stream.write(found)


@contextmanager
def on_disk(piece: Piece) -> Iterator[Path]:
    """The piece as a file, which some readers need; an entry is copied into a folder of its own, under a name of ours."""
    if piece.path is not None:
        yield piece.path
        return
    with tempfile.TemporaryDirectory() as folder, piece.opened() as stream:
        path = entry_path(Path(folder), piece.name)
        copy(Source(stream, piece.folded, MOST_SPOOLED), path)
        yield path
