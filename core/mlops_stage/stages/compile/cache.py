"""Artefacts of earlier runs: found by the digest of all that they were made from, confirmed by the digest of what they are.

Whoever can write the cache can put an artefact there that nobody built. A digest beside it would not tell, so what is taken from here is proven anew like
every other: looked into, loaded in a fresh process, compared row by row, timed. An entry holds no words, for they would be a stranger's in our report. What
answers right on those rows and wrong elsewhere would pass; a secret (`cache_key_env`) closes that gap, for an entry that was not written with it is not read,
and `effort: deep` reads none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import of_json, sha256
from mlops_stage.evidence.paths import inside, write_aside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMAT = 2
_ENTRY = "entry.json"
_FILES = "files"
_MOST_FILES = 64
_ENTRY_BYTES = 2**20
_PRIVATE = 0o700
_GROWTH, _AT_LEAST = 64, 2**28
"""An artefact is no larger than so many times its source, or so many bytes where that is more."""


def key_of(  # noqa: PLR0913  (each is one thing that an artefact is made of)
    *,
    model: Sequence[tuple[str, str]],
    target: Mapping[str, Any],
    versions: Mapping[str, str],
    precision: str,
    calibration: str,
    machine: Sequence[str] = (),
) -> str:
    """The digest of all that an artefact is made of; one changed byte of the model or of its weights makes another.

    Args:
        model: (path relative to the model's folder, SHA-256) of each file.
        target: the target's own description.
        versions: of this stage, its backend and the libraries that it uses.
        precision: `fp32`, `fp16` or `int8`.
        calibration: digest of the rows that ranges were learnt from; empty where none were.
        machine: features of this processor, where the artefact is made for it alone.
    """
    made_of = [
        FORMAT,
        [list(file) for file in model],
        dict(target),
        dict(sorted(versions.items())),
        precision,
        calibration,
        sorted(machine),
    ]
    return of_json(made_of)


class Shelf:
    """The folder of the cache in which artefacts lie."""

    def __init__(self, folder: Path, secret: bytes | None = None) -> None:
        self._home = folder / "compile"
        self._secret = secret

    def fetch(self, key: str, into: Path, source_bytes: int) -> str | None:
        """Copy what was kept under a key into an empty folder; None where there is nothing, or nothing that can be believed.

        Args:
            key: as `key_of` gives it.
            into: where the files go.
            source_bytes: the size of the model; no artefact of it is larger by far.

        Returns:
            The file that is opened, relative to the folder.
        """
        folder, left = self._home / key, max(_GROWTH * source_bytes, _AT_LEAST)
        try:
            for part in (self._home, folder, folder / _FILES):
                _refuse_foreign(part.lstat(), folder=True)
            entry = json.loads(_read(folder / _ENTRY, _ENTRY_BYTES))
            self._check_seal(key, entry)
            artefact, files = _checked(entry)
            for name, digest in files.items():
                left -= _copy(inside(folder / _FILES, name), inside(into, name), digest, left)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, InputError):
            shutil.rmtree(into, ignore_errors=True)  # whatever a damaged or forged entry does: it is none
            into.mkdir(parents=True, exist_ok=True)
            return None
        return artefact

    def keep(self, key: str, artefact: str, folder: Path) -> None:
        """Keep all files of a folder under a key; what cannot be written is not kept, and costs the next run time only.

        Args:
            key: as `key_of` gives it.
            artefact: the file that is opened, relative to the folder.
            folder: everything that belongs to it, and nothing else.
        """
        files = {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
        entry: dict[str, Any] = {"artefact": artefact, "files": files}
        aside = self._home / f".{key[:16]}.{secrets.token_hex(6)}.part"
        with suppress(OSError):
            self._home.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            self._home.chmod(_PRIVATE)
            shutil.copytree(folder, aside / _FILES, symlinks=True)
            aside.chmod(_PRIVATE)
            write_aside(aside / _ENTRY, json.dumps(entry | {"seal": self._seal(key, entry)}, sort_keys=True))
            old = self._home / key
            if old.exists():
                shutil.rmtree(old)
            aside.rename(old)
        shutil.rmtree(aside, ignore_errors=True)

    def _check_seal(self, key: str, entry: dict[str, Any]) -> None:
        if not hmac.compare_digest(str(entry.pop("seal")), self._seal(key, entry)):
            raise ValueError("not written by us")

    def _seal(self, key: str, entry: Mapping[str, Any]) -> str:
        """With a secret, what only its holder can write; without one, a checksum against damage alone."""
        content = of_json([FORMAT, key, dict(entry)])
        return hmac.new(self._secret, content.encode(), hashlib.sha256).hexdigest() if self._secret else content


def _checked(entry: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    artefact, files = entry["artefact"], entry["files"]
    if not all(isinstance(text, str) for text in (artefact, *files, *files.values())):
        raise TypeError("not what is written here")
    if artefact not in files or len(files) > _MOST_FILES:
        raise ValueError("no such artefact")
    return artefact, dict(files)


def _refuse_foreign(about: os.stat_result, *, folder: bool = False) -> None:
    """Refuse links, devices, and what another user owns."""
    right = stat.S_ISDIR(about.st_mode) if folder else stat.S_ISREG(about.st_mode)
    if not right or about.st_uid != os.geteuid():
        raise ValueError("not this user's own")


def _opened(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _refuse_foreign(os.fstat(descriptor))
    except ValueError:
        os.close(descriptor)
        raise
    return descriptor


def _read(path: Path, limit: int) -> bytes:
    with open(_opened(path), "rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise ValueError("too large")
    return content


def _copy(source: Path, target: Path, digest: str, most: int) -> int:
    """Copy and hash in one pass, for what is checked is what is used; how many bytes there were, at most so many."""
    target.parent.mkdir(parents=True, exist_ok=True)
    found, size = hashlib.sha256(), 0
    with open(_opened(source), "rb") as reading, target.open("xb") as writing:
        while piece := reading.read(2**20):
            size += len(piece)
            if size > most:
                raise ValueError("larger than what can be made of the model")
            found.update(piece)
            writing.write(piece)
    if not hmac.compare_digest(found.hexdigest(), digest):
        raise ValueError("not the file that was kept")
    return size
