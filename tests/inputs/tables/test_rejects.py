from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import duckdb
import pytest

from mlops_stage.errors import InputError
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.query import rows as rows_of
from mlops_stage.inputs.tables.rejects import Reading, read_all, remedy

if TYPE_CHECKING:
    from pathlib import Path

HEAD = b"a,b\n"
GOOD = b"1,x\n"

MALFORMED: dict[str, tuple[bytes, int, list[tuple[int, int, str]]]] = {
    # name: content, rows, (line, record, part of the reason) of every reject
    "clean.csv": (HEAD + GOOD * 3, 3, []),
    "bom.csv": (b"\xef\xbb\xbf" + HEAD + GOOD, 1, []),
    "crlf.csv": (b"a,b\r\n1,x\r\n2,y\r\n", 2, []),
    "no-last-end.csv": (HEAD + b"1,x\n2,y", 2, []),
    "blank-lines.csv": (HEAD + b"\n1,x\n\n\n2,y\n\n", 2, []),
    "line-end-in-quotes.csv": (HEAD + b'1,"two\nlines"\n2,y\n', 2, []),
    "blank-line-in-quotes.csv": (HEAD + b'1,"two\n\n\nlines"\n2,y\n', 2, []),
    "doubled-quotes.csv": (HEAD + b'1,"say ""hi"", then"\n2,y\n', 2, []),
    "too-few.csv": (HEAD + GOOD + b"2\n" + GOOD, 2, [(3, 2, "1 cell where the header has 2")]),
    "too-few-first.csv": (HEAD + b"2\n" + GOOD * 2, 2, [(2, 1, "1 cell")]),
    "too-many.csv": (HEAD + GOOD + b"2,y,z\n", 1, [(3, 2, "3 cells where the header has 2")]),
    "too-many-empty.csv": (HEAD + GOOD + b"2,y,\n", 1, [(3, 2, "3 cells")]),
    "thousands.csv": (HEAD + b"1,234,x\n" + GOOD, 1, [(2, 1, "3 cells")]),
    "semicolons-below.csv": (HEAD + b"1;x\n" + GOOD, 1, [(2, 1, "1 cell")]),
    "cancelling.csv": (HEAD + b"1,x,\n2\n" + GOOD, 1, [(2, 1, "3 cells"), (3, 2, "1 cell")]),
    "stray-quote.csv": (HEAD + b'1,5" pipe\n' + GOOD, 1, [(2, 1, "a quote inside a value that is not quoted")]),
    "two-stray-quotes.csv": (HEAD + b'1,5" by 6"\n' + GOOD, 1, [(2, 1, "a quote inside a value that is not quoted")]),
    "cancelling-quotes.csv": (HEAD + b'2"a,b"y\n3,,\n' + GOOD, 1, [(2, 1, "a quote inside"), (3, 2, "3 cells")]),
    "text-after-quote.csv": (HEAD + b'1,"x"y\n' + GOOD, 1, [(2, 1, "text after a closing quote")]),
    "never-closed.csv": (HEAD + GOOD + b'2,"y\n3,z\n4,z\n', 1, [(3, 2, "never closed, which takes everything up to line 5")]),
    "cp1252-cell.csv": (HEAD + b"1,caf\xe9\n" + GOOD, 1, [(2, 1, "not UTF-8: it looks like cp1252")]),
    "half-character.csv": (HEAD + GOOD + b"2,\xe2\x82", 1, [(3, 2, "not UTF-8")]),
    "nul.csv": (HEAD + GOOD * 2000 + b"2,\0\n", 2000, [(2002, 2001, "NUL")]),
    "overlong.csv": (HEAD + GOOD + b"2," + b"y" * 2_000_100 + b"\n" + GOOD, 2, [(3, 2, "longer than 2 MB")]),
    "one-column.csv": (b"a\n1\n2\n", 2, []),
    "one-column-comma.csv": (b"a\n1\n2,3\n", 1, [(3, 2, "2 cells where the header has 1")]),
    "clean.jsonl": (b'{"a": 1}\n{"b": "x"}\n', 2, []),
    "blank.jsonl": (b'{"a": 1}\n\n  \n{"a": 2}', 2, []),
    "cut.jsonl": (b'{"a": 1}\n{"a": 2\n{"a": 3}\n', 2, [(2, 2, "no valid JSON: expecting ',' delimiter at character 8")]),
    "list.jsonl": (b'{"a": 1}\n[1]\n', 1, [(2, 2, "a JSON list where an object should stand")]),
    "null.jsonl": (b'{"a": 1}\nnull\n', 1, [(2, 2, "NoneType")]),
    "twice.jsonl": (b'{"a": 1}\n{"a": 1, "a": 2}\n', 1, [(2, 2, "a key stands twice")]),
    "nan.jsonl": (b'{"a": 1}\n{"a": NaN}\n', 2, []),
    "cp1252.jsonl": (b'{"a": "x"}\n{"a": "caf\xe9"}\n', 1, [(2, 2, "not UTF-8")]),
    "half-a-pair.jsonl": (b'{"a": 1}\n{"a": "\\ud800"}\n{"a": 3}\n', 2, [(2, 2, "half of a character")]),
    "half-a-pair-in-a-key.jsonl": (b'{"a": 1}\n{"a": 2, "\\uDC00": 3}\n', 1, [(2, 2, "half of a character")]),
    "a-whole-pair.jsonl": (b'{"a": 1}\n{"a": "\\ud83d\\ude00"}\n', 2, []),
    "case-beside.jsonl": (b'{"a": 1}\n\n{"a": 2, "A": 3}\n{"a": 4}\n', 2, [(3, 2, "'A' is 'a' but for case")]),
    "case-later.jsonl": (b'{"a": 1}\n{"A": 3}\n{"b": 3}\n{"a": 4}\n', 3, [(2, 2, "'A' is 'a' but for case")]),
    "no-key.jsonl": (b'{"a": 1}\n{"": 3}\n{"a": 4}\n', 2, [(2, 2, "a key without a name")]),
    "deep.jsonl": (b'{"a": 1}\n{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", 1, [(2, 2, "no valid JSON")]),
    "two-on-a-line.jsonl": (b'{"a": 1}{"a": 2}\n{"a": 3}\n', 1, [(1, 1, "no valid JSON")]),
}


def read(folder: Path, name: str, content: bytes) -> Reading:
    (folder / name).write_bytes(content)
    spill = folder / "spill"
    spill.mkdir()
    return read_all(name, folder, spill)


@pytest.mark.parametrize("name", MALFORMED)
def test_rows_and_rejects_are_all_records(tmp_path: Path, name: str) -> None:
    content, rows, rejects = MALFORMED[name]
    reading = read(tmp_path, name, content)
    assert (reading.rows, reading.lost) == (rows, 0)
    assert reading.records == rows + reading.rejected
    assert [(one.line, one.record) for one in reading.rejects] == [(line, record) for line, record, _ in rejects]
    for one, (_, _, reason) in zip(reading.rejects, rejects, strict=True):
        assert reason in one.reason
    assert rows_of(reading.table) == rows


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.csv", b"", "0 bytes"),
        ("header-only.csv", HEAD, "header but no rows"),
        ("all-bad.csv", HEAD + b"1\n2\n", "none of its 2 records can be read; line 2: 1 cell"),
        ("utf16.csv", "a,b\n1,x\n".encode("utf-16"), "UTF-16"),
        ("utf16le.csv", "a,b\n1,x\n".encode("utf-16-le"), "UTF-16"),
        ("header-cp1252.csv", b"caf\xe9,b\n1,x\n", "line 1: not UTF-8; it looks like cp1252"),
        ("semicolons.csv", b"a;b\n1;x\n", "semicolons"),
        ("twice.csv", b"a,a\n1,x\n", "twice"),
        ("numbers.csv", b"1,2\n3,4\n", "numbers where the names"),
        ("cut.csv.gz", gzip.compress(HEAD + GOOD * 900, mtime=0)[:-9], "cut short"),
        ("cut.parquet", b"PAR1 and no end", "cut short"),
        ("all-bad.jsonl", b"[1]\n", "only record cannot be read"),
    ],
)
def test_what_cannot_be_read_at_all_says_so_in_one_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        read(tmp_path, name, content)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_files_of_one_table_spell_their_keys_alike(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.jsonl").write_bytes(b'{"a": 1}\n')
    (tmp_path / "d" / "2.jsonl").write_bytes(b'{"a": 1}\n{"A": 2}\n')
    (tmp_path / "spill").mkdir()
    reading = read_all("d", tmp_path, tmp_path / "spill")
    assert [(one.file, one.line) for one in reading.rejects] == [("d/2.jsonl", 2)]
    assert (reading.rows, reading.lost) == (2, 0)


@pytest.mark.parametrize("content", [b'{"": 1}\n', b'{"a": "\\ud800"}\n', b"{\n", b"[1]\n", b'{"a": 1, "A": 2}\n', b"{}\n"])
def test_no_message_tells_where_the_files_lie(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "x.jsonl", content)
    with pytest.raises(InputError) as direct:
        open_table("x.jsonl", tmp_path)
    for error in (caught.value, direct.value):
        assert not re.search(r"(?<![\w.])/\w|spill|data-0", f"{error.message} {error.hint}")
        assert "x.jsonl" in error.message


def patched(folder: Path, old: bytes, new: bytes, place: int) -> Path:
    """A Parquet file of 100 rows of which one figure in the footer says otherwise."""
    path = folder / "x.parquet"
    duckdb.sql("SELECT i AS id, 30 AS age, i + 0.5 AS price FROM range(100) t(i)").write_parquet(str(path), compression="uncompressed")
    content = path.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = bytearray(content[-8 - size : -8])
    places = [found.start() for found in re.finditer(re.escape(old), bytes(footer))]
    footer[places[place] : places[place] + len(old)] = new
    path.write_bytes(content[: -8 - size] + footer + content[-8:])
    return path


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("rows", [90, 110])
def test_a_footer_that_does_not_tell_what_the_file_holds_is_no_clean_reading(tmp_path: Path, rows: int, place: int) -> None:
    zigzag = 2 * rows
    patched(tmp_path, b"\x16\xc8\x01", bytes([0x16, zigzag & 0x7F | 0x80, zigzag >> 7]), place)
    try:
        reading = read_all("x.parquet", tmp_path, tmp_path)
    except InputError as error:
        assert str(tmp_path) not in error.message  # noqa: PT017  (either it cannot be read, or rows are missing)
    else:
        assert reading.lost == 10


def test_parquet_with_lists_structs_and_missing_cells_is_counted_right(tmp_path: Path) -> None:
    query = "SELECT [i, i + 1] AS l, {'l': i, 'id': [i]} AS s, nullif(i % 3, 0) AS id, MAP {'a': i} AS m FROM range(250000) t(i)"
    duckdb.sql(query).write_parquet(str(tmp_path / "x.parquet"))
    duckdb.sql("SELECT NULL::INTEGER AS a FROM range(30)").write_parquet(str(tmp_path / "none.parquet"))
    for name, rows in (("x.parquet", 250_000), ("none.parquet", 30)):
        reading = read_all(name, tmp_path, tmp_path)
        assert (reading.rows, reading.records, reading.lost) == (rows, rows, 0)


def test_a_gzip_archive_is_salvaged_too(tmp_path: Path) -> None:
    reading = read(tmp_path, "x.csv.gz", gzip.compress(HEAD + GOOD + b"2\n" + GOOD, mtime=0))
    assert (reading.rows, reading.rejected, reading.lost) == (2, 1, 0)


def test_a_row_is_found_in_its_file_whatever_was_rejected_before_it(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.csv").write_bytes(HEAD + b"0\n1,x\n0\n0\n2,y\n")
    (tmp_path / "d" / "2.csv").write_bytes(HEAD + b"3,x\n0\n4,y\n")
    (tmp_path / "spill").mkdir()
    reading = read_all("d", tmp_path, tmp_path / "spill")
    assert [reading.place(row) for row in (1, 2, 3, 4)] == [("d/1.csv", 2), ("d/1.csv", 5), ("d/2.csv", 1), ("d/2.csv", 3)]
    assert [(one.file, one.line) for one in reading.rejects] == [("d/1.csv", 2), ("d/1.csv", 4), ("d/1.csv", 5), ("d/2.csv", 3)]


def test_line_ends_at_the_edges_of_pieces_are_counted_once(tmp_path: Path) -> None:
    content = b"a,b\r\n" + b"1,x\r\n" * (4 * 2**20 // 5 + 1000)
    reading = read(tmp_path, "x.csv", content)
    assert reading.rows == 4 * 2**20 // 5 + 1000
    assert reading.table.paths == (tmp_path / "x.csv",)


def test_one_bad_schema_in_a_folder_of_parquet_names_file_and_column(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    duckdb.sql("SELECT 1 AS a, 2.5 AS b").write_parquet(str(tmp_path / "d" / "1.parquet"))
    duckdb.sql("SELECT 1 AS a, 'x' AS b").write_parquet(str(tmp_path / "d" / "2.parquet"))
    with pytest.raises(InputError, match=r"2\.parquet differs from 1\.parquet in column 'b'"):
        read_all("d", tmp_path, tmp_path)


def test_parquet_is_counted_by_its_footers(tmp_path: Path) -> None:
    duckdb.sql("SELECT range AS a FROM range(5)").write_parquet(str(tmp_path / "x.parquet"))
    reading = read_all("x.parquet", tmp_path, tmp_path)
    assert (reading.rows, reading.records, reading.place(5)) == (5, 5, ("x.parquet", 5))


def test_the_hint_is_for_the_format_that_was_read(tmp_path):
    reading = read(tmp_path, "t.jsonl", b'{"a": 1}\n{a: 1}\n')
    reason = next(iter(reading.reasons))
    assert "quotes" in reason  # Python's own words for what is wrong with the JSON
    assert remedy(reason) == "write one JSON object per line"
    assert "a comma" in remedy("1 cell where the header has 2")
    assert "close quotes" in remedy("a quote inside a value that is not quoted")
    assert "iconv" in remedy("not UTF-8: it looks like cp1252")
