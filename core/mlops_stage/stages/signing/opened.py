"""Files that were verified, as the very bytes that were: for scripts that deploy."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from mlops_stage.errors import InputError, UsageError, nearest
from mlops_stage.evidence.paths import existing
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.verifying.asking import asked_of
from mlops_stage.stages.signing.verifying.checking import check
from mlops_stage.stages.signing.verifying.levels import WORDS, Level
from mlops_stage.stages.signing.verifying.params import VerifyParams
from mlops_stage.stages.signing.verifying.shelf import bundles_in
from mlops_stage.stages.signing.verifying.trees import read_tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_BLOCK = 2**20


@dataclass(frozen=True, kw_only=True)
class Verified:
    """Files that hold. Nothing that happens to the paths from now on changes what is read here."""

    files: Mapping[str, str]
    """Name, relative to the folder, -> SHA-256; of a single file its own name."""
    level: Level
    """What the weakest of the signatures shows."""
    _copies: Mapping[str, int] = field(repr=False)

    @property
    def shows(self) -> str:
        """The level in words."""
        return WORDS[self.level]

    def read(self, name: str = "") -> bytes:
        """The content of a file; the name may be left out where there is one file.

        Raises:
            UsageError: there is no such file.
        """
        with self.open(name) as stream:
            return stream.read()

    def open(self, name: str = "") -> IO[bytes]:
        """A file to read from its beginning, with a descriptor of its own.

        Raises:
            UsageError: there is no such file.
        """
        wanted = next(iter(self._copies)) if not name and len(self._copies) == 1 else name
        if wanted not in self._copies:
            raise UsageError(f"no file {shown(wanted)!r} was verified", nearest(wanted, self._copies))
        copy = self._copies[wanted]
        if hasattr(os, "memfd_create"):
            # opened anew, for two readers would share one position in a duplicate
            return os.fdopen(os.open(f"/proc/self/fd/{copy}", os.O_RDONLY | os.O_CLOEXEC), "rb")
        os.lseek(copy, 0, os.SEEK_SET)
        return os.fdopen(os.dup(copy), "rb")

    def close(self) -> None:
        """Forget the content."""
        for descriptor in self._copies.values():
            with suppress(OSError):
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_verified(path: str | Path, *, bundles: str | Path, root: str | Path = ".", **asked: Any) -> Verified:
    """Verify a file or folder, and hand out the very bytes that were verified.

    Each file is copied once into memory that nobody can write to any more, hashed on the way, and read from there alone: a file that is
    swapped after the check, or while it runs, is either refused or never seen. The copies take as much memory as the files.

    Args:
        path: what is deployed.
        bundles: folder with the signed statements, or one file.
        root: where relative paths begin.
        asked: as the params of the stage `verify`: `key`, or `identity` and `issuer`; `trust_config`, `require`, `assurance`, `repository`.

    Raises:
        UsageError: nobody to believe, or a path that is not there.
        InputError: something does not hold; the message names the first reason and how many there are.
    """
    base = Path(root)
    params = VerifyParams(model=str(path), bundles=str(bundles), **asked)
    copies = _Copies()
    try:
        return _verified(params, base, copies)
    except BaseException:
        copies.close()
        raise


def _verified(params: VerifyParams, root: Path, copies: _Copies) -> Verified:
    place = existing(root, str(params.model), "path")
    shelf = existing(root, str(params.bundles), "bundles")
    tree = read_tree(place, copies.take)
    checked = check(bundles_in(shelf, place, tree), tree.files, asked_of(params, root))
    reasons = [*tree.refused, *(one.error for one in checked.refused)]
    if reasons or checked.level is None:
        raise _refused(place, [f"{one.message} ({one.rule})" for one in reasons])
    files = {file.name: file.sha256 for file in tree.files}
    return Verified(files=files, level=checked.level, _copies=copies.held)


def _refused(place: Path, reasons: list[str]) -> InputError:
    first = reasons[0] if reasons else "no statement that holds is about it"
    more = f"; and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return InputError(f"{shown(place.name)} is not opened: {first}{more}", "run `mlops-stage verify` on it to see every reason")


class _Copies:
    """Private copies of files."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}

    def take(self, name: str, source: int) -> str:
        """Copy what a descriptor reads, and digest what was copied."""
        copy = _sealable(name)
        self.held[name] = copy
        hashed = hashlib.sha256()
        while block := os.read(source, _BLOCK):
            hashed.update(block)
            view = memoryview(block)
            while view:
                view = view[os.write(copy, view) :]
        _seal(copy)
        return hashed.hexdigest()

    def close(self) -> None:
        for descriptor in self.held.values():
            os.close(descriptor)


def _sealable(name: str) -> int:
    """Memory that can be closed for writing (Linux); elsewhere a file without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(os.path.basename(name)[:100], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)  # noqa: PTH119  (a label, not a path)
    with tempfile.TemporaryFile() as stream:
        return os.dup(stream.fileno())


def _seal(descriptor: int) -> None:
    if hasattr(os, "memfd_create"):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
