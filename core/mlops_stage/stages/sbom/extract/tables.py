"""Facts of data sets: rows, columns and missing cells; no value of any cell, and no extreme."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import PurePosixPath
from posixpath import join, normpath
from typing import TYPE_CHECKING

from mlops_stage.errors import InputError
from mlops_stage.evidence.digest import of_json, sha256_many
from mlops_stage.evidence.paths import relative
from mlops_stage.evidence.redact import personal, shown
from mlops_stage.stages.sbom.extract.files import files_in, states_of
from mlops_stage.stages.sbom.extract.plain import UnreadableError, tables, text_of, word, yaml_of
from mlops_stage.stages.sbom.extract.scene import ROLES, Part, Table, claim, harmless
from mlops_stage.stages.sbom.facts import Column, Confidence, File
from mlops_stage.stages.sbom.identity import generic_purl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_stage.inputs.tables.open import Table as OpenTable
    from mlops_stage.stages.sbom.extract.scene import Found, Scene

MOST_COUNTED = 64 * 2**20
"""Bytes of text files up to which rows are counted: beyond, counting would take longer than hashing."""
_MOST_COLUMNS = 5000
_RECORDED = {"md5": r"[0-9a-f]{32}(\.dir)?", "sha256": r"[0-9a-f]{64}", "etag": r"[\w.:/+-]{6,200}", "checksum": r"[\w.:/+-]{6,200}"}
"""Names under which DVC records what it knows a file or folder by."""
_DIGEST = re.compile(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}")
"""A digest of the bytes of a file; that of a folder, `.dir`, is one of DVC's own list."""


def table_part(key: str, source: str, root: Path) -> Part:
    """The files of a data set, by the digest that all stages know it by; of one that only DVC has, by what its pointer records.

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
    parts = {key: scene.parts[key] for key in ROLES if key in scene.parts}
    for key, part in parts.items():
        if part.hash_scope == "pointer" and _DIGEST.fullmatch(part.snapshot):
            identifier = generic_purl(PurePosixPath(part.source).name, "", part.snapshot, "dataset")
            yield claim(key, "identifier", identifier, part.files[0].path, Confidence.DECLARED)
    given = {key: part for key, part in parts.items() if part.hash_scope == "content"}
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
    """What DVC recorded of a data set that is not here; the digest of the pointer itself is none of the data."""
    name = relative(root, pointer)
    data, snapshot = _recorded(key, pointer, name, as_named=source.endswith(".dvc"))
    file = File(path=name, sha256=sha256_many([pointer])[pointer], size=pointer.stat().st_size, role="data", format="DVC pointer")
    return Part(
        key=key,
        source=relative(root, pointer.parent / data),
        place=pointer,
        files=(file,),
        paths={name: pointer},
        states=states_of([pointer]),
        sha256="",
        hash_scope="pointer",
        snapshot=snapshot,
    )


def _recorded(key: str, pointer: Path, name: str, *, as_named: bool) -> tuple[str, str]:
    """The path of the data, and what DVC knows it by: that of the pointer's own name, or the only one where the pointer itself was named.

    Raises:
        InputError: the pointer says nothing of that data.
    """
    hint = "run `dvc pull`, and name the data itself"
    try:
        plain = yaml_of(text_of(pointer, 2**16))
    except UnreadableError as error:
        raise InputError(f"{key}: {name} could not be read: {shown(error, 160)}", hint) from error
    outs = {normpath(join(word(plain.get("wdir")), word(one.get("path")))): one for one in tables(plain.get("outs"))}
    data = pointer.name.removesuffix(".dvc")
    if data not in outs and as_named and len(outs) == 1:
        data = next(iter(outs))
    told = ((kind, word(outs.get(data, {}).get(kind)), pattern) for kind, pattern in _RECORDED.items())
    snapshot = next((f"{kind}:{text}" for kind, text, pattern in told if re.fullmatch(pattern, text)), "")
    if not snapshot:
        raise InputError(f"{key}: {name} records no digest of {shown(data)}", hint)
    return data, snapshot
