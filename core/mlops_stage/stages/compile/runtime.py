"""ONNX Runtime as a tool of this stage: sessions of one thread, and its optimiser."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from mlops_stage.evidence.redact import shown
from mlops_stage.stages.compile.backends.backend import BuildError
from mlops_stage.stages.compile.backends.rows import Runner
from mlops_stage.stages.compile.graphs import keep_metadata, read_model, write_model
from mlops_stage.stages.compile.normalise import merge_opsets

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from mlops_stage.stages.compile.backends.backend import Arrays, Runnable

LEVELS = onnxruntime.GraphOptimizationLevel


def session(model: Path | bytes, *, shortened: bool = True) -> onnxruntime.InferenceSession:
    """A session of one thread that does not spin.

    Args:
        model: a file, or the content of one.
        shortened: whether sums of eight-bit products may take the shortcut that overflows on some processors, as by default they do.

    Raises:
        BuildError: the runtime refuses the model.
    """
    options = _options()
    if not shortened:
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise BuildError(
            f"ONNX Runtime {onnxruntime.__version__} does not load what was made: {line(error)}", "leave out this precision"
        ) from error


def loaded(model: Path | bytes, *, shortened: bool = True) -> Runnable:
    """A model that answers any number of rows; see `session`."""
    opened = session(model, shortened=shortened)
    return Runner(lambda feeds: _answered(opened, feeds), [(port.name, port.shape) for port in opened.get_inputs()])


def _answered(opened: onnxruntime.InferenceSession, feeds: Arrays) -> dict[str, NDArray[Any]]:
    try:
        made = opened.run(None, dict(feeds))
    except Exception as error:
        raise BuildError(f"ONNX Runtime fails on the rows: {line(error)}", "leave out this precision") from error
    return {port.name: _plain(value) for port, value in zip(opened.get_outputs(), made, strict=True)}


def _plain(value: Any) -> NDArray[Any]:
    """A tensor; the maps from class to score that some exporters end with become a matrix, classes in their order."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([[row[name] for name in sorted(row)] for row in value], dtype=np.float32)
    return np.asarray(value)


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    onnxruntime.disable_telemetry_events()
    return options


def optimise(model: onnx.ModelProto, to: Path, level: Any) -> None:
    """Let ONNX Runtime optimise a model and write the result.

    Raises:
        BuildError: it refuses the model.
    """
    options = _options()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(to)
    with tempfile.TemporaryDirectory() as aside:
        before = Path(aside, "model.onnx")
        write_model(model, before)
        if len([*Path(aside).iterdir()]) > 1:
            options.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"{to.name}.data")
            options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
        try:
            onnxruntime.InferenceSession(before, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BuildError(
                f"ONNX Runtime {onnxruntime.__version__} refuses the model: {line(error)}",
                "export it for an older operator set, or upgrade onnxruntime",
            ) from error
    _tidy(to, model)


def _tidy(path: Path, source: onnx.ModelProto) -> None:
    """Take out the operator sets that ONNX Runtime names whether or not they are used, and keep what the exporter wrote beside the graph."""
    made = read_model(path)
    merge_opsets(made)
    keep_metadata(made, source)
    for file in [file for file in path.parent.iterdir() if file.name.startswith(path.name)]:
        file.unlink()
    write_model(made, path)


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with constants folded and no operator of ONNX Runtime's own, as conversions want it.

    Raises:
        BuildError: ONNX Runtime refuses it.
    """
    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside, "model.onnx")
        optimise(model, path, LEVELS.ORT_ENABLE_BASIC)
        return read_model(path)


def line(error: Exception) -> str:
    """What a library says, in one line."""
    return shown(" ".join(str(error).split()), 200)
