"""The bundles that lie in a folder or file."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.beside import beside
from mlops_stage.stages.signing.dsse import MOST_BUNDLE_BYTES, SUFFIX
from mlops_stage.stages.signing.oms import FILE as SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mlops_stage.stages.signing.verifying.trees import Tree

LINES = ".jsonl"
MOST_BUNDLES = 10_000
_HINT = f"name a folder with *.sigstore.json, *.jsonl and {SIGNATURE} files, or one such file"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The bytes of one bundle."""

    name: str
    """The file's name; of one among several lines `attestations.jsonl:3`."""
    raw: bytes
    beside: tuple[bytes, ...] = ()
    """What is known of what it should be of, such as the statements of its name that lie beside it and wait there to be signed: it must be of these very bytes."""


def bundles_in(shelf: Path, delivered: Path | None = None) -> tuple[Found, ...]:
    """Every bundle of a folder, and the signature that lies in the folder that is delivered.

    Raises:
        InputError: as `bundles_at`.
    """
    found = bundles_at(shelf)
    if delivered is None or delivered.is_symlink() or not _is_regular(delivered / SIGNATURE):
        return found
    return (*found, *(replace(one, name=_own(delivered)) for one in bundles_at(delivered / SIGNATURE)))


def check_unchanged(found: Sequence[Found], delivered: Path, tree: Tree) -> None:
    """Hold the signature that was read from the folder that is delivered against the file that was hashed with it.

    Raises:
        InputError: they are not the same.
    """
    own = [one.raw for one in found if one.name == _own(delivered)]
    if tree.refused or not delivered.is_dir() or any(len(raw) > MOST_BUNDLE_BYTES for raw in own):  # refused already; nor is it read whole
        return
    if [hashlib.sha256(raw).hexdigest() for raw in own] != [file.sha256 for file in tree.files if file.name == SIGNATURE]:
        raise InputError(f"{SIGNATURE} was changed while it was read", "let nothing write the folder while it is verified")


def _own(delivered: Path) -> str:
    return f"{delivered.name}/{SIGNATURE}"


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def bundles_at(place: Path) -> tuple[Found, ...]:
    """Every bundle of a folder, in the order of their names, or of one file.

    Raises:
        InputError: unreadable, no regular file, or more than a verifier looks at.
    """
    try:
        paths = (
            sorted(path for path in place.iterdir() if path.name.endswith((SUFFIX, LINES)) or path.name == SIGNATURE)
            if place.is_dir()
            else [place]
        )
    except OSError as error:
        raise InputError(f"cannot list {shown(place)}: {error.strerror}", "check that the folder may be read") from error
    found: list[Found] = []
    for path in paths:
        found += _in_file(path)
        if len(found) > MOST_BUNDLES:
            raise InputError(
                f"{shown(place.name)} holds more than {MOST_BUNDLES:,} bundles", "keep those of one model in a folder of its own"
            )
    return tuple(found)


def _in_file(path: Path) -> Iterator[Found]:
    content = _content(path)
    if not path.name.endswith(LINES):
        yield Found(name=path.name, raw=content, beside=tuple(beside(path)))
        return
    if len(content) > MOST_BUNDLE_BYTES:
        raise InputError(f"{shown(path.name)} has more than {MOST_BUNDLE_BYTES:,} bytes", "write its bundles into several files")
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            yield Found(name=f"{path.name}:{number}", raw=line)


def _content(path: Path) -> bytes:
    """At most one byte more than a bundle may have, so that what is too large is seen to be, without being read."""
    most = MOST_BUNDLE_BYTES + 1
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError(f"{shown(path.name)} is no regular file", _HINT)
            return stream.read(most)
    except OSError as error:
        raise InputError(f"cannot read {shown(path.name)}: {error.strerror}", "check that the file may be read") from error
