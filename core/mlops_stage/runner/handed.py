"""Reports that other jobs have handed on: read without trust, and put in place with the evidence that they name, confirmed by digest."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.foreign import copy_foreign, digest_foreign, read_foreign
from mlops_stage.evidence.paths import inside, write_aside
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Report, parse_report
from mlops_stage.runner import folders

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_stage.report import Evidence

INPUTS = "inputs.json"
"""What a report was made from, beside it, where somebody asked for it."""
MOST_INPUTS = 16 * 2**20
_PRIVATE = "evidence/private/"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A report in the output directory of a job."""

    report: Report
    content: bytes
    """Of its file: the copy is the same to the byte, as signatures demand."""
    folder: Path

    def lies_in(self, out: Path) -> bool:
        """Whether it lies already where it belongs."""
        return self.folder == (out / self.report.id).resolve()


def read(file: Path) -> Found:
    """The report in a `report.json`.

    Raises:
        InputError: a link, no regular file, huge, or no report.
    """
    if file.parent.is_symlink():
        raise InputError(f"{shown(file.parent)} is a link", "hand on the folder itself")
    content = read_foreign(file.parent, folders.REPORT, folders.MOST_BYTES)
    return Found(report=parse_report(content, file), content=content, folder=file.parent.resolve())


def confirm(one: Found) -> None:
    """See that every file that backs the report is there and is the one that it names.

    Raises:
        InputError: one is not.
    """
    for item in one.report.evidence:
        if not _private(item) or os.path.lexists(one.folder / item.path):
            _same(one.report, item, digest_foreign(one.folder, item.path))


def place(one: Found, out: Path, *, private: bool) -> None:
    """Put a report and the files that back it where they belong in the output directory, or see that they lie there.

    Evidence that names people is left out unless it is asked for; where it is absent nothing is missed, for no CI system hands it on.

    Raises:
        InputError: evidence that is not what the report names.
        StageError: it cannot be written.
    """
    if one.lies_in(out):
        confirm(one)
        return
    folder = folders.begin(out, one.report.id)
    try:
        for item in one.report.evidence:
            if not _private(item) or (private and os.path.lexists(one.folder / item.path)):
                _same(one.report, item, copy_foreign(one.folder, item.path, inside(folder, item.path)))
        with suppress(InputError):  # of use to a later run, and to nobody else
            write_aside(folder / INPUTS, read_foreign(one.folder, INPUTS, MOST_INPUTS))
        write_aside(folder / folders.REPORT, one.content)
        folders.put(out, folder, one.report.id)
    finally:
        folders.discard(folder)


def _private(item: Evidence) -> bool:
    return os.path.normpath(item.path).startswith(_PRIVATE)


def _same(report: Report, item: Evidence, sha256: str) -> None:
    if sha256 != item.sha256:
        raise InputError(
            f"{shown(item.path)} is not the file that the report names", f"run {report.id} again, and hand on all that it wrote"
        )
