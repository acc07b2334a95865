"""What `mlops-stage init` writes for this stage: files that look like models, data and predictions, found by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.questions import columns_of, label_of
from mlops_stage.inputs.repository import PREDICTION_WORDS, TEST_WORDS, called, files, header, tables
from mlops_stage.params import CHOOSE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def init(root: Path) -> Mapping[str, Any] | None:
    """Params for what lies in the repository, or None where nothing can be judged; what only a person can know is `CHOOSE`.

    Predictions come first, for they work with every kind of model; else an ONNX model with a table to judge it on.
    """
    paths = files(root)
    found: dict[str, Any] = {}
    predictions = called(tables(paths), PREDICTION_WORDS)
    model = next((path for path in paths if path.lower().endswith(".onnx")), None)
    if predictions:
        label = "y_true" if "y_true" in header(root / predictions) else label_of(root / predictions)
        return {"predictions": predictions, "label": label}
    if model is None:
        return None
    data = called(tables(paths), TEST_WORDS)
    found["model"] = model
    found["data"] = data or CHOOSE
    train = called(tables(paths), ("train",))
    if train:
        found["train"] = train
    table = root / data if data else None
    return {**found, "label": label_of(table), **columns_of(root / model, table)}
