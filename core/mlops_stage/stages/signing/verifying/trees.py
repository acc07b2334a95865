"""The files that are delivered: listed and hashed through descriptors, and refused where a name or a kind of file hides something."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import of_stream
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.verifying.names import fault_of, twins
from mlops_stage.stages.signing.verifying.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FILES = 100_000
_DEEPEST = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # without O_NONBLOCK a pipe would be waited for

Take = Callable[[str, int], str]
"""`(name, descriptor) -> SHA-256`: reads the file to its end."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that is delivered."""

    name: str
    """Relative to the folder, POSIX; of a single file its name."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What is delivered."""

    files: tuple[File, ...]
    refused: tuple[RefusalError, ...] = ()
    """Files and folders that were not read, and why."""


def digest(_name: str, descriptor: int) -> str:
    """SHA-256 of what a descriptor reads."""
    with os.fdopen(os.dup(descriptor), "rb", buffering=0) as stream:
        return of_stream(stream)


def read_tree(path: Path, take: Take = digest) -> Tree:
    """The file, or every file below the folder; links are not followed, and nothing but regular files is opened.

    Args:
        path: a file or folder.
        take: what reads a file; several are read at once.

    Raises:
        InputError: it cannot be listed or read.
    """
    try:
        if not _is_folder(path):
            with _opened_folder(path.parent, follow=True) as parent:
                return Tree(files=(_file(parent, path.name, take),))
        with _opened_folder(path) as root:
            return _below(root, take)
    except RefusalError as error:
        return Tree(files=(), refused=(error,))
    except OSError as error:
        raise InputError(f"cannot read {shown(path)}: {error.strerror}", "check that its files and folders may be read") from error


def _is_folder(path: Path) -> bool:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise RefusalError(
            "verify/link",
            f"{shown(path.name)} is a link, which may lead elsewhere tomorrow",
            "name the place that it leads to",
            (path.name,),
        )
    return stat.S_ISDIR(mode)


def _below(root: int, take: Take) -> Tree:
    names: list[str] = []
    refused: list[RefusalError] = []
    for name, fault in _listed(root):
        if fault is None:
            names.append(name)
        else:
            refused.append(fault)
        if len(names) + len(refused) > MOST_FILES:
            return Tree(files=(), refused=(RefusalError("verify/too-many-files", f"there are more than {MOST_FILES:,} files"),))
    folders = {parent.as_posix() for name in names for parent in PurePosixPath(name).parents}
    twin = twins([*names, *sorted(folders)])
    if twin:
        told = f"{shown(twin[0])} and {shown(twin[1])} are one name to some file systems"
        refused.append(RefusalError("verify/twin", told, "deliver only the one that was signed", twin))
    files: list[File] = []
    with ThreadPoolExecutor(max_workers=min(max(len(names), 1), os.cpu_count() or 1)) as pool:
        for found in pool.map(lambda name: _file_or_fault(root, name, take), names):
            (files if isinstance(found, File) else refused).append(found)  # type: ignore[arg-type]  # each list takes its own kind
    if not refused and sorted(name for name, _ in _listed(root)) != sorted(names):
        refused.append(_changed("the folder", ()))
    return Tree(files=tuple(files), refused=tuple(refused))


def _listed(root: int, folder: str = "", depth: int = 0) -> Iterator[tuple[str, RefusalError | None]]:
    """Every file below a folder, with what is wrong about its name or kind."""
    if depth > _DEEPEST:
        yield folder, RefusalError("verify/too-many-files", f"the folder {shown(folder)} lies more than {_DEEPEST} folders deep")
        return
    with _opened_folder(folder or ".", at=root, inside=folder) as descriptor, os.scandir(descriptor) as entries:
        found = sorted((entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in entries)
    for last, mode in found:
        name = f"{folder}/{last}" if folder else last
        fault = fault_of(last)
        if fault:
            yield name, RefusalError("verify/path", f"the name {shown(name)!r} {fault}", "rename it and sign it anew", (name,))
        elif stat.S_ISDIR(mode):
            yield from _listed(root, name, depth + 1)
        elif stat.S_ISLNK(mode):
            yield name, RefusalError("verify/link", f"{shown(name)} is a link, which may lead anywhere", "deliver the file itself", (name,))
        elif not stat.S_ISREG(mode):
            yield name, _special(name)
        else:
            yield name, None


@contextmanager
def _opened_folder(path: Path | str, at: int | None = None, inside: str = "", *, follow: bool = False) -> Iterator[int]:
    """A descriptor of a folder; below a root, each folder on the way is opened without following links."""
    descriptor = os.open(path if at is None else ".", _FOLDER & ~os.O_NOFOLLOW if follow else _FOLDER, dir_fd=at)
    try:
        for part in Path(inside).parts:
            deeper = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _file_or_fault(root: int, name: str, take: Take) -> File | RefusalError:
    try:
        return _file(root, name, take)
    except RefusalError as error:
        return error


def _file(root: int, name: str, take: Take) -> File:
    """One file, opened without following links, and the same before and after it was read."""
    folder, _, last = name.rpartition("/")
    try:
        with _opened_folder(".", at=root, inside=folder) as parent:
            descriptor = os.open(last, _FILE, dir_fd=parent)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOENT, errno.ENOTDIR, errno.ENXIO}:
            raise _changed(shown(name), (name,)) from error
        raise
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise _special(name)
        sha256 = take(name, descriptor)
        if _state(os.fstat(descriptor)) != _state(before):
            raise _changed(shown(name), (name,))
    finally:
        os.close(descriptor)
    return File(name=name, sha256=sha256)


def _state(about: os.stat_result) -> tuple[int, ...]:
    return (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


def _special(name: str) -> RefusalError:
    return RefusalError("verify/special-file", f"{shown(name)} is a pipe, a socket or a device", "deliver regular files only", (name,))


def _changed(what: str, files: tuple[str, ...]) -> RefusalError:
    hint = "let nothing write it while it is verified"
    return RefusalError("verify/changed-while-read", f"{what} was changed while it was read", hint, files)
