"""What `mlops-stage init` writes for this stage: an ONNX model with a table to attack it on, and one to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.questions import columns_of, label_of
from mlops_stage.inputs.repository import TEST_WORDS, called, files, tables
from mlops_stage.params import CHOOSE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def init(root: Path) -> Mapping[str, Any] | None:
    """Params for what lies in the repository, or None where there is no model to ask; what only a person can know is `CHOOSE`."""
    paths = files(root)
    model = next((path for path in paths if path.lower().endswith(".onnx")), None)
    if model is None:
        return None
    data, train = called(tables(paths), TEST_WORDS), called(tables(paths), ("train",))
    table = root / data if data else None
    found: dict[str, Any] = {"model": model, "data": data or CHOOSE} | ({"train": train} if train else {})
    return {**found, "label": label_of(table), **columns_of(root / model, table), "effort": "quick"}
