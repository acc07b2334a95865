"""What `mlops-stage init` writes for this stage: the model file that lies in the repository."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.repository import files
from mlops_stage.stages.scan.kinds import FOREIGN, PICKLES, suffix

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WANTED = (".onnx", ".safetensors", *sorted(PICKLES - {".p"}), ".keras", ".h5", ".bst", ".ubj", ".cbm", ".gguf", ".skops")


def init(root: Path) -> Mapping[str, Any] | None:
    """The model to look into, or the folder where several lie; None where there is none."""
    models = [
        path
        for path in files(root)
        if suffix(path) in _WANTED or (suffix(path) in FOREIGN and suffix(path) not in {".plan", ".mat", ".pb"})
    ]
    folders = {path.rpartition("/")[0] for path in models}
    if not models:
        return None
    if len(models) == 1 or "" in folders:
        return {
            "model": min(
                models, key=lambda path: (path.count("/"), _WANTED.index(suffix(path)) if suffix(path) in _WANTED else len(_WANTED), path)
            )
        }
    return {"model": os.path.commonpath(sorted(folders)) or min(folders)}
