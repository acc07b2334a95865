"""A session over the very bytes that were screened: one thread, fixed chunks, same scores on every machine with the same runtime."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError, LimitError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.onnx.reader import facts_of
from mlops_stage.inputs.onnx.screen import refuse_unsafe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import onnxruntime

    from mlops_stage.inputs.onnx.facts import OnnxFacts

CHUNK_ROWS = 1024
"""Rows per call: enough for speed, few enough for flat memory and for a chunk to be asked again soon."""
LEAST_ROWS = 8
"""Chunks are padded to this many rows: kernels take another path for very few rows and differ in the last digits."""


class Session:
    """An ONNX model that may be asked for its outputs.

    Raises:
        InputError: the model is unsafe, or ONNX Runtime cannot load it.
    """

    def __init__(self, path: Path) -> None:
        content = _read(path)
        with memoryview(content) as view:
            self.facts: OnnxFacts = facts_of(view, path.name)
        refuse_unsafe(self.facts, path)
        self.path = path
        outside = _external_files(self.facts, path)
        self.digests = tuple((name, hashlib.sha256(held).hexdigest()) for name, held in ((path.name, content), *outside.items()))
        """(Path relative to the model's folder, SHA-256) of the bytes that were opened: the model's, then those of its weights."""
        self._session = _opened(content, outside, self.facts, path)

    def run(self, inputs: Mapping[str, np.ndarray[Any, Any]], outputs: list[str]) -> list[Any]:
        """The named outputs for one chunk of rows; every input has the same first dimension, at least 1.

        Raises:
            InputError: the model refuses these inputs.
            LimitError: it needs more memory than there is.
        """
        rows = len(next(iter(inputs.values())))
        padded = {name: _padded(values) for name, values in inputs.items()}
        try:
            made = self._session.run(outputs, padded)
        except Exception as error:
            if "allocate" in str(error):
                raise LimitError(f"{self.path.name} needed more memory than its limit", "raise it with --limits memory=8GiB") from error
            raise InputError(f"{self.path.name} refuses the data: {_line(error)}", "check the columns that it was trained on") from error
        return [_cut(value, rows) for value in made]


def chunks(rows: int) -> Iterator[slice]:
    """Slices of at most `CHUNK_ROWS` rows, in order."""
    for start in range(0, rows, CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, rows))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path.name}: {error.strerror}", "check its permissions") from error


def _opened(content: bytes, outside: Mapping[str, bytes], facts: OnnxFacts, path: Path) -> onnxruntime.InferenceSession:
    import onnxruntime  # not where predictions come from a file

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums of several threads come in another order: scores would differ from run to run
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    if outside:
        if not hasattr(options, "add_external_initializers_from_files_in_memory"):
            raise InputError(
                f"{path.name} keeps its weights in other files, which onnxruntime {onnxruntime.__version__} cannot take as they were screened",
                "pip install 'onnxruntime>=1.24', or export the model as one file",
            )
        names = list(outside)
        options.add_external_initializers_from_files_in_memory(
            names, [outside[name] for name in names], [len(outside[name]) for name in names]
        )
    onnxruntime.disable_telemetry_events()
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"ONNX Runtime {onnxruntime.__version__} cannot load {path.name}: {_line(error)}", _load_hint(facts)) from error


def _external_files(facts: OnnxFacts, path: Path) -> dict[str, bytes]:
    """The external data as read now, so that nobody can change it between screen and session."""
    names = sorted({tensor.external.location for tensor in facts.tensors if tensor.external is not None})
    return {name: _read(path.parent / name) for name in names}


def _load_hint(facts: OnnxFacts) -> str:
    sets = ", ".join(f"{domain} {version}" for domain, version in facts.opsets.items())
    return f"the model asks for IR version {facts.ir_version} and operator sets {sets}: export it for older ones, or upgrade onnxruntime"


def _padded(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    missing = LEAST_ROWS - len(values)
    return values if missing <= 0 else np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])


def _cut(value: Any, rows: int) -> Any:
    return value[:rows] if hasattr(value, "__len__") else value


def _line(error: Exception) -> str:
    return shown(" ".join(str(error).split()), 160)
