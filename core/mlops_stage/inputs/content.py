"""What a file really is, by its first bytes: pointers of Git LFS and DVC, pickles, pages of HTML and the like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 4096
"""So many bytes tell every kind below apart."""

_LFS_HINT = (
    "add Git LFS to the checkout: `lfs: true` of actions/checkout, the Git LFS extension of Jenkins' checkout, no GIT_LFS_SKIP_SMUDGE in GitLab; "
    "or run `git lfs pull` before this stage"
)
_UTF_16_HINT = "save it as UTF-8: `iconv -f UTF-16 -t UTF-8 old.csv > new.csv`"
_DVC_HINT = "run `dvc pull` after the checkout and name the file itself, not its .dvc file"


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a file turned out to be."""

    kind: str
    """A short key, such as `git-lfs` or `pickle`."""
    name: str
    """As it stands in a message: `a Git LFS pointer, …`."""
    hint: str = ""


_BY_MAGIC: tuple[tuple[bytes, Content], ...] = (
    (
        b"version https://git-lfs.github.com/spec/",
        Content(kind="git-lfs", name="a Git LFS pointer, not the file it stands for", hint=_LFS_HINT),
    ),
    (b"PAR1", Content(kind="parquet", name="a Parquet file")),
    (b"\x1f\x8b", Content(kind="gzip", name="a gzip archive")),
    (b"PK\x03\x04", Content(kind="zip", name="a ZIP archive (PyTorch, Keras, NumPy and Excel files are such archives)")),
    (b"\x89HDF\r\n\x1a\n", Content(kind="hdf5", name="an HDF5 file (Keras .h5)")),
    (b"SQLite format 3\0", Content(kind="sqlite", name="an SQLite database")),
    (b"ARROW1", Content(kind="arrow", name="an Arrow (Feather) file")),
    (b"\xff\xfe", Content(kind="utf-16", name="text in UTF-16", hint=_UTF_16_HINT)),
    (b"\xfe\xff", Content(kind="utf-16", name="text in UTF-16", hint=_UTF_16_HINT)),
    (b"\x28\xb5\x2f\xfd", Content(kind="zstd", name="a Zstandard archive")),
    (b"BZh", Content(kind="bzip2", name="a bzip2 archive")),
    (b"\x80\x02", Content(kind="pickle", name="a Python pickle")),
    (b"\x80\x03", Content(kind="pickle", name="a Python pickle")),
    (b"\x80\x04", Content(kind="pickle", name="a Python pickle")),
    (b"\x80\x05", Content(kind="pickle", name="a Python pickle")),
)
_DVC = Content(kind="dvc", name="a DVC pointer, not the file it stands for", hint=_DVC_HINT)
_HTML = Content(kind="html", name="a page of HTML, perhaps of a login or an error", hint="check the address that it was downloaded from")
_DVC_LINES = re.compile(rb"\A(#[^\n]*\n|wdir:[^\n]*\n)*outs:\s*\n\s*- +(md5|etag|hash|path|checksum|size|nfiles|cloud):")


def sniffed(head: bytes) -> Content | None:
    """What the first bytes of a file say it is; None for plain text and everything else."""
    for magic, content in _BY_MAGIC:
        if head.startswith(magic):
            return content
    if _DVC_LINES.match(head.replace(b"\r\n", b"\n")):
        return _DVC
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    return _HTML if start.startswith((b"<!doctype html", b"<html")) else None


def head_of(path: Path, what: str) -> bytes:
    """The first bytes of a file.

    Raises:
        InputError: a folder, a device, empty or unreadable; `what` says which param named it.
    """
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not a regular file"
        raise InputError(f"{what}: {shown(path.name)} is {kind}", "name the file itself")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{what}: cannot read {shown(path.name)}: {error.strerror}", "check the permissions of the file") from error
    if not head:
        raise InputError(f"{what}: {shown(path.name)} is empty (0 bytes)", "check the step that wrote it")
    return head
