"""What `mlops-stage init` writes for this stage: files that look like models, data and predictions, found by their names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.tables.formats import SUFFIXES
from mlops_stage.params import CHOOSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEPTH = 4
_MOST_FILES = 20_000
_SKIPPED = {"node_modules", "site-packages", "venv", "env", "build", "dist", "mlops-out", "tests", "test", "__pycache__"}
_HEAD = 2**16
_TEST_WORDS = ("test", "holdout", "hold_out", "valid", "eval")
_PREDICTION_WORDS = ("prediction", "preds", "y_pred", "scored")


def init(root: Path) -> Mapping[str, Any] | None:
    """Params for what lies in the repository, or None where nothing can be judged; what only a person can know is `CHOOSE`.

    Predictions come first, for they work with every kind of model; else an ONNX model with a table to judge it on.
    """
    files = sorted(_files(root), key=lambda path: (path.count("/"), path))
    tables = [path for path in files if path.lower().endswith(SUFFIXES)]
    found: dict[str, Any] = {}
    predictions = _called(tables, _PREDICTION_WORDS)
    model = next((path for path in files if path.lower().endswith(".onnx")), None)
    if predictions:
        found["predictions"] = predictions
        if not _names_label(root / predictions):
            found["label"] = CHOOSE
        return found
    if model is None:
        return None
    found["model"] = model
    found["data"] = _called(tables, _TEST_WORDS) or CHOOSE
    train = _called(tables, ("train",))
    if train:
        found["train"] = train
    found["label"] = CHOOSE
    return found


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


def _called(paths: list[str], words: tuple[str, ...]) -> str | None:
    """The first path whose file name holds one of the words, by the order of the words."""
    return next((path for word in words for path in paths if word in path.rpartition("/")[2].lower()), None)


def _names_label(path: Path) -> bool:
    """Whether a table seems to have the column y_true: in the first bytes of text, in the last of Parquet, where its columns are named."""
    try:
        with path.open("rb") as stream:
            if path.suffix == ".parquet":
                stream.seek(max(0, path.stat().st_size - _HEAD))
            return b"y_true" in stream.read(_HEAD)
    except OSError:
        return False
