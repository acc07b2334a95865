"""What lies in an archive or a compressed file, as pieces of their own; nothing is unpacked by name."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import shown
from mlops_stage.inputs import archives
from mlops_stage.inputs.pickles.source import BombError, Source
from mlops_stage.stages.scan import kinds
from mlops_stage.stages.scan.kinds import Kind
from mlops_stage.stages.scan.pieces import MOST_SPOOLED, UNKNOWN_FORMAT, Piece, copy, entry_path, on_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_stage.inputs.archives import Entry
    from mlops_stage.stages.scan.pieces import Examination


def entries(piece: Piece, into: Examination) -> Iterator[tuple[Piece, bool]]:
    """The entries of an archive that are worth a look, each with whether it is known what torch makes of it."""
    with on_disk(piece) as path, path.open("rb") as stream:
        is_tar = kinds.by_content(stream.read(kinds.HEAD), piece.size) is Kind.TAR
        stream.seek(0)
        listing = archives.tar_listing(stream) if is_tar else archives.zip_listing(stream, path.stat().st_size)
        into.kinds.append(Kind.TAR if is_tar else Kind.ZIP)
        for rule, message in listing.faults:
            into.error(rule, f"{piece.label}: {message}", "do not unpack it; find out where it comes from")
        names = {entry.name for entry in listing.entries}
        if _keras(names):
            into.error("scan/unsupported-format", f"{piece.label} is a Keras file: its layers may hold code", UNKNOWN_FORMAT)
            return
        if any(rule == "scan/decompression-bomb" for rule, _ in listing.faults):
            return
        torch = kinds.suffix(piece.name) in kinds.TORCH
        if torch and any(_code_of_torch(name) for name in names):
            into.warn(
                "scan/code", f"{piece.label} holds TorchScript, a program that runs when the model is called", "export the model to ONNX"
            )
        for entry in listing.entries:
            yield _inner(piece, entry), torch and (_numbers_of_torch(entry.name, names) or _code_of_torch(entry.name))


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


def unfolded(piece: Piece, into: Examination) -> Iterator[tuple[Piece, bool]]:
    """What a compressed file unfolds to, under its name without the last suffix."""
    with piece.opened() as stream:
        kind = kinds.by_content(stream.read(kinds.HEAD), piece.size) or Kind.ZLIB
    suffix = kinds.suffix(piece.name)
    name = piece.name if suffix in kinds.PICKLES or not suffix else piece.name[: -len(suffix)] + (".tar" if suffix == ".tgz" else "")
    with tempfile.TemporaryDirectory() as folder, piece.opened() as stream:
        path = entry_path(Path(folder), name)
        try:
            copy(Source(archives.unfolded(stream, kinds.FOLDED[kind]), piece.size, MOST_SPOOLED), path)
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
        yield Piece(name=name, label=piece.label, size=size, opened=lambda: path.open("rb"), depth=piece.depth + 1, path=path), False
