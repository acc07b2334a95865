"""What `mlops-stage init` writes for this stage: an ONNX model with a table to attack it on, and one to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    found: dict[str, Any] = {"model": model, "data": called(tables(paths), TEST_WORDS) or CHOOSE}
    train = called(tables(paths), ("train",))
    return found | ({"train": train} if train else {}) | {"label": CHOOSE, "effort": "quick"}
