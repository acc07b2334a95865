"""A model folder as one statement, in the format of OpenSSF Model Signing 1.0 (https://model_signing/signature/v1.0)."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import sha256_many
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.statements import MODEL_SIGNATURE, STATEMENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

PREDICATE_TYPE = MODEL_SIGNATURE
FILE = "model.sig"
"""Where its bundle is looked for."""

_MOST_FILES = 20_000
_IGNORED = (".git", ".gitattributes", ".github", ".gitignore")
"""Left out by the reference implementation, whatever a signature lists; they are named in the statement as left out."""


def statement(folder: Path, digests: Mapping[str, str]) -> bytes:
    """The statement over every file of a folder: each by name and SHA-256, and one digest over all, folder by folder.

    Args:
        folder: the model.
        digests: POSIX path relative to the folder -> lower-case hexadecimal SHA-256, as `digests_of` gives it.
    """
    names = sorted((name for name in digests if name.split("/")[0] not in _IGNORED), key=lambda name: name.split("/"))
    whole = hashlib.sha256(b"".join(bytes.fromhex(digests[name]) for name in names)).hexdigest()
    plain = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": folder.name, "digest": {"sha256": whole}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [name for name in _IGNORED if (folder / name).exists()],
            },
            "resources": [{"name": name, "algorithm": "sha256", "digest": digests[name]} for name in names],
        },
    }
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digests_of(model: Path, apart: Collection[Path] = ()) -> Mapping[str, str]:
    """Every file of a model by its SHA-256: POSIX path relative to the folder, or the name of the one file.

    Args:
        model: a folder, or a file.
        apart: folders that must not lie in it, for this very run writes them.

    Raises:
        InputError: a link, a pipe or the like, a name that is no Unicode, more files than a model has, or one that changed while it was read.
    """
    files = dict(_files(model, apart)) if model.is_dir() else {model.name: model}
    if len(files) > _MOST_FILES:
        raise InputError(f"model: {shown(model.name)} holds more than {_MOST_FILES:,} files", "name the folder of the model itself")
    if not files:
        raise InputError(f"model: the folder {shown(model.name)} is empty", "name the folder of the model itself")
    before = _states(files.values())
    digests = sha256_many(files.values())
    if _states(files.values()) != before:
        raise InputError(
            f"model: {shown(model.name)} was changed while it was read", "let no other step write the model while it is signed"
        )
    return {name: digests[path] for name, path in files.items()}


def _files(folder: Path, apart: Collection[Path]) -> Iterator[tuple[str, Path]]:
    for where, folders, names in os.walk(folder, onerror=_unreadable):
        for name in (*folders, *names):
            path = Path(where, name)
            told = shown(path.relative_to(folder).as_posix())
            if path in apart:
                raise InputError(f"model: {told} is written by this very run", "name a folder for the output outside the model: --out")
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise InputError(f"model: {told} is a link, a pipe or a device, which cannot be signed", "replace it by the file itself")
            try:
                path.name.encode()
            except UnicodeEncodeError as error:
                raise InputError(
                    f"model: the name of {told} is no valid Unicode, which no statement can hold", "rename the file"
                ) from error
        for name in names:
            yield Path(where, name).relative_to(folder).as_posix(), Path(where, name)


def _states(files: Collection[Path]) -> list[tuple[int, int, int]]:
    return [(about.st_ino, about.st_size, about.st_mtime_ns) for about in (path.stat() for path in files)]


def _unreadable(error: OSError) -> None:
    raise InputError(f"model: cannot list {shown(error.filename)}: {error.strerror}", "check that the folder may be read") from error
