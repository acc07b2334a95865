"""What an extractor is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mlops_stage.report import stamp
from mlops_stage.stages.sbom.facts import MOST_TEXT, Confidence, Fact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_stage.inputs.onnx.facts import OnnxFacts
    from mlops_stage.report import Finding
    from mlops_stage.stages.sbom.facts import Ci, Column, DatasetUse, File, Git, Library, Parent, Port


ROLES = ("data", "train", "reference")
"""Keys of data sets."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A model or data set that the stage was asked about, its files found and hashed."""

    key: str
    """`model`, `data`, `train` or `reference`."""
    source: str
    """As the user wrote it."""
    place: Path
    """The file, or the folder."""
    files: tuple[File, ...]
    paths: Mapping[str, Path] = field(repr=False)
    """`File.path` -> where to read it."""
    sha256: str
    """Empty for a data set that only a pointer tells of."""
    hash_scope: Literal["content", "pointer", "none"] = "content"
    snapshot: str = ""
    states: tuple[tuple[int, int, int], ...] = field(default=(), repr=False)
    """What told, before they were hashed, that no file is being written; in the order of `paths`."""
    onnx: Mapping[str, OnnxFacts] = field(default_factory=dict, repr=False)
    """`File.path` of each ONNX file -> what it says, read once."""
    purl: str = ""
    """Where the place itself tells it, such as a folder of the cache of Hugging Face."""

    @property
    def digest(self) -> str:
        """What it is known by: `sha256:…`, or what a pointer records of it, such as `md5:…`."""
        return f"sha256:{self.sha256}" if self.sha256 else self.snapshot

    @property
    def version(self) -> str:
        """What tells versions apart where nobody numbers them: `sha256-` and the first digits."""
        kind, _, digits = self.digest.partition(":")
        return f"{kind}-{digits[:12]}"

    def named(self, *names: str) -> tuple[tuple[str, Path], ...]:
        """Its files that have one of these last names, in lower case, as (path as shown, path to read)."""
        return tuple((file.path, self.paths[file.path]) for file in self.files if self.paths[file.path].name.lower() in names)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that an extractor may look at."""

    root: Path
    parts: Mapping[str, Part]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables by which a CI system names repository and pipeline."""
    git: Git | None = None
    ci: Ci | None = None
    epoch: int | None = None
    """SOURCE_DATE_EPOCH, or else the time of the commit."""
    served: str = ""
    """The address of a model that is not a file."""
    lock: str | None = None
    contract: str | None = None
    cards: tuple[tuple[str, Path], ...] = ()
    """Model cards in words, as (path as shown, path to read)."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A fact about `system` or a part."""

    about: str
    """`system`, or the key of a part; one that is not there is left out."""
    fact: Fact


@dataclass(frozen=True, kw_only=True)
class Ancestor:
    """A model that the model was made from."""

    parent: Parent


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Data that the model was trained or judged with."""

    use: DatasetUse


@dataclass(frozen=True, kw_only=True)
class Interface:
    """Inputs and outputs of the model."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The columns of a data set."""

    about: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True)
class Packages:
    """Libraries, of the first that is found: a lock file before what is installed."""

    source: str
    libraries: tuple[Library, ...]
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something that could not be read, or contradicts itself, of a rule `sbom/…`."""

    finding: Finding


LATEST = 253_402_300_799
"""The last second of the year 9999, since 1970: calendars of Python and JSON Schema end there."""


def moment(epoch: int) -> str:
    """A time in seconds since 1970, from 0 to `LATEST`, as `2026-01-02T03:04:05Z`."""
    return stamp(datetime.fromtimestamp(epoch, UTC))


Found = Claim | Ancestor | Usage | Interface | Table | Packages | Remark


def claim(about: str, element: str, value: object, source: str, confidence: Confidence = Confidence.EXTRACTED) -> Claim:
    """A fact about a part, its text made harmless."""
    return Claim(about=about, fact=Fact(element=element, value=harmless(value), source=source, confidence=confidence))


def cleaned(record: Any) -> Any:
    """A record of somebody else with every text in it made harmless."""
    if isinstance(record, Confidence):
        return Confidence(record)
    if isinstance(record, str):
        return harmless(record)
    if isinstance(record, tuple):
        return tuple(map(cleaned, record))
    if is_dataclass(record) and not isinstance(record, type):
        return replace(record, **{one.name: cleaned(getattr(record, one.name)) for one in fields(record)})
    return record


def harmless(value: object, most: int = MOST_TEXT) -> str:
    """Text of unknown origin without control characters but line breaks, without what no file can hold as UTF-8, and cut."""
    text = "".join(mark if mark == "\n" or mark.isprintable() else " " for mark in str(value)[: 2 * most].replace("\r\n", "\n"))
    text = text.encode("utf-8", "replace").decode().strip()
    return text if len(text) <= most else f"{text[: most - 1]}…"
