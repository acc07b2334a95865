"""Pieces that are pickles, or that an unpickler would take for one; NumPy's arrays, which may hold pickles."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from mlops_stage.inputs import archives
from mlops_stage.inputs.pickles import npy
from mlops_stage.inputs.pickles import screen as pickles
from mlops_stage.inputs.pickles.names import Verdict, verdict
from mlops_stage.inputs.pickles.source import NPY_MAGIC, Source
from mlops_stage.inputs.pickles.walk import both, importable, walk
from mlops_stage.stages.scan import kinds
from mlops_stage.stages.scan.kinds import Kind
from mlops_stage.stages.scan.pieces import POLYGLOT, on_disk
from mlops_stage.words import counted

if TYPE_CHECKING:
    from mlops_stage.inputs.pickles.machine import Walked
    from mlops_stage.stages.scan.pieces import Examination, Piece


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


def hidden_pickle(piece: Piece, kind: Kind | None, into: Examination) -> bool:
    """Whether bytes that do not say so are a pickle as well, which an unpickler would carry out: every file is walked from its first byte."""
    walked = _walked(piece)
    real = [name for name in walked.names if importable(name)]
    acts = walked.calls or walked.pickles or any(verdict(name, into.trusted) is Verdict.DANGEROUS for name in real)
    if not real or not acts:
        return False
    into.kinds.append(Kind.PICKLE)
    _judge(piece, walked, into, claimed=False)
    if kind is not None:
        into.error("scan/mislabelled", f"{piece.label} is a {kind} and a pickle at once", POLYGLOT)
    elif kinds.claimed(piece.name) is not None or kinds.foreign(b"", piece.name):
        into.error(
            "scan/mislabelled", f"{piece.label} is a pickle, which its name does not say", "do not load it; find out who named it so"
        )
    return True


def pickle(piece: Piece, into: Examination) -> None:
    """What says that it is a pickle, by its name or its first bytes."""
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
        message = f"{piece.label}: {counted(piece.size - walked.end, 'byte')} behind its last pickle"
        if old_torch:
            into.pass_over(message)
        else:
            into.warn("scan/not-examined", f"{message}, which nothing examined", "write it again: no library leaves bytes there")
        _appended(piece, into)


def _appended(piece: Piece, into: Examination) -> None:
    """A ZIP archive is found by its end, so one may hide behind a pickle."""
    with on_disk(piece) as path, path.open("rb") as stream, suppress(*archives.FAULTS):
        if archives.zip_listing(stream, piece.size).entries:
            into.error("scan/mislabelled", f"{piece.label} is a pickle and a ZIP archive at once", POLYGLOT)


def arrays(piece: Piece, into: Examination) -> None:
    """One array after another, as several calls of numpy.load on an open file read them."""
    into.kinds.append(Kind.NPY)
    at = 0
    while at < piece.size:
        with piece.opened() as stream:
            source = Source(stream, piece.folded)
            source.skip(at)
            if at and source.peek(len(NPY_MAGIC)) != NPY_MAGIC:
                message = f"{piece.label}: {counted(piece.size - at, 'byte')} behind its array, which nothing examined"
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
