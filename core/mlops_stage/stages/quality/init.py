"""What `mlops-stage init` writes for this stage: files that look like models, data and predictions, found by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        found["predictions"] = predictions
        if "y_true" not in header(root / predictions):
            found["label"] = CHOOSE
        return found
    if model is None:
        return None
    found["model"] = model
    found["data"] = called(tables(paths), TEST_WORDS) or CHOOSE
    train = called(tables(paths), ("train",))
    if train:
        found["train"] = train
    found["label"] = CHOOSE
    return found
