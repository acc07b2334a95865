"""The manifest of a model: its files by name and digest, and one digest for all of them."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops_stage.evidence.digest import of_json

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "(manifest)"
"""Name of the subject whose digest binds the names of all others; no file can have it, for a subject's name is a path."""


def digest(files: Mapping[str, str]) -> str:
    """SHA-256 of the JSON list of `[name, digest]`, in byte order of the names; a folder with exactly these files has the same in `evidence.digest`.

    Digests alone do not say which file is which: a swap of two names would go unseen.

    Args:
        files: POSIX path relative to the model's folder -> lower-case hexadecimal SHA-256.
    """
    return of_json([[name, files[name]] for name in sorted(files, key=os.fsencode)])


def from_folder(files: Mapping[str, str]) -> Mapping[str, str]:
    """The same files with names relative to the folder that holds them all, wherever in a repository that is."""
    folders = [PurePosixPath(name).parent for name in files]
    common = os.path.commonpath(folders) if folders else ""
    return {PurePosixPath(name).relative_to(common).as_posix() if common else name: sha256 for name, sha256 in files.items()}
