"""The files that back a report, read again: the very bytes that it names, or none."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.paths import inside
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.report import Evidence, Report


def read_backing(folder: Path, report: Report, evidence: Evidence, most: int | None = None) -> bytes:
    """The content of a file that a report names, confirmed by its digest.

    Args:
        folder: the report's own.
        report: the report.
        evidence: which file.
        most: bytes; a larger file is refused. None: of any size.

    Raises:
        InputError: it is gone or too large, lies elsewhere, or is no longer the file that the report names.
    """
    path = inside(folder, evidence.path)
    try:
        with path.open("rb") as stream:
            content = stream.read(-1 if most is None else most + 1)
    except OSError as error:
        raise InputError(f"cannot read {shown(evidence.path)} of {report.id}: {error.strerror}", f"run {report.id} again") from error
    if most is not None and len(content) > most:
        raise InputError(
            f"{shown(evidence.path)} of {report.id} has more than {most:,} bytes", "keep large evidence out of what is read again"
        )
    if hashlib.sha256(content).hexdigest() != evidence.sha256:
        raise InputError(
            f"{shown(evidence.path)} is not the file that the report of {report.id} names",
            f"run {report.id} again, and let nothing change it",
        )
    return content
