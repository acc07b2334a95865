"""What `mlops-stage init` writes for this stage: an ONNX model, rows to compare on, and rows to learn ranges from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.questions import columns_of, label_of
from mlops_stage.inputs.repository import TEST_WORDS, called, files, tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def init(root: Path) -> Mapping[str, Any] | None:
    """Params for what lies in the repository, or None where there is no ONNX model; what only a person can know, the label without which int8 is not tried, is `CHOOSE`."""
    paths = files(root)
    model = next((path for path in paths if path.lower().endswith(".onnx")), None)
    if model is None:
        return None
    data, train = called(tables(paths), TEST_WORDS), called(tables(paths), ("train",))
    found: dict[str, Any] = {"model": model, "target": ["host"]}
    found |= ({"data": data} if data else {}) | ({"train": train} if train else {})
    if data:
        found |= {**({"label": label_of(root / data)} if train else {}), **columns_of(root / model, root / data)}
    return found
