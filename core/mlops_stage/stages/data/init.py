"""What `mlops-stage init` writes for this stage: a table, and the contract and profile that lie beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.tables.formats import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEPTH = 4
_MOST_FILES = 20_000
_SKIPPED = {"node_modules", "site-packages", "venv", "env", "build", "dist", "mlops-out", "tests", "test", "__pycache__"}
_JUDGED = ("test", "holdout", "hold_out", "valid", "eval", "data")
_ANSWERS = ("prediction", "preds", "y_pred", "scored")


def init(root: Path) -> Mapping[str, Any] | None:
    """Params for what lies in the repository, or None where there is no table."""
    files = sorted(_files(root), key=lambda path: (path.count("/"), path))
    tables = [path for path in files if path.lower().endswith(SUFFIXES) and not any(word in _name(path) for word in _ANSWERS)]
    if not tables:
        return None
    data = next((path for word in _JUDGED for path in tables if word in _name(path)), tables[0])
    train = next((path for path in tables if "train" in _name(path) and path != data), None)
    contract = next((path for path in files if path.lower().endswith((".odcs.yaml", ".odcs.yml"))), None)
    profile = next((path for path in files if _name(path).endswith("profile.json")), None)
    beside = {"train": train, "contract": contract, "profile": profile}
    return {"data": data, **{name: path for name, path in beside.items() if path}}


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()


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
