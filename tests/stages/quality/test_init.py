import duckdb

from mlops_stage.inputs.tables.formats import SUFFIXES
from mlops_stage.params import CHOOSE, Ask
from mlops_stage.stages.quality.init import init


def put(root, name, content=b"x"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_predictions_are_taken_first(tmp_path):
    put(tmp_path, "model.onnx")
    put(tmp_path, "out/predictions.csv", b"y_true,y_pred\n1,1\n")
    assert init(tmp_path) == {"predictions": "out/predictions.csv", "label": "y_true"}


def test_a_label_that_cannot_be_known_is_left_open(tmp_path):
    put(tmp_path, "preds.csv", b"truth,answer\n1,1\n")
    assert init(tmp_path) == {"predictions": "preds.csv", "label": Ask(CHOOSE, "one of: truth, answer")}


def test_parquet_names_its_columns_at_its_end(tmp_path):
    duckdb.sql("SELECT 1 AS y_true, 0 AS y_pred FROM range(200_000)").write_parquet(str(tmp_path / "predictions.parquet"))
    assert init(tmp_path) == {"predictions": "predictions.parquet", "label": "y_true"}


def test_a_model_goes_with_the_table_called_test(tmp_path):
    put(tmp_path, "models/m.onnx")
    put(tmp_path, "data/train.parquet")
    put(tmp_path, "data/test.parquet")
    put(tmp_path, ".venv/other.onnx")
    put(tmp_path, "node_modules/other.onnx")
    expected = {"model": "models/m.onnx", "data": "data/test.parquet", "train": "data/train.parquet", "label": CHOOSE}
    assert init(tmp_path) == expected


def test_a_model_without_a_table_leaves_it_open(tmp_path):
    put(tmp_path, "m.onnx")
    assert init(tmp_path) == {"model": "m.onnx", "data": CHOOSE, "label": CHOOSE}


def test_nothing_to_judge_says_nothing(tmp_path):
    put(tmp_path, "README.md")
    put(tmp_path, "data/table.csv")
    assert init(tmp_path) is None


def test_every_file_that_is_a_table_is_seen(tmp_path):
    for suffix in SUFFIXES:
        put(tmp_path / suffix, f"predictions{suffix}", b"x")
        assert init(tmp_path / suffix)["predictions"] == f"predictions{suffix}"
