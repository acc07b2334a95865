"""The door for named arrays: an .npz file whose arrays share their first dimension, for models that take more than a table can hold."""

from __future__ import annotations

import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from mlops_stage.errors import InputError, UsageError, alike
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.content import head_of
from mlops_stage.report import Subject
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIX = ".npz"
MOST_BYTES = 2**33
"""Of all arrays of a file together, as their headers say."""
_MOST_ARRAYS = 1000
_MOST_DIMENSIONS = 32
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_WRITE = "write it with numpy.savez(path, x=…, y=…)"


class Header(NamedTuple):
    """What the header of an array says."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """A file of named arrays with as many rows; holds none of them."""

    source: str
    """As the user wrote it."""
    what: str
    """The param that named it."""
    root: Path
    path: Path
    headers: Mapping[str, Header] = field(repr=False)

    @property
    def name(self) -> str:
        """As it stands in a message: `data (test.npz)`."""
        return f"{self.what} ({shown(self.source)})"

    @property
    def rows(self) -> int:
        """The first dimension of every array."""
        return next(iter(self.headers.values())).shape[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all arrays."""
        return tuple(self.headers)

    def header(self, name: str, param: str) -> Header:
        """The header of an array; `param` says which param asked for it.

        Raises:
            UsageError: there is no such array; the hint names the nearest.
        """
        if name in self.headers:
            return self.headers[name]
        near = alike(name, self.headers)
        listed = shown(", ".join(self.headers), 160)
        raise UsageError(
            f"{param}: {self.name} has no array {shown(name)!r}",
            f"did you mean {shown(near)!r}?" if near else f"its arrays are {listed}",
        )

    def load(self, name: str, param: str) -> NDArray[Any]:
        """One array.

        Raises:
            UsageError: there is no such array.
            InputError: it is cut short or was changed.
        """
        header = self.header(name, param)
        with _told(self.path, self.what), zipfile.ZipFile(self.path) as archive:
            entry = archive.getinfo(f"{name}.npy")
            if _entry(archive, entry) != header:
                raise ValueError("it was changed while it was read")
            with archive.open(entry) as stream:
                return np.asarray(npy.read_array(stream, allow_pickle=False))

    def subject(self) -> Subject:
        """The file by digest."""
        return Subject(role=self.what, name=relative(self.root, self.path), sha256=sha256(self.path))


def is_arrays(source: str) -> bool:
    """Whether a param names a file of arrays and not a table."""
    return source.lower().endswith(SUFFIX)


def open_arrays(source: str, root: Path, what: str = "data") -> Arrays:
    """Named arrays from an .npz file, whose headers are read and nothing else.

    Args:
        source: path relative to the root.
        root: the project.
        what: the param that named it, for messages and as the subject's role.

    Raises:
        UsageError: nothing is there.
        InputError: no such file, damaged, with pickled objects, without rows or with arrays of different numbers of rows.
    """
    path = existing(root, source, what)
    if not head_of(path, what).startswith(b"PK"):
        raise InputError(f"{what}: {shown(path.name)} is no .npz file", _WRITE)
    with _told(path, what), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if not entries or len(entries) > _MOST_ARRAYS:
            raise ValueError(f"it holds {len(entries):,} arrays")
        headers = {entry.filename.removesuffix(".npy"): _entry(archive, entry) for entry in entries}
        if len(headers) < len(entries):
            raise ValueError("two of its arrays have one name")
        _check_together(headers)
    return Arrays(source=source, what=what, root=root, path=path, headers=headers)


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Header:
    """The header of one array, which the size of the entry must bear out, so that nothing is allocated that is not there."""
    name = shown(entry.filename.removesuffix(".npy"))
    if not entry.filename.endswith(".npy") or entry.flag_bits & 1:
        raise ValueError(f"it holds {name!r}, which is no plain array")
    with archive.open(entry) as stream:
        version = npy.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"the array {name!r} is of version {version} of the format")
        shape, _, dtype = _HEADERS[version](stream)
        start = stream.tell()
    if dtype.hasobject:
        raise ValueError(f"the array {name!r} holds pickled objects, which can run code: they are not loaded")
    if dtype.kind not in "biufUS":
        raise ValueError(f"the array {name!r} is of type {shown(dtype, 40)}")
    if not shape or len(shape) > _MOST_DIMENSIONS or min(shape) < 0:
        raise ValueError(f"the array {name!r} has the shape {shown(shape, 40)}, without rows")
    if entry.file_size != start + dtype.itemsize * prod(shape):
        raise ValueError(
            f"the header of the array {name!r} says {dtype.itemsize * prod(shape):,} bytes, and {entry.file_size - start:,} are there"
        )
    return Header(dtype, tuple(shape))


def _check_together(headers: Mapping[str, Header]) -> None:
    rows = {name: header.shape[0] for name, header in headers.items()}
    first = next(iter(rows))
    other = next((name for name, count in rows.items() if count != rows[first]), None)
    if other is not None:
        raise ValueError(f"the array {shown(first)!r} has {counted(rows[first], 'row')}, but {shown(other)!r} has {rows[other]:,}")
    if not rows[first]:
        raise ValueError("its arrays have no rows")
    size = sum(header.dtype.itemsize * prod(header.shape) for header in headers.values())
    if size > MOST_BYTES:
        raise ValueError(f"its arrays take {size >> 30:,} GiB, and at most {MOST_BYTES >> 30} are held")


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Whatever a damaged or hostile file does to the parsers is told in one line."""
    try:
        yield
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        OverflowError,
        NotImplementedError,
        RuntimeError,
        SyntaxError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        hint = "write text with numpy.array(values, dtype=str)" if "pickled" in str(error) else _WRITE
        raise InputError(f"{what}: {shown(path.name)} cannot be used: {shown(error, 160)}", hint) from error
