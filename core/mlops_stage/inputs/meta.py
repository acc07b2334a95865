"""The `<name>.meta.json` beside a file of predictions, in which its writer names model and data by digest."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Subject

if TYPE_CHECKING:
    from mlops_stage.inputs.tables.open import Table

_MOST_BYTES = 1 << 20
_ROLES = ("model", "data", "train")


def declared_subjects(table: Table) -> tuple[Subject, ...]:
    """Model, data and train of a predictions file, as far as the file beside it names them.

    That file is an object: `{"model": {"name": …, "sha256": …}, "data": {…}, "train": {…}, "predictions": {"sha256": …}}`; all are optional.

    Raises:
        InputError: not such an object, or one that belongs to other predictions.
    """
    if len(table.paths) != 1:
        return ()
    path = table.paths[0]
    meta = path.with_name(re.sub(r"\.(csv|jsonl|ndjson|parquet)(\.gz)?$", "", path.name, flags=re.IGNORECASE) + ".meta.json")
    if not meta.is_file():
        return ()
    try:
        with meta.open("rb") as stream:
            plain = json.loads(stream.read(_MOST_BYTES))
        subjects = tuple(_subject(role, plain[role]) for role in _ROLES if role in plain)
        digest = plain.get("predictions", {}).get("sha256")
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise InputError(
            f"{table.what}: {shown(meta.name)} is not as expected: {shown(error)}",
            'write {"model": {"name": …, "sha256": …}, "data": {"name": …, "sha256": …}}',
        ) from error
    if digest is not None and digest != table.subject().sha256:
        raise InputError(
            f"{table.what}: {shown(meta.name)} belongs to another version of {shown(path.name)}", "write both files in the same step"
        )
    return subjects


def _subject(role: str, plain: Any) -> Subject:
    name, sha256 = plain["name"], plain["sha256"]
    if not isinstance(name, str) or not name or not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(f"{role} needs a name and a sha256 of 64 hexadecimal digits")
    path = PurePosixPath(name)
    return Subject(role=role, name=path.name if path.is_absolute() or ".." in path.parts else name, sha256=sha256)
