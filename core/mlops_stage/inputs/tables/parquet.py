"""Parquet: columns and types come from the footer, and all files must agree on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.tables.connection import quoted_name, quoted_paths, run, shared

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"PAR1"


def columns_and_scan(paths: tuple[Path, ...], what: str) -> tuple[dict[str, str], str]:
    """Columns with their DuckDB types and the SQL that reads them in order.

    Raises:
        InputError: damaged, cut short, a column twice, files with different columns, or no rows.
    """
    connection = shared(paths)
    described = [_described(connection, path, what) for path in paths]
    for path, columns in zip(paths, described, strict=True):
        if columns != described[0]:
            odd = next((f"column {shown(name)!r}" for name in described[0] if columns.get(name) != described[0][name]), "one column more")
            raise InputError(
                f"{what}: {shown(path.name)} differs from {shown(paths[0].name)} in {odd}",
                "write all files with the same columns and types",
            )
    files = quoted_paths(paths)
    if not run(connection, f"SELECT sum(num_rows) FROM parquet_file_metadata({files})", what)[0][0]:
        raise InputError(f"{what}: {shown(paths[0].name)} has no rows", "check the step that wrote it")
    aliases = ", ".join(f"{quoted_name(inner)} AS c{position}" for position, (inner, _) in enumerate(described[0].values()))
    scan = f"(SELECT {aliases} FROM read_parquet({files}, hive_partitioning = false, union_by_name = false))"
    return {name: kind for name, (_, kind) in described[0].items()}, scan


def _described(connection: Any, path: Path, what: str) -> dict[str, tuple[str, str]]:
    """Name in the file -> (name that DuckDB gives it, type). DuckDB ignores case and renames `A` beside `a`."""
    where = f"{what}: {shown(path.name)}"
    with path.open("rb") as stream:
        stream.seek(-len(_MAGIC), 2)
        if stream.read() != _MAGIC:
            raise InputError(f"{where} is cut short: a Parquet file ends in PAR1", "write or download the file again")
    file = quoted_paths([path])
    inner = run(connection, f"DESCRIBE SELECT * FROM read_parquet({file}, hive_partitioning = false)", where)
    tree = run(connection, f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({file})", where)
    names = _top_level(tree)
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        raise InputError(f"{where}: the column {shown(twice)!r} stands there twice", "give every column a name of its own")
    return {name: (row[0], row[1]) for name, row in zip(names, inner, strict=True)}


def _top_level(tree: list[tuple[str, int]]) -> list[str]:
    """The names right below the root of a schema that is written depth first."""
    names: list[str] = []
    open_children = [tree[0][1]]
    for name, children in tree[1:]:
        while open_children[-1] == 0:
            open_children.pop()
        open_children[-1] -= 1
        if len(open_children) == 1:
            names.append(name)
        open_children.append(children)
    return names
