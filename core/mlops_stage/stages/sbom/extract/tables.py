"""Facts of data sets: rows, columns and missing cells; no value of any cell, and no extreme."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import of_json, sha256_many
from mlops_stage.evidence.paths import relative
from mlops_stage.evidence.redact import personal
from mlops_stage.stages.sbom.extract.files import files_in, states_of
from mlops_stage.stages.sbom.extract.scene import Part, Table, claim, harmless
from mlops_stage.stages.sbom.facts import Column, File

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_stage.inputs.tables.open import Table as OpenTable
    from mlops_stage.stages.sbom.extract.scene import Found, Scene

ROLES = ("data", "train", "reference")
MOST_COUNTED = 64 * 2**20
"""Bytes of text files up to which rows are counted: beyond, counting would take longer than hashing."""
_MOST_COLUMNS = 5000
_POINTED = re.compile(r"^\s*(?:-\s*)?(md5|sha256|etag|hash|rev):\s*['\"]?([\w.:/+-]{6,200})['\"]?\s*$", re.MULTILINE)


def table_part(key: str, source: str, root: Path) -> Part:
    """The files of a data set, by the digest that all stages know it by; of one that only DVC has, by the digest in its pointer.

    Raises:
        UsageError: nothing is there.
        InputError: no table.
    """
    pointer = _pointer(root / source)
    if pointer is not None:
        return _pointed(key, source, root, pointer)
    from mlops_stage.inputs.tables.open import files_of  # DuckDB and NumPy, which a model without data has no use for

    paths, _ = files_of(source, root, key)
    states = states_of(paths)
    files, named = files_in(paths, root, "data")
    listed = [(file.path, file.sha256) for file in files]
    sha256 = listed[0][1] if len(listed) == 1 else of_json(listed)
    name = listed[0][0] if len(listed) == 1 else source
    return Part(key=key, source=name, place=root / source, files=files, paths=named, sha256=sha256, states=states)


def extract(scene: Scene) -> Iterator[Found]:
    """What the tables say about themselves; text files that are large are told by their header alone."""
    given = {key: part for key in ROLES if (part := scene.parts.get(key)) is not None and part.hash_scope == "content"}
    if given:
        from mlops_stage.inputs.tables.open import open_table  # as above

        for key, part in given.items():
            yield from _table(key, part, open_table(part.source, scene.root, key))


def _table(key: str, part: Part, table: OpenTable) -> Iterator[Found]:
    source = part.source
    yield claim(key, "format", {"csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet"}[table.format], source)
    yield claim(key, "content", "tabular", source)
    yield claim(key, "columns", len(table.columns), source)
    rows, missing = _counted(part, table)
    if rows is not None:
        yield claim(key, "rows", rows, source)
    shares = {name: nulls / rows for name, nulls in missing.items()} if rows else {}
    if shares and len(shares) == len(table.columns):
        yield claim(key, "missing", f"{sum(shares.values()) / len(shares):.6g}", source)
    columns = [
        Column(
            name=harmless(name, 200),
            type="" if table.format != "parquet" else harmless(kind, 200),
            sensitive="looks personal" if personal(name) else "",
            missing=round(shares[name], 6) if name in shares else None,
        )
        for name, kind in list(table.columns.items())[:_MOST_COLUMNS]
    ]
    yield Table(about=key, columns=tuple(columns))


def _counted(part: Part, table: OpenTable) -> tuple[int | None, Mapping[str, int]]:
    """Rows and missing cells; nothing of large text files, nor where a record cannot be read."""
    if table.format != "parquet" and sum(file.size for file in part.files) > MOST_COUNTED:
        return None, {}
    from mlops_stage.inputs.tables.extent import extent  # as above

    try:
        return extent(table)
    except InputError:  # the stage `data` tells which record; here it only means that nothing was counted
        return None, {}


def _pointer(path: Path) -> Path | None:
    """The `.dvc` file that stands for a data set: the one named, or the one beside a path that is not there."""
    with suppress(OSError, ValueError):  # a name that no file can have; whoever opens the table says so
        if path.suffix == ".dvc" and path.is_file():
            return path
        beside = path.with_name(f"{path.name}.dvc")
        return beside if not path.exists() and beside.is_file() else None
    return None


def _pointed(key: str, source: str, root: Path, pointer: Path) -> Part:
    with pointer.open("rb") as stream:
        text = stream.read(2**16).decode("utf-8", "replace")
    found = _POINTED.search(text)
    if found is None:
        raise InputError(f"{key}: {relative(root, pointer)} names no digest of the data", "run `dvc pull`, and name the data itself")
    sha256 = sha256_many([pointer])[pointer]
    name = relative(root, pointer)
    file = File(path=name, sha256=sha256, size=pointer.stat().st_size, role="data", format="DVC pointer")
    return Part(
        key=key,
        source=source.removesuffix(".dvc"),
        place=pointer,
        files=(file,),
        paths={name: pointer},
        states=states_of([pointer]),
        sha256=sha256,
        hash_scope="pointer",
        snapshot=f"{found[1]}:{found[2]}",
    )
