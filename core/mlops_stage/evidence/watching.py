"""What a process reads, by the audit events of Python: files that it opens, folders that it lists, and whether it turns to what no file says."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass, field
from typing import Any

_ELSEWHERE = {
    "os.exec": "it starts another program",
    "os.fork": "it starts another program",
    "os.forkpty": "it starts another program",
    "os.posix_spawn": "it starts another program",
    "os.spawn": "it starts another program",
    "os.system": "it starts another program",
    "subprocess.Popen": "it starts another program",
    "socket.connect": "it asks a server",
    "socket.getaddrinfo": "it asks a server",
    "socket.sendto": "it asks a server",
}
_INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib")
_SYSTEM = ("/proc", "/sys", "/dev")


@dataclass
class Watched:
    """What was seen so far; code of the interpreter and of installed libraries is left out."""

    opened: set[str] = field(default_factory=set)
    """Absolute paths of files opened for reading, whether they were there or not."""
    listed: set[str] = field(default_factory=set)
    """Absolute paths of folders whose entries were looked at."""
    beyond: str = ""
    """Why what was read cannot be known from files; empty while it can."""

    def said(self) -> dict[str, Any]:
        """As JSON."""
        return {"opened": sorted(self.opened), "listed": sorted(self.listed), "beyond": self.beyond}


def watch() -> Watched:
    """Begin to watch this process; there is no end to it but that of the process.

    Reads that a library does without Python, such as those of a database, are not seen: files that are read so must be known by other means.
    """
    seen = Watched()
    installed = (place for name, place in sysconfig.get_paths().items() if name in _INSTALLED)
    own = tuple(sorted({f"{os.path.abspath(place)}/" for place in (*installed, *_SYSTEM)}))  # noqa: PTH100  (strings, which events hold)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or flags & os.O_ACCMODE != os.O_WRONLY:
                _noted(path, seen.opened, own)
        elif event in {"os.listdir", "os.scandir"}:
            _noted(arguments[0], seen.listed, own)
        elif event in _ELSEWHERE and not seen.beyond:
            seen.beyond = _ELSEWHERE[event]

    sys.addaudithook(hook)
    return seen


def _noted(path: Any, kept: set[str], own: tuple[str, ...]) -> None:
    if not isinstance(path, str | bytes) and not hasattr(path, "__fspath__"):
        return  # a descriptor, whose file was opened before
    text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  (links stay as they are)
    if not text.startswith(own) and not text.endswith((".pyc", ".pyo")):
        kept.add(text)
