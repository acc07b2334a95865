import gzip
import sys

import pyarrow as pa
from pyarrow import parquet

from mlops_stage.inputs.repository import files, header
from mlops_stage.params import CHOOSE, Ask
from mlops_stage.stages.fairness.init import init


def test_predictions_with_columns_of_groups_are_found(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "predictions.csv").write_text("id,Sex,y_true,y_pred\n1,f,0,1\n", encoding="utf-8")
    assert init(tmp_path) == {"predictions": "out/predictions.csv", "sensitive": ["Sex"], "label": "y_true"}


def test_a_label_of_another_name_is_left_to_people(tmp_path):
    (tmp_path / "preds.jsonl").write_text('{"race": "a", "paid": 1, "y_pred": 0}\n', encoding="utf-8")
    assert init(tmp_path) == {"predictions": "preds.jsonl", "sensitive": ["race"], "label": Ask(CHOOSE, "one of: race, paid, y_pred")}


def test_a_model_and_a_table_with_groups_are_found(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"")
    parquet.write_table(pa.table({"gender": ["f"], "age_group": ["old"], "x": [1.0]}), tmp_path / "test.parquet")
    assert init(tmp_path) == {"model": "model.onnx", "data": "test.parquet", "sensitive": ["gender", "age_group"], "label": CHOOSE}


def test_nothing_is_written_where_no_table_names_groups(tmp_path):
    (tmp_path / "predictions.csv").write_text("y_true,y_pred\n0,1\n", encoding="utf-8")
    assert init(tmp_path) is None
    assert init(tmp_path / "absent") is None


def test_headers_are_read_without_trusting_them(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write('\ufeffsex,"a ""b"""\n')
    assert header(tmp_path / "a.csv.gz") == ("sex", 'a "b"')
    for name, content in {
        "b.csv.gz": b"no gzip",
        "c.jsonl": b"[1",
        "d.parquet": b"PAR1",
        "e.csv": b"",
        "f.csv": b"\xff\xfe\x00",
        "g.parquet": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert "sex" not in header(tmp_path / name)
    assert header(tmp_path / "absent.csv") == ()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "predictions.csv").write_text("sex\n", encoding="utf-8")
    assert list(files(tmp_path)) == ["a.csv.gz", "b.csv.gz", "c.jsonl", "d.parquet", "e.csv", "f.csv", "g.parquet"]


def test_it_needs_no_library():
    import subprocess

    code = "import sys; import mlops_stage.stages.fairness.init; sys.exit(any(name in sys.modules for name in ('numpy', 'duckdb', 'fairlearn', 'pandas')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
