"""Names of files that hide something: refused wherever they stand, in a statement, a list or a folder."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*")
"""What nearly all names are like, and nothing is wrong with."""
_DRIVE = re.compile(r"[A-Za-z]:")


def fault_of(name: str) -> str:
    """What is wrong with a relative POSIX path, as the rest of a sentence; empty where nothing is."""
    if _PLAIN.fullmatch(name):
        return ""
    parts = name.split("/")
    checks = {
        "is empty": not name,
        "holds a NUL byte": "\0" in name,
        "is an absolute path": name.startswith("/"),
        "leads out of its folder": ".." in parts,
        "holds a backslash, which other systems take for a folder": "\\" in name,
        "begins with a drive letter": bool(_DRIVE.match(name)),
        "is not in its shortest form": "." in parts or "" in parts,
        "is no valid Unicode": any(0xD800 <= ord(mark) <= 0xDFFF for mark in name),  # noqa: PLR2004  (surrogates: bytes that are no UTF-8)
        "holds a mark that cannot be seen": any(not mark.isprintable() for mark in name),
        "ends in a space or a dot, which other systems drop": any(part != part.rstrip(" .") for part in parts if part not in {".", ".."}),
    }
    return next((what for what, is_so in checks.items() if is_so), "")


def twins(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that some file system takes for one (letter case, Unicode spelling); None where there are none."""
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
        other = seen.setdefault(folded, name)
        if other != name:
            return other, name
    return None
