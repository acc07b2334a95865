"""Files that were verified, as the very bytes that were: for scripts that deploy."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from mlops_stage.errors import InputError, UsageError, nearest, telling_hints
from mlops_stage.evidence.paths import existing
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.signing.copies import MEMORY, Copies, opened_anew
from mlops_stage.stages.signing.verifying.asking import asked_of
from mlops_stage.stages.signing.verifying.checking import believe, compare
from mlops_stage.stages.signing.verifying.levels import WORDS, Level
from mlops_stage.stages.signing.verifying.params import VerifyParams
from mlops_stage.stages.signing.verifying.shelf import bundles_in, check_unchanged
from mlops_stage.stages.signing.verifying.subjects import spoken_of
from mlops_stage.stages.signing.verifying.trees import digest, read_tree
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from mlops_stage.stages.signing.verifying.checking import Refused


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

    @telling_hints()
    def open(self, name: str = "") -> IO[bytes]:
        """A file to read from its beginning, with a descriptor of its own.

        Raises:
            UsageError: there is no such file.
        """
        wanted = next(iter(self._copies)) if not name and len(self._copies) == 1 else name
        if wanted not in self._copies:
            raise UsageError(f"no file {shown(wanted)!r} was verified", nearest(wanted, self._copies))
        return os.fdopen(opened_anew(self._copies[wanted]), "rb")

    def close(self) -> None:
        """Forget the content."""
        for descriptor in self._copies.values():
            with suppress(OSError):
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@telling_hints()
def open_verified(path: str | Path, *, bundles: str | Path, root: str | Path = ".", memory: int = MEMORY, **asked: Any) -> Verified:
    """Verify a file or folder, and hand out the very bytes that were verified.

    Signatures are verified first; nothing is copied of what nobody who is believed speaks of. Each file is then copied once, the copy is
    closed for writing, and hashed, and read from there alone: a file that is swapped after the check, or while it runs, is either refused or
    never seen.

    Args:
        path: what is deployed.
        bundles: folder with the signed statements, or one file.
        root: where relative paths begin.
        memory: bytes of all copies together that may lie in memory, which on Linux nobody can write to any more. What is above that goes to
            files without a name in the folder for temporary files (`TMPDIR`); there another process of the same user could reach them.
        asked: as the params of the stage `verify`: `key`, or `identity` and `issuer`; `trust_config`, `require`, `assurance`, `repository`.

    Raises:
        UsageError: nobody to believe, a path that is not there, or something asked that makes no sense.
        InputError: something does not hold, and the message says what; or there is no room for the copies.
    """
    base = Path(root)
    try:
        params = VerifyParams(model=str(path), bundles=str(bundles), **asked)
    except ValidationError as error:
        raise _senseless(error) from error
    copies = Copies(memory)
    try:
        return _verified(params, base, copies)
    except BaseException:
        copies.close()
        raise


def _senseless(error: ValidationError) -> UsageError:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return UsageError(f"{name}: there is no such argument", nearest(name, {*VerifyParams.model_fields, "path", "root", "memory"}))
    return UsageError(f"{name}: {first['msg'].removeprefix('Value error, ')}")


def _verified(params: VerifyParams, root: Path, copies: Copies) -> Verified:
    place = existing(root, str(params.model), "path")
    shelf = existing(root, str(params.bundles), "bundles")
    asked = asked_of(params, root)
    found = bundles_in(shelf, place)
    believed, refused = believe(found, asked)
    if refused:
        raise _refused(place, refused)

    def take(name: str, descriptor: int) -> str:
        return copies.take(name, descriptor) if spoken_of(name, believed) else digest(name, descriptor)

    tree = read_tree(place, take)
    check_unchanged(found, place, tree)
    checked = compare(believed, refused, tree, asked)
    if checked.refused or checked.level is None:
        raise _refused(place, checked.refused)
    return Verified(files={file.name: file.sha256 for file in tree.files}, level=checked.level, _copies=copies.held)


def _refused(place: Path, reasons: Sequence[Refused]) -> InputError:
    if not reasons:
        return InputError(f"{shown(place.name)} is not opened: no statement that holds is about it", "sign what was said about it")
    first = reasons[0]
    said = f"{shown(first.bundle)}: {first.error.message}" if first.bundle else first.error.message
    others = f"{counted(len(reasons) - 1, 'more reason')}: run `mlops-stage verify` on it to see all" if len(reasons) > 1 else ""
    hint = "; ".join(part for part in (first.error.hint, others) if part)
    return InputError(f"{shown(place.name)} is not opened: {said} ({first.error.rule})", hint)
