"""How large a table is: rows, and missing cells by column; of Parquet from the footers, of text in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage.inputs.tables.connection import quoted_paths, run, shared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.inputs.tables.open import Table


def extent(table: Table) -> tuple[int, Mapping[str, int]]:
    """The number of rows, and of missing cells of those columns of which that is known.

    Raises:
        InputError: a record that cannot be read.
    """
    connection = shared(table.paths)
    try:
        return _of_footers(connection, table) if table.format == "parquet" else _of_text(connection, table)
    finally:
        connection.close()


def _of_footers(connection: object, table: Table) -> tuple[int, Mapping[str, int]]:
    files = quoted_paths(table.paths)
    rows = run(connection, f"SELECT sum(num_rows) FROM parquet_file_metadata({files})", table.name)[0][0]
    counts = "sum(stats_null_count), count(*) = count(stats_null_count)"
    nulls = run(connection, f"SELECT path_in_schema, {counts} FROM parquet_metadata({files}) GROUP BY path_in_schema", table.name)
    return int(rows), {name: int(count) for name, count, whole in nulls if whole and name in table.columns}


def _of_text(connection: object, table: Table) -> tuple[int, Mapping[str, int]]:
    counts = ", ".join(["count(*)", *(f"count(*) - count(c{place})" for place in range(len(table.columns)))])
    found = run(connection, f"SELECT {counts} FROM {table.scan}", table.name)[0]
    return int(found[0]), dict(zip(table.columns, map(int, found[1:]), strict=True))
