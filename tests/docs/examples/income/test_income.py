"""The example's committed files are what its README says they are, and its scripts read what UCI wrote."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pandas as pd
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = Path(__file__).resolve().parents[4] / "docs" / "examples" / "income"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def labels(model: str, table: pd.DataFrame) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(FOLDER / model), providers=["CPUExecutionProvider"])
    kinds = {"tensor(float)": np.float32, "tensor(string)": object}
    return session.run(["label"], {put.name: table[[put.name]].to_numpy(dtype=kinds[put.type]) for put in session.get_inputs()})[0]


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    return pd.read_parquet(FOLDER / "data" / "test.parquet")


def test_records_are_read_as_uci_wrote_them():
    text = "|1x3 Cross validator\n25, Private, 226802, <=50K.\n38, ?, 89814, >50K.\n\n"
    assert script("prepare").records(text) == [["25", "Private", "226802", "<=50K"], ["38", "?", "89814", ">50K"]]


@pytest.mark.parametrize(("split", "rows"), [("train", 32_561), ("test", 16_281)])
def test_the_tables_have_uci_s_rows_and_the_declared_types(split: str, rows: int):
    table = pq.read_table(FOLDER / "data" / f"{split}.parquet")
    assert table.num_rows == rows
    assert table.schema == script("prepare").SCHEMA
    assert sum(column.null_count for column in table.columns) == 0


@pytest.mark.parametrize(("model", "accuracy"), [("baseline.onnx", 0.8509), ("candidate.onnx", 0.8746)])
def test_the_committed_models_have_the_accuracy_that_training_printed(model: str, accuracy: float, judged: pd.DataFrame):
    assert float(np.mean(labels(model, judged) == judged["income"])) == pytest.approx(accuracy, abs=5e-5)


def test_the_shared_rows_are_as_many_as_the_readme_says(judged: pd.DataFrame):
    train = pd.read_parquet(FOLDER / "data" / "train.parquet").drop_duplicates()
    shared = len(judged.merge(train, how="inner"))
    stated = re.search(r"(\d+) records stand, identical", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert stated is not None
    assert shared == int(stated[1])


def test_models_and_data_stay_below_three_megabytes():
    files = [*FOLDER.glob("*.onnx"), *FOLDER.glob("data/*.parquet")]
    assert len(files) == 4
    assert sum(path.stat().st_size for path in files) < 3_000_000
