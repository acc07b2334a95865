"""What `mlops-stage init` writes for this stage: the model file that lies in the repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage.stages.scan.kinds import FOREIGN, PICKLES, suffix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEPTH = 4
_MOST_FILES = 20_000
_SKIPPED = {"node_modules", "site-packages", "venv", "env", "build", "dist", "mlops-out", "tests", "test", "__pycache__"}
_WANTED = (".onnx", ".safetensors", *sorted(PICKLES - {".p"}), ".keras", ".h5", ".bst", ".ubj", ".cbm", ".gguf", ".skops")


def init(root: Path) -> Mapping[str, Any] | None:
    """The model to look into, or the folder where several lie; None where there is none."""
    models = [
        path
        for path in _files(root)
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


def _files(root: Path) -> Iterator[str]:
    """Paths of the first few thousand files, relative to the root, without hidden and built folders."""
    seen = 0
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        deep = len(here.parts) >= _DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if not name.startswith((".", "_")) and name.lower() not in _SKIPPED)
        for name in sorted(names):
            seen += 1
            if seen > _MOST_FILES:
                return
            yield (here / name).as_posix()
