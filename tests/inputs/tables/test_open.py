from __future__ import annotations

import csv
import gzip
import hashlib
import io
import pickle
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_stage.errors import ExitCode, InputError, UsageError
from mlops_stage.inputs.tables.open import open_table
from mlops_stage.inputs.tables.query import rows, texts


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)


def test_the_three_formats_and_their_archives_give_the_same_rows(tmp_path):
    csv, jsonl = b"a,b\n1,x\n2,y\n", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'
    (tmp_path / "t.csv").write_bytes(csv)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(csv, mtime=0))
    (tmp_path / "t.jsonl").write_bytes(jsonl)
    (tmp_path / "t.ndjson").write_bytes(jsonl)
    (tmp_path / "T.JSONL.gz").write_bytes(gzip.compress(jsonl, mtime=0))
    parquet(tmp_path / "t.parquet", a=[1, 2], b=["x", "y"])
    for name, kind in (
        ("t.csv", "csv"),
        ("t.csv.gz", "csv"),
        ("t.jsonl", "jsonl"),
        ("t.ndjson", "jsonl"),
        ("T.JSONL.gz", "jsonl"),
        ("t.parquet", "parquet"),
    ):
        table = open_table(name, tmp_path)
        assert (table.format, list(table.columns), rows(table)) == (kind, ["a", "b"], 2), name
        assert {column: codes.levels for column, codes in texts(table, ["a", "b"]).items()} == {"a": ("1", "2"), "b": ("x", "y")}, name


def test_csv_and_jsonl_columns_are_text_and_parquet_columns_keep_their_types(tmp_path):
    (tmp_path / "t.csv").write_text("n,d\n1,2024-01-02\n")
    (tmp_path / "t.jsonl").write_text('{"n": 1}\n')
    parquet(tmp_path / "t.parquet", n=[1], A=[1.5], a=[True])
    assert dict(open_table("t.csv", tmp_path).columns) == {"n": "VARCHAR", "d": "VARCHAR"}
    assert dict(open_table("t.jsonl", tmp_path).columns) == {"n": "VARCHAR"}
    assert dict(open_table("t.parquet", tmp_path).columns) == {"n": "BIGINT", "A": "DOUBLE", "a": "BOOLEAN"}


@pytest.mark.parametrize("source", ["part", "part/*.csv", "**/*.csv"])
def test_several_files_follow_one_another_by_name(tmp_path, source):
    (tmp_path / "part").mkdir()
    for name in ("b", "a", "c"):
        (tmp_path / "part" / f"{name}.csv").write_text(f"x\n{name}1\n{name}2\n")
    (tmp_path / "part" / "_SUCCESS").touch()
    (tmp_path / "part" / ".a.csv.crc").touch()
    table = open_table(source, tmp_path)
    assert [path.name for path in table.paths] == ["a.csv", "b.csv", "c.csv"]
    found = texts(table, ["x"])["x"]
    assert [found.levels[code] for code in found.codes] == ["a1", "a2", "b1", "b2", "c1", "c2"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_row_order_does_not_depend_on_threads(tmp_path, suffix):
    import duckdb

    from mlops_stage.inputs.tables.query import opened

    for part in range(3):
        kind = {"csv": "(HEADER)", "jsonl": "(FORMAT json)", "parquet": "(ROW_GROUP_SIZE 5000)"}[suffix]
        duckdb.connect().execute(f"COPY (SELECT i + {part} * 100000 AS i FROM range(100000) t(i)) TO '{tmp_path}/p{part}.{suffix}' {kind}")  # noqa: S608  (paths of this test)
    for threads in (1, 4):
        with opened(open_table(f"*.{suffix}", tmp_path), ["i"], threads=threads) as selection:
            assert (selection.load(numbers=["i"])[1]["i"] == range(300_000)).all()


def test_a_subject_names_the_table_by_digest(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x\n1\n")
    (tmp_path / "data" / "b.csv").write_text("x\n2\n")
    one = open_table("data/a.csv", tmp_path, "train").subject()
    assert (one.role, one.name, one.sha256) == ("train", "data/a.csv", hashlib.sha256(b"x\n1\n").hexdigest())
    both = open_table("data", tmp_path).subject()
    assert (both.role, both.name) == ("data", "data")
    assert both.sha256 != one.sha256


def test_headers_may_have_a_byte_order_mark_quotes_and_nameless_columns(tmp_path):
    (tmp_path / "t.csv").write_bytes('\ufeff"a","b ""x""","c,d",\r\n1,2,3,4\r\n'.encode())
    table = open_table("t.csv", tmp_path)
    assert list(table.columns) == ["a", 'b "x"', "c,d", "column 4"]
    assert [texts(table, [name])[name].levels for name in table.columns] == [("1",), ("2",), ("3",), ("4",)]


def test_columns_that_differ_in_case_stay_apart(tmp_path):
    (tmp_path / "t.csv").write_text("Age,age\n1,2\n")
    parquet(tmp_path / "t.parquet", Age=[1], age=[2])
    for name in ("t.csv", "t.parquet"):
        assert {column: codes.levels for column, codes in texts(open_table(name, tmp_path), ["Age", "age"]).items()} == {
            "Age": ("1",),
            "age": ("2",),
        }


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
WHOLE = pa.BufferOutputStream()
pq.write_table(pa.table({"a": list(range(1000))}), WHOLE)
PARQUET = WHOLE.getvalue().to_pybytes()
GZIP = gzip.compress(b"a,b\n" + b"1,2\n" * 1000, mtime=0)

BAD = {
    "empty.csv": (b"", "is empty", "step that wrote it"),
    "empty.parquet": (b"", "is empty", "step that wrote it"),
    "blank.csv": (b"\n\n", "line 1 is blank", "names of the columns"),
    "leading.csv": (b"\na,b\n1,2\n", "line 1 is blank", "names of the columns"),
    "broken.csv": (b'a,"b\nc"\r\n1,2\r\n', "line 1: the name of a column holds a line break", "one line"),
    "header.csv": (b"a,b\n", "has a header but no rows", ""),
    "norows.jsonl": (b"\n\n", "has no rows", ""),
    "lfs.csv": (LFS, "is a Git LFS pointer", "lfs: true"),
    "lfs.parquet": (LFS, "is a Git LFS pointer", "lfs: true"),
    "dvc.csv": (b"outs:\n- md5: 00\n  path: dvc.csv\n", "is a DVC pointer", "dvc pull"),
    "data.csv.dvc": (b"outs:\n- md5: 00\n  path: data.csv\n", "is a DVC pointer", "dvc pull"),
    "pickled.csv": (pickle.dumps([1]), "is a Python pickle", ""),
    "frame.pkl": (pickle.dumps([1]), "is a Python pickle", "CSV, JSONL or Parquet"),
    "sheet.xlsx": (b"PK\x03\x04", "is a ZIP archive", "CSV, JSONL or Parquet"),
    "t.tsv": (b"a\tb\n1\t2\n", "has the suffix '.tsv'", "CSV, JSONL or Parquet"),
    "nosuffix": (b"a,b\n1,2\n", "has no suffix", "CSV, JSONL or Parquet"),
    "page.csv": (b"<!DOCTYPE html><html></html>", "is a page of HTML", "address"),
    "parquet.csv": (PARQUET, "is a Parquet file", "suffix"),
    "csv.parquet": (b"a,b\n1,2\n", "is not a Parquet file", "suffix"),
    "packed.csv": (GZIP, "is a gzip archive", "suffix"),
    "plain.csv.gz": (b"a,b\n1,2\n", "is not a gzip file", "suffix"),
    "cut.csv.gz": (GZIP[:-20], "damaged or cut short", "again"),
    "short.csv.gz": (GZIP[: len(GZIP) // 2], "damaged or cut short", "again"),
    "utf16.csv": ("a,b\n1,2\n".encode("utf-16"), "is text in UTF-16", "UTF-8"),
    "utf16le.csv": ("a,b\n1,2\n".encode("utf-16-le"), "holds NUL bytes", "UTF-8"),
    "nul.csv": (b"a,b\n1,\x00\n", "holds NUL bytes", ""),
    "latin.csv": ("café,b\n1,2\n".encode("cp1252"), "line 1: not UTF-8", "cp1252"),
    "twice.csv": (b"a,b,a\n1,2,3\n", "line 1: the column 'a' stands there twice", ""),
    "semicolon.csv": (b"a;b\n1;2\n", "line 1: the columns are separated by semicolons", "commas"),
    "tab.csv": (b"a\tb\n1\t2\n", "line 1: the columns are separated by tabs", "commas"),
    "noheader.csv": (b"1,2.5\n3,4\n", "line 1: numbers where the names of the columns should stand", "header row"),
    "long.csv": (b"a,b\n1,2,3\n", "first row: 3 columns where the header has 2", ""),
    "trailing.csv": (b"a,b\n1,2,\n", "first row: 3 columns where the header has 2", ""),
    "fewer.csv": (b"a,b\n1\n", "first row: 1 column where the header has 2", ""),
    "open.csv": (b'a,b\n1,"2\n', "cannot be read as CSV", "quote"),
    "wide.csv": (b"a,b\n1," + b"x" * 2_100_000, "a line of more than 2 MB", ""),
    "array.jsonl": (b'[{"a": 1}]\n', "line 1: a JSON list where an object should stand", "one JSON object per line"),
    "scalar.jsonl": (b'{"a": 1}\n2\n', "line 2: a JSON int", ""),
    "broken.jsonl": (b'{"a": 1}\n{"a": 2\n', "line 2: no valid JSON", ""),
    "latin.jsonl": ('{"a": "é"}\n'.encode("cp1252"), "line 1: not UTF-8", ""),
    "pretty.jsonl": (b'{\n  "a": 1\n}\n', "line 1: no valid JSON", "one JSON object per line"),
    "bom.jsonl": (b'\xef\xbb\xbf{"a": 1}\n', "line 1: no valid JSON", "byte order mark"),
    "twice.jsonl": (b'{"a": 1, "a": 2}\n', "", ""),
    "case.jsonl": (b'{"a": 1, "A": 2}\n', "keys that differ only in case", ""),
    "keyless.jsonl": (b"{}\n{}\n", "objects without keys only", ""),
    "cut.parquet": (PARQUET[:-100], "is cut short", "again"),
    "zeros.parquet": (b"PAR1" + bytes(100) + b"PAR1", "cannot be read", "complete"),
    "footer.parquet": (PARQUET[:-8] + b"\xff\xff\xff\x7fPAR1", "cannot be read", "complete"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_refused_in_one_line_that_says_what_to_do(tmp_path, name):
    content, message, hint = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        texts(open_table(name, tmp_path), ["a"])
    assert message in caught.value.message
    assert caught.value.message.startswith("data")
    assert name in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300
    assert caught.value.code is ExitCode.STAGE


LATER = {
    "ragged.csv": (b"a,b\n1,2\n3,4,5\n6,7\n", "line 3: 3 columns where the header has 2"),
    "missing.csv": (b"a,b\n1,2\n3\n6,7\n", "line 3: 1 column where the header has 2"),
    "lastlong.csv": (b"a,b\n1,2\n3,4,5", "line 3: 3 columns where the header has 2"),
    "latin.csv": ("a,b\n1,2\ncafé,4\n".encode("cp1252"), "line 3: not UTF-8"),
    "quote.csv": (b'a,b\n1,2\n"3"x,4\n', "line 3: a quote that is not closed or not doubled"),
    "open.csv": (b'a,b\n1,2\n"3,4\n', "line 3: a quote that is not closed or not doubled"),
    "mixed.csv": (b"a,b\r\n1,2\n3,4\r\n", "line ends of different kinds"),
}


@pytest.mark.parametrize("name", LATER)
def test_a_bad_row_far_from_the_header_is_found_with_its_line(tmp_path, name):
    content, message = LATER[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        texts(open_table(name, tmp_path), ["a"])
    assert message in caught.value.message
    assert name in caught.value.message


def test_a_ragged_row_is_found_by_counting_alone_even_in_a_large_file(tmp_path):
    lines = ["a,b", *["1,2"] * 300_000]
    lines[250_000] = "1,2,3"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match="line 250001: 3 columns where the header has 2"):
        rows(open_table("t.csv", tmp_path))


def test_no_row_is_lost_or_changed_without_a_word(tmp_path):
    """Against the csv module, on files made to confuse a parser: the same cells, or a refusal."""
    random = Random(0)
    read = 0
    for _ in range(100):
        marks = random.choice(["ab1", 'ab1"', "a\n", 'a\r\n"', 'a,"\n\r ', "é \t\"'", "#;|\\"])
        width, end = random.randint(2, 3), random.choice(["\n", "\r\n", "\r"])
        cells = [["".join(random.choices(marks, k=random.randint(1, 4))) for _ in range(width)] for _ in range(random.randint(1, 5))]
        written = io.StringIO()
        csv.writer(written, lineterminator=end, quoting=random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])).writerows(
            [[f"h{i}" for i in range(width)], *cells]
        )
        text = written.getvalue()
        if random.random() < 0.3:
            place = random.randrange(len(text))
            text = text[:place] + random.choice(['"', "\n", "\r", ",", "", "x"]) + text[place + 1 :]
        (tmp_path / "t.csv").write_bytes(text.encode())
        try:
            table = open_table("t.csv", tmp_path)
            columns = list(texts(table, list(table.columns)).values())
        except InputError:
            continue
        found = [
            [column.levels[column.codes[row]] if column.codes[row] >= 0 else "" for column in columns]
            for row in range(len(columns[0].codes))
        ]
        expected = [record for record in csv.reader(io.StringIO(text, newline="")) if record][1:]
        assert found == [record[:-1] if len(record) > len(columns) and not record[-1] else record for record in expected], repr(text)
        read += 1
    assert read > 50


def test_damaged_pages_of_parquet_are_an_input_error(tmp_path):
    (tmp_path / "t.parquet").write_bytes(PARQUET[:100] + bytes(1000) + PARQUET[1100:])
    with pytest.raises(InputError, match="cannot be read"):
        texts(open_table("t.parquet", tmp_path), ["a"])


def test_a_column_twice_in_parquet_is_refused(tmp_path):
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="'a' stands there twice"):
        open_table("t.parquet", tmp_path)


def test_parquet_without_rows_is_refused(tmp_path):
    parquet(tmp_path / "t.parquet", a=pa.array([], pa.int64()))
    with pytest.raises(InputError, match="has no rows"):
        open_table("t.parquet", tmp_path)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"a": [2.5], "b": ["x"]}, "differs from 1.parquet in column 'a'"),
        ({"a": [1]}, "'b'"),
        ({"a": [1], "b": ["x"], "c": [1]}, "one column more"),
    ],
)
def test_files_of_one_table_must_have_the_same_columns(tmp_path, second, message):
    parquet(tmp_path / "1.parquet", a=[1], b=["x"])
    parquet(tmp_path / "2.parquet", **second)
    with pytest.raises(InputError, match=message):
        open_table("*.parquet", tmp_path)


def test_csv_files_of_one_table_must_have_the_same_header(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("b,a\n1,2\n")
    with pytest.raises(InputError, match=r"2.csv has another header than 1.csv"):
        open_table("*.csv", tmp_path)


def test_formats_do_not_mix_and_folders_do_not_nest(tmp_path):
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "a.csv").write_text("a\n1\n")
    (tmp_path / "mixed" / "b.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "hive" / "year=2024").mkdir(parents=True)
    (tmp_path / "none").mkdir()
    for name, message in (("mixed", "different formats: csv, jsonl"), ("hive", "holds folders"), ("none", "holds no .csv")):
        with pytest.raises(InputError, match=message):
            open_table(name, tmp_path)


def test_hive_folders_add_no_columns(tmp_path):
    (tmp_path / "year=2024").mkdir()
    parquet(tmp_path / "year=2024" / "t.parquet", a=[1])
    (tmp_path / "year=2024" / "t.csv").write_text("a\n1\n")
    assert list(open_table("year=2024/t.parquet", tmp_path).columns) == ["a"]
    assert texts(open_table("year=2024/t.csv", tmp_path), ["a"])["a"].levels == ("1",)


def test_what_is_absent_is_wrong_usage(tmp_path):
    (tmp_path / "t.csv").write_text("age,income\n1,2\n")
    with pytest.raises(UsageError, match=r"data: u.csv does not exist"):
        open_table("u.csv", tmp_path)
    with pytest.raises(UsageError, match=r"train: no file matches \*\.parquet"):
        open_table("*.parquet", tmp_path, "train")
    table = open_table("t.csv", tmp_path)
    with pytest.raises(UsageError, match=r"label: data \(t.csv\) has no column 'incme'") as caught:
        table.column("incme", "label")
    assert caught.value.hint == "did you mean 'income'?"
    assert caught.value.code is ExitCode.USAGE
    with pytest.raises(UsageError) as caught:
        table.column("zzz", "label")
    assert caught.value.hint == "its columns are age, income"
    assert table.column("income", "label") == "c1"


@pytest.mark.parametrize("end", [",", ",,", ',""'])
def test_empty_cells_too_many_move_no_other_cell(tmp_path, end):
    (tmp_path / "t.csv").write_text(f"a,b\n1,2\n3,4{end}\n5,6\n")
    found = texts(open_table("t.csv", tmp_path), ["a", "b"])
    assert {name: codes.levels for name, codes in found.items()} == {"a": ("1", "3", "5"), "b": ("2", "4", "6")}
    (tmp_path / "t.csv").write_text(f"a,b\n1,2\n3,4{end}7\n5,6\n")
    with pytest.raises(InputError, match="line 3"):
        texts(open_table("t.csv", tmp_path), ["a", "b"])
