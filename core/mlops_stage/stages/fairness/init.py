"""What `mlops-stage init` writes for this stage: predictions, or a model and a table, with columns whose names say that they name groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.questions import columns_of, label_of
from mlops_stage.inputs.repository import PREDICTION_WORDS, TEST_WORDS, called, files, header, tables
from mlops_stage.stages.fairness.names import called_sensitive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LABEL = "y_true"


def init(root: Path) -> Mapping[str, Any] | None:
    """Params for what lies in the repository, or None where no table names groups of people; what only a person can know is `CHOOSE`."""
    paths = files(root)
    found = tables(paths)
    predictions = called(found, PREDICTION_WORDS)
    if predictions:
        columns = header(root / predictions)
        sensitive = called_sensitive(columns, {_LABEL})
        label = _LABEL if _LABEL in columns else label_of(root / predictions)
        return {"predictions": predictions, "sensitive": list(sensitive), "label": label} if sensitive else None
    model = next((path for path in paths if path.lower().endswith(".onnx")), None)
    data = called(found, TEST_WORDS)
    sensitive = called_sensitive(header(root / data)) if data else ()
    if model is None or not data or not sensitive:
        return None
    asked = {"label": label_of(root / data), **columns_of(root / model, root / data)}
    return {"model": model, "data": data, "sensitive": list(sensitive), **asked}
