import gzip

import duckdb
import pytest

from mlops_stage.inputs.repository import PREDICTION_WORDS, called, files, header, tables


def put(root, name, content=b"x"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_shallowest_files_come_first_and_built_folders_never(tmp_path):
    for name in ("deep/er/a.csv", "b.csv", ".venv/c.csv", "node_modules/d.csv", "_old/e.csv", "a/b/c/d/e/f.csv"):
        put(tmp_path, name)
    assert files(tmp_path) == ["b.csv", "deep/er/a.csv"]


def test_files_are_found_by_words_of_their_names():
    paths = ["x/readme.md", "preds/test.csv", "y/my_predictions.parquet"]
    assert tables(paths) == paths[1:]
    assert called(paths, PREDICTION_WORDS) == "y/my_predictions.parquet"
    assert called(paths, ("absent",)) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b'\xef\xbb\xbf"a, b",c\r\n1,2\n'),
        ("t.csv.gz", gzip.compress(b'"a, b",c\n1,2\n', mtime=0)),
        ("t.jsonl", b'{"a, b": 1, "c": [1, 2]}\n'),
    ],
)
def test_a_header_names_the_columns(tmp_path, name, content):
    assert header(put(tmp_path, name, content)) == ("a, b", "c")


def test_the_footer_of_parquet_names_them_among_other_words(tmp_path):
    duckdb.sql("SELECT 1 AS y_true, 'x' AS sex").write_parquet(str(tmp_path / "t.parquet"))
    assert {"y_true", "sex"} <= set(header(tmp_path / "t.parquet"))


@pytest.mark.parametrize(
    ("name", "content"), [("t.csv.gz", b"no gzip"), ("t.jsonl", b"[" * 100_000), ("t.parquet", b"PAR1"), ("t.csv", b"")]
)
def test_what_cannot_be_read_names_nothing(tmp_path, name, content):
    assert header(put(tmp_path, name, content)) == ()
