"""Paths that come from users and files: found, shown and written without leaving their folder."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from mlops_stage.errors import InputError, StageError, UsageError, alike
from mlops_stage.evidence.redact import held_in, shown

_WHERE = "paths are relative to the folder of mlops.yaml, or without one to the current folder"


def existing(root: Path, text: str, what: str) -> Path:
    """The path that a user named, relative to the root; `what` says which param named it.

    Raises:
        UsageError: empty, impossible, absent, or what the file should hold; the hint names the nearest neighbour, or DVC when it holds the file.
        InputError: it stands behind a folder that may not be read.
    """
    if not text.strip() or "\0" in text:
        raise UsageError(f"{what} names no path: {shown(text)!r}", f"give {what} as a path; {_WHERE}")
    held = held_in(text)
    if held:  # the message for what is absent would repeat it
        raise UsageError(f"{what} holds {held}, not the path of a file", f"write it to a file and name that; {_WHERE}")
    path = root / text
    try:
        path.stat()
    except PermissionError as error:
        raise InputError(f"{what}: {shown(text)} may not be read", "check the permissions of the file and its folders") from error
    except OSError as error:
        raise UsageError(f"{what}: {shown(text)} {_why_absent(path)}", _hint_for_absent(path, text)) from error
    return path


def relative(root: Path, path: Path) -> str:
    """The path as reports show it: POSIX, relative to the root; of a path outside the root only the last name."""
    for base, inner in ((Path(os.path.abspath(root)), Path(os.path.abspath(path))), (root.resolve(), path.resolve())):  # noqa: PTH100  (lexical: links stay as the user wrote them)
        if inner.is_relative_to(base):
            return inner.relative_to(base).as_posix()
    return path.name


def inside(folder: Path, name: str) -> Path:
    """The path of something that a file of unknown origin names, which must lie in the folder.

    Raises:
        InputError: empty, absolute, with `..`, or a link that leads out of the folder.
    """
    parts = Path(name).parts
    if not parts or "\0" in name or Path(name).is_absolute() or ".." in parts:
        raise InputError(
            f"{shown(name)!r} does not name a path inside {shown(folder.name)}/", "keep everything that belongs together in one folder"
        )
    path = folder / name
    try:
        lies_inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links: OSError or, before Python 3.13, RuntimeError
        lies_inside = False
    if not lies_inside:
        raise InputError(f"{shown(name)!r} is a link that leads out of {shown(folder.name)}/", "replace the link by the file itself")
    return path


def write_aside(path: Path, content: bytes | str) -> None:
    """Write a whole file or nothing: into a temporary file beside it, to the disk, then renamed over it.

    Text is written as UTF-8 with the line ends it has. The folder is made when it is absent.

    Raises:
        StageError: full disk, no permission and the like (exit 3); what stood at the path before is still there.
    """
    plain = content.encode() if isinstance(content, str) else content
    aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.aside")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(aside, plain)
        aside.replace(path)
    except OSError as error:
        raise StageError(f"cannot write {shown(path)}: {error.strerror}", _hint_for_unwritable(error)) from error
    finally:
        with suppress(OSError):
            aside.unlink()


def _write_new(path: Path, content: bytes) -> None:
    # not tempfile: its 0600 would keep the pipeline's next user from reading the report
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with open(descriptor, "wb") as stream:  # noqa: PTH123  (a descriptor, not a path)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _why_absent(path: Path) -> str:
    if os.path.islink(path):  # noqa: PTH114  (Path.is_symlink raises when the name is too long)
        return "is a link that leads nowhere"
    return "is tracked by DVC and not in this checkout" if _dvc_file(path) is not None else "does not exist"


def _hint_for_absent(path: Path, text: str) -> str:
    tracked = _dvc_file(path)
    if tracked is not None:
        return f"run `dvc pull {shown(text)}` before this stage"
    try:
        neighbours = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return f"the folder {shown(Path(text).parent.as_posix())} does not exist; {_WHERE}"
    near = _neighbour(path.name, neighbours)
    return f"did you mean {shown(Path(text).with_name(near).as_posix())}?" if near else _WHERE


def _neighbour(name: str, neighbours: list[str]) -> str:
    """The entry of a folder whose name is nearly that one before its suffixes, which are alike in files that have nothing to do with each other."""
    stems: dict[str, list[str]] = {}
    for one in neighbours:
        stems.setdefault(_stem(one), []).append(one)
    stem = alike(_stem(name), stems)
    return (alike(name, stems[stem]) or stems[stem][0]) if stem else ""


def _stem(name: str) -> str:
    return name[:1] + name[1:].partition(".")[0]


def _dvc_file(path: Path) -> Path | None:
    """The `.dvc` file beside a path, or beside a folder above it, through which DVC tracks it."""
    for candidate in (path, *list(path.parents)[:3]):
        with suppress(OSError, ValueError):
            beside = candidate.with_name(candidate.name + ".dvc")
            if beside.is_file():
                return beside
    return None


def _hint_for_unwritable(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space on that disk, or write elsewhere"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make the folder writable for this user, or write elsewhere"
    return "write elsewhere"
