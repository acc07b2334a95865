"""Answers of a model kept in the cache: written aside, verified by digest when read, never a pickle."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.evidence.paths import write_aside
from mlops_stage.inputs.answers import Answers
from mlops_stage.inputs.tables.values import Codes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FILE = "answers.npz"
_DIGEST = "answers.npz.sha256"


def keep_answers(folder: Path, found: Answers) -> None:
    """Write answers into a folder of the cache.

    Raises:
        StageError: the disk is full or may not be written.
    """
    words = {"classes": found.classes, "notes": found.notes, "levels": found.decision.levels if found.decision else None}
    arrays: dict[str, Any] = {"words": np.frombuffer(json.dumps(words).encode("ascii"), dtype=np.uint8)}
    if found.decision is not None:
        arrays["codes"] = found.decision.codes
    if found.values is not None:
        arrays["values"] = found.values
    held = io.BytesIO()
    np.savez(held, **arrays)
    write_aside(folder / _FILE, held.getvalue())
    write_aside(folder / _DIGEST, hashlib.sha256(held.getbuffer()).hexdigest())


def kept_answers(folder: Path) -> Answers | None:
    """The answers of an earlier run; None where there are none, or where they are not as they were written."""
    try:
        content = (folder / _FILE).read_bytes()
        if hashlib.sha256(content).hexdigest() != (folder / _DIGEST).read_text():
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return _read(dict(arrays))
    except (OSError, ValueError, KeyError):
        return None


def _read(arrays: dict[str, NDArray[Any]]) -> Answers:
    words = json.loads(arrays["words"].tobytes())
    decision = Codes(arrays["codes"], tuple(words["levels"])) if words["levels"] is not None else None
    return Answers(decision, arrays.get("values"), tuple(words["classes"]), tuple(words["notes"]))
