"""The output directory: a run replaces only its own folders, whole, and leaves nothing half written."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, StageError, UsageError
from mlops_stage.evidence.foreign import read_foreign
from mlops_stage.evidence.paths import write_aside
from mlops_stage.report import Report, parse_report, to_json
from mlops_stage.workspace import WORK, EarlierReport

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REPORT = "report.json"
RECORD = "run.json"
IGNORED = ".gitignore"
MOST_BYTES = 256 * 2**20
"""Of one report.json: as much as a stage may answer."""


def check(out: Path, ids: Iterable[str]) -> None:
    """Refuse an output directory that cannot be used, and make one that is absent: Git passes over it, for what names people may lie in it.

    Raises:
        UsageError: as of `usable`.
        StageError: the disk is full.
    """
    absent = not out.exists()
    usable(out, ids)
    if absent:
        with suppress(StageError):  # a courtesy, which costs no run
            write_aside(out / IGNORED, "*\n")


def usable(out: Path, ids: Iterable[str]) -> None:
    """Refuse an output directory that is none, not ours or not to be written, or a folder in it that is not ours to replace.

    Raises:
        UsageError: a file stands in the way, or files of somebody else, or nobody may write there.
        StageError: the disk is full.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"the output directory {out} is a file", "name a directory with --out")
    for name in ids:
        folder = out / name
        taken = folder.is_symlink() or (folder.exists() and not folder.is_dir())
        if taken or (folder.is_dir() and any(folder.iterdir()) and not (folder / REPORT).is_file()):
            raise UsageError(
                f"{folder} holds no report of an earlier run and would be replaced", "name another output directory with --out"
            )
    if out.exists() and not _is_ours(out):
        raise UsageError(
            f"the output directory {out} holds other files, which could be replaced", "name a new or an empty directory with --out"
        )
    writable(out)


def writable(out: Path) -> None:
    """Tell before the work, which may take hours, that its reports could not be kept; a folder that is absent is made.

    Raises:
        UsageError: nobody may write there.
        StageError: the disk is full.
    """
    probe = out / f".{secrets.token_hex(6)}.probe"
    try:
        write_aside(probe, b"\n")
    except StageError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in _FULL:
            raise StageError(f"cannot write to {out}: {cause.strerror}", "free some space, or name another directory with --out") from error
        why = cause.strerror if isinstance(cause, OSError) else error.message
        raise UsageError(f"cannot write to {out}: {why}", "name a directory that can be written with --out") from error
    finally:
        with suppress(OSError):
            probe.unlink()


def _is_ours(out: Path) -> bool:
    """Empty, or with a report in it; files that begin with a dot do not count."""
    return not any(not item.name.startswith(".") for item in out.iterdir()) or (out / RECORD).is_file() or any(out.glob(f"*/{REPORT}"))


def begin(out: Path, request_id: str) -> Path:
    """An empty folder aside, in which a stage works until its report is complete.

    Raises:
        StageError: it cannot be made.
    """
    folder = out / f".{request_id}.{secrets.token_hex(6)}.part"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StageError(f"cannot write to {out}: {error.strerror}", "name a directory that can be written with --out") from error
    return folder


def finish(out: Path, folder: Path, report: Report) -> None:
    """Write the report into the folder and put the folder in its place, whole.

    Raises:
        StageError: full disk and the like; an earlier report stays where it is.
    """
    for left in folder.glob(f"{WORK}*"):  # of a stage that was killed
        discard(left)
    write_aside(folder / REPORT, to_json(report))
    put(out, folder, report.id)


def put(out: Path, folder: Path, request_id: str) -> None:
    """Put a complete folder in its place, whole.

    Raises:
        StageError: it cannot be; an earlier report stays where it is.
    """
    place, old = out / request_id, folder.with_suffix(".old")
    try:
        if place.exists():
            place.rename(old)
        folder.rename(place)
    except OSError as error:
        raise StageError(f"cannot replace {place}: {error.strerror}", "close what uses that folder") from error
    finally:  # also when an interrupt falls between the two renames
        if old.exists() and not place.exists():
            old.rename(place)
        discard(old)


def retire(out: Path, request_id: str) -> None:
    """Take an earlier report away: who looks at it after a run that has none of that id would take it for the answer."""
    place = out / request_id
    if (place / REPORT).is_file():
        old = out / f".{request_id}.{secrets.token_hex(6)}.old"
        with suppress(OSError):
            place.rename(old)
        discard(old)


def discard(folder: Path) -> None:
    """Remove a folder of ours, if it is there; what cannot be removed begins with a dot and is read by nobody."""
    shutil.rmtree(folder, ignore_errors=True)


def read(file: Path) -> Report:
    """A report that anybody may have written.

    Raises:
        InputError: a link, no regular file, huge, or no report.
    """
    return parse_report(read_foreign(file.parent, file.name, MOST_BYTES), file)


def others(out: Path, own: Container[str]) -> tuple[list[Report], list[str]]:
    """The reports of earlier runs in the output directory, and why others cannot be shown."""
    reports: list[Report] = []
    unreadable: list[str] = []
    for file in sorted(out.glob(f"*/{REPORT}")):
        if file.parent.name in own or file.parent.name.startswith("."):
            continue
        try:
            reports.append(_of_its_folder(file))
        except InputError as error:
            unreadable.append(error.message)
    return reports, unreadable


def configs(out: Path, ids: Iterable[str]) -> dict[str, str]:
    """Where the record in an output directory says that the mlops.yaml of these reports stand; nothing of those of which it says nothing."""
    names = set(ids)
    if not names:
        return {}
    try:
        known = json.loads(read_foreign(out, RECORD, MOST_BYTES))["configs"]
        return {name: known[name] for name in sorted(names & set(known)) if isinstance(known[name], str)}
    except (InputError, ValueError, RecursionError, LookupError, TypeError):
        return {}


def _of_its_folder(file: Path) -> Report:
    """A report under the name that it gives itself; two folders cannot speak for one id."""
    report = read(file)
    if file.parent.name != report.id:
        raise InputError(f"{file} says that its id is '{report.id}'", f"name its folder {report.id}")
    return report


def reports_in(folder: Path) -> list[Path]:
    """The `report.json` of a report's folder, or those of an output directory; what is not complete yet begins with a dot and is left out."""
    if os.path.lexists(folder / REPORT):
        return [folder / REPORT]
    inner = sorted(folder.iterdir()) if folder.is_dir() else []
    return [one / REPORT for one in inner if not one.name.startswith(".") and os.path.lexists(one / REPORT)]


def earlier(folders: Iterable[Path]) -> tuple[EarlierReport, ...]:
    """The reports in the folders named by `--reports`: output directories, or single report folders.

    Raises:
        UsageError: a folder that holds no report, or two reports of one id.
        InputError: a report that cannot be read.
    """
    found: dict[str, EarlierReport] = {}
    for folder in folders:
        files = reports_in(folder)
        if not files:
            raise UsageError(f"--reports: {folder} holds no report.json", "name the output directory of an earlier job")
        for file in files:
            item = EarlierReport(report=read(file), folder=file.parent.resolve())
            if item.report.id in found and found[item.report.id].folder != item.folder:
                both = f"{found[item.report.id].folder} and {item.folder}"
                raise UsageError(f"--reports: two reports have the id '{item.report.id}': {both}", "give one job another --id")
            found[item.report.id] = item
    return tuple(found.values())


def cache(env: Mapping[str, str]) -> Path:
    """Where what may be computed again is kept between runs: `MLOPS_STAGE_CACHE`, or the user's cache folder; for a user without a home, below /tmp.

    Raises:
        StageError: somebody else has made the folder below /tmp; what lies in it could be anything.
    """
    if env.get("MLOPS_STAGE_CACHE"):
        return Path(env["MLOPS_STAGE_CACHE"]).absolute()
    with suppress(RuntimeError):  # in a container, a user need not have a home
        return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-stage"
    folder = Path(tempfile.gettempdir()) / f"mlops-stage-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StageError(f"{folder} is not this user's alone", "let MLOPS_STAGE_CACHE name a folder to keep things in")
    return folder / "cache"
