"""What lies in a repository: files found by their names, and the columns that their headers name; needs no library."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_stage.inputs.tables.formats import FORMATS, SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TEST_WORDS = ("test", "holdout", "hold_out", "valid", "eval")
PREDICTION_WORDS = ("prediction", "preds", "y_pred", "scored")
"""What files of that kind are called."""
_MODELS = (".onnx", ".safetensors", ".gguf", ".pkl", ".joblib", ".pt", ".pth", ".keras", ".h5", ".bst", ".ubj", ".cbm", ".skops")
_DEPTH = 4
_MOST_FILES = 20_000
_SKIPPED = {"node_modules", "site-packages", "venv", "env", "build", "dist", "mlops-out", "tests", "test", "__pycache__"}
_HEAD = 2**16
_MOST_ROWS = 200
_UNREADABLE = (OSError, EOFError, ValueError, RecursionError, csv.Error, zlib.error)
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


def unjudged(paths: Sequence[str]) -> str | None:
    """The model file that nothing opens, where there is neither another form of it nor its predictions: no stage can then judge its answers."""
    found = weights(paths)
    return None if found is None or found.lower().endswith(".onnx") or called(tables(paths), PREDICTION_WORDS) else found


def called(paths: Sequence[str], words: Sequence[str]) -> str | None:
    """The first path whose file name holds one of the words, by the order of the words."""
    return next((path for word in words for path in paths if word in path.rpartition("/")[2].lower()), None)


def header(path: Path) -> tuple[str, ...]:
    """The columns of a table as far as its first bytes tell, or for Parquet words of its footer, in which the columns are named; nothing where it cannot be read."""
    try:
        if _kind(path) == "parquet":
            return _words_of_footer(path)
        line = _head(path).partition("\n")[0]
        if _kind(path) == "jsonl":
            first = json.loads(line)
            return tuple(first) if isinstance(first, dict) else ()
        return tuple(next(csv.reader([line]), ()))
    except _UNREADABLE:
        return ()


def first_rows(path: Path) -> Mapping[str, Sequence[Any]]:
    """The columns of a table of text, each with its cells in the first rows: text, of JSONL any value; nothing of Parquet, or where it cannot be read."""
    names = header(path) if _kind(path) in {"csv", "jsonl"} else ()
    try:
        lines = _head(path).splitlines()[:_MOST_ROWS] if names else []
        if _kind(path) == "jsonl":
            objects = [json.loads(line) for line in lines if line.strip()]
            return {name: [one.get(name) for one in objects if isinstance(one, dict)] for name in names}
        rows = [row for row in csv.reader(lines[1:]) if len(row) == len(names)]
    except _UNREADABLE:
        return dict.fromkeys(names, ())
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _kind(path: Path) -> str | None:
    return next((kind for suffix, kind in FORMATS.items() if path.name.lower().endswith(suffix)), None)


def _head(path: Path) -> str:
    """Its first lines; of a longer file without the last of them, which may be cut."""
    with path.open("rb") as stream:
        head = gzip.GzipFile(fileobj=stream).read(_HEAD) if path.name.lower().endswith(".gz") else stream.read(_HEAD)
    text = head.decode("utf-8-sig", errors="ignore").lstrip("\r\n")
    return text.rpartition("\n")[0] or text if len(head) == _HEAD else text


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
