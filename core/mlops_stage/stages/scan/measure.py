"""The stage at work: find the files, look into each, say what was found and what was not looked at."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError, UsageError
from mlops_stage.estimates import Point
from mlops_stage.evidence.digest import sha256_many
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.oip.address import is_url, parsed
from mlops_stage.report import Finding, Level, Metric, NotApplicable, Observations, Subject
from mlops_stage.stages.scan import kinds
from mlops_stage.stages.scan.examine import examine
from mlops_stage.stages.scan.pieces import Examination, Piece
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from mlops_stage.stages.scan.params import ScanParams
    from mlops_stage.workspace import Workspace

MOST_FILES = 20_000
_NAMED = 8


@dataclass
class _Found:
    """Files below the model's path, and links among them that are not followed."""

    files: list[Path] = field(default_factory=list)
    strange: list[tuple[Path, str]] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    """Folders that are not looked into: the history of the repository, and what this very run writes."""


def measure(params: ScanParams, workspace: Workspace) -> Observations | NotApplicable:
    """What is known to be dangerous in the files of the model.

    Raises:
        UsageError: no model was given, or nothing is there.
        InputError: nothing there is a model file of any kind.
    """
    if served(params.model):
        return NotApplicable(reason="The model is served from an address; there is no file to look into.")
    place, found = files_of(params.model, workspace.root, {workspace.run_dir, workspace.cache})
    workspace.progress(0.0, f"examining {counted(len(found.files), 'file')}")
    before = _states(found.files)
    examined = _examined(found.files, params, workspace)
    if not examined.kinds and not examined.findings and not found.strange:
        what = "is no model file of any kind known here" if place.is_file() else "holds no model file of any kind known here"
        raise InputError(f"model: {shown(relative(workspace.root, place))} {what}", "name the file or folder of the model itself")
    findings = [
        *(_strange(path, kind, workspace.root) for path, kind in found.strange),
        *(_skipped(path, workspace.root) for path in found.skipped),
        *examined.findings,
    ]
    told = _told(examined, len(found.files))
    digests = sha256_many(found.files)
    if _states(found.files) != before:
        raise InputError(f"{shown(params.model)} was changed while it was read", "let no other step write the model while this one runs")
    subjects = tuple(Subject(role="model", name=relative(workspace.root, path), sha256=digests[path]) for path in found.files)
    counts = Counter(finding.level for finding in findings)
    workspace.progress(1.0, "done")
    return Observations(
        metrics=_metrics(counts, len(found.files)),
        findings=(*findings, *told),
        subjects=subjects,
        outputs={
            "files": str(len(found.files)),
            "findings": str(counts[Level.ERROR] + counts[Level.WARNING]),
            "errors": str(counts[Level.ERROR]),
        },
    )


def served(model: str | None) -> bool:
    """Whether the model is on a server.

    Raises:
        UsageError: an address of another kind, such as `file://` or `s3://`.
    """
    if not model or not is_url(model):
        return False
    parsed(model, "model")
    return True


def files_of(model: str | None, root: Path, apart: AbstractSet[Path] = frozenset()) -> tuple[Path, _Found]:
    """The path that was named, and the files there, in the order of their names.

    Args:
        model: a file or folder.
        root: where relative paths begin.
        apart: folders that are not looked into, because this run writes them.

    Raises:
        UsageError: no model was given, or nothing is there.
        InputError: neither a file nor a folder, more files than a model has, or a folder that cannot be read.
    """
    if not model:
        raise UsageError("there is nothing to look into", "give model: a file or a folder, of any format")
    place = existing(root, model, "model")
    found = _Found()
    if not place.is_dir():
        if not place.is_file():
            raise InputError(
                f"model: {shown(model)} is neither a file nor a folder but a pipe, a socket or a device: it is not read",
                "name the file or folder of the model itself",
            )
        _sort(place, found, link=False)
        return place, found
    for folder, folders, names in os.walk(place, onerror=_unreadable):
        for name in sorted(folders):
            if Path(folder, name).is_symlink():
                found.strange.append((Path(folder, name), "a link to a folder"))
            elif name == ".git" or Path(folder, name) in apart:
                found.skipped.append(Path(folder, name))
        left = {path.name for path in found.skipped if path.parent == Path(folder)}
        folders[:] = sorted(name for name in folders if name not in left and not Path(folder, name).is_symlink())
        for name in sorted(names):
            _sort(Path(folder, name), found, link=Path(folder, name).is_symlink())
        if len(found.files) > MOST_FILES:
            raise InputError(f"model: {shown(model)} holds more than {MOST_FILES:,} files", "name the folder of the model itself")
    return place, found


def _sort(path: Path, found: _Found, *, link: bool) -> None:
    mode = path.lstat().st_mode if link else path.stat().st_mode
    if link:
        found.strange.append((path, "a link"))
    elif not stat.S_ISREG(mode):
        found.strange.append((path, "no regular file"))
    else:
        found.files.append(path)


def _unreadable(error: OSError) -> None:
    raise InputError(f"model: cannot list {shown(error.filename)}: {error.strerror}", "check that the folder may be read") from error


def _examined(files: Sequence[Path], params: ScanParams, workspace: Workspace) -> Examination:
    """All files together; every finding leads to its file."""
    whole = Examination(trusted=params.trusted)
    weights: set[Path] = set()
    for number, path in enumerate(sorted(files, key=lambda path: kinds.suffix(path.name) != ".onnx")):
        workspace.progress(number / len(files), f"examining {path.name}")
        name = relative(workspace.root, path)
        one = Examination(trusted=params.trusted)
        examine(Piece(name=path.name, label=shown(path.name), size=path.stat().st_size, opened=lambda: path.open("rb"), path=path), one)  # noqa: B023  (done with before the next file)
        weights |= {path.parent / location for location in one.weights}
        whole.kinds += one.kinds
        whole.findings += [replace(finding, location=name) for finding in one.told(shown(path.name))]
        whole.unread += [label for label in one.unread if not (label == shown(path.name) and path in weights)]
    return whole


def _states(files: Sequence[Path]) -> list[tuple[int, int, int]]:
    """What tells that a file was written meanwhile: the digests must be those of what was examined."""
    return [(about.st_ino, about.st_size, about.st_mtime_ns) for about in (path.stat() for path in files)]


def _strange(path: Path, kind: str, root: Path) -> Finding:
    return Finding(
        rule="scan/link",
        level=Level.ERROR,
        message=f"{shown(path.name)} is {kind}, which may lead anywhere: it was not followed",
        location=relative(root, path),
        hint="replace it by the file itself",
    )


def _skipped(path: Path, root: Path) -> Finding:
    return Finding(
        rule="scan/not-examined",
        level=Level.WARNING,
        message=f"the folder {shown(path.name)} was not examined",
        location=relative(root, path),
        hint="give model: the folder of the model itself",
    )


def _told(examined: Examination, files: int) -> Iterator[Finding]:
    """What was looked into, and what was not, in words."""
    counts = Counter(examined.kinds)
    parts = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(counts.items()))
    grave = any(finding.level is Level.ERROR for finding in examined.findings)
    verdict = "" if grave else ": no known danger was found in what was examined"
    looked = f"{counted(files, 'file')} looked at ({parts or 'none of a kind that can be examined'}){verdict}"
    yield Finding(rule="scan/examined", level=Level.NOTE, message=looked)
    limits = "what a model computes, how it was trained, and whether it holds a backdoor"
    named = "; ".join(examined.unread[:_NAMED]) + (f" and {len(examined.unread) - _NAMED:,} more" if len(examined.unread) > _NAMED else "")
    message = f"not examined: {limits}" + (f"; and of the files: {named}" if named else "")
    yield Finding(rule="scan/limits", level=Level.NOTE, message=message)


def _metrics(counts: Counter[Level], files: int) -> tuple[Metric, ...]:
    """Counts, for gates such as `warnings <= 0`."""
    told = {"files": files, "errors": counts[Level.ERROR], "warnings": counts[Level.WARNING]}
    return tuple(
        Metric(name=name, estimate=Point(float(value)), direction="" if name == "files" else "lower") for name, value in told.items()
    )
