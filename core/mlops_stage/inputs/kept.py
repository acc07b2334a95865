"""Answers of a model kept in the cache: in a folder of this user's own, read as data from a stranger, never a pickle.

What lies there may have been written by anybody who could restore a cache; `mlops_stage.inputs.scoring` asks the model anew for some rows before it
believes it. Here is only made sure that what is read has the shape of answers.
"""

from __future__ import annotations

import io
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.evidence.paths import write_aside
from mlops_stage.inputs.answers import Answers
from mlops_stage.inputs.tables.values import Codes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FILE = "answers.npz"
_PRIVATE = 0o700


def keep_answers(folder: Path, found: Answers) -> None:
    """Write answers into a folder of the cache, which nobody but this user may enter.

    Raises:
        StageError: the disk is full.
        OSError: the folder cannot be made, or belongs to somebody else.
    """
    words = {"classes": found.classes, "notes": found.notes, "levels": found.decision.levels if found.decision else None}
    arrays: dict[str, Any] = {"words": np.frombuffer(json.dumps(words).encode("ascii"), dtype=np.uint8)}
    if found.decision is not None:
        arrays["codes"] = found.decision.codes
    if found.values is not None:
        arrays["values"] = found.values
    held = io.BytesIO()
    np.savez(held, **arrays)
    for part in (folder.parent, folder):
        part.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        part.chmod(_PRIVATE)
    write_aside(folder / _FILE, held.getvalue())


def has_answers(folder: Path) -> bool:
    """Whether something lies there that calls itself answers."""
    return os.path.lexists(folder / _FILE)


def kept_answers(folder: Path, rows: int) -> Answers | None:
    """The answers of an earlier run for so many rows; None where there are none, or where they cannot be answers.

    A file or folder that belongs to another user, or is a link, is not read.
    """
    try:
        for part in (folder.parent, folder):
            _refuse_foreign(part.lstat())
        descriptor = os.open(folder / _FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:  # noqa: PTH123  (a descriptor, not a path)
            _refuse_foreign(os.fstat(descriptor))
            with np.load(stream, allow_pickle=False) as arrays:
                return _checked(dict(arrays), rows)
    except Exception:  # noqa: BLE001  (whatever a damaged or forged file does to the parsers: it is no answer)
        return None


def _refuse_foreign(about: os.stat_result) -> None:
    if stat.S_ISLNK(about.st_mode) or about.st_uid != os.geteuid():
        raise ValueError("not this user's own")


def _checked(arrays: dict[str, NDArray[Any]], rows: int) -> Answers:
    words = json.loads(arrays.pop("words").tobytes())
    codes, values = arrays.pop("codes", None), arrays.pop("values", None)
    levels, classes, notes = words["levels"], words["classes"], words["notes"]
    texts = [*(levels or ()), *classes, *notes]
    if arrays or not all(isinstance(text, str) for text in texts) or (codes is None) != (levels is None):
        raise ValueError("not what is written here")
    if values is not None and (values.dtype != np.float64 or values.ndim != 2 or len(values) != rows):  # noqa: PLR2004  (rows and columns)
        raise ValueError("no numbers for these rows")
    if codes is not None:
        if codes.dtype != np.int64 or codes.shape != (rows,) or levels != sorted(set(levels)):
            raise ValueError("no labels for these rows")
        # negative codes and levels that never occur would mean something else further on
        if not np.bincount(codes, minlength=len(levels)).astype(bool).all() or codes.max() >= len(levels):
            raise ValueError("labels that are not in their own list")
    return Answers(Codes(codes, tuple(levels)) if codes is not None else None, values, tuple(classes), tuple(notes))
