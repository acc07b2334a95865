"""Build a container's root and become its command: one process for all mounts, where `mount` and `mkdir` would be a hundred.

Usage: python -IS mounts.py STEPS COMMAND…, in a mount namespace of its own; STEPS is JSON, a list of the calls below with their arguments.
"""

# pathlib takes as long to load as all else here
# ruff: noqa: PTH101, PTH102, PTH103, PTH112, PTH120, PTH211

from __future__ import annotations

import ctypes
import json
import os
import sys

_READ_ONLY, _REMOUNT, _BIND = 1, 32, 4096
_KEPT = 2 | 4 | 8 | 1024 | 2048
"""Of the file system that is bound: nosuid, nodev, noexec, noatime, nodiratime. statvfs(2) and mount(2) call them the same."""
_LIBC = ctypes.CDLL(None, use_errno=True)


def folder(place: str, mode: int) -> None:
    """Whatever the umask is."""
    os.mkdir(place)
    os.chmod(place, mode)


def new(kind: str, place: str, options: str) -> None:
    """A file system of its own, such as tmpfs."""
    _mount(kind, place, kind, 0, options)


def link(target: str, place: str) -> None:
    """As the image has it."""
    os.symlink(target, place)


def bind(source: str, place: str, read_only: bool) -> None:  # noqa: FBT001  (as it stands in JSON)
    """Show a file or a folder there, which is made where it is missing."""
    if os.path.isdir(source):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT, 0o644))
    _mount(source, place, "", _BIND, "")
    if read_only:
        close(place)


def close(place: str) -> None:
    """Nothing can be written there from now on."""
    _mount("", place, "", _REMOUNT | _BIND | _READ_ONLY | os.statvfs(place).f_flag & _KEPT, "")


def _mount(source: str, place: str, kind: str, flags: int, options: str) -> None:
    source_, place_, kind_, options_ = (text.encode() or None for text in (source, place, kind, options))
    if _LIBC.mount(source_, place_, kind_, ctypes.c_ulong(flags), options_):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), place)


if __name__ == "__main__":
    try:
        for name, *given in json.loads(sys.argv[1]):
            {"folder": folder, "new": new, "link": link, "bind": bind, "close": close}[name](*given)
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  (argv, no shell)
    except Exception as error:  # noqa: BLE001  (no code of a command: it was never started)
        print(repr(error), file=sys.stderr)
        sys.exit(125)
