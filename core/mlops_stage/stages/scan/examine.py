"""One file, and what lies in it: read as what it is, not as what it is called; nothing is loaded, nothing is unpacked by name."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs import archives, safetensors
from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.inputs.onnx.screen import screen as screen_onnx
from mlops_stage.inputs.pickles import npy
from mlops_stage.inputs.pickles import screen as pickles
from mlops_stage.inputs.pickles.names import Verdict, verdict
from mlops_stage.inputs.pickles.source import NPY_MAGIC, BombError, ShortError, Source
from mlops_stage.inputs.pickles.walk import both, importable, walk
from mlops_stage.report import Finding, Level
from mlops_stage.stages.scan import kinds
from mlops_stage.stages.scan.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlops_stage.inputs.archives import Entry
    from mlops_stage.inputs.pickles.machine import Walked

_DEEPEST = 4
_MOST_TOLD = 20
"""So many findings of one rule are kept of a file; the others are counted."""
_MOST_UNREAD = 1000
_MOST_SPOOLED = 2**34
_AGAIN = "it was cut short or forged: write it again, or check the download"
_POLYGLOT = "do not load it; find out where it comes from"
_UNKNOWN_FORMAT = "export the model to ONNX, or its weights to safetensors, and scan that"


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

    def error(self, rule: str, message: str, hint: str = _AGAIN) -> None:
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
        if len(self.unread) < _MOST_UNREAD:
            self.unread.append(label)

    def told(self, label: str) -> list[Finding]:
        """The findings, and how many more there are of each rule."""
        more = [Finding(rule=rule, level=level, message=f"{label}: and {count:,} more") for (rule, level), count in self.more.items()]
        return [*self.findings, *more]


def examine(piece: Piece, into: Examination) -> None:
    """Look into a piece, and into what lies in it; findings go into the examination, and nothing is raised for what the bytes hold."""
    if piece.depth > _DEEPEST:
        into.error(
            "scan/not-examined", f"{piece.label} lies more than {_DEEPEST} archives deep", "hand over the model without archives around it"
        )
        return
    try:
        with piece.opened() as stream:
            head = stream.read(kinds.HEAD)
        _by_kind(piece, head, into)
    except BombError as error:
        into.error("scan/decompression-bomb", f"{piece.label}: {error}", "do not unpack it; find out where it comes from")
    except ShortError as error:
        into.error("scan/unreadable", f"{piece.label}: {error}")
    except InputError as error:
        into.error("scan/unreadable", f"{piece.label}: {error.message}")
    except archives.FAULTS as error:
        into.error("scan/unreadable", f"{piece.label} cannot be read: {shown(error) or type(error).__name__}")
    except (MemoryError, RecursionError) as error:
        into.error("scan/not-examined", f"{piece.label} was not examined to its end: {type(error).__name__}")


def _by_kind(piece: Piece, head: bytes, into: Examination) -> None:
    kind = kinds.by_content(head, piece.size)
    may = kinds.claimed(piece.name)
    if not head:
        if may or kinds.foreign(head, piece.name):
            into.error("scan/unreadable", f"{piece.label} is empty (0 bytes)")
        return
    may_hide = kind not in {None, Kind.PICKLE} or (kind is None and kinds.suffix(piece.name) not in kinds.PICKLES)
    if may_hide and _hidden_pickle(piece, kind, into) and kind is None:
        return
    other, hint = kinds.stands_for_another(head)
    if other:
        _pointer(piece, other, hint, into, is_model=bool(may) or bool(kinds.foreign(b"", piece.name)))
    elif kinds.foreign(head, piece.name):
        told = kinds.foreign(head, piece.name)
        into.error(
            "scan/unsupported-format", f"{piece.label} is {told}: nothing here can tell what it does when it is loaded", _UNKNOWN_FORMAT
        )
    elif kind is None:
        _without_magic(piece, head, into)
    else:
        if may is not None and kind not in may:
            into.error(
                "scan/mislabelled", f"{piece.label} is a {kind}, which its name does not say", "do not load it; find out who named it so"
            )
        if kind is Kind.PICKLE and kinds.is_tar(head):
            into.error("scan/mislabelled", f"{piece.label} is a pickle and a tar archive at once", _POLYGLOT)
        _READERS[kind](piece, into)


def _pointer(piece: Piece, other: str, hint: str, into: Examination, *, is_model: bool) -> None:
    if is_model:
        into.error("scan/unreadable", f"{piece.label} is {other}", hint or _AGAIN)
    else:
        into.pass_over(f"{piece.label} ({other})")


def _without_magic(piece: Piece, head: bytes, into: Examination) -> None:
    """ONNX models, pickles of protocol 0 and 1, text and bare numbers all begin with nothing special."""
    suffix = kinds.suffix(piece.name)
    if suffix == ".onnx" or (suffix not in kinds.PICKLES and kinds.looks_like_onnx(head) and _parses(piece)):
        _onnx(piece, into)
    elif suffix in {".safetensors", ".npy", ".npz", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz"}:
        into.error("scan/unreadable", f"{piece.label} is no {' or '.join(sorted(kinds.claimed(piece.name) or ()))}")
    elif suffix in kinds.PICKLES:
        _pickle(piece, into)
    elif kinds.program(head, piece.name):
        hint = "see who runs it: loaders with trust_remote_code, a Docker image, a hook"
        into.warn("scan/code", f"{piece.label} is code, which lies beside the model", hint)
    else:
        into.pass_over(piece.label)


def _walked(piece: Piece, start: int = 0) -> Walked:
    """The piece as pickle and as joblib would read it, from that byte on."""

    def once(joblib: bool) -> Walked:  # noqa: FBT001  (a step of `both`)
        with piece.opened() as stream:
            source = Source(stream, piece.folded)
            source.skip(start)
            return walk(source, joblib=joblib)

    return both(once)


def _judge(piece: Piece, walked: Walked, into: Examination, *, claimed: bool, start: int = 0) -> None:
    """What is wrong with a pickle, by our own reading and by picklescan's."""
    label = f"the object array {piece.label}" if start else piece.label
    into.add(pickles.screen(walked, label, into.trusted, claimed=claimed))
    if walked.names or claimed:
        with piece.opened() as stream:
            source = Source(stream, piece.folded)
            source.skip(start)
            content = bytearray()
            while len(content) <= pickles.SECOND_BYTES and (found := source.take()):
                content += found
        into.add(pickles.second_opinion(bytes(content), walked, label))


def _hidden_pickle(piece: Piece, kind: Kind | None, into: Examination) -> bool:
    """Whether bytes that do not say so are a pickle as well, which an unpickler would carry out: every file is walked from its first byte."""
    walked = _walked(piece)
    real = [name for name in walked.names if importable(name)]
    acts = walked.calls or walked.pickles or any(verdict(name, into.trusted) is Verdict.DANGEROUS for name in real)
    if not real or not acts:
        return False
    into.kinds.append(Kind.PICKLE)
    _judge(piece, walked, into, claimed=False)
    if kind is not None:
        into.error("scan/mislabelled", f"{piece.label} is a {kind} and a pickle at once", _POLYGLOT)
    elif kinds.claimed(piece.name) is not None or kinds.foreign(b"", piece.name):
        into.error(
            "scan/mislabelled", f"{piece.label} is a pickle, which its name does not say", "do not load it; find out who named it so"
        )
    return True


def _pickle(piece: Piece, into: Examination) -> None:
    into.kinds.append(Kind.PICKLE)
    claimed = kinds.suffix(piece.name) in kinds.PICKLES
    walked = _walked(piece)
    if not claimed and not walked.pickles and not walked.names:
        into.kinds.pop()
        into.pass_over(piece.label)
        return
    _judge(piece, walked, into, claimed=claimed)
    if walked.pickles and walked.end < piece.size and not walked.fault:
        with piece.opened() as stream:
            old_torch = stream.read(len(kinds.OLD_TORCH)) == kinds.OLD_TORCH
        message = f"{piece.label}: the {piece.size - walked.end:,} bytes behind its last pickle"
        if old_torch:
            into.pass_over(message)
        else:
            into.warn("scan/not-examined", f"{message} were not examined", "write it again: no library leaves bytes there")
        _appended(piece, into)


def _appended(piece: Piece, into: Examination) -> None:
    """A ZIP archive is found by its end, so one may hide behind a pickle."""
    with _on_disk(piece) as path, path.open("rb") as stream, suppress(*archives.FAULTS):
        if archives.zip_listing(stream, piece.size).entries:
            into.error("scan/mislabelled", f"{piece.label} is a pickle and a ZIP archive at once", _POLYGLOT)


def _npy(piece: Piece, into: Examination) -> None:
    """One array after another, as several calls of numpy.load on an open file read them."""
    into.kinds.append(Kind.NPY)
    at = 0
    while at < piece.size:
        with piece.opened() as stream:
            source = Source(stream, piece.folded)
            source.skip(at)
            if at and source.peek(len(NPY_MAGIC)) != NPY_MAGIC:
                message = f"{piece.label}: the {piece.size - at:,} bytes behind its array were not examined"
                into.warn("scan/not-examined", message, "write it again: NumPy leaves no bytes there")
                return
            size = npy.array(source)
            at = source.at
        if size is None:
            walked = _walked(piece, at)
            _judge(piece, walked, into, claimed=True, start=at)
            if walked.fault or not walked.pickles:
                return
            at = walked.end  # counted from the first byte of the piece
        else:
            at += size
    if at > piece.size:
        into.error("scan/unreadable", f"{piece.label} ends in the middle of its numbers")


def _safetensors(piece: Piece, into: Examination) -> None:
    into.kinds.append(Kind.SAFETENSORS)
    with piece.opened() as stream:
        source = Source(stream, piece.folded)
        size = int.from_bytes(source.read(8), "little")
        if size > safetensors.MOST_HEADER:
            into.error("scan/safetensors-header", f"{piece.label} claims a header of {size:,} bytes")
            return
        header = source.read(size)
    try:
        for fault in islice(safetensors.faults(header, piece.size - 8 - size), _MOST_UNREAD):
            into.error("scan/safetensors-header", f"{piece.label}: {fault}")
    except safetensors.HeaderError as error:
        into.error("scan/safetensors-header", f"{piece.label}: {error}")


def _parses(piece: Piece) -> bool:
    """Whether bytes that are not called so are an ONNX model."""
    with _on_disk(piece) as path:
        try:
            read_facts(path)
        except InputError:
            return False
        return True


def _onnx(piece: Piece, into: Examination) -> None:
    into.kinds.append(Kind.ONNX)
    with _on_disk(piece) as path:
        try:
            facts = read_facts(path)
        except InputError as error:
            into.error("scan/unreadable", piece.label + error.message.partition(path.name)[2])
            return
        found = screen_onnx(facts, path)
    into.weights += sorted({tensor.external.location for tensor in facts.tensors if tensor.external is not None})
    into.add(replace(one, message=piece.label + one.message.removeprefix(shown(path.name))) for one in found)


def _archive(piece: Piece, into: Examination) -> None:
    with _on_disk(piece) as path, path.open("rb") as stream:
        is_tar = kinds.by_content(stream.read(kinds.HEAD), piece.size) is Kind.TAR
        stream.seek(0)
        listing = archives.tar_listing(stream) if is_tar else archives.zip_listing(stream, path.stat().st_size)
        into.kinds.append(Kind.TAR if is_tar else Kind.ZIP)
        for rule, message in listing.faults:
            into.error(rule, f"{piece.label}: {message}", "do not unpack it; find out where it comes from")
        names = {entry.name for entry in listing.entries}
        if _keras(names):
            into.error("scan/unsupported-format", f"{piece.label} is a Keras file: its layers may hold code", _UNKNOWN_FORMAT)
            return
        if any(rule == "scan/decompression-bomb" for rule, _ in listing.faults):
            return
        torch = kinds.suffix(piece.name) in kinds.TORCH
        if torch and any(_code_of_torch(name) for name in names):
            into.warn(
                "scan/code", f"{piece.label} holds TorchScript, a program that runs when the model is called", "export the model to ONNX"
            )
        for entry in listing.entries:
            known = torch and (_numbers_of_torch(entry.name, names) or _code_of_torch(entry.name))
            _entry_of(piece, entry, into, known=known)


def _entry_of(piece: Piece, entry: Entry, into: Examination, *, known: bool) -> None:
    """Look into an entry; where what torch makes of it is known, only what is grave is told of it."""
    inner = replace(into, findings=[], unread=[], kinds=[], more=Counter(), kept=Counter())
    examine(_inner(piece, entry), inner)
    into.kinds += inner.kinds
    into.add(one for one in inner.findings if one.level is Level.ERROR or not known)
    into.more.update(inner.more)
    for label in () if known else inner.unread:
        into.pass_over(label)


def _code_of_torch(name: str) -> bool:
    return "/code/" in f"/{name}" and name.endswith((".py", ".debug_pkl"))


def _keras(names: set[str]) -> bool:
    return "config.json" in names and any(name.endswith(".weights.h5") for name in names)


def _numbers_of_torch(name: str, names: set[str]) -> bool:
    """An entry that torch.load reads as bare numbers or as a word: `model/data/0` and `model/version` beside `model/data.pkl`."""
    folder, _, last = name.rpartition("/data/")
    words = name.rpartition("/")
    return (last.isdigit() and f"{folder}/data.pkl" in names) or (words[2] in {"version", "byteorder"} and f"{words[0]}/data.pkl" in names)


def _inner(piece: Piece, entry: Entry) -> Piece:
    label = f"{piece.label} → {shown(entry.name)}"
    return Piece(name=entry.name, label=label, size=entry.size, opened=entry.opened, folded=entry.folded, depth=piece.depth + 1)


def _folded(piece: Piece, into: Examination) -> None:
    """What a compressed file unfolds to is examined as the file itself, under its name without the last suffix."""
    with piece.opened() as stream:
        kind = kinds.by_content(stream.read(kinds.HEAD), piece.size) or Kind.ZLIB
    suffix = kinds.suffix(piece.name)
    name = piece.name if suffix in kinds.PICKLES or not suffix else piece.name[: -len(suffix)] + (".tar" if suffix == ".tgz" else "")
    with tempfile.TemporaryDirectory() as folder, piece.opened() as stream:
        path = _entry(Path(folder), name)
        try:
            _copy(Source(archives.unfolded(stream, kinds.FOLDED[kind]), piece.size, _MOST_SPOOLED), path)
        except BombError:
            raise
        except archives.FAULTS as error:  # a loader may have carried out what came before the fault, so that is examined too
            if kinds.claimed(piece.name) is None:
                into.pass_over(piece.label)
            else:
                into.error("scan/unreadable", f"{piece.label} cannot be read: {shown(error)}")
        else:
            into.kinds.append(kind)
        size = path.stat().st_size
        examine(Piece(name=name, label=piece.label, size=size, opened=lambda: path.open("rb"), depth=piece.depth + 1, path=path), into)


def _entry(folder: Path, name: str) -> Path:
    """A file whose name is ours but for the suffix."""
    return folder / f"entry{kinds.suffix(name)[:20]}"


def _copy(source: Source, path: Path) -> None:
    with path.open("wb") as copy:
        while found := source.take():
            copy.write(found)


@contextmanager
def _on_disk(piece: Piece) -> Iterator[Path]:
    """The piece as a file, which some readers need; an entry is copied into a folder of its own, under a name of ours."""
    if piece.path is not None:
        yield piece.path
        return
    with tempfile.TemporaryDirectory() as folder, piece.opened() as stream:
        path = _entry(Path(folder), piece.name)
        _copy(Source(stream, piece.folded, _MOST_SPOOLED), path)
        yield path


_READERS: dict[Kind, Callable[[Piece, Examination], None]] = {
    Kind.PICKLE: _pickle,
    Kind.NPY: _npy,
    Kind.SAFETENSORS: _safetensors,
    Kind.ZIP: _archive,
    Kind.TAR: _archive,
    **dict.fromkeys(kinds.FOLDED, _folded),
}
