"""What lies in a repository: files found by their names, and the columns that their headers name; needs no library."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_stage.inputs.tables.formats import FORMATS, SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEST_WORDS = ("test", "holdout", "hold_out", "valid", "eval")
PREDICTION_WORDS = ("prediction", "preds", "y_pred", "scored")
"""What files of that kind are called."""
_MODELS = (".onnx", ".safetensors", ".gguf", ".pkl", ".joblib", ".pt", ".pth", ".keras", ".h5", ".bst", ".ubj", ".cbm", ".skops")
_DEPTH = 4
_MOST_FILES = 20_000
_SKIPPED = {"node_modules", "site-packages", "venv", "env", "build", "dist", "mlops-out", "tests", "test", "__pycache__"}
_HEAD = 2**16
_FOOTER = 2**22
_TEXTS = re.compile(rb"[A-Za-z_][\w ./-]{1,60}")


def files(root: Path) -> list[str]:
    """Paths of the first few thousand files, relative to the root, without hidden and built folders; the shallowest first."""
    return sorted(_walked(root), key=lambda path: (path.count("/"), path))


def tables(paths: Sequence[str]) -> list[str]:
    """Those that are tables, by their names."""
    return [path for path in paths if path.lower().endswith(SUFFIXES)]


def weights(paths: Sequence[str]) -> str | None:
    """The first file that is a model by its name, those of safe formats before others."""
    return next((path for suffix in _MODELS for path in paths if path.lower().endswith(suffix)), None)


def called(paths: Sequence[str], words: Sequence[str]) -> str | None:
    """The first path whose file name holds one of the words, by the order of the words."""
    return next((path for word in words for path in paths if word in path.rpartition("/")[2].lower()), None)


def header(path: Path) -> tuple[str, ...]:
    """The columns of a table as far as its first bytes tell, or for Parquet words of its footer, in which the columns are named; nothing where it cannot be read."""
    name = path.name.lower()
    kind = next((kind for suffix, kind in FORMATS.items() if name.endswith(suffix)), None)
    try:
        if kind == "parquet":
            return _words_of_footer(path)
        with path.open("rb") as stream:
            head = gzip.GzipFile(fileobj=stream).read(_HEAD) if name.endswith(".gz") else stream.read(_HEAD)
        text = head.decode("utf-8-sig", errors="ignore")
        line = text.lstrip("\r\n").partition("\n")[0]
        if kind == "jsonl":
            first = json.loads(line)
            return tuple(first) if isinstance(first, dict) else ()
        return tuple(next(csv.reader([line]), ()))
    except (OSError, EOFError, ValueError, RecursionError, csv.Error, zlib.error):
        return ()


def _walked(root: Path) -> Iterator[str]:
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


def _words_of_footer(path: Path) -> tuple[str, ...]:
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 8))
        length = int.from_bytes(stream.read(4), "little")
        if stream.read(4) != b"PAR1" or length > min(_FOOTER, size):
            return ()
        stream.seek(size - 8 - length)
        return tuple(dict.fromkeys(word.decode() for word in _TEXTS.findall(stream.read(length))))
