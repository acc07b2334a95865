"""One file, and what lies in it: read as what it is, not as what it is called; nothing is loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs import archives, safetensors
from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.inputs.onnx.screen import screen as screen_onnx
from mlops_stage.inputs.pickles.source import BombError, ShortError, Source
from mlops_stage.report import Level
from mlops_stage.stages.scan import kinds
from mlops_stage.stages.scan.kinds import Kind
from mlops_stage.stages.scan.packed import entries, unfolded
from mlops_stage.stages.scan.pickled import arrays, hidden_pickle, pickle
from mlops_stage.stages.scan.pieces import AGAIN, MOST_UNREAD, POLYGLOT, UNKNOWN_FORMAT, on_disk
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlops_stage.stages.scan.pieces import Examination, Piece

_DEEPEST = 4


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
    if may_hide and hidden_pickle(piece, kind, into) and kind is None:
        return
    other, hint = kinds.stands_for_another(head)
    if other:
        _pointer(piece, other, hint, into, is_model=bool(may) or bool(kinds.foreign(b"", piece.name)))
    elif kinds.foreign(head, piece.name):
        told = kinds.foreign(head, piece.name)
        into.error(
            "scan/unsupported-format", f"{piece.label} is {told}: nothing here can tell what it does when it is loaded", UNKNOWN_FORMAT
        )
    elif kind is None:
        _without_magic(piece, head, into)
    else:
        if may is not None and kind not in may:
            into.error(
                "scan/mislabelled", f"{piece.label} is a {kind}, which its name does not say", "do not load it; find out who named it so"
            )
        if kind is Kind.PICKLE and kinds.is_tar(head):
            into.error("scan/mislabelled", f"{piece.label} is a pickle and a tar archive at once", POLYGLOT)
        if kind in _HOLDERS:
            _each(_HOLDERS[kind](piece, into), into)
        else:
            _READERS[kind](piece, into)


def _pointer(piece: Piece, other: str, hint: str, into: Examination, *, is_model: bool) -> None:
    if is_model:
        into.error("scan/unreadable", f"{piece.label} is {other}", hint or AGAIN)
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
        pickle(piece, into)
    elif kinds.program(head, piece.name):
        hint = "see who runs it: loaders with trust_remote_code, a Docker image, a hook"
        into.warn("scan/code", f"{piece.label} is code, which lies beside the model", hint)
    else:
        into.pass_over(piece.label)


def _safetensors(piece: Piece, into: Examination) -> None:
    into.kinds.append(Kind.SAFETENSORS)
    with piece.opened() as stream:
        source = Source(stream, piece.folded)
        size = int.from_bytes(source.read(8), "little")
        if size > safetensors.MOST_HEADER:
            into.error("scan/safetensors-header", f"{piece.label} claims a header of {counted(size, 'byte')}")
            return
        header = source.read(size)
    try:
        for fault in islice(safetensors.faults(header, piece.size - 8 - size), MOST_UNREAD):
            into.error("scan/safetensors-header", f"{piece.label}: {fault}")
    except safetensors.HeaderError as error:
        into.error("scan/safetensors-header", f"{piece.label}: {error}")


def _parses(piece: Piece) -> bool:
    """Whether bytes that are not called so are an ONNX model."""
    with on_disk(piece) as path:
        try:
            read_facts(path)
        except InputError:
            return False
        return True


def _onnx(piece: Piece, into: Examination) -> None:
    into.kinds.append(Kind.ONNX)
    with on_disk(piece) as path:
        try:
            facts = read_facts(path)
        except InputError as error:
            into.error("scan/unreadable", piece.label + error.message.partition(path.name)[2])
            return
        found = screen_onnx(facts, path)
    into.weights += sorted({tensor.external.location for tensor in facts.tensors if tensor.external is not None})
    into.add(replace(one, message=piece.label + one.message.removeprefix(shown(path.name))) for one in found)


def _each(pieces: Iterable[tuple[Piece, bool]], into: Examination) -> None:
    """Look into the pieces of a piece; where what torch makes of one is known, only what is grave is told of it."""
    for piece, known in pieces:
        inner = replace(into, findings=[], unread=[], kinds=[], more=Counter(), kept=Counter())
        examine(piece, inner)
        into.kinds += inner.kinds
        into.add(one for one in inner.findings if one.level is Level.ERROR or not known)
        into.more.update(inner.more)
        for label in () if known else inner.unread:
            into.pass_over(label)


_READERS: dict[Kind, Callable[[Piece, Examination], None]] = {
    Kind.PICKLE: pickle,
    Kind.NPY: arrays,
    Kind.SAFETENSORS: _safetensors,
}
_HOLDERS: dict[Kind, Callable[[Piece, Examination], Iterable[tuple[Piece, bool]]]] = {
    Kind.ZIP: entries,
    Kind.TAR: entries,
    **dict.fromkeys(kinds.FOLDED, unfolded),
}
